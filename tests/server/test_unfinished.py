"""One budget over what the clients of a server have not finished, or waits to be answered."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from websockets.exceptions import ConnectionClosed

import trivet
from tests.link.peers import client_frame
from tests.server.asgi.calling import calling, request as call_app, scope_of, websocket_scope
from tests.server.serving import Reply, Serving, gateway, serving
from tests.server.web import Door, Web, actor_of
from trivet.declare.registry import Registry
from trivet.open import asgi_app
from trivet.testing.network import MemoryConnection

FREE = 1024
LIMIT = 200_000
LIMITS = trivet.Limits(unfinished_bytes=LIMIT, message_in=FREE)
FULL = "guard.unfinished_full"

ECHO = gateway("web", path="/websocket/echo")
POST = gateway("web", path="/request/echo")


@asynccontextmanager
async def site_of(where: str) -> AsyncGenerator[Serving]:
    host = None if where == "memory" else "127.0.0.1"
    async with serving(Web, Door, limits=LIMITS, host=host) as site:
        yield site


async def dial(site: Serving) -> trio.abc.HalfCloseableStream:
    if site.server.port:
        return await trio.open_tcp_stream("127.0.0.1", site.server.port)
    connection = MemoryConnection("server")
    site.server.serve_stream(connection.server)
    return connection.client


def used(site: Serving) -> int:
    return site.listener.service.unfinished.used


async def until_used(site: Serving, least: int, most: int) -> None:
    while not least <= used(site) <= most:
        await wait_all_tasks_blocked(0.001)


def head(*lines: str) -> bytes:
    return "\r\n".join([f"POST {POST} HTTP/1.1", "host: server", *lines, "", ""]).encode()


async def answer_of(stream: trio.abc.Stream) -> tuple[bytes, bytes]:
    """Head and body of an answer that is the last."""
    answer = b""
    while data := await stream.receive_some():
        answer += data
    first, _, body = answer.partition(b"\r\n\r\n")
    return first, body


WHERE = pytest.mark.parametrize("where", ["memory", "socket"])


@WHERE
async def test_whoever_asks_for_more_is_refused_and_nobody_else(where: str) -> None:
    message = client_frame(0x82, bytes(150_000))
    async with site_of(where) as site:
        stream = await dial(site)
        async with site.websocket(ECHO, stream=stream) as first:
            await stream.send_all(message[:-1])
            await until_used(site, 148_000, LIMIT)

            async with site.websocket(ECHO, stream=await dial(site)) as second:
                await second.send(bytes(100_000))
                with pytest.raises(ConnectionClosed) as caught:
                    await second.recv()
                assert caught.value.rcvd is not None
                assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1013, FULL)

            async with await dial(site) as third:
                await third.send_all(head("content-length: 100000"))
                answer, body = await answer_of(third)
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert b"retry-after: 1" in answer
                assert json.loads(body)["code"] == "unfinished_full"

            async with site.websocket(ECHO, stream=await dial(site)) as small:
                await small.send([b"x" * 8] * (FREE // 8))
                assert await small.recv() == b"x" * FREE

            await stream.send_all(message[-1:])
            assert await first.recv() == bytes(150_000)
            await until_used(site, 0, 0)
        assert site.counters.counts["unfinished_full"] == 2
        assert site.counters.counts["protocol_violated"] == 0


@WHERE
async def test_saying_much_and_sending_nothing_holds_nothing(where: str) -> None:
    async with site_of(where) as site, trio.open_nursery() as nursery:
        streams = [await dial(site) for _ in range(20)]
        for stream in streams[:10]:
            await stream.send_all(head("content-length: 190000"))
        for stream in streams[10:]:
            socket = await nursery.start(partial(keep_open, site, stream))
            assert socket
            await stream.send_all(b"\x82\xff" + (190_000).to_bytes(8, "big") + bytes(4))
        await wait_all_tasks_blocked(0.001)
        assert used(site) == 0
        async with site.websocket(ECHO, stream=await dial(site)) as honest:
            await honest.send(bytes(190_000))
            assert await honest.recv() == bytes(190_000)
        for stream in streams:
            await stream.aclose()
        nursery.cancel_scope.cancel()


async def keep_open(
    site: Serving, stream: trio.abc.Stream, task_status: trio.TaskStatus[bool]
) -> None:
    async with site.websocket(ECHO, stream=stream):
        task_status.started(True)
        await trio.sleep_forever()


async def test_a_body_in_chunks_is_refused_where_there_is_no_more_room(
    autojump_clock: MockClock,
) -> None:
    async with site_of("memory") as site, await dial(site) as stream:
        await stream.send_all(head("transfer-encoding: chunked"))
        for _ in range(20):
            await stream.send_all(b"4000\r\n" + bytes(0x4000) + b"\r\n")
        answer, body = await answer_of(stream)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert json.loads(body)["group"] == "guard"
        await stream.aclose()
        await until_used(site, 0, 0)


async def test_a_body_counts_until_its_request_is_answered(autojump_clock: MockClock) -> None:
    """It waits for its actor with all its bytes."""
    async with site_of("memory") as site, trio.open_nursery() as nursery:
        replies: list[Reply] = []

        async def post() -> None:
            target = gateway("web", path="/request/wait")
            replies.append(await site.http().request("POST", target, bytes(60_000)))

        for _ in range(3):
            nursery.start_soon(post)
        await wait_all_tasks_blocked()
        assert used(site) == 3 * (60_000 - FREE)
        reply = await site.http().request("POST", POST, bytes(60_000))
        assert (reply.status, reply.error) == (503, FULL)
        actor_of(site).go_on.set()
        await wait_all_tasks_blocked()
        assert [reply.status for reply in replies] == [200] * 3
        assert used(site) == 0


@pytest.mark.parametrize("way", ["cut", "closed", "late"])
async def test_nothing_is_kept_of_whoever_dies_in_the_middle(
    way: str, autojump_clock: MockClock
) -> None:
    async with site_of("memory") as site:
        connection = MemoryConnection("server")
        site.server.serve_stream(connection.server)
        await connection.client.send_all(head("content-length: 160000") + bytes(150_000))
        socket = MemoryConnection("server")
        site.server.serve_stream(socket.server)
        async with site.websocket(ECHO, stream=socket.client):
            await socket.client.send_all(client_frame(0x82, bytes(40_000))[:-1])
            await wait_all_tasks_blocked()
            assert used(site) > 180_000
            if way == "cut":
                connection.cut()
                socket.cut()
            elif way == "closed":
                await connection.client.aclose()
                await socket.client.aclose()
            else:
                await trio.sleep(60)
                await connection.client.aclose()
            await trio.sleep(10)
            await wait_all_tasks_blocked()
            assert used(site) == 0


async def test_it_bounds_bodies_and_messages_of_asgi(autojump_clock: MockClock) -> None:
    app = asgi_app(Registry(Web), public=True, watch_loop=False, limits=LIMITS)
    async with app.running():
        waiting = scope_of(gateway("web", path="/request/wait"), method="POST")
        async with calling(app, waiting) as first:
            first.say("http.request", body=bytes(150_000))
            await wait_all_tasks_blocked()
            refused = scope_of(POST, method="POST", headers={"content-length": "100000"})
            status, headers, body = await call_app(app, refused, bytes(100_000))
            assert (status, headers["retry-after"]) == (503, "1")
            assert json.loads(body)["code"] == "unfinished_full"
            async with calling(
                app, websocket_scope(gateway("web", "b", path="/websocket/echo"))
            ) as socket:
                socket.say("websocket.connect")
                assert (await socket.hear())["type"] == "websocket.accept"
                socket.say("websocket.receive", bytes=bytes(100_000))
                closed = await socket.hear()
                assert (closed["type"], closed["code"]) == ("websocket.close", 1013)
                assert closed["reason"] == FULL
            small = scope_of(gateway("web", "b", path="/request/echo"), method="POST")
            status, _, _ = await call_app(app, small, bytes(FREE))
            assert status == 200


def test_its_limit_is_checked() -> None:
    assert trivet.Limits().unfinished_bytes == 256 * 1024 * 1024
    with pytest.raises(ValueError, match="unfinished_bytes must be more than zero"):
        trivet.Limits(unfinished_bytes=0)
