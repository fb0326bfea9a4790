"""Links: the server's end of each client's socket, in one task per client."""
