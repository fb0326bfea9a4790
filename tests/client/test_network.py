"""Stateless calls and lookups against a server that the test plays."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.client.peers import BARE, HttpPeer, Received, Reply, client_of, http_peer
from trivet.client.network import open_network_transport
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import (
    ActionError,
    ConnectionLost,
    Error,
    UserError,
    ValidationError,
)
from trivet.declare.handle import Client
from trivet.declare.wire_names import camel_case
from trivet.protocol import cbor


@attrs.frozen
class Login:
    name: str


@attrs.frozen
class Plan:
    seats: int


class Room(Actor[None, None, Login, Plan], name="room"):
    @action
    def say(self, text: str, *, loud: bool = False) -> int:
        return len(text)

    @action
    def whisper_to(self, text: str) -> None: ...


class Lobby(Actor):
    @action
    def enter(self) -> None: ...


@asynccontextmanager
async def served(url: str = "http://server") -> AsyncGenerator[tuple[HttpPeer, Client]]:
    async with http_peer() as peer, client_of(peer.network, url) as (client, _):
        peer.answer = lambda request: Reply.output(7)
        yield peer, client


def arguments(request: Received) -> list[Any]:
    return BARE.decode_action_request(request.body).args


async def test_a_call_in_the_official_form() -> None:
    async with served() as (peer, client):
        room = client.get_or_create(Room, "a", "b", input=Plan(3)).with_params(Login("ann"))
        assert await room.call(Room.say, "hi", loud=True) == 7
    [request] = peer.received
    url = urlsplit(request.target)
    assert (request.method, url.path) == ("POST", "/gateway/room/action/say")
    query = parse_qs(url.query)
    assert cbor.decode(b64decode(query.pop("rvt-input")[0] + "==", "-_"), cbor.TAGGED) == {
        "seats": 3
    }
    assert query == {
        "rvt-namespace": ["default"],
        "rvt-method": ["getOrCreate"],
        "rvt-runner": ["default"],
        "rvt-key": ["a,b"],
    }
    assert arguments(request) == ["hi", {"loud": True}]
    assert request.headers["x-rivet-encoding"] == "bare"
    assert request.headers["content-type"] == "application/octet-stream"
    assert json.loads(request.headers["x-rivet-conn-params"]) == {"name": "ann"}
    assert "x-trivet-deadline" not in request.headers


async def test_the_deadline_travels_along(autojump_clock: MockClock) -> None:
    async with served() as (peer, client):
        with trio.fail_after(2.5):
            await client.get(Room, "a").call(Room.say, "hi")
    assert peer.received[0].headers["x-trivet-deadline"] == "2500"


async def test_base_path_namespace_and_token() -> None:
    async with served("http://ns:secret@server/base/path/") as (peer, client):
        await client.get(Room, "a").call(Room.say, "hi")
        await client.get_by_id(Room, "id/1").call(Room.say, "hi")
        peer.answer = lambda request: Reply.json(b'{"actors":[{"actor_id":"id"}]}')
        assert await client.get(Room, "a").resolve() == "id"
    by_key, by_id, lookup = peer.received
    assert by_key.target.startswith("/base/path/gateway/room/action/say?")
    query = parse_qs(urlsplit(by_key.target).query)
    assert (query["rvt-namespace"], query["rvt-token"]) == (["ns"], ["secret"])
    assert by_id.target == "/base/path/gateway/id%2F1@secret/action/say"
    assert lookup.target == "/base/path/actors?namespace=ns&name=room&key=a"
    assert lookup.headers["authorization"] == "Bearer secret"


async def test_params_from_a_callable_are_asked_for_anew() -> None:
    names = iter(["first", "second"])

    async def login() -> Login:
        await trio.lowlevel.checkpoint()
        return Login(next(names))

    async with served() as (peer, client):
        room = client.get(Room, "a").with_params(login)
        for _ in range(2):
            await room.call(Room.say, "hi")
    sent = [json.loads(request.headers["x-rivet-conn-params"]) for request in peer.received]
    assert sent == [{"name": "first"}, {"name": "second"}]


async def test_what_does_not_fit_is_never_sent() -> None:
    wrong: Any = 42
    foreign: Any = Lobby.enter
    async with served() as (peer, client):
        room = client.get(Room, "a")
        with pytest.raises(ValidationError):
            await room.call(Room.say, wrong)
        with pytest.raises(ValidationError):
            await room.with_params(wrong).call(Room.say, "hi")
        with pytest.raises(LookupError):
            await room.call(foreign)
        with pytest.raises(ValueError, match="key"):
            client.get(Room, "x" * 129)
        with pytest.raises(TypeError):
            client.get(wrong, "a")
    assert peer.received == []


async def test_calls_by_name_are_untyped() -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: Reply.output({"a": [1, None]})
        assert await client.get(Room, "a").call_by_name("any/thing", 1, {"b": 2}) == {
            "a": [1, None]
        }
    assert urlsplit(peer.received[0].target).path == "/gateway/room/action/any%2Fthing"
    assert arguments(peer.received[0]) == [1, {"b": 2}]


async def test_names_follow_the_naming_of_the_server() -> None:
    async with http_peer() as peer:
        connect = peer.network.opener("server")
        async with open_network_transport(
            "http://server", connect=connect, naming=camel_case
        ) as transport:
            await Client(transport).get(Room, "a").call(Room.whisper_to, "hi")
    assert "/action/whisperTo?" in peer.received[0].target


# Errors


@pytest.mark.parametrize("guard", [True, False])
async def test_errors_are_read_in_both_encodings(guard: bool) -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: Reply.error("user", "denied", 500, guard=guard)
        with pytest.raises(UserError) as caught:
            await client.get(Room, "a").call(Room.say, "hi")
    error = caught.value
    assert (error.group, error.code, error.message, error.metadata) == (
        "user",
        "denied",
        "no",
        {"why": 1},
    )


@pytest.mark.parametrize("group", ["api", "core", "guard", "namespace", "validation"])
async def test_errors_of_the_server_are_no_users(group: str) -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: Reply.error(group, "nonsense", 400, guard=True)
        with pytest.raises(ActionError) as caught:
            await client.get(Room, "a").call(Room.say, "hi")
    assert (type(caught.value), caught.value.group) == (ActionError, group)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>", 502, "text/html"),
        Reply(b"", 500),
        Reply.json(b'{"oops":1}', 503),
        Reply(b"\xff nonsense", 200),
    ],
)
async def test_an_answer_that_says_nothing(reply: Reply) -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: reply
        with pytest.raises(ActionError) as caught:
            await client.get(Room, "a").call(Room.say, "hi")
    assert (caught.value.group, caught.value.code) == ("rivetkit", "internal_error")
    assert len(peer.received) == 1


async def test_a_result_of_another_type_says_so() -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: Reply.output("seven")
        with pytest.raises(Error, match="unexpected_value"):
            await client.get(Room, "a").call(Room.say, "hi")


async def test_a_lost_connection_is_no_reason_to_run_an_action_twice() -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: None
        with pytest.raises(ConnectionLost):
            await client.get(Room, "a").call(Room.say, "hi")
    assert len(peer.received) == 1


async def test_an_actor_that_is_starting_is_asked_again(autojump_clock: MockClock) -> None:
    async with served() as (peer, client):

        def answer(request: Received) -> Reply:
            if len(peer.received) < 3:
                return Reply.error("actor", "starting", guard=True)
            return Reply.output(7)

        peer.answer = answer
        start = trio.current_time()
        assert await client.get(Room, "a").call(Room.say, "hi") == 7
        assert trio.current_time() - start == pytest.approx(0.2)


async def test_who_asks_in_vain_is_told_in_the_end(autojump_clock: MockClock) -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: Reply.error("guard", "service_unavailable", guard=True)
        with pytest.raises(ActionError, match="service_unavailable"):
            await client.get(Room, "a").call(Room.say, "hi")
    assert len(peer.received) == 5


async def test_a_missing_actor_is_told_at_once() -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: Reply.error("actor", "not_found", 404)
        with pytest.raises(ActionError, match="not_found"):
            await client.get(Room, "a").call(Room.say, "hi")
    assert len(peer.received) == 1


# Finding and creating


ACTOR = Reply.json(b'{"actor":{"actor_id":"the-id","name":"room","key":"a"},"created":true}')
ACTORS = Reply.json(b'{"actors":[{"actor_id":"the-id"}],"pagination":{"cursor":null}}')
NONE = Reply.json(b'{"actors":[]}')


async def test_a_lookup_is_repeated_where_a_creation_is_not() -> None:
    async with served() as (peer, client):

        def answer(request: Received) -> Reply | None:
            # The second request on the first connection finds it closing.
            swallowed = request.connection == 1 and len(peer.received) > 1
            return None if swallowed else ACTOR if request.method == "PUT" else ACTORS

        peer.answer = answer
        await client.get(Lobby, "a").resolve()
        assert await client.get_or_create(Lobby, "a").resolve() == "the-id"
        peer.answer = lambda request: None
        with pytest.raises(ConnectionLost):
            await client.create(Lobby, "a")
    assert [request.method for request in peer.received] == ["GET", "PUT", "PUT", "POST"]


async def test_creating_an_actor() -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: (
            ACTOR if request.method == "POST" and "actors" in request.target else Reply.output(1)
        )
        room = await client.create(Room, "a/b", "", input=Plan(3))
        await room.call(Room.say, "hi")
    created, called = peer.received
    assert (created.method, created.target) == ("POST", "/actors?namespace=default")
    body = json.loads(created.body)
    assert cbor.decode(b64decode(body.pop("input")), cbor.TAGGED) == {"seats": 3}
    assert body == {
        "name": "room",
        "key": "a\\/b/\\0",
        "runner_name_selector": "default",
        "crash_policy": "sleep",
    }
    assert called.target == "/gateway/the-id/action/say"


async def test_a_key_that_is_taken() -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: Reply.error("actor", "duplicate_key", 400, guard=True)
        with pytest.raises(ActionError, match="duplicate_key"):
            await client.create(Lobby, "a")


async def test_resolving_creates_only_where_the_handle_says_so() -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: ACTOR if request.method == "PUT" else ACTORS
        assert await client.get_or_create(Lobby, "a").resolve() == "the-id"
        assert await client.get(Lobby, "a").resolve() == "the-id"
        assert await client.get_by_id(Lobby, "the-id").resolve() == "the-id"
        peer.answer = lambda request: NONE
        with pytest.raises(ActionError, match="not_found"):
            await client.get(Lobby, "a").resolve()
    assert [(request.method, request.target) for request in peer.received] == [
        ("PUT", "/actors?namespace=default"),
        ("GET", "/actors?namespace=default&name=Lobby&key=a"),
        ("GET", "/actors?namespace=default&actor_ids=the-id"),
        ("GET", "/actors?namespace=default&name=Lobby&key=a"),
    ]
    assert "input" not in json.loads(peer.received[0].body)


@pytest.mark.parametrize("more", [{"destroy_ts": 1_700_000_000_000}, {"name": "Counter"}])
async def test_an_id_of_no_such_actor(more: dict[str, object]) -> None:
    """The engine lists destroyed actors, and takes no name beside an id."""
    actor = {"actor_id": "the-id", "name": "Lobby", "destroy_ts": None, **more}
    async with served() as (peer, client):
        peer.answer = lambda request: Reply.json(json.dumps({"actors": [actor]}).encode())
        with pytest.raises(ActionError, match="not_found"):
            await client.get_by_id(Lobby, "the-id").resolve()


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b"{}", b'{"actors":[{}]}'])
async def test_a_malformed_answer_names_no_actor(body: bytes) -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: Reply.json(body)
        with pytest.raises(ActionError, match="names no actor"):
            await client.get(Lobby, "a").resolve()


@pytest.mark.parametrize("key", [("a,b",), ("",), ("a", "")])
async def test_a_key_that_no_url_can_carry_is_looked_up(key: tuple[str, ...]) -> None:
    async with served() as (peer, client):
        peer.answer = lambda request: ACTOR if request.method == "PUT" else Reply.output(7)
        assert await client.get_or_create(Room, *key, input=Plan(1)).call(Room.say, "hi") == 7
    assert [request.target for request in peer.received] == [
        "/actors?namespace=default",
        "/gateway/the-id/action/say",
    ]


async def test_an_input_that_no_url_can_carry_is_sent_in_a_body() -> None:
    class Hall(Actor[None, None, None, str]):
        @action
        def enter(self) -> None: ...

    async with served() as (peer, client):
        peer.answer = lambda request: ACTOR if request.method == "PUT" else Reply.output(None)
        await client.get_or_create(Hall, "a", input="x" * 5000).call(Hall.enter)
    assert len(json.loads(peer.received[0].body)["input"]) > 5000


async def test_a_closed_client_sends_nothing() -> None:
    async with http_peer() as peer:
        async with client_of(peer.network) as (client, _):
            room = client.get(Room, "a")
        with pytest.raises(trio.ClosedResourceError):
            await room.call(Room.say, "hi")
