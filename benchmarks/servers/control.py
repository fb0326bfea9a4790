"""The server's end of its control pipe: commands on standard input, answers on standard output.

The first line out is the port. ``cpu`` is answered by the nanoseconds of CPU time that the process
has used; ``broadcast N`` sends the payload to every client N times. When the input ends, so does
the program: whatever becomes of the one that started it, no server stays behind.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

import trio

__all__ = ["Server", "obey"]


class Server(Protocol):
    """A server that echoes what each client sends."""

    async def serve(self, *, task_status: trio.TaskStatus[int]) -> None:
        """Serve until cancelled on a loopback port, which it reports."""
        ...

    async def broadcast(self, times: int) -> None:
        """Send ``payloads.NEWS`` to every client."""
        ...


async def obey(server: Server) -> None:
    """Serve, and do what the control pipe says, until that ends."""
    async with trio.open_nursery() as nursery, aclosing(_commands()) as commands:
        answer(await nursery.start(server.serve))
        async for command in commands:
            match command.split():
                case [b"cpu"]:
                    answer(time.process_time_ns())
                case [b"broadcast", times]:
                    await server.broadcast(int(times))
                case _:
                    raise ValueError(f"no such command: {command!r}")
        nursery.cancel_scope.cancel()


def answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


async def _commands() -> AsyncGenerator[bytes]:
    async with trio.lowlevel.FdStream(os.dup(0)) as pipe:
        rest = b""
        async for data in pipe:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield line
