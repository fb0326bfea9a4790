"""A list of checks of a server, and the ways in which they reach it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.server.serving import Reply, Serving, raw
from tests.server.sessions import Client
from trivet.protocol.messages import ErrorMessage

Check = Callable[[Serving], Awaitable[None]]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Add an item to the list."""
    CHECKS[function.__name__] = function
    return function


async def get(site: Serving, address: str, method: str = "GET", **headers: str) -> Reply:
    return await site.http().request(method, address, b"", **headers)


async def bytes_of(site: Serving, data: bytes, peer: str = "memory") -> bytes:
    return await raw(site.dial(peer), data)


async def closed_with(site: Serving, address: str, **options: Any) -> tuple[int, str]:
    async with site.websocket(address, "rivet", **options) as socket:
        client = Client(socket, "json")
        assert isinstance(await client.receive(), ErrorMessage)
        return await client.closed()
