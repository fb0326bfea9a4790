"""Starting and stopping: what a server refuses to start with, and the order in which it ends."""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from websockets.exceptions import ConnectionClosed

from tests.server.actors import Counter, Room
from tests.server.serving import HttpClient, gateway, rest, serving
from trivet.declare.options import Limits
from trivet.declare.registry import Registry
from trivet.runtime.runtime import Runtime, run_runtime
from trivet.server.serve import Server, run_server
from trivet.server.settings import ServerSettings
from trivet.storage.memory import MemoryStorage
from trivet.telemetry.counters import Counters

CONNECT = gateway(path="/connect")


@asynccontextmanager
async def opening(*actors: type[Counter | Room]) -> AsyncGenerator[Runtime]:
    registry = Registry(*(actors or (Counter,)))
    async with run_runtime(registry, MemoryStorage(), Counters(), Limits()) as runtime:
        yield runtime


async def test_a_server_says_where_it_is() -> None:
    async with serving(host="127.0.0.1") as site:
        assert site.server.port > 0
        assert site.server.url == f"http://127.0.0.1:{site.server.port}"


async def test_a_server_without_a_socket_serves_streams(autojump_clock: MockClock) -> None:
    async with serving() as site:
        assert (site.server.url, site.server.port) == ("http://localhost", 0)
        assert (await site.http().call("add", 1)).json == {"output": 1}


async def test_a_socket_may_be_ready_made(tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "trivet"))
    listening.listen()
    async with serving(listening=listening) as site:
        stream = await trio.open_unix_socket(str(tmp_path / "trivet"))
        async with stream:
            assert (await HttpClient(stream).call("add", 1)).json == {"output": 1}
        assert site.server.port == 0


# -- what it does not start with -----------------------------------------------------------------


async def test_an_actor_that_lets_everybody_in_is_not_shown_to_other_machines() -> None:
    with pytest.raises(ValueError, match="Counter lets everybody in.*public=True"):
        await run_server(opening(Room, Counter), ServerSettings(host="0.0.0.0", port=0))


@pytest.mark.parametrize(
    ("actors", "public"), [((Room,), False), ((Room, Counter), True), ((Counter,), True)]
)
async def test_guarded_or_public_actors_are(
    actors: tuple[type[Counter | Room], ...], public: bool
) -> None:
    settings = ServerSettings(host="0.0.0.0", port=0, public=public)
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(run_server, opening(*actors), settings))
        assert server.url == f"http://127.0.0.1:{server.port}"
        nursery.cancel_scope.cancel()


async def test_a_port_that_is_taken_is_told() -> None:
    async with serving(host="127.0.0.1") as site:
        settings = ServerSettings(port=site.server.port)
        with pytest.raises(OSError, match="in use"):
            await run_server(opening(), settings)


def test_settings_are_checked() -> None:
    with pytest.raises(TypeError, match="list of origins"):
        ServerSettings(origins="https://a.example")
    for path in ("api", "/api/", "/"):
        with pytest.raises(ValueError, match="base_path"):
            ServerSettings(base_path=path)


async def test_only_this_machine_may_list_actors(autojump_clock: MockClock) -> None:
    async with serving(Room, host="0.0.0.0") as site:
        reply = await site.http().request("GET", "/actors?name=room")
        assert (reply.status, reply.error) == (403, "auth.forbidden")
        found = await site.http().request("GET", "/actors?name=room&key=a")
        assert found.json["actors"] == []


# -- the stop ------------------------------------------------------------------------------------


async def test_connections_are_told_to_come_back(autojump_clock: MockClock) -> None:
    ended: list[tuple[int, str]] = []

    async def stay(socket: object) -> None:
        try:
            await socket.recv()  # type: ignore[attr-defined]
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            ended.append((closed.rcvd.code, closed.rcvd.reason))

    async with trio.open_nursery() as nursery:
        started: list[object] = []

        async def connected(site: object) -> None:
            async with site.websocket(CONNECT, "rivet") as socket:  # type: ignore[attr-defined]
                await socket.recv()
                started.append(socket)
                await stay(socket)

        async with serving() as site:
            for _ in range(3):
                nursery.start_soon(connected, site)
            await wait_all_tasks_blocked()
            assert len(started) == 3
    assert ended == [(1012, "")] * 3


