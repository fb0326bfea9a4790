"""What only RivetKit's server has actors for: sleep under a connection, and the end of an actor."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest

import trivet
from tests.abroad.guestbook import visit

pytestmark = pytest.mark.system


class Sleeper(trivet.Actor[None], name="sleeper"):
    """A stub: its actions run elsewhere."""

    counted = trivet.Event[int]()

    @trivet.action
    def add(self, number: int) -> int:
        raise NotImplementedError

    @trivet.action
    def fresh(self) -> bool:
        raise NotImplementedError

    @trivet.action
    def doze(self) -> None:
        raise NotImplementedError

    @trivet.action
    def leave(self) -> None:
        raise NotImplementedError


@pytest.fixture
async def client(engine: str) -> AsyncGenerator[trivet.Client]:
    async with trivet.open_client(engine) as client:
        yield client


@pytest.fixture
def sleeper(client: trivet.Client) -> trivet.Handle[Sleeper]:
    return client.get_or_create(Sleeper, uuid4().hex)


async def test_a_connection_outlives_sleep(sleeper: trivet.Handle[Sleeper]) -> None:
    async with sleeper.connect() as connection, connection.events(Sleeper.counted) as counted:
        assert await connection.call(Sleeper.add, 2) == 2
        assert await connection.call(Sleeper.fresh)
        assert not await connection.call(Sleeper.fresh)
        await connection.call(Sleeper.doze)
        while not await connection.call(Sleeper.fresh):
            pass
        assert await connection.call(Sleeper.add, 3) == 5
        assert [await anext(counted), await anext(counted)] == [2, 5]
        assert connection.status == "connected"


async def test_a_call_wakes_an_actor(sleeper: trivet.Handle[Sleeper]) -> None:
    assert await sleeper.call(Sleeper.fresh)
    await sleeper.call(Sleeper.doze)
    while not await sleeper.call(Sleeper.fresh):
        pass
    assert await sleeper.call(Sleeper.add, 1) == 1


async def test_whoever_would_create_an_actor_gets_another_one(
    sleeper: trivet.Handle[Sleeper],
) -> None:
    async with sleeper.connect() as connection:
        assert await connection.call(Sleeper.add, 2) == 2
        first = await sleeper.resolve()
        changes = connection.status_changes()
        await sleeper.call(Sleeper.leave)
        assert [await anext(changes), await anext(changes)] == ["disconnected", "connected"]
        assert await connection.call(Sleeper.add, 1) == 1
        assert await sleeper.resolve() != first


async def test_whoever_would_not_is_told(
    client: trivet.Client, sleeper: trivet.Handle[Sleeper]
) -> None:
    gone = client.get_by_id(Sleeper, await sleeper.resolve())
    async with gone.connect() as connection:
        changes = connection.status_changes()
        await sleeper.call(Sleeper.leave)
        assert [status async for status in changes] == ["disconnected", "closed"]
        with pytest.raises(trivet.ConnectionClosed) as closed:
            await connection.call(Sleeper.add, 1)
        assert isinstance(closed.value.__cause__, trivet.ActionError)
        code = closed.value.__cause__.code
        assert code == "not_found" or code.startswith("destroyed_")
    for asking in (gone.resolve, lambda: gone.call(Sleeper.add, 1)):
        with pytest.raises(trivet.ActionError, match="not_found"):
            await asking()


async def test_the_code_of_the_guide(engine: str) -> None:
    assert await visit(engine, uuid4().hex) == ["welcome, ann", "hello bob", "9"]
