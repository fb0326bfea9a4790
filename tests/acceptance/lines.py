"""What makes a behaviour of the acceptance list a test of each way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trivet.declare.errors as errors
from tests.acceptance.journal import JOURNAL
from tests.acceptance.ways import WAYS, Way, over_sockets, reached
from trivet.declare.actor import Actor
from trivet.declare.handle import Client
from trivet.storage.memory import MemoryStorage
from trivet.storage.sqlite.storage import SqliteStorage

__all__ = ["Lines", "Scenario", "fails"]

Scenario = Callable[[Client], Awaitable[None]]


class Lines:
    """The behaviours of one group, as scenarios for whoever has a client.

    Args:
        *actors: What is served.
        on_disk: Whether the store is a file, where time is real.
    """

    def __init__(self, *actors: type[Actor[Any, Any, Any, Any]], on_disk: bool = False) -> None:
        self.actors = actors
        self.on_disk = on_disk
        self.scenarios: list[Scenario] = []

    def __call__(self, scenario: Scenario) -> Any:
        """Make a behaviour a test of each way under the mock clock, and one of those over sockets."""
        self.scenarios.append(scenario)

        @pytest.mark.parametrize("way", WAYS)
        async def test(way: Way, autojump_clock: MockClock) -> None:
            JOURNAL.clear()
            async with reached(way, *self.actors) as client:
                await scenario(client)

        test.__doc__ = scenario.__doc__
        return test

    def over_sockets(self) -> Any:
        """Make the test that runs all behaviours so far over sockets."""

        @pytest.mark.parametrize("scenario", self.scenarios, ids=lambda one: one.__name__)
        async def test(scenario: Scenario, tmp_path: Path) -> None:
            JOURNAL.clear()
            storage = SqliteStorage(tmp_path / "actors.db") if self.on_disk else MemoryStorage()
            with trio.fail_after(60):
                async with over_sockets(*self.actors, storage=storage) as client:
                    await scenario(client)

        return test


async def fails(asked: Awaitable[object]) -> str:
    """The group and code with which something fails."""
    with pytest.raises(errors.ActionError) as caught:
        await asked
    return f"{caught.value.group}.{caught.value.code}"
