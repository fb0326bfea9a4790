"""Headers that a response has more than once: a line for each value, on every way out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trivet
from tests.server.asgi.calling import calling, scope_of
from tests.server.serving import gateway, serving
from trivet.client.local import LocalTransport
from trivet.declare.handle import Client
from trivet.declare.registry import Registry
from trivet.open import asgi_app

COOKIES = ("a=1; Expires=Sat, 28 Nov 2026 07:00:00 GMT", "b=2")
LINES = [("Set-Cookie", COOKIES[0]), ("x-one", "1"), ("set-cookie", COOKIES[1])]


class Baker(trivet.Actor, name="baker"):
    async def on_request(self, request: trivet.Request) -> trivet.Response:
        match request.path:
            case "/stream":
                return trivet.Response(self.pieces(), headers=LINES)
            case "/json":
                return trivet.Response.json({}, headers=LINES)
            case "/vary":
                more = [("vary", "accept"), ("Vary", "cookie"), ("cache-control", "private")]
                origins = [
                    ("access-control-allow-origin", "a"),
                    ("access-control-allow-origin", "b"),
                ]
                ids = [("x-rivet-actor", "x"), ("x-rivet-actor", "y")]
                return trivet.Response(headers=[*more, *origins, *ids])
            case _:
                return trivet.Response(b"cookies", headers=LINES)

    async def pieces(self) -> AsyncIterator[bytes]:  # noqa: ASYNC900  # the actor closes it
        yield b"cookies"


async def lines_of(path: str) -> list[str]:
    async with serving(Baker) as site, site.dial() as stream:
        address = gateway("baker", path=f"/request{path}")
        await stream.send_all(
            f"GET {address} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
        )
        answer = b""
        while data := await stream.receive_some():
            answer += data
    head, _, _ = answer.partition(b"\r\n\r\n")
    return head.decode("latin-1").lower().split("\r\n")[1:]


@pytest.mark.parametrize("path", ["/", "/stream", "/json"])
async def test_each_value_is_a_line_of_its_own(path: str, autojump_clock: MockClock) -> None:
    lines = await lines_of(path)
    cookies = [line for line in lines if line.startswith("set-cookie")]
    assert cookies == [f"set-cookie: {cookie}".lower() for cookie in COOKIES]
    assert lines.count("x-one: 1") == 1
    assert ("content-type: application/json" in lines) == (path == "/json")


async def test_what_the_server_says_itself_is_one_line(autojump_clock: MockClock) -> None:
    lines = await lines_of("/vary")
    assert "vary: accept, cookie, origin" in lines
    assert "cache-control: private" in lines
    names = [line.partition(":")[0] for line in lines]
    assert len(names) == len(set(names))
    assert "access-control-allow-origin: *" in lines


async def check(client: trivet.Client) -> None:
    handle = client.get_or_create(Baker, "a")
    response = await handle.fetch("/")
    assert response.headers.get_all("Set-Cookie") == COOKIES
    assert response.headers.get_all("x-two") == ()
    assert response.headers["set-cookie"] == ", ".join(COOKIES)
    assert response.headers["x-one"] == "1"
    cookies = [pair for pair in response.headers.pairs if pair[0] == "set-cookie"]
    assert cookies == [("set-cookie", cookie) for cookie in COOKIES]
    async with handle.fetch("/stream") as streamed:
        assert streamed.headers.get_all("set-cookie") == COOKIES
        assert await streamed.read() == b"cookies"


async def test_in_process(autojump_clock: MockClock) -> None:
    async with serving(Baker) as site:
        await check(Client(LocalTransport(site.runtime)))


async def test_on_sockets() -> None:
    async with trio.open_nursery() as nursery:
        server: trivet.Server = await nursery.start(partial(trivet.serve, Registry(Baker), port=0))
        async with trivet.open_client(server.url) as client:
            await check(client)
        nursery.cancel_scope.cancel()


async def test_through_asgi(autojump_clock: MockClock) -> None:
    app = asgi_app(Registry(Baker), public=True, watch_loop=False)
    async with app.running():
        async with calling(app, scope_of(gateway("baker", path="/request/"))) as call:
            call.say("http.request", body=b"")
            start = await call.hear()
            cookies = [value.decode() for name, value in start["headers"] if name == b"set-cookie"]
            assert tuple(cookies) == COOKIES
            while (await call.hear())["more_body"]:
                pass
            await call.ended.wait()


INJECTED: list[Any] = ["1\r\nset-cookie: stolen=1", "1\n", "\x00", " 1", "1 ", "\u20ac"]


@pytest.mark.parametrize("value", INJECTED)
def test_nothing_ends_a_head_early(value: str) -> None:
    with pytest.raises(ValueError, match="line breaks"):
        trivet.Response(headers=[("x-one", "1"), ("x-one", value)])
    with pytest.raises(ValueError, match="is no name"):
        trivet.Response(headers=[("x-one", "1"), (f"x\n{value}", "1")])


def test_what_is_refused_of_pairs() -> None:
    for name in ("Content-Length", "transfer-encoding", "connection"):
        with pytest.raises(ValueError, match="is the server's"):
            trivet.Response(headers=[(name, "1")])
    wrong: Any = [("x-one", 1)]
    with pytest.raises(TypeError, match="are texts"):
        trivet.Response(headers=wrong)


def test_a_mapping_has_each_name_once() -> None:
    with pytest.raises(ValueError, match="given twice"):
        trivet.Response(headers={"x-one": "1", "X-One": "2"})
    headers = trivet.Response(headers={"X-One": "1"}).headers
    assert headers == {"x-one": "1"}
    assert trivet.Response(headers=headers).headers == headers


def test_its_own_content_type_counts() -> None:
    response = trivet.Response.json({}, headers={"Content-Type": "application/problem+json"})
    assert response.headers.get_all("content-type") == ("application/problem+json",)
