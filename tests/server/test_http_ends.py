"""How a client's half of an HTTP connection ends, and how a streamed answer that breaks off does."""

from __future__ import annotations

import tracemalloc
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.serving import rest
from tests.server.test_raw_http import actor_at_work, dial, get
from tests.server.web import actor_of, told, web
from trivet.declare.options import Limits
from trivet.link.unfinished import Share, Unfinished
from trivet.server.http import HttpConnection
from trivet.server.peers import Proxies
from trivet.server.stopping import Stopping

PIECES = 5_000


@attrs.define
class TinyChunks:
    """A transport whose client sends a body in chunks of one byte."""

    head: bytes
    sent: int = 0
    taken: int = 0

    async def receive_some(self) -> bytes:
        head, self.head = self.head, b""
        if head:
            return head
        self.sent += 1000
        if self.sent <= PIECES:
            return b"1\r\nx\r\n" * 1000
        self.taken = tracemalloc.get_traced_memory()[0]
        return b"0\r\n\r\n"

    def __getattr__(self, name: str) -> Any:
        async def ignore(*_: object) -> None:
            await trio.lowlevel.checkpoint()

        return ignore


async def test_a_body_in_tiny_chunks_takes_little_memory(autojump_clock: MockClock) -> None:
    transport: Any = TinyChunks(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    bodies: list[bytes] = []

    async def respond(head: Any, read: Any) -> Any:
        bodies.append(await read(1_000_000))
        raise trio.BrokenResourceError

    http = HttpConnection(
        transport,
        "peer",
        Limits(),
        Stopping(),
        proxies=Proxies(()),
        max_params=4096,
        count=len,
        share=Share(Unfinished()),
    )
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        with pytest.raises(trio.BrokenResourceError):
            await http.serve(respond)
    finally:
        tracemalloc.stop()
    assert bodies == [b"x" * PIECES]
    assert transport.taken - before < 50 * PIECES


@pytest.mark.parametrize("ahead", [0, 70_000, 300_000])
async def test_a_client_that_leaves_with_much_behind_its_request(
    ahead: int, autojump_clock: MockClock
) -> None:
    async with web() as (site, _):
        connection = dial(site)
        await connection.client.send_all(get("/stream?wait") + b"x" * ahead)
        await actor_at_work(site)
        await connection.client.receive_some()
        await connection.client.aclose()
        assert (await told(site))[-2:] == ["stream wait closed", "nobody leaves: network"]


async def test_what_does_not_fit_behind_a_request_is_not_answered(
    autojump_clock: MockClock,
) -> None:
    async with web() as (site, _):
        connection = dial(site)
        await connection.client.send_all(get("/stream?wait") + get("/count") + b"x" * 300_000)
        await actor_at_work(site)
        actor_of(site).go_on.set()
        data = await rest(connection.client)
        assert data.count(b"HTTP/1.1 200") == 1
        assert data.endswith(b"0\r\n\r\n")


async def test_a_client_that_sends_without_end_behind_its_request(
    autojump_clock: MockClock,
) -> None:
    async with web() as (site, _):
        connection = dial(site)
        await connection.client.send_all(get("/stream?wait"))

        async def flood() -> None:
            for _ in range(400):
                await connection.client.send_all(b"x" * 65_536)
                await wait_all_tasks_blocked()

        with pytest.raises(trio.BrokenResourceError):
            await flood()
        assert (await told(site))[-2:] == ["stream wait closed", "nobody leaves: network"]


async def test_a_client_that_has_said_all_gets_its_stream(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        connection = dial(site)
        await connection.client.send_all(get("/stream?x"))
        await connection.client.send_eof()
        data = await rest(connection.client)
        assert data.startswith(b"HTTP/1.1 200")
        assert data.endswith(b"0\r\n\r\n")


async def test_a_client_that_has_said_all_is_not_waited_for_in_vain(
    autojump_clock: MockClock,
) -> None:
    async with web() as (site, _):
        connection = dial(site)
        await connection.client.send_all(get("/sleep?1"))
        await connection.client.send_eof()
        assert (await rest(connection.client)).endswith(b"slept")
        connection = dial(site)
        await connection.client.send_all(get("/silence"))
        await connection.client.send_eof()
        began_at = trio.current_time()
        assert not (await rest(connection.client)).endswith(b"0\r\n\r\n")
        assert trio.current_time() - began_at == 30
        assert (await told(site))[-1] == "nobody leaves: network"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_nobody_takes_half_a_body_for_all_of_it(version: str) -> None:
    """On a socket, where to a client of HTTP/1.0 every end that is no error is the body's."""
    async with web(host="127.0.0.1") as (site, _):
        stream = await trio.open_tcp_stream("127.0.0.1", site.server.port or 0)
        async with stream:
            await stream.send_all(
                get("/stream?fail").replace(b"HTTP/1.1", f"HTTP/{version}".encode())
            )
            data = b""
            ended = False
            try:
                while received := await stream.receive_some():
                    data += received
                ended = True
            except trio.BrokenResourceError:
                pass
            assert b"one " in data
            assert not data.endswith(b"0\r\n\r\n")
            assert ended is (version == "1.1")
