"""Raw WebSockets and streams in whatever order: each leaves once, and nothing is left of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import attrs
import trio
from hypothesis import given, strategies as st
from trio.testing import wait_all_tasks_blocked

from tests.client.scheduling import run_shuffled
from tests.runtime.runtimes import call, handle, opened, put_away, recorder_of
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import Error
from trivet.declare.interfaces import Conn
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import ClientWebSocket, WebSocket
from trivet.lifecycle.connection import ConnectionEvent
from trivet.runtime.runtime import Runtime

LEFT: Counter[str] = Counter()
ENTERED: Counter[str] = Counter()


class Hall(Actor[int, str, str | None], call_hooks=True):
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

    async def on_websocket(self, socket: WebSocket[str]) -> None:
        async for message in socket:
            match message:
                case "close":
                    await socket.close(4000)
                case "return":
                    return
                case "fail":
                    raise ValueError("broken")
                case "turn":
                    async with self.turn():
                        self.state += 1
                case "leave":
                    await socket.conn.disconnect()
                case _:
                    socket.send(message)

    @action
    async def kick_everybody(self) -> None:
        for conn in self.conns.select(lambda conn: conn.kind in {"websocket", "request"}):
            await conn.disconnect("out")


STEPS = st.one_of(
    st.tuples(st.sampled_from(["socket", "stream", "kick", "put away", "wait", "let run"])),
    st.tuples(
        st.just("say"),
        st.integers(0, 9),
        st.sampled_from(["close", "return", "fail", "turn", "leave", "echo"]),
    ),
    st.tuples(st.sampled_from(["close", "cancel"]), st.integers(0, 9)),
    st.tuples(st.just("refused")),
)


@attrs.define(eq=False)
class Visitor:
    """A client in a task of its own."""

    scope: trio.CancelScope = attrs.Factory(trio.CancelScope)
    socket: ClientWebSocket | None = None

    async def connect(self, runtime: Runtime, name: str) -> None:
        with self.scope:
            async with handle(runtime, Hall).with_params(name).websocket() as self.socket:
                async for _ in self.socket:
                    pass

    async def fetch(self, runtime: Runtime, how: str) -> None:
        with self.scope:
            try:
                await handle(runtime, Hall).fetch(f"/?{how}")
            except Error:
                pass

    async def say(self, message: str) -> None:
        if self.socket is not None:
            try:
                await self.socket.send(message)
            except Error:
                pass


async def kick(runtime: Runtime) -> None:
    try:
        await call(runtime, Hall.kick_everybody)
    except Error:
        pass


async def play(steps: list[tuple[object, ...]]) -> None:
    LEFT.clear()
    ENTERED.clear()
    async with opened(Hall) as runtime:
        async with trio.open_nursery() as nursery:
            visitors: list[Visitor] = []
            for step in steps:
                match step:
                    case ("socket" | "refused" as name,):
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
                    case ("wait",):
                        await trio.sleep(1)
                    case ("let run",):
                        await wait_all_tasks_blocked()
                    case ("say", int(number), str(message)) if visitors:
                        nursery.start_soon(visitors[number % len(visitors)].say, message)
                    case ("close", int(number)) if visitors:
                        socket = visitors[number % len(visitors)].socket
                        if socket is not None:
                            nursery.start_soon(partial(socket.close, 4001))
                    case ("cancel", int(number)) if visitors:
                        visitors[number % len(visitors)].scope.cancel()
                    case _:
                        pass
            await trio.sleep(100)
            nursery.cancel_scope.cancel()
        await trio.sleep(20)
        for instance in runtime.directory.instances:
            assert not instance.reception.connections
            assert not instance.reception.handlers
            assert not instance.conns
    recorder = recorder_of(runtime)
    admitted = {
        conn_id for conn_id, trace in recorder.connections.items() if ConnectionEvent.ADMIT in trace
    }
    assert set(LEFT) == admitted
    assert set(ENTERED) <= admitted
    assert set(LEFT.values()) <= {1}


@given(steps=st.lists(STEPS, max_size=25), seed=st.integers(0, 2**32 - 1))
def test_everybody_leaves_exactly_once(steps: list[tuple[object, ...]], seed: int) -> None:
    run_shuffled(play, steps, seed=seed)
