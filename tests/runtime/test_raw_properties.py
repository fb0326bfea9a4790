"""Raw WebSockets and streams in whatever order: each leaves once, and nothing is left of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise

import attrs
import trio
from hypothesis import given, strategies as st
from trio.testing import wait_all_tasks_blocked

from tests.client.scheduling import run_shuffled
from tests.runtime.runtimes import call, handle, opened, put_away, recorder_of
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import Error
from trivet.declare.handle import Address
from trivet.declare.interfaces import Conn
from trivet.declare.registry import definition_of
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import ClientWebSocket, WebSocket
from trivet.lifecycle.connection import ConnectionEvent
from trivet.runtime.runtime import Runtime

LEFT: Counter[str] = Counter()
ENTERED: Counter[str] = Counter()
READ: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
"""What the handlers of each socket have read, with its numbers."""


def stays(request: Request) -> bool:
    return request.query == "stays"


class Hall(
    Actor[list[str], str, str | None], call_hooks=True, sleep_after=3.0, hibernate_websockets=stays
):
    async def create_conn_state(self, params: str | None) -> str:
        await trio.lowlevel.checkpoint()
        return params or ""

    async def on_connect(self, conn: Conn[str]) -> None:
        ENTERED[conn.id] += 1
        if conn.state == "refused":
            raise ValueError("not you")

    async def on_disconnect(self, conn: Conn[str]) -> None:
        assert conn.id not in self.conns
        LEFT[conn.id] += 1
        await trio.lowlevel.checkpoint()

    async def on_request(self, request: Request) -> Response:
        await trio.sleep(1)
        return Response(self.pieces(request.query))

    async def pieces(self, how: str) -> AsyncIterator[bytes]:  # noqa: ASYNC900  # the actor closes it
        for _ in range(3):
            yield b"x"
            await trio.sleep(1)
        if how == "fail":
            raise ValueError("broken")

    async def on_sleep(self) -> None:
        await trio.sleep(0.5)

    async def fall(self) -> None:
        raise ValueError("fallen")

    async def on_websocket(self, socket: WebSocket[str]) -> None:
        async for message in socket:
            message = str(message)
            READ[socket.conn.id].append((socket.message_index, message))
            match message.partition(" ")[0]:
                case "close":
                    await socket.close(4000)
                case "return":
                    return
                case "fail":
                    raise ValueError("broken")
                case "turn":
                    async with self.turn():
                        mine = f"{socket.conn.id} {socket.message_index}"
                        if mine not in self.state:
                            self.state.append(mine)
                        await trio.sleep(0.5)
                case "sleep":
                    self.sleep()
                case "destroy":
                    self.destroy()
                case "fall":
                    again = READ[socket.conn.id].count((socket.message_index, message)) > 1
                    if not again:
                        self.start_soon(self.fall)
                        await trio.sleep(1)
                case "nap":
                    await trio.sleep(30)
                case "leave":
                    await socket.conn.disconnect()
                case _:
                    socket.send(message)

    @action
    async def kick_everybody(self) -> None:
        for conn in self.conns.select(lambda conn: conn.kind in {"websocket", "request"}):
            await conn.disconnect("out")


STEPS = st.one_of(
    st.tuples(
        st.sampled_from(
            [*["socket", "stays", "stays", "stream", "kick", "destroy"], *["put away", "wait"] * 2]
        )
    ),
    st.tuples(st.sampled_from(["let run", "wait long"])),
    st.tuples(
        st.just("say"),
        st.integers(0, 9),
        st.sampled_from(
            [*["close", "return", "fail", "turn", "leave"], *["sleep", "fall", "nap", "destroy"]]
            + ["echo", "turn"] * 3
        ),
    ),
    st.tuples(st.sampled_from(["close", "cancel"]), st.integers(0, 9)),
    st.tuples(st.just("refused")),
)


@attrs.define(eq=False)
class Visitor:
    """A client in a task of its own."""

    scope: trio.CancelScope = attrs.Factory(trio.CancelScope)
    socket: ClientWebSocket | None = None
    sent: list[str] = attrs.Factory(list[str])
    heard: list[str] = attrs.Factory(list[str])

    async def connect(self, runtime: Runtime, name: str) -> None:
        path = "/?stays" if name == "stays" else "/"
        with self.scope:
            async with handle(runtime, Hall).with_params(name).websocket(path) as self.socket:
                async for message in self.socket:
                    self.heard.append(str(message))

    async def fetch(self, runtime: Runtime, how: str) -> None:
        with self.scope:
            try:
                await handle(runtime, Hall).fetch(f"/?{how}")
            except Error:
                pass

    async def say(self, message: str) -> None:
        if self.socket is not None:
            try:
                text = f"{message} {len(self.sent) + 1}"
                self.sent.append(text)
                await self.socket.send(text)
            except Error:
                pass


async def kick(runtime: Runtime) -> None:
    try:
        await call(runtime, Hall.kick_everybody)
    except Error:
        pass


async def destroy(runtime: Runtime) -> None:
    try:
        await runtime.destroy(definition_of(Hall), Address(key=("a",)))
    except Error:
        pass


def check_reading() -> None:
    """Each message was read in its turn, and only what was cut again, with its number."""
    for read in READ.values():
        assert [number for number, _ in dict.fromkeys(read)] == [*range(1, len(set(read)) + 1)]
        for (before, _), (after, _) in pairwise(read):
            assert after in {before, before + 1}, read


async def play(steps: list[tuple[object, ...]]) -> None:
    LEFT.clear()
    ENTERED.clear()
    READ.clear()
    async with opened(Hall) as runtime:
        async with trio.open_nursery() as nursery:
            visitors: list[Visitor] = []
            for step in steps:
                match step:
                    case ("socket" | "stays" | "refused" as name,):
                        visitors.append(Visitor())
                        nursery.start_soon(visitors[-1].connect, runtime, str(name))
                    case ("stream",):
                        visitors.append(Visitor())
                        how = "fail" if len(visitors) % 2 else "end"
                        nursery.start_soon(visitors[-1].fetch, runtime, how)
                    case ("kick",):
                        nursery.start_soon(kick, runtime)
                    case ("put away",):
                        nursery.start_soon(put_away, runtime, Hall)
                    case ("destroy",):
                        nursery.start_soon(destroy, runtime)
                    case ("wait",):
                        await trio.sleep(1)
                    case ("wait long",):
                        await trio.sleep(7)
                    case ("let run",):
                        await wait_all_tasks_blocked()
                    case ("say", int(number), str(message)):
                        talkers = [visitor for visitor in visitors if visitor.socket is not None]
                        for talker in talkers and [talkers[number % len(talkers)]]:
                            nursery.start_soon(talker.say, message)
                    case ("close", int(number)) if visitors:
                        socket = visitors[number % len(visitors)].socket
                        if socket is not None:
                            nursery.start_soon(partial(socket.close, 4001))
                    case ("cancel", int(number)) if visitors:
                        visitors[number % len(visitors)].scope.cancel()
                    case _:
                        pass
            await trio.sleep(1000)
            for visitor in visitors:
                if visitor.socket is not None and visitor.socket.close_code is None:
                    echoes = {text for text in visitor.sent if text.startswith("echo")}
                    assert set(visitor.heard) == echoes
            nursery.cancel_scope.cancel()
        await trio.sleep(20)
        for instance in runtime.directory.instances:
            assert not instance.reception.connections
            assert not instance.reception.handlers
            assert not instance.conns
    check_reading()
    recorder = recorder_of(runtime)
    admitted = {
        conn_id for conn_id, trace in recorder.connections.items() if ConnectionEvent.ADMIT in trace
    }
    assert set(LEFT) == admitted
    assert set(ENTERED) <= admitted
    assert set(LEFT.values()) <= {1}


# Somebody is there from the start, so that what follows has somebody to happen to.
SCRIPTS = st.builds(
    list[tuple[object, ...]].__add__,
    st.sampled_from([[], [("stays",), ("stays",), ("let run",)]]),
    st.lists(STEPS, max_size=25),
)


@given(steps=SCRIPTS, seed=st.integers(0, 2**32 - 1))
def test_everybody_leaves_exactly_once(steps: list[tuple[object, ...]], seed: int) -> None:
    run_shuffled(play, steps, seed=seed)
