"""A held server in processes of its own, and what its log says."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Final

import attrs
import trio

from trivet.runtime.cleanup import bounded_cleanup

__all__ = ["Holder", "held_server"]

ROOT: Final = Path(__file__).parents[2]
STARTED: Final = "started a server, process "
SERVING: Final = "trivet serves "


@attrs.define(eq=False)
class Holder:
    """A holder and its server.

    Attributes:
        process: The holder.
        url: Where clients reach the server.
        server: The process that was started last.
    """

    process: trio.Process
    _received: bytearray = attrs.field(factory=bytearray, init=False)
    url: str = attrs.field(default="", init=False)
    server: int = attrs.field(default=0, init=False)

    async def line(self, text: str) -> str:
        """Return the next line that they write with a text in it.

        Raises:
            AssertionError: If they end without.
        """
        seen: list[str] = []
        while True:
            line = await self._line()
            seen.append(line)
            if STARTED in line:
                self.server = int(line.rpartition(" ")[2])
            if SERVING in line:
                self.url = line.split()[-1]
            if text in line:
                return line
            assert line.endswith("\n"), f"no {text!r} in {''.join(seen)}"

    async def serves(self) -> None:
        """Wait until the next server serves."""
        await self.line(SERVING)

    async def rest(self) -> str:
        """Return what they still write: until both have ended, for both have the pipe."""
        lines: list[str] = []
        while line := await self._line():
            lines.append(line)
        return "".join(lines)

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def tell_server(self, number: signal.Signals) -> None:
        os.kill(self.server, number)

    async def _line(self) -> str:
        assert self.process.stdout is not None
        while (end := self._received.find(b"\n")) < 0:
            data = await self.process.stdout.receive_some()
            if not data:
                return ""
            self._received += data
        line = bytes(self._received[: end + 1])
        del self._received[: end + 1]
        return line.decode()


@asynccontextmanager
async def held_server(*options: str, folder: Path = ROOT) -> AsyncGenerator[Holder]:
    """Run ``trivet serve --hold`` with more options, the application first."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "trivet", "serve", "--hold", "--port", "0", *options],
        stdout=PIPE,
        stderr=STDOUT,
        cwd=folder,
        # Bytecode of a module that a test rewrites within a second would be taken for the new one's.
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    holder = Holder(process)
    try:
        yield holder
    finally:
        with bounded_cleanup(30):
            if process.returncode is None:
                process.kill()  # its server ends with it
            await holder.rest()
            await process.wait()
            assert process.stdout is not None
            await process.stdout.aclose()
