"""Bodies of requests to the manager: read as JSON is, and in no time whatever is in them."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, strategies as st
from trio.testing import MockClock

import trivet
from tests.server.serving import serving
from trivet.declare.options import Limits
from trivet.server.answers import RequestError
from trivet.server.envelope import BESIDE, read_envelope

MOST = Limits().input * 4 // 3 + BESIDE

LONG = b64encode(bytes(3_000_000)).decode()


@pytest.mark.parametrize("length", [0, 1, BESIDE - 100, BESIDE, 2 * BESIDE, 3 * BESIDE, 4_000_000])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_it_is_read_as_json(length: int, place: int) -> None:
    members = [("name", "a"), ("key", "b\\/c\\u0041"), ("x", [1, {"y": "z"}])]
    members.insert(place, ("input", "x" * length))
    body = json.dumps(dict(members)).encode()
    assert read_envelope(body) == dict(members)


def test_an_escaped_solidus_in_the_input() -> None:
    body = b'{"input":"' + b"a\\/" * 30_000 + b'"}'
    assert read_envelope(body) == {"input": "a/" * 30_000}


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_what_is_no_json_is_refused(before: bytes, behind: bytes) -> None:
    body = before + b'"' + b"x" * 3 * BESIDE + b'"' + behind
    try:
        expected: Any = json.loads(body)
    except ValueError:
        expected = None
    if not isinstance(expected, dict) or "input" not in expected:
        with pytest.raises(RequestError):
            read_envelope(body)


HOSTILE = {
    "quotes": b'"' * MOST,
    "lists": b"[" * MOST,
    "nested quotes": b'["",' * (MOST // 4),
    "members": b'{"a":"b",' * (MOST // 9),
    "escapes": b'{"input":"' + b"\\u0041" * (MOST // 6 - 3) + b'"}',
    "backslashes": b'{"input":"' + b"\\" * (MOST - 20) + b'"}',
    "digits": b'{"input":' + b"1" * (MOST - 20) + b"}",
    "spaces": b'{"input":' + b" " * (MOST - 20) + b'""}',
    "no end": b'{"input":"' + b"x" * (MOST - 10),
    "another": b'{"name":"' + b"x" * (MOST - 20) + b'"}',
    "no text": b'{"input":"' + b"\xff" * (MOST - 20) + b'"}',
    "around": b'{"a":1,' * (BESIDE // 7) + b'"input":"' + b"x" * (MOST - 2 * BESIDE) + b'"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_takes_no_time(name: str) -> None:
    body, seconds = HOSTILE[name], 1.0
    for _ in range(5):
        began_at = time.thread_time()
        try:
            read_envelope(body)
        except RequestError:
            pass
        seconds = min(seconds, time.thread_time() - began_at)
    assert seconds < 0.05


class Strict(trivet.Actor, name="strict"):
    @classmethod
    async def authorize(cls, request: trivet.Request) -> bool:
        return request.token == "good"


@pytest.mark.parametrize("length", ["content-length: 1000000", "transfer-encoding: chunked"])
async def test_who_may_do_nothing_sends_no_long_body(
    length: str, autojump_clock: MockClock
) -> None:
    async with serving(Strict) as site:
        stream = site.dial()
        head = f"PUT /actors?namespace=default HTTP/1.1\r\nhost: server\r\n{length}\r\n\r\n"
        await stream.send_all(head.encode())
        answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 403 ")


async def test_a_long_input_of_who_may_create(autojump_clock: MockClock) -> None:
    class Both(trivet.Actor[None, None, None, bytes], name="both"):
        @classmethod
        async def authorize(cls, request: trivet.Request) -> bool:
            return request.intent == "create"

    async with serving(Strict, Both) as site:
        for name, status in (("both", 200), ("strict", 403), ("nobody", 400)):
            data = b"\x5a" + (100_000).to_bytes(4, "big") + bytes(100_000)
            body = {"name": name, "key": "a", "input": b64encode(data).decode()}
            sent = json.dumps(body).encode()
            reply = await site.http().request("PUT", "/actors?namespace=default", sent)
            assert reply.status == status
