"""The servers that are compared, each a program of its own: ``python -m benchmarks.servers NAME``."""
