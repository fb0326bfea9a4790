"""The runtime: instances of actors, their turns, their connections, and who waits for whom."""
