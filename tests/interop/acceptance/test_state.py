"""State: what lasts, also beyond the server, and actors that have none."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.interop.acceptance.conftest import Run
from tests.interop.acceptance.registry import registry
from tests.interop.acceptance.state import OldSettings
from tests.interop.node import Encoding, JavaScript, Node
from trivet.declare.registry import Registry
from trivet.open import serve
from trivet.ports.errors import StorageError
from trivet.ports.records import Segment
from trivet.ports.storage import Committed, Storage
from trivet.storage.memory import MemoryStorage
from trivet.storage.sqlite.storage import SqliteStorage

pytestmark = pytest.mark.interop


@asynccontextmanager
async def serving(
    node: Node, encoding: Encoding, storage: Storage, actors: Registry = registry
) -> AsyncGenerator[JavaScript]:
    """Serve from a store, which outlives the server."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve, actors, port=0, storage=storage))
        yield JavaScript(node, server.url, encoding)
        nursery.cancel_scope.cancel()


async def test_a_change_is_told(run: Run) -> None:
    expected = {"results": [1], "heard": [1], "calls": 1}
    assert await run("changes", [["append", 1]]) == expected


async def test_each_action_that_changes_is_told(run: Run) -> None:
    expected = {"results": [1, 2, 3], "heard": [1, 2, 3], "calls": 3}
    assert await run("changes", [["append", 1]] * 3) == expected


async def test_reading_is_not_told(run: Run) -> None:
    calls = [["length"], ["append", 1], ["length"]]
    expected = {"results": [0, 1, 1], "heard": [1], "calls": 1}
    assert await run("changes", calls) == expected


async def test_many_changes_of_one_action_are_told_once(run: Run) -> None:
    expected = {"results": [100], "heard": [100], "calls": 1}
    assert await run("changes", [["append", 100]]) == expected


async def test_the_state_is_one_object(run: Run) -> None:
    expected = {"results": [True], "heard": [], "calls": 0}
    assert await run("changes", [["isOneObject"]]) == expected


async def test_many_changes_of_a_large_state_are_told_once(run: Run) -> None:
    """So it is looked through once for each action, however many changes there are."""
    size = 20_000
    result = await run("changes", [["append", size], ["changeAll", 200]])
    assert result["results"] == [size, sum(range(size)) + 200]
    assert result["calls"] == 2


async def test_computing_is_not_told(run: Run) -> None:
    calls = [["append", 3], ["total"]]
    assert await run("changes", calls) == {"results": [3, 6], "heard": [3], "calls": 1}


async def test_coming_and_going_is_not_told(run: Run) -> None:
    assert await run("onlyReading") == 0


class WatchedStorage(SqliteStorage):
    """A store that says when it has stored something."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.stored = trio.Event()

    def commit(self, segment: Segment, done: Committed) -> None:
        def committed(error: StorageError | None) -> None:
            done(error)
            self.stored.set()

        super().commit(segment, committed)


async def test_what_is_saved_survives_a_crash(
    node: Node, encoding: Encoding, tmp_path: Path
) -> None:
    """A copy of the store holds what it would hold if the process had been killed."""
    alive, crashed = tmp_path / "alive", tmp_path / "crashed"
    alive.mkdir()
    async with serving(node, encoding, SqliteStorage(alive / "actors.db")) as javascript:
        assert await javascript.run("acceptance/state.saving") == 5
        shutil.copytree(alive, crashed)
    async with serving(node, encoding, SqliteStorage(crashed / "actors.db")) as javascript:
        assert await javascript.run("acceptance/state.add", "ledger", 1) == 6


async def test_what_is_saved_at_intervals_survives_a_crash(
    node: Node, encoding: Encoding, tmp_path: Path
) -> None:
    alive, crashed = tmp_path / "alive", tmp_path / "crashed"
    alive.mkdir()
    storage = WatchedStorage(alive / "actors.db")
    async with serving(node, encoding, storage) as javascript:
        assert await javascript.run("acceptance/state.add", "slowLedger", 5) == 5
        await storage.stored.wait()
        shutil.copytree(alive, crashed)
    async with serving(node, encoding, SqliteStorage(crashed / "actors.db")) as javascript:
        assert await javascript.run("acceptance/state.add", "slowLedger", 1) == 6


async def settings(
    node: Node,
    encoding: Encoding,
    storage: Storage,
    *calls: tuple[object, ...],
    actors: Registry = registry,
) -> object:
    """Serve, call some actions of the settings, and return the result of the last."""
    async with serving(node, encoding, storage, actors) as javascript:
        return await javascript.run("acceptance/state.settings", calls)


async def test_types_survive_a_restart(node: Node, encoding: Encoding) -> None:
    storage = MemoryStorage()
    await settings(node, encoding, storage, ("paint", "blue"), ("tag", "a"), ("resize", 3))
    assert await settings(node, encoding, storage, ("values",)) == ["'blue'", "3", "{'a'}"]


async def test_defaults_fill_what_an_older_program_did_not_store(
    node: Node, encoding: Encoding
) -> None:
    storage, old = MemoryStorage(), Registry(OldSettings)
    await settings(node, encoding, storage, ("paint", "blue"), actors=old)
    assert await settings(node, encoding, storage, ("values",)) == ["'blue'", "10", "set()"]


async def test_types_survive_changes_and_restarts(node: Node, encoding: Encoding) -> None:
    storage = MemoryStorage()
    await settings(node, encoding, storage, ("tag", "a"))
    await settings(node, encoding, storage, ("paint", "green"), ("resize", 7))
    assert await settings(node, encoding, storage, ("values",)) == ["'green'", "7", "{'a'}"]


async def test_state_is_there_for_another_handle(run: Run) -> None:
    assert await run("handles") == 6


async def test_state_is_there_for_another_connection(run: Run) -> None:
    assert await run("reconnected") == 6


async def test_each_actor_has_its_own_state(run: Run) -> None:
    assert await run("separate") == [1, 6]


async def test_an_actor_without_state(run: Run) -> None:
    assert await run("stateless") == "pong"


async def test_an_actor_without_state_takes_arguments(run: Run) -> None:
    assert await run("echo", "ü 😀") == "ü 😀"


async def test_an_actor_without_state_has_an_id(run: Run) -> None:
    assert await run("id") is True


async def test_state_that_does_not_exist_has_an_error_of_its_own(run: Run) -> None:
    result = await run("noState")
    assert result["caught"] == "actor.state_not_enabled"
    assert (result["raised"]["group"], result["raised"]["code"]) == ("actor", "state_not_enabled")


async def test_connection_state_that_does_not_exist_has_an_error_of_its_own(run: Run) -> None:
    assert await run("noConnState") == "actor.conn_state_not_enabled"


async def test_actors_without_state_are_independent(run: Run) -> None:
    assert await run("independent") == {"different": True, "pongs": ["pong", "pong"]}
