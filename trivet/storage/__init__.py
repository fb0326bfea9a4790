"""Stores: where actors live while they are not awake."""
