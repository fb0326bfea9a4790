"""The manager's part: find, create and list actors."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.serving import HttpClient, Reply, serving
from trivet.declare.options import Limits
from trivet.protocol import cbor

ACTORS = "/actors?namespace=default"


async def send(http: HttpClient, method: str, **members: Any) -> Reply:
    body = {"runner_name_selector": "default", "crash_policy": "sleep", **members}
    return await http.request(method, ACTORS, json.dumps(body).encode())


def packed(value: object) -> str:
    return b64encode(cbor.encode(value, cbor.TAGGED)).decode()


async def test_put_creates_once(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        first = await send(http, "PUT", name="counter", key="a/b")
        again = await send(http, "PUT", name="counter", key="a/b")
        assert first.json["created"] is True
        assert again.json["created"] is False
        actor = first.json["actor"]
        assert again.json["actor"] == actor
        assert (actor["name"], actor["key"]) == ("counter", "a/b")
        assert isinstance(actor["create_ts"], int)
        assert len(site.runtime.directory.instances) == 1
        assert site.runtime.directory.running(actor["actor_id"]) is not None


async def test_post_creates_and_refuses_a_taken_key(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        made = await send(http, "POST", name="counter", key="a")
        actor_id = made.json["actor"]["actor_id"]
        assert set(made.json) == {"actor"}
        taken = await send(http, "POST", name="counter", key="a")
        assert taken.status == 400
        assert taken.json == {
            "group": "actor",
            "code": "duplicate_key",
            "message": f"Actor key 'a' already in use for actor '{actor_id}'",
            "metadata": {"existing_actor_id": actor_id, "key": "a"},
        }


async def test_of_two_at_once_one_creates(autojump_clock: MockClock) -> None:
    async with serving() as site, trio.open_nursery() as nursery:
        replies: list[Reply] = []

        async def put() -> None:
            given = packed({"width": 1})
            replies.append(await send(site.http(), "PUT", name="board", key="a", input=given))

        for _ in range(2):
            nursery.start_soon(put)
        await wait_all_tasks_blocked()
        assert sorted(reply.json["created"] for reply in replies) == [False, True]
        assert replies[0].json["actor"] == replies[1].json["actor"]


async def test_input_is_base64_of_cbor(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        given = packed({"width": 2, "height": 3})
        made = await send(http, "PUT", name="board", key="a", input=given)
        actor_id = made.json["actor"]["actor_id"]
        area = await http.request("POST", f"/gateway/{actor_id}/action/area", b"{}")
        assert area.json == {"output": 6}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("!", "api.bad_request"),
        ("/w==", "api.bad_request"),
        (packed({"width": "x"}), "actor.validation_error"),
        (packed({"width": 0}), "user.flat"),
        (packed("x" * 200), "message.incoming_too_long"),
    ],
)
async def test_input_that_does_not_do(given: str, error: str, autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(input=100)) as site:
        reply = await send(site.http(), "PUT", name="board", key="a", input=given)
        assert reply.error == error
        found = await site.http().request("GET", f"{ACTORS}&name=board&key=a")
        assert found.json["actors"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"name":"counter"}',
        b'{"name":1,"key":"a"}',
        b'{"name":"counter","key":1}',
        b'{"name":"","key":"a"}',
        b'{"name":"counter","key":"a//b"}',
        b'{"name":"counter","key":""}',
        b'{"name":"counter","key":"%s"}' % (b"x" * 129),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_wrong_body_is_a_bad_request(
    method: str, body: bytes, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        reply = await site.http().request(method, ACTORS, body)
        assert (reply.status, reply.error) == (400, "api.bad_request")


async def test_a_body_has_a_size(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(input=100)) as site:
        reply = await site.http().request("PUT", ACTORS, b"x" * 20_000)
        assert (reply.status, reply.error) == (400, "message.incoming_too_long")


async def test_an_unknown_name_fails_fast(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await send(site.http(), "PUT", name="nobody", key="a")
        assert (reply.status, reply.error) == (400, "guard.unknown_actor_name")


async def test_what_is_no_namespace_is_not_found(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", "/actors?namespace=a%20b&name=counter&key=a")
        assert (reply.status, reply.error) == (400, "namespace.not_found")


async def test_get_finds_by_key_by_id_and_by_name(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        a = (await send(http, "PUT", name="counter", key="a")).json["actor"]
        b = (await send(http, "PUT", name="counter", key="b/\\0")).json["actor"]
        other = (await send(http, "PUT", name="board", key="a", input=packed({"width": 1}))).json

        async def found(query: str) -> list[Any]:
            reply = await http.request("GET", f"{ACTORS}&{query}")
            assert reply.status == 200
            assert reply.json["pagination"] == {"cursor": None}
            actors: list[Any] = reply.json["actors"]
            return actors

        assert await found("name=counter&key=a") == [a]
        assert await found("name=counter&key=b%2F%5C0") == [b]
        assert await found("name=counter&key=none") == []
        assert await found("name=nobody&key=a") == []
        assert await found("name=counter") == [a, b]
        ids = f"{a['actor_id']},{other['actor']['actor_id']},nobody"
        assert await found(f"actor_ids={ids}") == [a, other["actor"]]
        assert await found(f"name=counter&actor_ids={ids}") == [a]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "validation.invalid_input"),
        ("&name=counter&key=", "api.bad_request"),
        ("&name=counter&key=%ff", "api.bad_request"),
        ("&actor_ids=" + "a," * 200, "api.bad_request"),
        ("&a=b" * 100, "api.bad_request"),
    ],
)
async def test_a_wrong_question(query: str, error: str, autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", f"{ACTORS}{query}")
        assert (reply.status, reply.error) == (400, error)
