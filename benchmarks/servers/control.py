"""The server's end of its control pipe: commands on standard input, answers on standard output.

The first line out is the port. ``cpu`` is answered by the nanoseconds of CPU time that the process
has used; ``broadcast N`` sends the payload to every client N times. When the input ends, so does
the program: whatever becomes of the one that started it, no server stays behind.
"""

from __future__ import annotations

import os
import sys
import time
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
    async with trio.open_nursery() as nursery, trio.lowlevel.FdStream(os.dup(0)) as pipe:
        answer(await nursery.start(server.serve))
        unread = b""
        async for data in pipe:
            *commands, unread = (unread + data).split(b"\n")
            for command in commands:
                await _do(command, server)
        nursery.cancel_scope.cancel()


async def _do(command: bytes, server: Server) -> None:
    match command.split():
        case [b"cpu"]:
            answer(time.process_time_ns())
        case [b"broadcast", times]:
            await server.broadcast(int(times))
        case _:
            raise ValueError(f"no such command: {command!r}")


def answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()
