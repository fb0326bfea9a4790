"""Lifecycle races, line by line of the acceptance list: under the mock clock, and over sockets."""

from __future__ import annotations

import math

import trio

from tests.acceptance.journal import JOURNAL
from tests.acceptance.lines import Lines, fails
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Client

GRACE = 0.4


class Starter(Actor[list[str]], name="starter", sleep_after=math.inf):
    """Starts slowly."""

    async def on_create(self, input: None) -> None:
        JOURNAL.note("create begins")
        await trio.sleep(0.05)
        JOURNAL.note("create ends")

    async def on_wake(self) -> None:
        JOURNAL.note("wake begins")
        await trio.sleep(0.05)
        JOURNAL.note("wake ends")

    async def on_destroy(self) -> None:
        JOURNAL.note("destroy")

    @action
    def ping(self) -> str:
        JOURNAL.note("ping")
        return "pong"

    @action
    def end(self) -> None:
        self.destroy()


STARTED = ["create begins", "create ends", "wake begins", "wake ends"]


class Brief(Actor[list[str]], name="brief", sleep_after=math.inf):
    """Does in ``run`` what it was told to, and notes how it ends."""

    async def run(self) -> None:
        async with self.turn():
            self.state.append("run")
            task = self.state[0]
        if task == "sleep" and self.state.count("run") == 1:
            self.sleep()
        if task == "destroy":
            await JOURNAL.until("asked")
            self.destroy()
        JOURNAL.note("run returned")

    async def create_state(self, input: None) -> list[str]:
        return [self.key[0]]

    async def on_wake(self) -> None:
        JOURNAL.note("wake")

    async def on_sleep(self) -> None:
        JOURNAL.note("sleep")
        self.state.append("slept")

    async def on_destroy(self) -> None:
        JOURNAL.note("destroy")

    @action
    def words(self) -> list[str]:
        JOURNAL.note("asked")
        return self.state

    @action
    def rest(self) -> None:
        self.sleep()

    @action
    def end(self) -> None:
        self.destroy()


class Stubborn(Actor[None], name="stubborn", sleep_after=math.inf, grace=GRACE):
    """Goes on in ``run`` after it was cancelled."""

    async def run(self) -> None:
        JOURNAL.note("run")
        try:
            await trio.sleep_forever()
        finally:
            async with self.turn():
                JOURNAL.note("lingers")
                await trio.sleep(30)
                JOURNAL.note("never")

    @action
    def end(self) -> None:
        JOURNAL.note("end")
        self.destroy()


line = Lines(Starter, Brief, Stubborn)


@line
async def test_ending_it_while_it_starts_waits_for_the_start(client: Client) -> None:
    """What was asked meanwhile gets its answer: from it, or from the one that is made anew."""
    starter = client.get_or_create(Starter, "a")
    answers: list[str] = []

    async def ask() -> None:
        answers.append(await starter.call(Starter.ping))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await JOURNAL.until("create begins")
        actor_id = await starter.resolve()
        await starter.call(Starter.end)
    assert answers == ["pong"]
    assert JOURNAL.count("destroy") == 1
    assert JOURNAL.lines[:4] == STARTED
    assert await fails(client.get_by_id(Starter, actor_id).call(Starter.ping)) == "actor.not_found"


@line
async def test_ended_as_soon_as_it_is_found(client: Client) -> None:
    actor_ids: list[str] = []

    async def make_and_end(key: str) -> None:
        actor_id = await client.get_or_create(Starter, key).resolve()
        actor_ids.append(actor_id)
        await client.get_by_id(Starter, actor_id).call(Starter.end)

    async with trio.open_nursery() as nursery:
        for key in "12345":
            nursery.start_soon(make_and_end, key)
    assert JOURNAL.count("destroy") == 5
    for key, actor_id in zip("12345", actor_ids, strict=True):
        for handle in (client.get(Starter, key), client.get_by_id(Starter, actor_id)):
            assert await fails(handle.call(Starter.ping)) == "actor.not_found"


