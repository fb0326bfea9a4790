"""The wire protocol of the official clients, sans-IO: bytes in, messages out, and back."""
