"""Raw HTTP on the wire: what no client of ours sends, and what browsers and proxies see."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet
from tests.server.actors import SECRET
from tests.server.serving import HttpClient, Serving, gateway, rest, serving
from tests.server.web import Door, Web, actor_of, told, web
from trivet.declare.options import Limits
from trivet.testing.network import MemoryConnection


def address(path: str, more: str = "") -> str:
    path, mark, query = path.partition("?")
    return gateway("web", path=f"/request{path}", more=f"&{query}{more}" if mark else more)


def dial(site: Serving) -> MemoryConnection:
    connection = MemoryConnection("server")
    site.server.serve_stream(connection.server)
    return connection


def get(path: str, *headers: str) -> bytes:
    lines = [f"GET {address(path)} HTTP/1.1", "host: server", *headers, "", ""]
    return "\r\n".join(lines).encode()


async def test_the_url_has_no_routing_and_keeps_its_bytes(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        target = "/gateway/web/request/echo?a=%2F+&rvt-namespace=default&rvt-method=getOrCreate"
        target += "&b&rvt-runner=default&rvt-key=a&=c"
        seen = (await site.http().request("GET", target)).json
        assert (seen["path"], seen["query"]) == ("/echo", "a=%2F+&b&=c")
        assert seen["url"] == "http://server/echo?a=%2F+&b&=c"


async def test_the_url_that_was_asked_for_first(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        http = site.http()
        for url, seen in (
            ("https://example.com/echo?x", "https://example.com/echo?x"),
            ("nonsense", "http://server/echo"),
        ):
            reply = await http.request(
                "GET", address("/echo"), x_rivet_internal_original_request_url=url
            )
            assert reply.json["url"] == seen


async def test_headers_may_name_the_actor(autojump_clock: MockClock) -> None:
    async with web() as (site, client):
        actor_id = await client.get_or_create(Web, "a").resolve()
        to: dict[str, Any] = {"x_rivet_target": "actor", "x_rivet_actor": actor_id}
        reply = await site.http().request("GET", "/request/echo?x=1", **to)
        assert (reply.json["path"], reply.json["query"]) == ("/echo", "x=1")
        assert reply.headers["x-rivet-actor"] == actor_id
        reply = await site.http().request("GET", "/action/told", **to)
        assert reply.status == 404


async def test_params_come_in_a_header(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        await site.http().request("GET", address("/count"), x_rivet_conn_params='{"name": "ann"}')
        assert "ann leaves: client" in await told(site)
        reply = await site.http().request(
            "GET", address("/count"), x_rivet_conn_params='{"name": "banned"}'
        )
        assert (reply.status, reply.error) == (500, "user.banned")


async def test_errors_are_told_from_responses(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        http = site.http()
        for path, error in (("/refused", "user.refused"), ("/broken", "rivetkit.internal_error")):
            reply = await http.request("GET", address(path))
            assert (reply.status, reply.error) == (500, error)
            assert reply.headers["x-rivet-error"] == error
            assert SECRET not in reply.body.decode()
        reply = await http.request("GET", address("/nowhere"))
        assert (reply.status, reply.body) == (404, b"")
        assert "x-rivet-error" not in reply.headers


async def test_headers_leave_as_they_were_given(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        reply = await site.http().request("GET", address("/headers"), origin="http://server")
        assert reply.headers["x-one"] == "1"
        assert reply.headers["x-latin"] == "\xe4"
        assert reply.headers["vary"] == "accept, origin"
        assert reply.headers["access-control-allow-origin"] == "http://server"
        reply = await site.http().request("GET", address("/injection"))
        assert (reply.status, reply.error) == (500, "rivetkit.internal_error")
        assert "set-cookie" not in reply.headers


async def test_a_preflight_reaches_no_actor(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        reply = await site.http().request("OPTIONS", address("/echo"))
        assert reply.status == 204
        assert not site.runtime.directory.instances


async def test_a_slow_upload_holds_no_turn(autojump_clock: MockClock) -> None:
    async with web() as (site, client):
        connection = dial(site)
        head = f"PUT {address('/echo')} HTTP/1.1\r\nhost: server\r\ncontent-length: 30\r\n\r\n"
        await connection.client.send_all(head.encode())
        for _ in range(30):
            await connection.client.send_all(b"x")
            assert (await client.get_or_create(Web, "a").fetch("/count")).status == 200
            await trio.sleep(1)
        data = bytes(await connection.client.receive_some())
        assert data.startswith(b"HTTP/1.1 ")
        assert int(data.split(b" ")[1]) == 200


async def test_a_stream_goes_out_in_chunks_and_the_connection_goes_on(
    autojump_clock: MockClock,
) -> None:
    async with web() as (site, _):
        http = site.http()
        for _ in range(2):
            reply = await http.request("GET", address("/stream"))
            assert reply.headers["transfer-encoding"] == "chunked"
            assert reply.body == b"one 1 here"


@pytest.mark.parametrize("how", ["fail", "text"])
async def test_a_stream_that_breaks_off_has_no_end(how: str, autojump_clock: MockClock) -> None:
    async with web() as (site, client):
        connection = dial(site)
        await connection.client.send_all(get(f"/stream?{how}"))
        data = await rest(connection.client)
        assert data.endswith(b"4\r\none \r\n")
        assert SECRET.encode() not in data
        assert (await client.get_or_create(Web, "a").fetch("/count")).status == 200


async def test_a_client_that_leaves_closes_the_iterator(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        connection = dial(site)
        await connection.client.send_all(get("/stream?wait"))
        await connection.client.receive_some()
        await wait_all_tasks_blocked()
        await connection.client.aclose()
        assert (await told(site))[-2:] == ["stream wait closed", "nobody leaves: network"]


async def test_a_client_that_does_not_read_is_given_up(autojump_clock: MockClock) -> None:
    async with web() as (site, client):
        connection = dial(site)
        connection.stop_reading(client=True)
        await connection.client.send_all(get("/stream?endless"))
        await wait_all_tasks_blocked()
        assert (await client.get_or_create(Web, "a").fetch("/count")).status == 200
        await trio.sleep(31)
        assert "stream endless closed" in await told(site)
        assert "nobody leaves: network" in await told(site)


async def test_what_a_client_sends_during_a_stream_is_served_next(
    autojump_clock: MockClock,
) -> None:
    async with web() as (site, _):
        connection = dial(site)
        await connection.client.send_all(get("/stream?wait"))
        await connection.client.send_all(get("/count", "connection: close"))
        await actor_at_work(site)
        actor_of(site).go_on.set()
        data = await rest(connection.client)
        assert data.count(b"HTTP/1.1 200") == 2
        assert data.endswith(b"2")


async def actor_at_work(site: Serving) -> None:
    await wait_all_tasks_blocked()
    await actor_of(site).at_work.wait()


async def test_an_idle_stream_lasts(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        http = HttpClient(dial(site).client)
        await http.send("GET", address("/stream?wait"))
        await actor_at_work(site)
        await trio.sleep(3600)
        actor_of(site).go_on.set()
        assert (await http.reply()).body == b"one 1 here"


class Guarded(trivet.Actor[None], name="web"):
    asked: ClassVar[list[str]] = []

    @classmethod
    async def authorize(cls, request: trivet.Request) -> bool:
        cls.asked.append(f"{request.intent} {request.path}")
        await trio.lowlevel.checkpoint()
        return request.token == "valid"

    async def on_request(self, request: trivet.Request) -> trivet.Response:
        return trivet.Response(b"in")


async def test_the_class_is_asked_first(autojump_clock: MockClock) -> None:
    Guarded.asked.clear()
    async with serving(Guarded) as site:
        reply = await site.http().request("GET", address("/x"))
        assert (reply.status, reply.error) == (403, "auth.forbidden")
        assert Guarded.asked == ["request /x"]
        assert not site.runtime.directory.instances
        reply = await site.http().request("GET", address("/x", "&rvt-token=valid"))
        assert reply.body == b"in"
        assert Guarded.asked[1:] == ["request /x", "create /x"]


@pytest.mark.parametrize(
    ("by_key", "error"), [(True, "actor.stopping"), (False, "guard.service_unavailable")]
)
async def test_a_request_that_has_not_begun_is_told_to_come_back(
    by_key: bool, error: str, autojump_clock: MockClock
) -> None:
    async with web() as (site, client):
        running, waiting = site.http(), site.http()
        await running.send("GET", address("/sleep?3"))
        await wait_all_tasks_blocked()
        if by_key:
            await waiting.send("GET", address("/count"))
        else:
            actor_id = await client.get_or_create(Web, "a").resolve()
            await waiting.send("GET", f"/gateway/{actor_id}/request/count")
        await wait_all_tasks_blocked()
    assert (await running.reply()).body == b"slept"
    reply = await waiting.reply()
    assert (reply.status, reply.error) == (503, error)
    assert "actor" not in reply.json  # whoever names it has been there, and is not asked again


@pytest.mark.parametrize("size", [0, 65_536, 300_000])
async def test_over_tcp(size: int) -> None:
    limits = Limits()
    async with trio.open_nursery() as nursery:
        server: trivet.Server = await nursery.start(
            partial(trivet.serve, trivet.Registry(Web, Door), port=0, limits=limits)
        )
        async with trivet.open_client(server.url) as client:
            handle = client.get_or_create(Web, "a")
            assert len((await handle.fetch(f"/large?{size}")).body) == size
            body = bytes(size)
            seen = (await handle.fetch("/echo", method="POST", body=body)).json()
            assert len(seen["body"]) == size
            assert (await handle.fetch("/stream")).text == "one 1 here"
        nursery.cancel_scope.cancel()
