"""Telemetry: what a runtime says of itself."""
