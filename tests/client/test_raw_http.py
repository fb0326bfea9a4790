"""``handle.fetch``: the same over a network and within the process."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet
from tests.server.actors import SECRET
from tests.server.web import WAYS, Door, Way, Web, actor_of, kick, page, told, web
from trivet.declare.handle import Address
from trivet.declare.options import Limits
from trivet.declare.registry import definition_of

pytestmark = pytest.mark.parametrize("way", WAYS)


async def test_the_actor_sees_what_was_sent(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (_, client):
        response = await page(client).fetch(
            "echo?q=%20+&rvt=1", method="PATCH", headers={"X-Mine": "a, b"}, body=b"\x00\xff"
        )
        seen = response.json()
        assert response.status == 200
        assert response.headers["content-type"] == "application/json"
        assert (seen["method"], seen["path"], seen["query"]) == ("PATCH", "/echo", "q=%20+&rvt=1")
        assert seen["url"].endswith("/echo?q=%20+&rvt=1")
        assert seen["headers"]["x-mine"] == "a, b"
        assert seen["body"] == "\x00\xff"
        assert (seen["conn"], seen["visible"], seen["intent"]) == ("request", True, "request")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "PURGE", "m-search"])
async def test_every_method_reaches_it(way: Way, method: str, autojump_clock: MockClock) -> None:
    async with web(way) as (_, client):
        assert (await page(client).fetch("/echo", method=method)).json()["method"] == method


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"body": "text"}, r"a body is bytes, not str: body=text\.encode\(\)"),
        ({"body": {"a": 1}}, "a body is bytes, not dict"),
        ({"body": None}, "a body is bytes, not NoneType"),
        ({"method": 5}, "a method is text, not int"),
        ({"headers": [("a", "b")]}, "headers are a mapping of texts, not list"),
        ({"headers": {"a": 1}}, "names and values of headers are texts, not 1"),
    ],
)
async def test_what_is_of_another_type_is_refused_at_once(
    way: Way, wrong: dict[str, Any], said: str, autojump_clock: MockClock
) -> None:
    async with web(way) as (_, client):
        with pytest.raises(TypeError, match=said):
            page(client).fetch("/echo", **wrong)
        path: Any = 5
        with pytest.raises(TypeError, match="a path is text, not int"):
            page(client).fetch(path)
        with pytest.raises(TypeError, match="a path is text, not int"):
            page(client).websocket(path)


async def test_head_and_options(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        for path in ("/echo", "/stream"):
            response = await page(client).fetch(path, method="HEAD")
            assert (response.status, response.body) == (200, b"")
        before = await told(site)
        assert (await page(client).fetch("/echo", method="OPTIONS")).status == 204
        assert await told(site) == before


@pytest.mark.parametrize("status", [200, 204, 299, 301, 304, 404, 500, 599])
async def test_a_status_of_the_actor_is_a_response(
    way: Way, status: int, autojump_clock: MockClock
) -> None:
    async with web(way) as (_, client):
        response = await page(client).fetch(f"/status?{status}")
        assert response.status == status
        assert response.body == (b"" if status in {204, 304} else b"body")


async def test_state_is_kept_between_requests(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (_, client):
        assert [(await page(client).fetch("/count")).text for _ in range(3)] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/refused", "user.refused"),
        ("/broken", "rivetkit.internal_error"),
        ("/nothing", "rivetkit.internal_error"),
        ("/injection", "rivetkit.internal_error"),
        ("/envelope", "rivetkit.internal_error"),
    ],
)
async def test_what_it_raises_is_raised(
    way: Way, path: str, error: str, autojump_clock: MockClock
) -> None:
    async with web(way) as (_, client):
        with pytest.raises(trivet.ActionError) as caught:
            await page(client).fetch(path)
        assert f"{caught.value.group}.{caught.value.code}" == error
        assert SECRET not in str(caught.value)
        with pytest.raises(trivet.ActionError) as caught:
            await page(client).fetch(path, method="HEAD")
        assert f"{caught.value.group}.{caught.value.code}" == error
        assert (await page(client).fetch("/count")).status == 200


async def test_an_actor_without_the_hook_answers_404(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        response = await client.get_or_create(Door, "a").fetch("/")
        assert (response.status, response.body) == (404, b"")
        assert not site.runtime.directory.instances


async def test_a_missing_actor(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (_, client):
        with pytest.raises(trivet.ActionError, match="not found"):
            await client.get(Web, "nobody").fetch("/")


async def test_the_hooks_of_a_connection_run_around_it(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        await page(client, "ann").fetch("/count", method="POST")
        assert await told(site) == [
            "ann knocks with POST",
            "ann comes by request",
            "ann leaves: client",
        ]
        with pytest.raises(trivet.UserError) as caught:
            await page(client, "banned").fetch("/count")
        assert caught.value.code == "banned"
        assert len(await told(site)) == 3


async def test_a_streamed_body_arrives_piece_by_piece(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").fetch("/stream?wait") as response:
            assert response.headers["content-type"] == "text/plain"
            assert await anext(aiter(response)) == b"one "
            await actor_of(site).at_work.wait()
            # The turn is over, the connection is not.
            assert (await page(client).fetch("/count")).text == "2"
            assert "ann leaves: client" not in actor_of(site).log
            actor_of(site).go_on.set()
            assert await response.read() == b"1 here"
        assert (await told(site))[-1] == "ann leaves: client"
        assert (await page(client).fetch("/stream")).body == b"one 1 here"


@pytest.mark.parametrize("how", ["fail", "text"])
async def test_a_failing_iterator_breaks_the_response_off(
    way: Way, how: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with web(way) as (site, client):
        with pytest.raises(trivet.ConnectionLost):
            await page(client, "ann").fetch(f"/stream?{how}")
        log = await told(site)
        assert log[-2:] == [f"stream {how} closed", "ann leaves: server"]
        assert "the streamed response of web/a connection" in caplog.text
        assert (await page(client).fetch("/count")).status == 200


@pytest.mark.parametrize("how", ["wait", "endless"])
async def test_a_reader_that_leaves_closes_the_iterator(
    way: Way, how: str, autojump_clock: MockClock
) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").fetch(f"/stream?{how}") as response:
            assert await anext(aiter(response))
            await wait_all_tasks_blocked()
        log = await told(site)
        assert log[-2] == f"stream {how} closed"
        assert log[-1] in {"ann leaves: client", "ann leaves: network"}


async def test_a_kick_breaks_a_stream_off(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").fetch("/stream?wait") as response:
            assert await anext(aiter(response)) == b"one "
            began_at = trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(kick, site, "ann")
                with pytest.raises(trivet.ConnectionLost):
                    await response.read()
                if way == "in process":  # over a network the server has left already
                    nursery.cancel_scope.cancel()
            if way == "over a network":
                assert trio.current_time() == began_at
        assert (await told(site))[-1] == "ann leaves: kick"


async def test_the_end_of_the_actor_breaks_a_stream_off(
    way: Way, autojump_clock: MockClock
) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").fetch("/stream?wait") as response:
            assert await anext(aiter(response)) == b"one "
            actor = actor_of(site)
            async with trio.open_nursery() as nursery:
                address = Address(key=("a",))
                nursery.start_soon(site.runtime.put_away, definition_of(Web), address)
                with pytest.raises(trivet.ConnectionLost):
                    await response.read()
        assert actor.log[-1] == "ann leaves: stop"
        assert (await page(client).fetch("/count")).text == "2"


async def test_disconnecting_its_own_request(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        assert (await page(client, "ann").fetch("/leave")).body == b"left"
        assert (await told(site))[-1] == "ann leaves: kick"


async def test_it_has_the_time_of_an_action(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (_, client):
        with pytest.raises(trivet.ActionError) as caught:
            await page(client).fetch("/sleep?61")
        assert caught.value.code == "action_timed_out"
        assert (await page(client).fetch("/sleep?59")).body == b"slept"


async def test_bodies_have_a_limit(way: Way, autojump_clock: MockClock) -> None:
    async with web(way, limits=Limits(request_body=1000)) as (_, client):
        assert (await page(client).fetch("/large?1000", method="POST", body=bytes(1000))).status
        for path, body in (("/large?1001", b""), ("/echo", bytes(1001))):
            with pytest.raises(trivet.Error) as caught:
                await page(client).fetch(path, method="POST", body=body)
            assert caught.value.group == "message"


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/a b", "GET", {}),
        ("/a#b", "GET", {}),
        ("/ä", "GET", {}),
        ("/\r\nx: y", "GET", {}),
        ("/", "GET x", {}),
        ("/", "CONNECT", {}),
        ("/", "GET", {"x y": "1"}),
        ("/", "GET", {"x": "1\n2"}),
        ("/", "GET", {"content-length": "1"}),
        ("/", "GET", {"Transfer-Encoding": "chunked"}),
        ("/", "GET", {"x": "\u20ac"}),
        ("/", "GET", {"X": "1", "x": "2"}),
    ],
)
async def test_what_cannot_be_sent_is_refused_at_once(
    way: Way, path: str, method: str, headers: dict[str, str], autojump_clock: MockClock
) -> None:
    async with web(way) as (_, client):
        with pytest.raises(ValueError, match=r"path|method|header"):
            page(client).fetch(path, method=method, headers=headers)
