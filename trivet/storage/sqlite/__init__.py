"""The durable store: one SQLite file, one thread that owns it, one commit for many saves."""