@line
async def test_start_hooks_end_before_it_stops(client: Client) -> None:
    await client.get_or_create(Starter, "a").call(Starter.end)
    assert JOURNAL.lines == [*STARTED, "destroy"]


@line
async def test_made_and_ended_ten_times(client: Client) -> None:
    actor_ids = set[str]()
    starter = client.get_or_create(Starter, "a")
    for _ in range(10):
        actor_ids.add(await starter.resolve())
        await starter.call(Starter.end)
    assert len(actor_ids) == 10
    assert JOURNAL.lines == [*STARTED, "destroy"] * 10
    for actor_id in actor_ids:
        asked = client.get_by_id(Starter, actor_id).call(Starter.ping)
        assert await fails(asked) == "actor.not_found"
    assert await fails(client.get(Starter, "a").resolve()) == "actor.not_found"


@line
async def test_its_key_is_free_afterwards(client: Client) -> None:
    starter = client.get_or_create(Starter, "a")
    await starter.call(Starter.end)
    assert await starter.call(Starter.ping) == "pong"
    assert await client.get(Starter, "a").call(Starter.ping) == "pong"


@line
async def test_sleep_out_of_run_has_its_hook_before_the_next_start(client: Client) -> None:
    brief = client.get_or_create(Brief, "sleep")
    await brief.call(Brief.words)
    await JOURNAL.until("sleep")
    assert "slept" in await brief.call(Brief.words)
    await JOURNAL.until("run returned", 2)
    lives = [text for text in JOURNAL.lines if text in {"wake", "sleep"}]
    assert lives == ["wake", "sleep", "wake"]
    assert await brief.call(Brief.words) == ["sleep", "run", "slept", "run"]


@line
async def test_run_that_returned_leaves_on_sleep_for_later(client: Client) -> None:
    brief = client.get_or_create(Brief, "return")
    await brief.call(Brief.words)
    await JOURNAL.until("run returned")
    assert JOURNAL.count("sleep") == 0
    await brief.call(Brief.rest)
    await JOURNAL.until("sleep")
    assert await brief.call(Brief.words) == ["return", "run", "slept"]
    assert JOURNAL.count("sleep") == 1


@line
async def test_destroy_out_of_run_ends_it(client: Client) -> None:
    brief = client.get_or_create(Brief, "destroy")
    actor_id = await brief.resolve()
    await brief.call(Brief.words)
    await JOURNAL.until("destroy")
    for handle in (client.get(Brief, "destroy"), client.get_by_id(Brief, actor_id)):
        assert await fails(handle.call(Brief.words)) == "actor.not_found"
    assert JOURNAL.count("destroy") == 1
    assert JOURNAL.count("sleep") == 0


@line
async def test_run_that_returned_leaves_on_destroy_for_later(client: Client) -> None:
    brief = client.get_or_create(Brief, "return")
    await brief.call(Brief.words)
    await JOURNAL.until("run returned")
    await brief.call(Brief.end)
    assert [text for text in JOURNAL.lines if text != "asked"] == [
        "wake",
        "run returned",
        "destroy",
    ]


@line
async def test_the_grace_bounds_what_run_does_at_the_end(client: Client) -> None:
    stubborn = client.get_or_create(Stubborn, "a")
    async with stubborn.connect():
        await JOURNAL.until("run")
        await stubborn.call(Stubborn.end)
    took = trio.current_time() - JOURNAL.times("end")[0]
    assert GRACE <= took < 30
    assert JOURNAL.lines == ["run", "end", "lingers"]


@line
async def test_ended_while_it_starts_it_still_has_its_hook(client: Client) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.get_or_create(Starter, "a").call, Starter.end)
        await JOURNAL.until("wake begins")
        assert JOURNAL.count("destroy") == 0
    assert JOURNAL.lines == [*STARTED, "destroy"]


test_over_sockets = line.over_sockets()
