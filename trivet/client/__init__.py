"""Handles and connections: how programs reach actors, in process and over the network."""
