"""Schedules, line by line of the acceptance list: under the mock clock, and over sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import trio

from tests.acceptance.journal import JOURNAL
from tests.acceptance.lines import Lines
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Client, Handle


class Planner(Actor[list[str]], name="planner"):
    @action
    def ring_at(self, moment: datetime, word: str) -> None:
        JOURNAL.note("planned")
        self.schedule.at(moment, Planner.ring, word)

    @action
    def ring_after(self, seconds: list[float]) -> None:
        JOURNAL.note("planned")
        for number in seconds:
            self.schedule.after(number, Planner.ring, f"after {number:g}")

    @action
    async def ring(self, word: str) -> None:
        self.state.append(word)
        await self.kv.put(word, b"rung")
        JOURNAL.note(word)

    @action
    async def rung(self) -> list[Any]:
        return [self.state, [key for key, _ in await self.kv.list()]]


TOLERANCE = 0.02

line = Lines(Planner, on_disk=True)


def planner(client: Client) -> Handle[Planner]:
    return client.get_or_create(Planner, "a")


@line
async def test_at_a_point_in_time(client: Client) -> None:
    await planner(client).call(Planner.ring_at, datetime.now(UTC) + timedelta(seconds=0.2), "x")
    await JOURNAL.until("x")
    await trio.sleep(0.2)
    assert (await planner(client).call(Planner.rung))[0] == ["x"]


@line
async def test_after_so_many_seconds(client: Client) -> None:
    await planner(client).call(Planner.ring_after, [0.2])
    await JOURNAL.until("after 0.2")
    took = JOURNAL.times("after 0.2")[0] - JOURNAL.times("planned")[0]
    assert took >= 0.2 - TOLERANCE


@line
async def test_a_scheduled_call_has_the_entries(client: Client) -> None:
    await planner(client).call(Planner.ring_after, [0.1])
    await JOURNAL.until("after 0.1")
    assert await planner(client).call(Planner.rung) == [["after 0.1"], ["after 0.1"]]


@line
async def test_several_come_in_order(client: Client) -> None:
    await planner(client).call(Planner.ring_after, [0.2, 0.05, 0.3, 0.1])
    await JOURNAL.until("after 0.3")
    in_order = [f"after {seconds}" for seconds in (0.05, 0.1, 0.2, 0.3)]
    assert await planner(client).call(Planner.rung) == [in_order, in_order]


test_over_sockets = line.over_sockets()
