"""What the operator does to actors: destroying them, and putting them to sleep."""

from __future__ import annotations

from trio.testing import MockClock

from tests.runtime.runtimes import awake
from tests.server.actors import Room
from tests.server.serving import Serving, serving


async def made(site: Serving) -> str:
    body = (
        b'{"name": "room", "key": "a", "runner_name_selector": "default", "crash_policy": "sleep"}'
    )
    reply = await site.http().request("PUT", "/actors?namespace=default", body)
    actor_id: str = reply.json["actor"]["actor_id"]
    return actor_id


async def test_one_is_destroyed(autojump_clock: MockClock) -> None:
    async with serving(Room) as site:
        actor_id = await made(site)
        for _ in range(2):  # who is gone already is gone
            reply = await site.http().request("DELETE", f"/actors/{actor_id}?namespace=default")
            assert (reply.status, reply.json) == (200, {})
            found = await site.http().request("GET", f"/actors?actor_ids={actor_id}")
            assert found.json["actors"] == []
        assert await made(site) != actor_id


async def test_one_is_put_to_sleep(autojump_clock: MockClock) -> None:
    async with serving(Room) as site:
        actor_id = await made(site)
        for _ in range(2):  # who sleeps already sleeps on
            reply = await site.http().request("POST", f"/actors/{actor_id}/sleep", b"{}")
            assert (reply.status, reply.json) == (200, {})
            assert awake(site.runtime, Room) is None
        assert await made(site) == actor_id
        assert awake(site.runtime, Room) is not None
