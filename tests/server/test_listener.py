"""Accepting: counts, limits, failures of the system, and the firewall around each client."""

from __future__ import annotations

import errno
import math
import os
import resource
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.link.peers import tcp_pair
from tests.server.serving import HttpClient, Serving, gateway, rest, serving
from trivet.declare.options import Limits
from trivet.server.http import HttpConnection
from trivet.server.sockets import bind_sockets, peer_of

STRANGER = "203.0.113.7"
VANISHED = {
    "TCP_KEEPIDLE": 7,
    "TCP_KEEPINTVL": 3,
    "TCP_KEEPCNT": 4,
    "TCP_USER_TIMEOUT": 17_000,
}
CERTIFICATE = Path(__file__).with_name("certificate.pem")


class PlayedSocket:
    """A listening socket played by the test: it accepts, or fails to, what it is given."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Any](100)
        self.accepting_at: list[float] = []
        self._clients: list[trio.socket.SocketType] = []

    async def accept(self) -> tuple[trio.socket.SocketType, object]:
        self.accepting_at.append(trio.current_time())
        result = await self._receive.receive()
        if isinstance(result, OSError):
            raise result
        return result, (STRANGER, 50_000)

    def fail(self, number: int) -> None:
        self._send.send_nowait(OSError(number, "played"))

    def connect(self) -> HttpClient:
        ours, theirs = trio.socket.socketpair()
        self._clients.append(ours)
        self._send.send_nowait(theirs)
        return HttpClient(trio.SocketStream(ours))

    def connect_over_tcp(self) -> tuple[HttpClient, socket.socket]:
        """Connect; also return the server's end, to be looked at."""
        theirs, ours = tcp_pair()
        self._clients.append(ours.socket)
        self._send.send_nowait(trio.socket.from_stdlib_socket(theirs))
        return HttpClient(ours), theirs.dup()

    def close(self) -> None:
        for client in self._clients:
            client.close()


@asynccontextmanager
async def listening(site: Serving) -> AsyncGenerator[PlayedSocket]:
    played = PlayedSocket()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(site.listener.accept, played)
        try:
            yield played
        finally:
            played.close()
            nursery.cancel_scope.cancel()


async def health(http: HttpClient) -> int:
    return (await http.request("GET", "/health")).status


async def test_clients_come_through_a_socket() -> None:
    async with serving(host="127.0.0.1") as site:
        stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
        async with stream:
            assert (await HttpClient(stream).call("add", 2)).json == {"output": 2}


async def test_an_address_has_a_limit(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(connections_per_address=2)) as site, listening(site) as played:
        first, second = played.connect(), played.connect()
        assert (await health(first), await health(second)) == (200, 200)
        assert await rest(played.connect().stream) == b""
        assert site.counters.counts["address_full"] == 1
        await first.stream.aclose()
        await wait_all_tasks_blocked()
        third = played.connect()
        assert await health(third) == 200


async def test_this_machine_has_none(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(connections_per_address=1), host="127.0.0.1") as site:
        streams = [await trio.open_tcp_stream("127.0.0.1", site.server.port) for _ in range(3)]
        for stream in streams:
            assert await health(HttpClient(stream)) == 200
            await stream.aclose()


async def test_beyond_the_limit_of_the_server_clients_wait(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(connections=1)) as site, listening(site) as played:
        first = played.connect()
        assert await health(first) == 200
        second = played.connect()
        await second.send("GET", "/health")
        await wait_all_tasks_blocked()
        assert site.counters.counts["connections_full"] == 1
        assert site.listener.open_connections == 1
        await first.stream.aclose()
        assert (await second.reply()).status == 200


