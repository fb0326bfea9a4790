"""Queues, line by line of the acceptance list: in process, over a network in memory, over sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trivet.declare.errors as errors
from tests.acceptance.queue_actors import Child, Desk, Parent, Runner, Tight
from tests.acceptance.ways import WAYS, Way, over_sockets, reached
from trivet.declare.handle import Client, Handle

Scenario = Callable[[Client], Awaitable[None]]

ACTORS = (Desk, Tight, Runner, Child, Parent)
SCENARIOS: list[Scenario] = []


def line(scenario: Scenario) -> Any:
    """Make a behaviour a test of each way under the mock clock, and one of those over sockets."""
    SCENARIOS.append(scenario)

    @pytest.mark.parametrize("way", WAYS)
    async def test(way: Way, autojump_clock: MockClock) -> None:
        async with reached(way, *ACTORS) as client:
            await scenario(client)

    test.__doc__ = scenario.__doc__
    return test


def desk(client: Client, key: str = "a") -> Handle[Desk]:
    return client.get_or_create(Desk, key)


async def fails(asked: Awaitable[object]) -> str:
    with pytest.raises(errors.ActionError) as caught:
        await asked
    return f"{caught.value.group}.{caught.value.code}"


@line
async def test_a_client_sends_and_the_actor_receives(client: Client) -> None:
    await desk(client).send(Desk.greeting, "hello")
    assert await desk(client).call(Desk.next) == "hello"


@line
async def test_an_actor_sends_to_its_own_queue(client: Client) -> None:
    await desk(client).call(Desk.say, "myself")
    assert await desk(client).call(Desk.next) == "myself"


@line
async def test_receiving_from_several_queues(client: Client) -> None:
    await desk(client).send(Desk.a, "1")
    await desk(client).send(Desk.greeting, "not this")
    await desk(client).send(Desk.b, "2")
    assert await desk(client).call(Desk.batch, 2) == ["a: 1", "b: 2"]


@line
async def test_a_batch_waits_until_it_is_complete(client: Client) -> None:
    """There are no request objects: a batch is a loop."""
    got: list[list[str]] = []

    async def ask() -> None:
        got.append(await desk(client).call(Desk.batch, 2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await desk(client).send(Desk.a, "1")
        await desk(client).send(Desk.a, "2")
    assert got == [["a: 1", "a: 2"]]


@line
async def test_without_names_it_receives_from_all(client: Client) -> None:
    await desk(client).send(Desk.b, "x")
    assert await desk(client).call(Desk.next_of_any) == "b: x"


@line
async def test_a_wait_with_a_timeout_comes_to_nothing(client: Client) -> None:
    assert await desk(client).call(Desk.next, 0.05) is None


@line
async def test_try_receive_does_not_wait(client: Client) -> None:
    assert await desk(client).call(Desk.try_all) == []
    await desk(client).send(Desk.a, "x")
    assert await desk(client).call(Desk.try_all) == ["x"]


@line
async def test_the_end_of_the_actor_aborts_a_wait(client: Client) -> None:
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            assert await fails(desk(client).call(Desk.next_of_any)) == "actor.aborted"
            nursery.cancel_scope.cancel()

        nursery.start_soon(ask)
        await trio.sleep(0.1)
        await desk(client).call(Desk.rest)


@line
async def test_a_scope_ends_a_wait_and_loses_nothing(client: Client) -> None:
    assert await desk(client).call(Desk.next, 0.05) is None
    await desk(client).send(Desk.greeting, "later")
    assert await desk(client).call(Desk.next, 5) == "later"


@line
async def test_the_end_of_the_actor_aborts_a_wait_with_a_scope_of_its_own(client: Client) -> None:
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            assert await fails(desk(client).call(Desk.next, 30)) == "actor.aborted"
            nursery.cancel_scope.cancel()

        nursery.start_soon(ask)
        await trio.sleep(0.1)
        await desk(client).call(Desk.rest)


@line
async def test_a_scope_ends_a_loop(client: Client) -> None:
    await desk(client).send(Desk.greeting, "1")
    assert await desk(client).call(Desk.collect, 0.2) == ["1"]
    await desk(client).send(Desk.greeting, "2")
    assert await desk(client).call(Desk.next) == "2"


@line
async def test_too_many_messages(client: Client) -> None:
    tight = client.get_or_create(Tight, "a")
    await tight.send(Tight.messages, "1")
    assert await fails(tight.send(Tight.messages, "2")) == "queue.full"


@line
async def test_a_message_that_is_too_large(client: Client) -> None:
    tight = client.get_or_create(Tight, "a")
    sent = tight.send(Tight.messages, "x" * 100)
    assert await fails(sent) == "queue.message_too_large"
    await tight.send(Tight.messages, "x" * 50)


@line
async def test_who_waits_gets_the_result(client: Client) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk(client).call, Desk.work)
        assert await desk(client).send_and_wait(Desk.tasks, "it") == "it done"


@line
async def test_who_waits_too_long_gives_up_and_the_message_stays(client: Client) -> None:
    with trio.move_on_after(0.2) as patience:
        await desk(client).send_and_wait(Desk.tasks, "it")
    assert patience.cancelled_caught
    assert await desk(client).call(Desk.work) == "it"


async def drains(client: Client, key: str) -> None:
    child = client.get_or_create(Child, key)
    for queue in (Child.q0, Child.q1, Child.q2, Child.q3):
        await child.send_and_wait(queue, "that was all")
    drained = [text for text in await child.call(Child.drained) if text.startswith("q")]
    assert drained == [f"q{queue} {number}" for queue in range(4) for number in range(3)]


@line
async def test_children_made_in_an_action_drain_their_queues(client: Client) -> None:
    async with client.get_or_create(Parent, "p").connect() as parent:
        assert await parent.call(Parent.make_child, "c") == "c"
        await drains(client, "c")


@line
async def test_children_made_in_run_drain_their_queues(client: Client) -> None:
    async with client.get_or_create(Parent, "p").connect() as parent:
        assert await parent.send_and_wait(Parent.wanted, "c") == "c"
        await drains(client, "c")


@line
async def test_what_is_not_completed_comes_again(client: Client) -> None:
    await desk(client).send(Desk.tasks, "it")
    assert await desk(client).call(Desk.fail_at_work) == "it"
    assert await desk(client).call(Desk.work) == "it"


@line
async def test_receiving_with_a_message_in_hand(client: Client) -> None:
    for text in ("1", "2"):
        await desk(client).send(Desk.tasks, text)
    code = await fails(desk(client).call(Desk.receive_within))
    assert code == "queue.previous_message_not_completed"
    assert [await desk(client).call(Desk.work) for _ in "12"] == ["1", "2"]


@line
async def test_completing_without_a_type_of_results(client: Client) -> None:
    await desk(client).send(Desk.greeting, "x")
    assert await desk(client).call(Desk.complete_without_a_result) == "x"
    assert await desk(client).call(Desk.try_all) == []


@line
async def test_putting_back_without_a_type_of_results(client: Client) -> None:
    await desk(client).send(Desk.greeting, "x")
    assert [await desk(client).call(Desk.put_back) for _ in range(2)] == ["x", "x"]
    assert await desk(client).call(Desk.next) == "x"


@line
async def test_completing_twice(client: Client) -> None:
    await desk(client).send(Desk.tasks, "x")
    assert await fails(desk(client).call(Desk.complete_twice)) == "queue.already_completed"
    assert await desk(client).call(Desk.try_all) == []  # the first counts


@line
async def test_waiting_without_a_type_of_results(client: Client) -> None:
    with trio.move_on_after(0.2) as patience:
        await desk(client).send_and_wait(Desk.greeting, "1")
    assert patience.cancelled_caught
    assert await desk(client).call(Desk.next) == "1"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk(client).call, Desk.next)
        assert await desk(client).send_and_wait(Desk.greeting, "2") is None


@line
async def test_a_loop_consumes(client: Client) -> None:
    for text in "123":
        await desk(client).send(Desk.greeting, text)
    assert await desk(client).call(Desk.collect, 0.2) == ["1", "2", "3"]


@line
async def test_a_loop_consumes_what_comes_while_it_runs(client: Client) -> None:
    got: list[list[str]] = []

    async def ask() -> None:
        got.append(await desk(client).call(Desk.collect, 0.5))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        for text in "12":
            await trio.sleep(0.05)
            await desk(client).send(Desk.greeting, text)
    assert got == [["1", "2"]]


@line
async def test_run_consumes(client: Client) -> None:
    runner = client.get_or_create(Runner, "a")
    assert await runner.send_and_wait(Runner.messages, "x") == 1
    assert await runner.call(Runner.seen) == ["wakes", "x"]


@line
async def test_run_that_waits_sleeps_and_resumes(client: Client) -> None:
    runner = client.get_or_create(Runner, "a")
    assert await runner.send_and_wait(Runner.messages, "x") == 1
    await trio.sleep(1)
    assert await runner.send_and_wait(Runner.messages, "y") == 2
    assert await runner.call(Runner.seen) == ["wakes", "x", "wakes", "y"]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
async def test_over_sockets(scenario: Scenario) -> None:
    with trio.fail_after(60):
        async with over_sockets(*ACTORS) as client:
            await scenario(client)
