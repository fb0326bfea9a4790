"""Sleep, line by line of the acceptance list: under the mock clock, and over sockets."""

from __future__ import annotations

import trio

from tests.acceptance.journal import JOURNAL
from tests.acceptance.lines import Lines
from tests.acceptance.sleep_actors import (
    GRACE,
    SLEEP_AFTER,
    Dozer,
    Insomniac,
    Listener,
    Overrun,
    Restless,
    Talker,
)
from trivet.declare.handle import Client, Handle

TOLERANCE = 0.02
"""What a timer may seem to be early, where two clocks are compared."""

line = Lines(Dozer, Restless, Insomniac, Talker, Listener, Overrun)


def dozer(client: Client) -> Handle[Dozer]:
    return client.get_or_create(Dozer, "a")


def idle_before_sleep(*busy: str) -> float:
    """How long nothing of a kind was noted before the actor slept."""
    slept = JOURNAL.times("sleep")[-1]
    return slept - max(time for what in busy for time in JOURNAL.times(what) if time <= slept)


@line
async def test_sleep_keeps_the_state(client: Client) -> None:
    await dozer(client).call(Dozer.rest)
    await JOURNAL.until("sleep")
    assert await dozer(client).call(Dozer.counts) == {"wakes": 2, "sleeps": 1}


@line
async def test_sleep_out_of_run_keeps_the_state(client: Client) -> None:
    restless = client.get_or_create(Restless, "a")
    await restless.call(Dozer.counts)
    await JOURNAL.until("sleep")
    counts = await restless.call(Dozer.counts)
    assert (counts["wakes"], counts["sleeps"]) == (2, 1)


@line
async def test_sleep_through_a_connection_keeps_the_state(client: Client) -> None:
    insomniac = client.get_or_create(Insomniac, "a")
    async with insomniac.connect() as connection:
        assert await connection.call(Dozer.counts) == {"wakes": 1}
        await connection.call(Dozer.rest)
        await JOURNAL.until("sleep")
    counts = await client.get_or_create(Insomniac, "a").call(Dozer.counts)
    assert (counts["wakes"], counts["sleeps"]) == (2, 1)


@line
async def test_an_idle_actor_sleeps(client: Client) -> None:
    await dozer(client).call(Dozer.counts)
    await JOURNAL.until("sleep")
    assert idle_before_sleep("asked") >= SLEEP_AFTER - TOLERANCE
    assert await dozer(client).call(Dozer.counts) == {"wakes": 2, "sleeps": 1}


@line
async def test_it_sleeps_under_a_connection_and_when_it_is_gone(client: Client) -> None:
    async with dozer(client).connect() as connection:
        await connection.call(Dozer.counts)
        await JOURNAL.until("sleep")
        assert await connection.call(Dozer.counts) == {"wakes": 2, "sleeps": 1}
        assert connection.status == "connected"
    await JOURNAL.until("sleep", 2)
    assert idle_before_sleep("asked") >= SLEEP_AFTER - TOLERANCE
    assert (await dozer(client).call(Dozer.counts))["sleeps"] == 2


@line
async def test_work_that_the_end_waits_for_may_broadcast(client: Client) -> None:
    talker = client.get_or_create(Talker, "a")
    async with talker.connect() as connection, connection.events(Dozer.said) as said:
        await connection.call(Talker.rest_and_tell)
        assert await anext(said) == "good night"


@line
async def test_such_work_may_begin_in_on_wake(client: Client) -> None:
    await client.get_or_create(Talker, "a").call(Dozer.counts)
    await JOURNAL.until("said at the start")


@line
async def test_attributes_are_there_in_a_task_that_is_cancelled(client: Client) -> None:
    talker = client.get_or_create(Talker, "a")
    await talker.call(Dozer.counts)
    await JOURNAL.until("said at the start")  # so the task beside it waits
    await talker.call(Dozer.rest)
    await JOURNAL.until("cancelled with 1 words")


@line
async def test_work_that_returns_nothing(client: Client) -> None:
    await dozer(client).call(Dozer.work_until)
    await JOURNAL.until("worked")
    await JOURNAL.until("sleep")


@line
async def test_staying_awake_for_nothing(client: Client) -> None:
    await dozer(client).call(Dozer.stay_awake)
    assert JOURNAL.count("worked") == 1
    await JOURNAL.until("sleep")


@line
async def test_calls_keep_it_awake(client: Client) -> None:
    for _ in range(4):
        await dozer(client).call(Dozer.counts)
        await trio.sleep(SLEEP_AFTER / 2)
    await JOURNAL.until("sleep")
    assert idle_before_sleep("asked") >= SLEEP_AFTER - TOLERANCE


