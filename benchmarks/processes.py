"""Servers in processes of their own, and the other end of their control pipes."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import trio

__all__ = ["ServerProcess", "running"]

REPOSITORY: Final = Path(__file__).parents[1]


class ServerProcess:
    """A running server.

    Attributes:
        port: Where it listens, on the loopback address.
    """

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._received = b""
        self.port = 0

    async def command(self, text: str) -> None:
        """Send a line through the control pipe."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(text.encode() + b"\n")

    async def hang_up(self) -> None:
        """Close the control pipe, which ends the server."""
        assert self._process.stdin is not None
        await self._process.stdin.aclose()

    async def answer(self) -> int:
        """Read a line from the control pipe: a number.

        Raises:
            EOFError: If the server has ended.
        """
        assert self._process.stdout is not None
        while b"\n" not in self._received:
            data = await self._process.stdout.receive_some()
            if not data:
                raise EOFError(f"the server has ended: {self._process.args!r}")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return int(line)

    async def cpu_time(self) -> float:
        """Ask for the seconds of CPU time that the process has used, user and system."""
        await self.command("cpu")
        return await self.answer() / 1e9


@asynccontextmanager
async def running(name: str) -> AsyncGenerator[ServerProcess]:
    """Run a server of ``benchmarks.servers``; leaving the body ends it."""
    _allow_descriptors()
    start = partial(
        trio.run_process,
        [sys.executable, "-m", "benchmarks.servers", name],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    async with trio.open_nursery() as nursery:
        server = ServerProcess(await nursery.start(start))
        server.port = await server.answer()
        yield server
        nursery.cancel_scope.cancel()


def _allow_descriptors() -> None:
    """Raise the limit of open files to the most that is allowed; child processes inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