async def test_idle_connections_end_and_calls_are_answered(autojump_clock: MockClock) -> None:
    async with serving() as site:
        idle, fresh, busy = site.http(), site.http(), site.http()
        assert (await idle.call("add", 1)).status == 200
        await busy.send("POST", gateway(path="/action/wait"), b'{"args":[3]}')
        await wait_all_tasks_blocked()
    assert await rest(idle.stream) == b""
    assert await rest(fresh.stream) == b""
    reply = await busy.reply()
    assert reply.json == {"output": "waited"}
    assert reply.headers["connection"] == "close"
    assert await rest(busy.stream) == b""


async def test_the_socket_listens_until_everything_has_ended() -> None:
    async with serving(host="127.0.0.1") as site:
        http = HttpClient(await trio.open_tcp_stream("127.0.0.1", site.server.port))
        await http.send("POST", gateway(path="/action/wait"), b'{"args":[0.2]}')
        while not site.runtime.directory.instances:
            await trio.lowlevel.checkpoint()
        site.stop.cancel()
        with trio.CancelScope(shield=True):
            late = await trio.open_tcp_stream("127.0.0.1", site.server.port)
            assert (await http.reply()).json == {"output": "waited"}
            await http.stream.aclose()
    async with late:
        with pytest.raises(trio.BrokenResourceError):
            while await late.receive_some():
                pass
            raise trio.BrokenResourceError  # closed without a reset
    with pytest.raises(OSError, match="refused|connect"):
        await trio.open_tcp_stream("127.0.0.1", site.server.port)


async def test_a_client_that_never_says_goodbye_does_not_hold_the_stop(
    autojump_clock: MockClock,
) -> None:
    async with serving() as site:
        stream = site.dial()
        await stream.send_all(
            f"GET {CONNECT} HTTP/1.1\r\nhost: server\r\nupgrade: websocket\r\n"
            "connection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "sec-websocket-version: 13\r\n\r\n".encode()
        )
        await wait_all_tasks_blocked()
        started = trio.current_time()
    assert trio.current_time() - started <= 11
    assert b"\x88\x02\x03\xf4" in await rest(stream)


async def test_half_a_request_does_not_hold_the_stop(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        await stream.send_all(
            b"POST /actors HTTP/1.1\r\nhost: server\r\ncontent-length: 9\r\n\r\n{"
        )
        await wait_all_tasks_blocked()
        started = trio.current_time()
    assert trio.current_time() == started


async def test_hooks_of_the_connections_run_at_the_stop(autojump_clock: MockClock) -> None:
    log: list[str] = []

    class Logging(Room, name="room"):
        async def on_wake(self) -> None:
            self.log = log

    async with trio.open_nursery() as nursery:

        async def connected(site: object) -> None:
            offer = ("rivet", "rivet_conn_params.%7B%22token%22%3A%22ann%22%7D")
            address = gateway("room", path="/connect")
            async with site.websocket(address, *offer) as socket:  # type: ignore[attr-defined]
                with pytest.raises(ConnectionClosed):
                    while True:
                        await socket.recv()

        async with serving(Logging) as site:
            nursery.start_soon(connected, site)
            await wait_all_tasks_blocked()
    assert log == ["ann stop"]


async def test_a_signal_is_the_graceful_stop() -> None:
    async with serving(handle_signals=True) as site:
        signal.raise_signal(signal.SIGTERM)
        stream = site.dial()
        assert await rest(stream) == b""


async def test_what_the_runtime_raises_comes_out() -> None:
    @asynccontextmanager
    async def failing() -> AsyncGenerator[Runtime]:
        raise LookupError("no store")
        yield

    with pytest.raises(LookupError, match="no store"):
        await run_server(failing(), ServerSettings(host=None))
    with pytest.RaisesGroup(LookupError):
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(run_server, failing(), ServerSettings(host=None)))