@line
async def test_an_alarm_keeps_it_awake(client: Client) -> None:
    await dozer(client).call(Dozer.alarm, SLEEP_AFTER / 2)
    await JOURNAL.until("ring")
    await JOURNAL.until("sleep")
    assert idle_before_sleep("ring", "wake") >= SLEEP_AFTER - TOLERANCE


@line
async def test_an_alarm_wakes_it(client: Client) -> None:
    await dozer(client).call(Dozer.alarm, 3 * SLEEP_AFTER)
    await dozer(client).call(Dozer.rest)
    await JOURNAL.until("ring")
    assert JOURNAL.lines == ["wake", "sleep", "wake", "ring"]
    assert (await dozer(client).call(Dozer.counts))["rings"] == 1


@line
async def test_a_long_call_keeps_it_awake(client: Client) -> None:
    await dozer(client).call(Dozer.work, 3 * SLEEP_AFTER)
    await JOURNAL.until("sleep")
    assert JOURNAL.lines == ["wake", "begins", "ends", "sleep"]


@line
async def test_an_open_websocket_keeps_it_awake(client: Client) -> None:
    async with client.get_or_create(Listener, "a").websocket() as socket:
        await JOURNAL.until("opened")
        await trio.sleep(3 * SLEEP_AFTER)
        await socket.send("hello")
        assert await socket.receive() == "hello"
        assert JOURNAL.lines == ["wake", "opened"]
    await JOURNAL.until("sleep")


@line
async def test_a_raw_request_keeps_it_awake(client: Client) -> None:
    assert (await dozer(client).fetch()).text == "done"
    await JOURNAL.until("sleep")
    assert JOURNAL.lines == ["wake", "begins", "ends", "sleep"]


@line
async def test_one_that_never_sleeps(client: Client) -> None:
    insomniac = client.get_or_create(Insomniac, "a")
    await insomniac.call(Dozer.counts)
    await trio.sleep(3 * SLEEP_AFTER)
    assert await insomniac.call(Dozer.counts) == {"wakes": 1}


@line
async def test_work_on_a_message_delays_sleep(client: Client) -> None:
    """Also when the client has gone meanwhile."""
    async with client.get_or_create(Listener, "a").websocket() as socket:
        await socket.send("work")
        await JOURNAL.until("begins")
    await JOURNAL.until("sleep")
    assert JOURNAL.lines.index("ends") < JOURNAL.lines.index("sleep")
    assert idle_before_sleep("ends") >= SLEEP_AFTER - TOLERANCE


@line
async def test_work_after_a_close_delays_sleep(client: Client) -> None:
    async with client.get_or_create(Listener, "a").websocket():
        await JOURNAL.until("opened")
    await JOURNAL.until("sleep")
    assert JOURNAL.lines.index("begins") < JOURNAL.lines.index("ends")
    assert idle_before_sleep("ends") >= SLEEP_AFTER - TOLERANCE


async def told_at_the_end(client: Client) -> list[str | bytes]:
    listener = client.get_or_create(Listener, "a")
    async with listener.websocket() as socket:
        await JOURNAL.until("opened")
        await listener.call(Dozer.rest)
        return [message async for message in socket]


@line
async def test_on_sleep_sends_to_a_websocket(client: Client) -> None:
    assert (await told_at_the_end(client))[0] == "sleeping"


@line
async def test_on_sleep_sends_to_a_websocket_later(client: Client) -> None:
    assert await told_at_the_end(client) == ["sleeping", "still sleeping"]


@line
async def test_attributes_are_there_in_work_that_on_sleep_starts(client: Client) -> None:
    talker = client.get_or_create(Talker, "a")
    await talker.call(Dozer.counts)
    await talker.call(Dozer.rest)
    await JOURNAL.until("said at the start, again")
    assert (await talker.call(Dozer.counts))["sleeps"] == 1


@line
async def test_attributes_are_there_in_a_handler_that_is_cut(client: Client) -> None:
    overrun = client.get_or_create(Overrun, "a")
    async with overrun.websocket() as socket:
        await socket.send("x")
        await JOURNAL.until("begins")
        await overrun.call(Dozer.rest)
        await JOURNAL.until("cut with ['x']")
    took = JOURNAL.times("cut with ['x']")[0] - JOURNAL.times("sleep")[0]
    assert took >= GRACE - TOLERANCE
    assert await overrun.call(Dozer.counts) == {"wakes": 2, "sleeps": 1}


test_over_sockets = line.over_sockets()
