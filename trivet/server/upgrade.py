"""Upgrades: how an HTTP connection goes on as a WebSocket."""

from __future__ import annotations

import attrs

from trivet.link.handshake import Handshake
from trivet.protocol.handshake import SocketOffer
from trivet.server.head import Head

__all__ = ["Upgrade"]


@attrs.frozen
class Upgrade:
    """A client that goes on as a WebSocket.

    Attributes:
        head: Its request.
        offer: What it asks for in subprotocols.
        handshake: How it is accepted.
        received: What it sent behind its request.
    """

    head: Head
    offer: SocketOffer
    handshake: Handshake
    received: bytes
