"""A client's connection and the played server at its other end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from tests.client.peers import SocketPeer, Visitor, client_of, socket_peer
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import Error
from trivet.declare.event import Event
from trivet.declare.handle import Connection, Handle


@attrs.frozen
class Login:
    name: str


class Room(Actor[None, None, Login | None], name="room"):
    said = Event[str]()
    moved = Event[tuple[str, int]]()

    @action
    def say(self, text: str) -> int:
        return len(text)


@asynccontextmanager
async def meeting(
    subprotocol: str | None = "trivet.1", params: Login | None = None
) -> AsyncGenerator[tuple[SocketPeer, Visitor, Connection[Room], trio.Nursery]]:
    """An open connection, both of its ends, and a nursery for calls."""
    async with (
        socket_peer() as peer,
        client_of(peer.network) as (client, _),
        trio.open_nursery() as nursery,
    ):
        visitors: list[Visitor] = []

        async def let_in() -> None:
            visitors.append(await peer.guest(subprotocol))

        nursery.start_soon(let_in)
        async with client.get_or_create(Room, "a").connect(params) as conn:
            yield peer, visitors[0], conn, nursery


class Told:
    """What became of a call in a task of its own."""

    outcome: Any = None

    def __init__(self, nursery: trio.Nursery, conn: Handle[Room], text: str = "hi") -> None:
        nursery.start_soon(self._run, conn, text)

    async def _run(self, conn: Handle[Room], text: str) -> None:
        try:
            self.outcome = await conn.call(Room.say, text)
        except Error as error:
            self.outcome = error
