"""The holder: a small process that keeps the listening sockets while servers come and go."""
