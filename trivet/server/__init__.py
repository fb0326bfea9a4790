"""The server: from an accepted socket to an actor, over HTTP/1.1 and WebSocket on one port.

The way of a request: ``listener`` accepts, ``http`` reads it, ``router`` finds what answers it, and
``targets`` the actor it is for. Then ``calls``, ``actors`` or ``pages`` answer; an upgrade becomes a
link in ``connect``. ``service`` is what they share; ``serve`` starts and stops them all, and tells
``stopping`` about it.
"""
