"""What actors note while they live, for tests to wait for and to compare."""

from __future__ import annotations

import attrs
import trio

__all__ = ["JOURNAL", "Journal"]


@attrs.define
class Journal:
    """Lines in the order in which they were noted, each with its time."""

    entries: list[tuple[str, float]] = attrs.Factory(list[tuple[str, float]])
    grown: trio.Event = attrs.Factory(trio.Event)

    def note(self, line: str) -> None:
        self.entries.append((line, trio.current_time()))
        self.grown.set()
        self.grown = trio.Event()

    @property
    def lines(self) -> list[str]:
        return [line for line, _ in self.entries]

    def count(self, line: str) -> int:
        return self.lines.count(line)

    def times(self, line: str) -> list[float]:
        return [time for noted, time in self.entries if noted == line]

    async def until(self, line: str, times: int = 1) -> None:
        """Wait until a line was noted so often."""
        while self.count(line) < times:
            await self.grown.wait()

    def clear(self) -> None:
        self.entries.clear()


JOURNAL = Journal()
"""The one of the test that runs: actors of all ways live in this process."""
