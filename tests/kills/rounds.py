"""Kill a server under load, again and again: ``python -m tests.kills.rounds --rounds 500``.

Clients talk to some rooms over connections that come back by themselves. In the middle of that the
server is killed with SIGKILL and started again on the same file. Then each room must remember

- every message whose call was answered, and every message that any client has heard,
- none of them twice, and of two that belong together both or none,
- with each message that has a row of its own that row, and no other row,
- for each connection that a client has seen open and that was lost: its ``on_disconnect``, once.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

import trivet
from tests.kills.room import Book, Guest, Room
from trivet.runtime.cleanup import bounded_cleanup

ROOMS = 3
CLIENTS = 9


@attrs.define
class Witness:
    """What the clients of one room know.

    Attributes:
        answered: Messages whose calls were answered.
        heard: Messages that somebody has heard.
        opened: Names of connections that a client has seen open.
        current: The names of the connections that clients have now, or are opening.
    """

    answered: set[str] = attrs.Factory(set[str])
    heard: set[str] = attrs.Factory(set[str])
    opened: set[str] = attrs.Factory(set[str])
    current: dict[str, str] = attrs.Factory(dict[str, str])

    def check(self, book: Book) -> list[str]:
        """Return what the room has forgotten, or remembers wrongly."""
        said, came, left = Counter(book.said), Counter(book.came), Counter(book.left)
        problems = [f"lost, though answered: {text}" for text in self.answered if not said[text]]
        problems += [f"lost, though heard: {text}" for text in self.heard if not said[text]]
        problems += [f"{n} times: {text}" for text, n in said.items() if n != 1]
        problems += [f"came {n} times: {name}" for name, n in came.items() if n != 1]
        problems += [f"left {n} times: {name}" for name, n in left.items() if n != 1]
        for text in said:
            first, mark, which = text.rpartition(" ")
            if (
                mark
                and which in {"one", "two"}
                and not (said[f"{first} one"] and said[f"{first} two"])
            ):
                problems.append(f"torn: {text}")
        noted, kept = Counter(book.noted), Counter(book.kept)
        problems += [f"has no row: {text}" for text in noted - kept]
        problems += [f"has a row alone: {text}" for text in kept - noted]
        present = set(self.current.values())
        gone = self.opened - present
        problems += [f"never left: {name}" for name in gone if not left[name]]
        problems += [f"left without having come: {name}" for name in left if not came[name]]
        return problems


class Server:
    """A server process on one file and one port."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: trio.Process | None = None
        self.port = 0

    async def start(self) -> None:
        """Start it, and wait until it can be reached."""
        command = [sys.executable, "-m", "tests.kills.room", str(self._path), str(self.port)]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        self._process = process
        assert process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            chunk = await process.stdout.receive_some()
            if not chunk:
                raise RuntimeError("the server did not start")
            line += chunk
        self.port = int(line)

    async def kill(self) -> None:
        """End it with SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()
            assert process.stdout is not None
            await process.stdout.aclose()


class Load:
    """Clients that talk until they are told to pause.

    Attributes:
        answers: How many calls were answered so far.
    """

    def __init__(self, url: str, chance: random.Random) -> None:
        self._url = url
        self._chance = chance
        self._numbers = iter(range(10**9))
        self.witnesses = {f"room {number}": Witness() for number in range(ROOMS)}
        self.answers = 0
        self._enough = trio.Event()
        self._wanted = 0

    async def run(self) -> None:
        """Let all clients talk."""
        async with trivet.open_client(self._url) as client, trio.open_nursery() as nursery:
            for number in range(CLIENTS):
                nursery.start_soon(self._talk, client, f"client {number}", f"room {number % ROOMS}")

    async def wait_answers(self, count: int) -> None:
        """Return after so many more calls were answered."""
        self._wanted = self.answers + count
        self._enough = trio.Event()
        await self._enough.wait()

    async def _talk(self, client: trivet.Client, who: str, room: str) -> None:
        witness = self.witnesses[room]

        async def knock() -> Guest:
            witness.current[who] = f"{who} #{next(self._numbers)}"
            return Guest(witness.current[who])

        handle = client.get_or_create(Room, room)
        async with handle.connect(knock) as conn, trio.open_nursery() as nursery:
            witness.opened.add(witness.current[who])
            nursery.start_soon(self._listen, conn.events(Room.heard), witness)
            nursery.start_soon(self._watch, conn, who, witness)
            while True:
                await self._say(conn, witness)

    async def _say(self, conn: trivet.Connection[Room], witness: Witness) -> None:
        text = f"message {next(self._numbers)}"
        action = self._chance.choice([Room.say, Room.say, Room.say_slowly, Room.say_both])
        try:
            await conn.call(action, text)
        except (trivet.ConnectionLost, trivet.ActionError):
            return  # whether it was said, nobody knows
        pair = action is Room.say_both
        witness.answered |= {f"{text} one", f"{text} two"} if pair else {text}
        self.answers += 1
        if self.answers >= self._wanted:
            self._enough.set()

    async def _listen(self, events: trivet.Subscription[str], witness: Witness) -> None:
        async for text in events:
            witness.heard.add(text)

    async def _watch(self, conn: trivet.Connection[Room], who: str, witness: Witness) -> None:
        async for status in conn.status_changes():
            if status == "connected":
                witness.opened.add(witness.current[who])


@asynccontextmanager
async def load_on(server: Server, chance: random.Random) -> AsyncGenerator[Load]:
    async with trio.open_nursery() as nursery:
        load = Load(f"http://127.0.0.1:{server.port}", chance)
        nursery.start_soon(load.run)
        yield load
        nursery.cancel_scope.cancel()


async def books(port: int) -> dict[str, Book]:
    """Read what each room remembers."""
    async with trivet.open_client(f"http://127.0.0.1:{port}") as client:
        names = [f"room {number}" for number in range(ROOMS)]
        return {name: await client.get_or_create(Room, name).call(Room.book) for name in names}


async def play(rounds: int, seed: int) -> int:
    """Kill the server so many times; how many answered calls survived.

    Raises:
        AssertionError: If anything was lost, torn, or done twice.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder, "rooms.db"))
        try:
            await server.start()
            async with load_on(server, chance) as load:
                for number in range(rounds):
                    await load.wait_answers(chance.randrange(1, 200))
                    await server.kill()
                    await server.start()
                    problems = await look(server.port, load)
                    assert not problems, f"round {number} of seed {seed}: {problems[:5]}"
                return load.answers
        finally:
            with bounded_cleanup(10):
                await server.kill()


async def look(port: int, load: Load) -> list[str]:
    """Compare what was known before with what each room remembers."""
    before = {
        name: Witness(
            set(witness.answered), set(witness.heard), set(witness.opened), dict(witness.current)
        )
        for name, witness in load.witnesses.items()
    }
    return [
        f"{name}: {problem}"
        for name, book in (await books(port)).items()
        for problem in before[name].check(book)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    answers = trio.run(play, options.rounds, options.seed)
    print(f"{options.rounds} kills, {answers} answered calls: none lost, torn or done twice")


if __name__ == "__main__":
    main()
