"""Starting and stopping: what a server refuses to start with, and the order in which it ends."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.actors import Counter, Room
from tests.server.serving import HttpClient, Serving, gateway, rest, serving
from tests.server.sessions import UPGRADE, Client, params
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.declare.registry import Registry
from trivet.runtime.runtime import Runtime, run_runtime
from trivet.server.serve import Server, run_server
from trivet.server.settings import ServerSettings
from trivet.server.stopping import LAST_WORDS
from trivet.storage.memory import MemoryStorage
from trivet.telemetry.counters import Counters


@asynccontextmanager
async def opening(*actors: type[Counter | Room]) -> AsyncGenerator[Runtime]:
    registry = Registry(*(actors or (Counter,)))
    async with run_runtime(registry, MemoryStorage(), Counters(), Limits()) as runtime:
        yield runtime


async def test_a_server_says_where_it_is() -> None:
    async with serving(host="127.0.0.1") as site:
        assert site.server.port > 0
        assert site.server.url == f"http://127.0.0.1:{site.server.port}"
        assert not site.server.runtime.snapshot().actors


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
    with pytest.raises(ValueError, match=r"Counter lets everybody in.*public=True"):
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
        text = rf"cannot listen on 127\.0\.0\.1 port {settings.port}: .* in use"
        with pytest.raises(OSError, match=text) as caught:
            await run_server(opening(), settings)
        assert caught.value.errno == errno.EADDRINUSE


def test_settings_are_checked() -> None:
    for origin in ("foo", "example.com", "https://", "https://a.example/page", ""):
        with pytest.raises(ValueError, match=r"an origin is like https://example\.com"):
            ServerSettings(origins=[origin])
    for origin in ("*", "null", "https://a.example/", "http://a:8080", "tauri://localhost"):
        ServerSettings(origins=[origin])
    for port in (-1, 65536):
        with pytest.raises(ValueError, match="port is a number from 0 to 65535"):
            ServerSettings(port=port)
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


async def connected(site: Serving, log: list[tuple[int, str]], *offer: str, name: str) -> None:
    """Connect, and log how the server closes."""
    async with site.websocket(gateway(name, path="/connect"), "rivet", *offer) as socket:
        log.append(await Client(socket, "json").closed())


@asynccontextmanager
async def serving_beside(
    *actors: type[Actor[Any, Any, Any, Any]], **settings: Any
) -> AsyncGenerator[tuple[Serving, trio.Nursery]]:
    """Serve; clients in the nursery see the server stop when the body is left."""
    async with AsyncExitStack() as stack:
        clients = await stack.enter_async_context(trio.open_nursery())
        yield await stack.enter_async_context(serving(*actors, **settings)), clients


async def test_connections_are_told_to_come_back(autojump_clock: MockClock) -> None:
    ended: list[tuple[int, str]] = []
    async with serving_beside() as (site, clients):
        for _ in range(3):
            clients.start_soon(partial(connected, site, ended, name="counter"))
        await wait_all_tasks_blocked()
        assert len(site.service.links) == 3
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
    holding, release = trio.Event(), trio.Event()
    late: list[trio.SocketStream] = []

    class Holder(Actor, name="holder"):
        @action
        async def hold(self) -> None:
            holding.set()
            await release.wait()

    async def come_late(http: HttpClient, port: int) -> None:
        await wait_all_tasks_blocked()  # the server stops, and waits for the call
        late.append(await trio.open_tcp_stream("127.0.0.1", port))
        release.set()
        assert (await http.reply()).json == {"output": None}

    async with serving_beside(Holder, host="127.0.0.1") as (site, clients):
        port = site.server.port
        http = HttpClient(await trio.open_tcp_stream("127.0.0.1", port))
        await http.send("POST", gateway("holder", path="/action/hold"), b"{}")
        await holding.wait()
        clients.start_soon(come_late, http, port)
    await http.stream.aclose()
    await late[0].aclose()
    with pytest.raises(OSError, match="connect"):
        await trio.open_tcp_stream("127.0.0.1", port)


async def test_a_client_that_never_says_goodbye_does_not_hold_the_stop(
    autojump_clock: MockClock,
) -> None:
    async with serving() as site:
        stream = site.dial()
        await stream.send_all(UPGRADE + b"\r\n")
        await wait_all_tasks_blocked()
        started = trio.current_time()
    assert trio.current_time() - started <= 11
    assert b"\x88\x02\x03\xf4" in await rest(stream)


async def test_a_call_that_has_not_begun_is_told_to_come_back(autojump_clock: MockClock) -> None:
    async with serving() as site:
        running, waiting = site.http(), site.http()
        await running.send("POST", gateway(path="/action/wait"), b'{"args":[3]}')
        await wait_all_tasks_blocked()
        await waiting.send("POST", gateway(path="/action/value"), b"{}")
        await wait_all_tasks_blocked()
    assert (await running.reply()).json == {"output": "waited"}
    reply = await waiting.reply()
    assert (reply.status, reply.error) == (503, "actor.stopping")
    assert "actor" not in reply.json  # it has done nothing of this, and may be asked again


async def test_a_refused_client_that_stays_does_not_hold_the_stop(
    autojump_clock: MockClock,
) -> None:
    async with serving() as site:
        stream = site.dial()
        await stream.send_all(UPGRADE.replace(b"/connect", b"/nowhere") + b"\r\n")
        await wait_all_tasks_blocked()
        started = trio.current_time()
    assert trio.current_time() - started == 5
    assert b"api.not_found" in await rest(stream)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"GET /gateway/someone HTTP/1.1\r\nhost: server\r\n\r\n", b"guard.service_unavailable"),
        (UPGRADE + b"\r\n", b"\x03\xf3actor.stopping"),
        (UPGRADE.replace(b"/counter", b"/nobody") + b"\r\n", b"\x03\xf3actor.stopping"),
    ],
)
async def test_a_request_that_is_on_its_way_when_the_server_stops_is_answered(
    request_: bytes, answer: bytes, autojump_clock: MockClock
) -> None:
    """An official client whose upgrade gets no answer would never come back."""
    async with serving_beside() as (site, clients):
        stream, late = site.dial(), trio.Event()

        async def send_late() -> None:
            await wait_all_tasks_blocked()
            assert site.service.stopping.begun
            await stream.send_all(request_)
            assert answer in await rest(stream)
            late.set()

        await wait_all_tasks_blocked()
        clients.start_soon(send_late)
    assert late.is_set()


async def test_a_client_that_says_nothing_hardly_holds_the_stop(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        await wait_all_tasks_blocked()
        started = trio.current_time()
    assert trio.current_time() - started == LAST_WORDS
    assert await rest(stream) == b""


async def test_half_a_request_does_not_hold_the_stop(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        await stream.send_all(
            b"POST /actors HTTP/1.1\r\nhost: server\r\ncontent-length: 9\r\n\r\n{"
        )
        await wait_all_tasks_blocked()
        started = trio.current_time()
    assert trio.current_time() - started == LAST_WORDS


async def test_hooks_of_the_connections_run_at_the_stop(autojump_clock: MockClock) -> None:
    log: list[str] = []

    class Logging(Room, name="room"):
        async def on_wake(self) -> None:
            self.log = log

    ended: list[tuple[int, str]] = []
    async with serving_beside(Logging) as (site, clients):
        clients.start_soon(partial(connected, site, ended, params('{"token":"ann"}'), name="room"))
        await wait_all_tasks_blocked()
    assert ended == [(1012, "")]
    assert log == ["ann stop"]


async def test_a_signal_is_the_graceful_stop() -> None:
    async with serving(handle_signals=True) as site:
        signal.raise_signal(signal.SIGTERM)
        stream = site.dial()
        assert await rest(stream) == b""


class FailingRuntime(AbstractAsyncContextManager[Runtime]):
    async def __aenter__(self) -> Runtime:
        raise LookupError("no store")

    async def __aexit__(self, *error: object) -> None:
        raise AssertionError("it was never entered")


async def test_what_the_runtime_raises_comes_out() -> None:
    with pytest.raises(LookupError, match="no store"):
        await run_server(FailingRuntime(), ServerSettings(host=None))