async def test_every_socket_accepts_again_when_there_is_room(autojump_clock: MockClock) -> None:
    async with (
        serving(limits=Limits(connections=1)) as site,
        listening(site) as one,
        listening(site) as other,
    ):
        early = [played.connect() for played in (one, other)]  # both were accepting already
        late = [played.connect() for played in (one, other)]
        for client in early:
            assert await health(client) == 200
        for waiting, client in zip(late, early, strict=True):
            await waiting.send("GET", "/health")
            await client.stream.aclose()
        for client in late:
            assert (await client.reply()).status == 200
            await client.stream.aclose()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_without_a_descriptor_one_client_is_turned_away(
    number: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as site, listening(site) as played:
        played.fail(number)
        first, second = played.connect(), played.connect()
        assert (await rest(first.stream)).startswith(b"HTTP/1.1 503 ")
        assert await health(second) == 200
        assert played.accepting_at[:3] == [0.0, 0.0, pytest.approx(0.1)]
        assert site.counters.counts["accept_failed"] == 1
        assert site.counters.counts["turned_away"] == 1
        assert "cannot accept clients" in caplog.text


async def test_nobody_to_turn_away_is_a_pause(autojump_clock: MockClock) -> None:
    async with serving() as site, listening(site) as played:
        played.fail(errno.EMFILE)
        await wait_all_tasks_blocked()
        await trio.sleep(0.15)
        http = played.connect()
        assert await health(http) == 200
        assert site.counters.counts["turned_away"] == 0


@pytest.mark.slow
async def test_a_process_without_descriptors_goes_on() -> None:
    """The real thing: the limit of this process is lowered until accepting fails."""
    async with serving(host="127.0.0.1") as site:
        kept = HttpClient(await trio.open_tcp_stream("127.0.0.1", site.server.port))
        assert await health(kept) == 200
        late = trio.socket.socket()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        hogs = [os.open(os.devnull, os.O_RDONLY)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hogs[0] + 1, hard))
        try:
            with suppress(OSError):  # until there are no more
                while True:
                    hogs.append(os.open(os.devnull, os.O_RDONLY))
            await late.connect(("127.0.0.1", site.server.port))
            turned_away = trio.SocketStream(late)
            assert (await rest(turned_away)).startswith(b"HTTP/1.1 503 ")
            assert await health(kept) == 200
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for hog in hogs:
                os.close(hog)
        await turned_away.aclose()
        again = HttpClient(await trio.open_tcp_stream("127.0.0.1", site.server.port))
        assert await health(again) == 200
        await again.stream.aclose()
        await kept.stream.aclose()
        assert site.counters.counts["turned_away"] == 1


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.ENOMEM])
async def test_running_out_of_something_is_a_pause(
    number: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as site, listening(site) as played:
        played.fail(number)
        http = played.connect()
        assert await health(http) == 200
        assert played.accepting_at[:2] == [0.0, pytest.approx(0.1)]
        assert site.counters.counts["accept_failed"] == 1
        assert "cannot accept clients" in caplog.text


async def test_a_client_that_left_early_is_no_pause(autojump_clock: MockClock) -> None:
    async with serving() as site, listening(site) as played:
        played.fail(errno.ECONNABORTED)
        played.fail(errno.EPROTO)
        http = played.connect()
        assert await health(http) == 200
        assert played.accepting_at[2] == 0.0


async def test_the_system_notices_clients_that_vanish() -> None:
    limits = Limits(ping_after=7, dead_after=10)
    async with serving(limits=limits) as site, listening(site) as played:
        http, server_end = played.connect_over_tcp()
        with server_end:
            assert await health(http) == 200
            assert server_end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            seen = {
                name: server_end.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in VANISHED
                if hasattr(socket, name)
            }
            assert seen == {name: VANISHED[name] for name in seen}


async def test_nobody_asks_for_signs_of_life_for_ever() -> None:
    limits = Limits(ping_after=math.inf)
    async with serving(limits=limits) as site, listening(site) as played:
        http, server_end = played.connect_over_tcp()
        with server_end:
            assert await health(http) == 200
            assert not server_end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_a_socket_that_cannot_listen_is_an_error(autojump_clock: MockClock) -> None:
    async with serving() as site:
        played = PlayedSocket()
        played.fail(errno.EBADF)
        with pytest.raises(OSError, match="played"):
            await site.listener.accept(played)


# -- the firewall --------------------------------------------------------------------------------


async def test_a_mistake_of_ours_ends_one_connection_only(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as site:
        other = site.http()
        assert await health(other) == 200

        async def fail(self: HttpConnection, respond: object) -> None:
            raise RuntimeError("played")

        with monkeypatch.context() as patch:
            patch.setattr(HttpConnection, "serve", fail)
            assert await rest(site.dial()) == b""
        assert site.counters.counts["connection_failed"] == 1
        assert "played" in caplog.text
        assert await health(other) == 200


async def test_a_mistake_while_answering_is_an_internal_error(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with serving() as site:

        def fail(*args: object) -> None:
            raise RuntimeError("played")

        http = site.http()
        with monkeypatch.context() as patch:
            patch.setattr("trivet.server.router.parse_gateway", fail)
            reply = await http.request("GET", "/health")
        assert (reply.status, reply.error) == (500, "rivetkit.internal_error")
        assert b"played" not in reply.body
        assert await health(http) == 200


async def test_a_mistake_in_a_link_ends_it_alone(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with serving() as site:

        def fail(self: object, message: object, size: int) -> None:
            raise RuntimeError("played")

        connect = gateway(path="/connect")
        async with (
            site.websocket(connect, "rivet") as one,
            site.websocket(connect, "rivet") as other,
        ):
            for socket in (one, other):
                await socket.recv()
            message = (
                '{"body":{"tag":"ActionRequest",'
                '"val":{"id":["$BigInt","0"],"name":"value","args":[]}}}'
            )
            with monkeypatch.context() as patch:
                patch.setattr("trivet.runtime.reception.Reception.handle", fail)
                await one.send(message)
                await one.wait_closed()
            await other.send(message)
            assert "ActionResponse" in str(await other.recv())
        assert site.counters.counts["connection_failed"] == 1


async def test_resets_leave_nothing_behind() -> None:
    async with serving(host="127.0.0.1") as site:
        request = f"GET {gateway(path='/connect')} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n"
        handshake = (
            request + "connection: upgrade\r\nsec-websocket-version: 13\r\n"
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()
        for data in (b"", b"GET", handshake[:-2], handshake, handshake + b"\x81"):
            stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
            await stream.send_all(data)
            reset = bytes([1, 0, 0, 0, 0, 0, 0, 0])
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            await stream.aclose()
        stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
        async with stream:
            assert await health(HttpClient(stream)) == 200
        await wait_all_tasks_blocked(0.01)
        assert site.listener.open_connections == 0
        assert site.counters.counts["connection_failed"] == 0


# -- sockets -------------------------------------------------------------------------------------


async def test_tls() -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(CERTIFICATE)
    client_context = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with serving(host="127.0.0.1", ssl_context=server_context) as site:
        assert site.server.url == f"https://127.0.0.1:{site.server.port}"
        plain = await trio.open_tcp_stream("127.0.0.1", site.server.port)
        async with plain:
            await plain.send_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"200" not in await rest(plain)
        secured = trio.SSLStream(
            await trio.open_tcp_stream("127.0.0.1", site.server.port),
            client_context,
            server_hostname="localhost",
            https_compatible=True,
        )
        async with secured:
            assert (await HttpClient(secured).call("add", 2)).json == {"output": 2}
        assert site.counters.counts["connection_failed"] == 0


async def test_every_address_of_a_name_gets_the_same_port() -> None:
    sockets = await bind_sockets("localhost", 0)
    try:
        assert len({bound.getsockname()[1] for bound in sockets}) == 1
    finally:
        for bound in sockets:
            bound.close()


async def test_a_port_that_is_taken_is_an_error() -> None:
    (taken,) = await bind_sockets("127.0.0.1", 0)
    with taken:
        taken.listen(1)
        with pytest.raises(OSError, match="in use"):
            await bind_sockets("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        (("10.0.0.1", 5), "10.0.0.1"),
        (("::1", 5, 0, 0), "::1"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::1"),
        (("::ffff:10.0.0.1", 5, 0, 0), "10.0.0.1"),
        ("", "unix"),
        (b"", "unix"),
    ],
)
def test_who_a_peer_is(address: object, peer: str) -> None:
    assert peer_of(address) == peer
