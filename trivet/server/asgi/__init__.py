"""The server as an ASGI application, inside a web server that runs on Trio."""
