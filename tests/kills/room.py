"""The server that is killed: ``python -m tests.kills.room FILE PORT``."""

from __future__ import annotations

import sys
from functools import partial

import attrs
import trio

import trivet


@attrs.frozen
class Guest:
    """Who connects: a new name for each connection."""

    name: str


@attrs.define
class Book:
    """What a room remembers.

    Attributes:
        said: Every message, in order.
        came: The name of each connection whose ``on_connect`` ran.
        left: The name of each connection whose ``on_disconnect`` ran.
        noted: The messages that have a row of their own.
        kept: The rows that there are, filled in for whoever asks.
    """

    said: list[str] = attrs.Factory(list[str])
    came: list[str] = attrs.Factory(list[str])
    left: list[str] = attrs.Factory(list[str])
    noted: list[str] = attrs.Factory(list[str])
    kept: list[str] = attrs.Factory(list[str])


class Room(trivet.Actor[Book, Guest, Guest], call_hooks=False):
    heard = trivet.Event[str]()

    async def create_conn_state(self, params: Guest) -> Guest:
        return params

    async def on_connect(self, conn: trivet.Conn[Guest]) -> None:
        self.state.came.append(conn.state.name)

    async def on_disconnect(self, conn: trivet.Conn[Guest]) -> None:
        self.state.left.append(conn.state.name)

    @trivet.action
    def say(self, text: str) -> int:
        self.state.said.append(text)
        self.broadcast(Room.heard, text)
        return len(self.state.said)

    @trivet.action
    async def say_slowly(self, text: str) -> int:
        """Let others in between the change and the answer, and say something on the way."""
        self.state.said.append(text)
        self.broadcast(Room.heard, text)
        self.state.noted.append(text)
        await self.kv.put(text, b"")
        return len(self.state.said)

    @trivet.action(atomic=True)
    async def say_both(self, text: str) -> int:
        """Two messages that belong together."""
        for one in (f"{text} one", f"{text} two"):
            self.state.said.append(one)
            self.state.noted.append(one)
            await self.kv.put(one, b"")
        return len(self.state.said)

    @trivet.action(readonly=True)
    async def book(self) -> Book:
        return attrs.evolve(self.state, kept=[key for key, _ in await self.kv.list()])


registry = trivet.Registry(Room)


async def main(path: str, port: int) -> None:
    serving = partial(trivet.serve, registry, port=port, storage=trivet.SqliteStorage(path))
    async with trio.open_nursery() as nursery:
        server: trivet.Server = await nursery.start(serving)
        print(server.port, flush=True)


if __name__ == "__main__":
    trio.run(partial(main, sys.argv[1], int(sys.argv[2])))
