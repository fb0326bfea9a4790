"""The lifecycle of actors and connections as two tables: pure data that drives everything else."""
