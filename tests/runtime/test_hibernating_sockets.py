"""Raw WebSockets that survive the sleep of their actor: who handles which message, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.front_desk import LOG, SOCKETS, Desk, Plain, Polite, asks, at, order
from tests.runtime.runtimes import awake, call, handle, opened, put_away, recorder_of, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.options import Limits
from trivet.declare.request import Request
from trivet.declare.web_socket import ClientWebSocket, WebSocket
from trivet.runtime.runtime import Runtime


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    LOG.clear()
    SOCKETS.clear()


async def test_whoever_waits_for_messages_sleeps_and_goes_on(autojump_clock: MockClock) -> None:
    async with opened(Polite) as runtime, at(runtime, Polite) as socket:
        await asks(socket, "one")
        (conn_id,) = (await wake(runtime, Polite)).conns
        await trio.sleep(100)
        assert awake(runtime, Polite) is None
        assert LOG[-2:] == ["sleep @10", "cut @10"]
        assert await socket.receive() == "good night"
        await asks(socket, "two")
        instance = await wake(runtime, Polite)
        assert list(instance.conns) == [conn_id]
        assert instance.conns[conn_id].state == ["one", "two"]
        assert instance.conns[conn_id].hibernates
        assert LOG[-3:] == ["wake @100", "again 1 @100", "hear two @100"]
        assert await handle(runtime, Polite).call(Desk.words) == ["1 one", "2 two"]
    assert order().count("connect True") == 1
    assert order().count("over") == 1
    assert order().count("disconnect client ['one', 'two']") == 1


async def test_a_handler_that_is_busy_keeps_it_awake(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, at(runtime) as socket:
        await trio.sleep(5)
        await asks(socket, "long 33")
        await trio.sleep(100)
        assert "sleep @48" in LOG


class Chosen(Desk, hibernate_websockets=lambda request: request.query == "keep"):
    pass


async def test_a_predicate_tells_which_sockets_do(autojump_clock: MockClock) -> None:
    async with opened(Chosen) as runtime:
        target = handle(runtime, Chosen)
        async with target.websocket("/desk") as one, target.websocket("/desk?keep") as two:
            await asks(one, "here")
            await asks(two, "here")
            assert {line for line in order() if "connect" in line} == {
                "connect False",
                "connect True",
            }
            await trio.sleep(100)
            assert awake(runtime, Chosen) is not None
            await put_away(runtime, Chosen)
            await wait_all_tasks_blocked()
            assert one.close_code == 1012
            await asks(two, "still")


@pytest.mark.parametrize("answer", [None, "raise"])
async def test_a_predicate_that_fails_refuses(
    answer: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(request: Request) -> Any:
        if answer == "raise":
            raise ValueError("broken")

    class Broken(Desk, hibernate_websockets=fails):
        pass

    async with opened(Broken) as runtime, at(runtime, Broken) as socket:
        with pytest.raises(errors.ConnectionClosed):
            await socket.receive()
        assert socket.close_code == 1011
        assert "internal_error" in socket.close_reason


@pytest.mark.parametrize("wrong", ["yes", 1])
def test_the_keyword_is_a_bool_or_a_function(wrong: Any) -> None:
    with pytest.raises(TypeError, match="hibernate_websockets is a bool, or"):
        type("Wrong", (Desk,), {}, hibernate_websockets=wrong)


def test_the_function_must_not_wait() -> None:
    async def wait(request: Request) -> bool:
        return True

    with pytest.raises(TypeError, match="a plain function"):
        type("Wrong", (Desk,), {}, hibernate_websockets=wait)


async def test_a_message_that_was_not_asked_for_is_for_the_next(
    autojump_clock: MockClock,
) -> None:
    async with opened(Desk) as runtime, at(runtime) as socket:
        for word in ("sleep 3", "two", "three"):
            await socket.send(word)
        heard = [await socket.receive() for _ in range(3)]
        assert heard == ["heard sleep", "heard two", "heard three"]
        assert order() == [
            *["wake", "connect True", "serve 0", "hear sleep", "sleep", "cut"],
            *["wake", "again 1", "hear two", "hear three"],
        ]
        assert LOG[4:6] == ["sleep @0", "cut @3"]


async def test_a_handler_that_is_cut_gets_its_message_again(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Desk) as runtime, at(runtime) as socket:
        await asks(socket, "one")
        await socket.send("sleep 1000")
        await socket.send("three")
        await trio.sleep(14.9)
        assert "cut @15" not in LOG
        await trio.sleep(0.2)
        assert "cut @15" in LOG
        assert "cut at the end of the grace: on_websocket" in caplog.text
        assert order()[-5:] == ["cut", "wake", "again 1", "hear sleep", "sleep"]
        assert await call(runtime, Desk.words) == ["1 one", "2 sleep", "2 sleep"]


async def test_a_crash_is_like_sleep(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, at(runtime) as socket:
        await asks(socket, "one")
        await socket.send("nap 5")
        await socket.send("three")
        await wait_all_tasks_blocked()
        (await wake(runtime, Desk)).actor.start_soon(Desk.fall, None)
        assert await socket.receive() == "heard nap"
        assert await socket.receive() == "heard three"
        assert await call(runtime, Desk.words) == ["1 one", "2 nap", "2 nap", "3 three"]
        assert order().count("serve 0") == 1
        assert order().count("again 1") == 1
        assert socket.close_code is None


class Careful(Desk):
    async def hear(self, socket: WebSocket[list[str]], message: str) -> None:
        async with self.turn():
            self.state.append(f"{socket.message_index} {message}")


async def test_what_a_failed_save_has_lost_is_handled_again(autojump_clock: MockClock) -> None:
    store = HeldStorage()
    store.holding = False
    async with opened(Careful, storage=store) as runtime, at(runtime, Careful) as socket:
        await socket.send("one")
        await wait_all_tasks_blocked()
        store.holding = True
        for word in ("two", "three", "four"):
            await socket.send(word)
        await wait_all_tasks_blocked()
        assert SOCKETS[-1].message_index == 4  # and nothing of it is stored
        store.holding = False
        store.saves[-1].fail()
        await wait_all_tasks_blocked()
        assert socket.close_code is None
        words = await handle(runtime, Careful).call(Desk.words)
        assert words == ["1 one", "2 two", "3 three", "4 four"]
        assert order().count("again 1") == 1


async def test_what_the_last_save_stores_is_not_handled_again(autojump_clock: MockClock) -> None:
    store = HeldStorage()
    store.holding = False
    async with opened(Careful, storage=store) as runtime, at(runtime, Careful) as socket:
        await socket.send("one")
        await wait_all_tasks_blocked()
        store.holding = True
        for word in ("two", "three", "four"):
            await socket.send(word)
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(put_away, runtime, Careful)
            await wait_all_tasks_blocked()
            store.holding = False
            store.saves[-1].succeed()
        await wait_all_tasks_blocked()
        assert awake(runtime, Careful) is None  # nothing is left to do
        words = await handle(runtime, Careful).call(Desk.words)
        assert words == ["1 one", "2 two", "3 three", "4 four"]
        await wait_all_tasks_blocked()
        assert order()[-1] == "again 4"


@pytest.mark.parametrize("hooked", [False, True])
async def test_who_leaves_meanwhile_is_read_to_the_end(
    hooked: bool, autojump_clock: MockClock
) -> None:
    actor = Desk if hooked else Plain
    async with opened(actor) as runtime:
        async with at(runtime, actor) as socket:
            await asks(socket, "one")
            await put_away(runtime, actor)
        await trio.sleep(1)
        left = ["disconnect client ['one']"] if hooked else []
        assert sorted(order()[-2 - hooked :]) == sorted(["again 1", "over", *left])
        async with at(runtime, actor) as socket:
            await asks(socket, "one")
            await socket.send("sleep 3")
            await socket.send("last")
            await wait_all_tasks_blocked()
            await trio.sleep(1)
        await trio.sleep(20)
        assert order().count("over") == 2
        assert order().count("hear last") == 1
        assert order().count("disconnect client ['one', 'sleep']") == hooked


@pytest.mark.parametrize("awake_again", [False, True])
@pytest.mark.parametrize("end", ["disconnect", "close"])
async def test_whoever_holds_it_can_still_close_it(
    end: str, awake_again: bool, autojump_clock: MockClock
) -> None:
    async with opened(Desk) as runtime, at(runtime) as socket:
        await asks(socket, "one")
        await put_away(runtime, Desk)
        if awake_again:
            await wake(runtime, Desk)
        held: Any = SOCKETS[0].conn if end == "disconnect" else SOCKETS[0]
        assert not SOCKETS[0].send("lost")
        await getattr(held, end)()
        with pytest.raises(errors.ConnectionClosed):
            await socket.receive()
        assert socket.close_code == 1000
        await trio.sleep(1)
        causes = [line for line in order() if line.startswith("disconnect")]
        cause = "server" if end == "close" else "kick"
        assert causes == [f"disconnect {cause} ['one']"]


async def test_closing_who_has_left_as_the_actor_falls_asleep(autojump_clock: MockClock) -> None:
    """The next handler would have heard of it; now it leaves here, and once."""

    class Slow(Desk):
        def __init__(self) -> None:
            self.start_soon(self.resist)

        async def resist(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(3)

    async with opened(Slow) as runtime, trio.open_nursery() as nursery:
        async with at(runtime, Slow) as socket:
            await asks(socket, "one")
            nursery.start_soon(put_away, runtime, Slow)
            await trio.sleep(1)
            assert "cut" in order()
        await SOCKETS[0].conn.disconnect("out")
        assert trio.current_time() < 3
        assert order().count("disconnect kick ['one']") == 1


async def test_who_reads_for_nobody_gets_nothing(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, at(runtime) as socket:
        await asks(socket, "one")
        await put_away(runtime, Desk)
        await asks(socket, "two")
        with pytest.raises(StopAsyncIteration):
            await anext(SOCKETS[0])
        await asks(socket, "three")


def destroyed(runtime: Runtime) -> Any:
    return call(runtime, Desk.leave)


def kicked(runtime: Runtime) -> Any:
    return call(runtime, Desk.kick)


@pytest.mark.parametrize(
    ("end", "code", "cause"), [(destroyed, 1000, "destroy"), (kicked, 1000, "kick")]
)
async def test_destroying_and_kicking_close(
    end: Callable[[Runtime], Any], code: int, cause: str, autojump_clock: MockClock
) -> None:
    async with opened(Desk) as runtime, at(runtime) as socket:
        await asks(socket, "one")
        await put_away(runtime, Desk)
        await end(runtime)
        with pytest.raises(errors.ConnectionClosed):
            await socket.receive()
        assert socket.close_code == code
        await trio.sleep(1)
        assert order().count(f"disconnect {cause} ['one']") == 1
        assert order().count("over") == 1


@pytest.mark.parametrize("asleep", [False, True])
async def test_the_end_of_the_runtime_closes(asleep: bool, autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        socket = await runtime.nursery.start(stay, runtime)
        await asks(socket, "one")
        if asleep:
            await put_away(runtime, Desk)
    assert order().count("disconnect stop ['one']") == 1
    assert order().count("over") == 1
    assert socket.close_code == 1012


async def stay(runtime: Runtime, task_status: trio.TaskStatus[ClientWebSocket]) -> None:
    async with at(runtime) as socket:
        task_status.started(socket)
        await trio.sleep_forever()


async def test_a_client_waits_while_there_is_too_much(autojump_clock: MockClock) -> None:
    limits = Limits(inbox_messages=4)
    async with opened(Desk, limits=limits) as runtime, at(runtime) as socket:
        await socket.send("long 50")
        await wait_all_tasks_blocked()
        for _ in range(3):
            await socket.send("more")
        with trio.move_on_after(10) as scope:
            await socket.send("more")
        assert scope.cancelled_caught
        await trio.sleep(100)
        assert [await socket.receive() for _ in range(4)][-1] == "heard more"
        await socket.send("more")


async def test_an_actor_that_cannot_wake_closes_it(autojump_clock: MockClock) -> None:
    class Stubborn(Desk):
        async def on_wake(self) -> None:
            if LOG:
                raise errors.UserError("no")
            self.note("wake")

    async with opened(Stubborn) as runtime, at(runtime, Stubborn) as socket:
        await asks(socket, "one")
        await put_away(runtime, Stubborn)
        await socket.send("two")
        with pytest.raises(errors.ConnectionClosed):
            await socket.receive()
        assert (socket.close_code, socket.close_reason) == (1011, "user.user_error")
        LOG.clear()
        await wake(runtime, Stubborn)
        await trio.sleep(1)
        assert sorted(order()) == ["again 1", "disconnect server ['one']", "over", "wake"]
    assert recorder_of(runtime).counts["opening_refused"] == 1
