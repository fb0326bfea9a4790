"""HTTP/1.1: what is well-formed is answered, what is not is answered once, and nothing lingers."""

from __future__ import annotations

import json

import pytest
import trio
from hypothesis import given, settings, strategies as st
from trio.testing import MockClock, lockstep_stream_pair, wait_all_tasks_blocked

from tests.server.serving import HttpClient, gateway, raw, rest, serving
from trivet.declare.options import Limits

HEALTH = b"GET /health HTTP/1.1\r\nhost: server\r\n\r\n"


async def test_requests_follow_each_other_on_one_connection(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        for n in (1, 2, 3):
            assert (await http.call("add")).json == {"output": n}


async def test_a_chunked_body_is_one_body(autojump_clock: MockClock) -> None:
    async with serving() as site:
        body = json.dumps({"args": [40]}).encode()
        pieces = [body[i : i + 1] for i in range(len(body))]
        reply = await site.http().request("POST", gateway(path="/action/add"), pieces)
        assert reply.json == {"output": 40}


async def test_pipelined_requests_are_answered_in_their_order(autojump_clock: MockClock) -> None:
    async with serving() as site:
        body = b'{"args":[1]}'
        call = (
            f"POST {gateway(path='/action/add')} HTTP/1.1\r\nhost: server\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode() + body
        stream = site.dial()
        await stream.send_all(call * 3)
        http = HttpClient(stream)
        answer = b""
        while answer.count(b'{"output":') < 3:
            answer += await http.stream.receive_some()
        assert [int(part[:1]) for part in answer.split(b'{"output":')[1:]] == [1, 2, 3]


async def test_a_request_may_arrive_byte_by_byte(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        for byte in HEALTH:
            await stream.send_all(bytes([byte]))
        assert b"HTTP/1.1 200 OK" in await stream.receive_some()


async def test_head_is_get_without_its_body(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        await stream.send_all(HEALTH.replace(b"GET", b"HEAD"))
        answer = bytes(await stream.receive_some())
        assert answer.endswith(b"\r\n\r\n")
        assert b"content-length: " in answer
        assert b"content-length: 0" not in answer
        await stream.send_all(HEALTH)
        assert b'"status":"ok"' in await stream.receive_some()


async def test_a_client_that_waits_for_100_gets_it(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        await stream.send_all(
            f"POST {gateway(path='/action/add')} HTTP/1.1\r\nhost: server\r\n"
            "expect: 100-continue\r\ncontent-length: 12\r\n\r\n".encode()
        )
        assert bytes(await stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await stream.send_all(b'{"args":[7]}')
        assert b'{"output":7}' in await stream.receive_some()


async def test_http_1_0_gets_its_answer_and_the_end(autojump_clock: MockClock) -> None:
    async with serving() as site:
        answer = await raw(site.dial(), b"GET /health HTTP/1.0\r\n\r\n")
        assert b'"status":"ok"' in answer


async def test_close_is_honoured(autojump_clock: MockClock) -> None:
    async with serving() as site:
        answer = await raw(
            site.dial(), HEALTH.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        )
        assert b"connection: close" in answer.lower()


async def test_an_address_may_be_absolute(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", "http://server/health?x=1")
        assert reply.status == 200
        assert (await site.http().request("GET", "http://server")).status == 404


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",  # no host
        b"GET /h\xc3\xa9 HTTP/1.1\r\nhost: server\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: server\r\nbad header\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: server\r\nx: \x00\r\n\r\n",
        b"POST /health HTTP/1.1\r\nhost: server\r\ncontent-length: -1\r\n\r\n",
        b"POST /health HTTP/1.1\r\nhost: server\r\ncontent-length: 1, 2\r\n\r\n",
        b"POST /health HTTP/1.1\r\nhost: server\r\ntransfer-encoding: gzip\r\n\r\n",
    ],
)
async def test_what_is_malformed_gets_an_error_and_the_end(
    garbage: bytes, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        answer = await raw(site.dial(), garbage)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
        assert b"x-rivet-error: api.bad_request" in answer
        assert (await site.http().request("GET", "/health")).status == 200


@pytest.mark.parametrize("name", [b"Host", b"Connection", b"Sec-WebSocket-Protocol", b"X-Thing"])
async def test_bytes_beyond_ascii_in_a_header_raise_nowhere(
    name: bytes, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        request = b"GET /health HTTP/1.1\r\nhost: server\r\n" if name != b"Host" else b""
        request = request or b"GET /health HTTP/1.1\r\n"
        answer = await raw(
            site.dial(), request + name + b": \xff\xfe\xe9, close\r\nconnection: close\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert site.counters.counts["connection_failed"] == 0


@settings(max_examples=25)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_server(garbage: bytes) -> None:
    async def attack() -> None:
        async with serving() as site:
            stream = site.dial()
            await stream.send_all(b"GET /health HTTP/1.1\r\nhost: server\r\n" + garbage)
            await stream.aclose()
            await wait_all_tasks_blocked()
            assert site.counters.counts["connection_failed"] == 0
            assert (await site.http().request("GET", "/health")).status == 200

    trio.run(attack, clock=MockClock(autojump_threshold=0))


async def test_a_head_has_a_size(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(request_head=2000)) as site:
        answer = await raw(
            site.dial(), b"GET /health HTTP/1.1\r\nhost: server\r\nx: " + b"y" * 2000
        )
        assert answer.startswith(b"HTTP/1.1 431 ")
        complete = b"GET /health HTTP/1.1\r\nhost: server\r\nx: " + b"y" * 2000 + b"\r\n\r\n"
        assert (await raw(site.dial(), complete)).startswith(b"HTTP/1.1 431 ")


async def test_a_head_of_64_kib_is_read(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", "/health", x_large="y" * 64_000)
        assert reply.status == 200


@pytest.mark.parametrize(("count", "status"), [(127, 200), (128, 431), (130, 431), (5000, 431)])
async def test_a_head_has_a_number_of_headers(
    count: int, status: int, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        head = b"GET /health HTTP/1.1\r\nhost: server\r\n" + b"a: b\r\n" * (count - 1)
        stream = site.dial()
        await stream.send_all(head + b"connection: close\r\n\r\n")
        assert (await rest(stream)).startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_declared_body_beyond_its_limit_is_not_read(autojump_clock: MockClock) -> None:
    async with serving() as site:
        answer = await raw(
            site.dial(),
            f"POST {gateway(path='/action/add')} HTTP/1.1\r\nhost: server\r\n"
            "content-length: 65537\r\n\r\n".encode(),
        )
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"code":"incoming_too_long"' in answer
        assert b"connection: close" in answer.lower()


async def test_a_chunked_body_beyond_its_limit_is_cut(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(message_in=100)) as site:
        reply = await site.http().request("POST", gateway(path="/action/add"), [b"x" * 60] * 2)
        assert reply.status == 400
        assert reply.error == "message.incoming_too_long"


async def test_a_body_nobody_reads_ends_the_connection(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        await stream.send_all(
            b"GET /health HTTP/1.1\r\nhost: server\r\ncontent-length: 100\r\n\r\nhalf of it"
        )
        assert b"connection: close" in (await rest(stream)).lower()


async def test_a_body_nobody_reads_is_skipped_if_it_is_there(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        assert (await http.request("GET", "/health", b"x" * 100)).status == 200
        assert (await http.request("GET", "/health")).status == 200


async def test_a_malformed_body_nobody_reads_ends_the_connection(
    autojump_clock: MockClock,
) -> None:
    async with serving() as site:
        answer = await raw(
            site.dial(),
            b"GET /health HTTP/1.1\r\nhost: server\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer.lower()


async def test_a_line_between_chunks_has_a_size(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(request_head=1000)) as site:
        answer = await raw(
            site.dial(),
            f"POST {gateway(path='/action/add')} HTTP/1.1\r\nhost: server\r\n"
            "transfer-encoding: chunked\r\n\r\n1;".encode()
            + b"x" * 2000,
        )
        assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_client_that_leaves_before_100_leaves_nothing(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        await stream.send_all(
            f"POST {gateway(path='/action/add')} HTTP/1.1\r\nhost: server\r\n"
            "expect: 100-continue\r\ncontent-length: 12\r\n\r\n".encode()
        )
        await stream.aclose()
        await wait_all_tasks_blocked()
        assert site.counters.counts["connection_broken"] == 1
        assert site.listener.open_connections == 0


async def test_many_tiny_chunks_let_others_run(autojump_clock: MockClock) -> None:
    async with serving() as site:
        slow = site.dial()
        await slow.send_all(
            f"POST {gateway(path='/action/add')} HTTP/1.1\r\nhost: server\r\n"
            "transfer-encoding: chunked\r\n\r\n".encode()
            + b"1\r\n \r\n" * 5000
            + b"c\r\n{"
            + b'"args":[1]}\r\n0\r\n\r\n'
        )
        assert (await site.http().request("GET", "/health")).status == 200
        assert b'{"output":1}' in await slow.receive_some()


# -- time ----------------------------------------------------------------------------------------


async def test_a_silent_connection_ends_after_five_seconds(autojump_clock: MockClock) -> None:
    async with serving() as site:
        started = trio.current_time()
        assert await rest(site.dial()) == b""
        assert trio.current_time() - started == 5


async def test_a_head_that_trickles_ends_after_five_seconds(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        started = trio.current_time()

        async def trickle() -> None:
            for byte in HEALTH * 10:
                await trio.sleep(1)
                try:
                    await stream.send_all(bytes([byte]))
                except trio.BrokenResourceError:
                    return

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trickle)
            answer = await rest(stream)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert 5 <= trio.current_time() - started <= 7
            nursery.cancel_scope.cancel()


async def test_a_body_that_does_not_come_ends(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        started = trio.current_time()
        await stream.send_all(
            f"POST {gateway(path='/action/add')} HTTP/1.1\r\nhost: server\r\n"
            "content-length: 12\r\n\r\n".encode()
        )
        assert (await rest(stream)).startswith(b"HTTP/1.1 408 ")
        assert 30 <= trio.current_time() - started <= 32


async def test_a_client_that_does_not_read_its_answer_ends(autojump_clock: MockClock) -> None:
    async with serving() as site:
        ours, theirs = lockstep_stream_pair()
        site.server.serve_stream(theirs)
        await ours.send_all(HEALTH)
        await trio.sleep(29)
        assert site.listener.open_connections == 1
        await trio.sleep(2)
        assert site.listener.open_connections == 0


async def test_a_connection_waits_a_minute_for_its_next_request(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        assert (await http.request("GET", "/health")).status == 200
        await trio.sleep(59)
        assert (await http.request("GET", "/health")).status == 200
        started = trio.current_time()
        assert await rest(http.stream) == b""
        assert trio.current_time() - started == 60


async def test_a_client_that_leaves_inside_a_request_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    async with serving() as site:
        for cut in range(1, len(HEALTH)):
            stream = site.dial()
            await stream.send_all(HEALTH[:cut])
            await stream.aclose()
        await wait_all_tasks_blocked()
        assert site.listener.open_connections == 0
        assert site.counters.counts["connection_failed"] == 0
