"""The namespace of a request: what ``authorize`` and the connect hooks see, on every way in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trio
from trio.testing import MockClock

import trivet
from tests.server.serving import Serving, serving
from tests.server.sessions import Client
from trivet.client.local import LocalTransport
from trivet.declare.handle import Address, Client as Caller
from trivet.protocol.messages import Init


class Tenant(trivet.Actor[int, str], name="tenant"):
    """Keeps what each hook saw; lets in whoever asks for a namespace that is open."""

    asked: ClassVar[list[tuple[str, str]]] = []
    seen: ClassVar[list[str]] = []
    closed: ClassVar[set[str]] = set()
    patience: ClassVar[float] = 0.0

    @classmethod
    async def authorize(cls, request: trivet.Request) -> bool:
        cls.asked.append((request.intent, request.namespace))
        await trio.sleep(cls.patience)
        return request.namespace not in cls.closed

    async def on_before_connect(self, params: None) -> None:
        self.seen.append(trivet.current_request().namespace)

    async def create_conn_state(self, params: None) -> str:
        return trivet.current_request().namespace

    async def on_connect(self, conn: trivet.Conn[str]) -> None:
        self.seen.append(trivet.current_request().namespace)

    async def on_request(self, request: trivet.Request) -> trivet.Response:
        return trivet.Response(request.namespace.encode())

    async def on_websocket(self, socket: trivet.WebSocket[str]) -> None:
        socket.send(socket.request.namespace)

    @trivet.action
    def where(self) -> str:
        return self.conn.state


class Anybody(trivet.Actor, name="anybody"):
    """Asks nobody, so that no request is refused before its actor is looked up."""

    @trivet.action
    def hello(self) -> str:
        return "hello"


@pytest.fixture(autouse=True)
def fresh() -> None:
    Tenant.asked, Tenant.seen, Tenant.closed, Tenant.patience = [], [], set(), 0.0


def address(path: str, namespace: str = "blue") -> str:
    return (
        f"/gateway/tenant{path}?rvt-namespace={namespace}&rvt-method=getOrCreate"
        "&rvt-runner=default&rvt-key=a"
    )


async def made(site: Serving, namespace: str, actor: type[Any] = Tenant) -> str:
    definition = site.runtime.registry.find(actor)
    where = Address(key=("a",), namespace=namespace, create=True)
    return (await site.runtime.directory.awake(definition, where)).actor_id


WAYS: list[tuple[str, str, bytes, list[str]]] = [
    ("POST", address("/action/where"), b"{}", ["call", "create"]),
    ("GET", address("/request/x"), b"", ["request", "create"]),
    ("GET", address("/health"), b"", ["get", "create"]),
    ("PUT", "/actors?namespace=blue", b'{"name": "tenant", "key": "a"}', ["create"]),
    ("GET", "/actors?namespace=blue&name=tenant&key=a", b"", ["get"]),
    ("GET", "/actors?namespace=blue&name=tenant", b"", ["manage"]),
    ("GET", "/actors?namespace=blue&actor_ids={id}", b"", ["get"]),
    ("GET", "/actors?namespace=blue&name=tenant&actor_ids={id}", b"", ["get"]),
    ("DELETE", "/actors/{id}?namespace=blue", b"", ["manage"]),
]


@pytest.mark.parametrize(("method", "target", "body", "intents"), WAYS)
async def test_authorize_sees_the_namespace_that_is_named(
    method: str, target: str, body: bytes, intents: list[str], autojump_clock: MockClock
) -> None:
    async with serving(Tenant) as site:
        actor_id = await made(site, "blue")
        reply = await site.http().request(method, target.format(id=actor_id), body)
        assert reply.status in {200, 501}
        assert Tenant.asked == [(intent, "blue") for intent in intents]
        assert set(Tenant.seen) <= {"blue"}


async def test_whoever_names_none_is_in_the_default_one(autojump_clock: MockClock) -> None:
    async with serving(Tenant) as site:
        reply = await site.http().request("PUT", "/actors", b'{"name": "tenant", "key": "a"}')
        assert reply.status == 200
        assert Tenant.asked == [("create", "default")]


async def test_over_websockets(autojump_clock: MockClock) -> None:
    async with serving(Tenant) as site:
        async with site.websocket(address("/connect"), "rivet") as socket:
            assert isinstance(await Client(socket, "json").receive(), Init)
        async with site.websocket(address("/websocket")) as socket:
            assert await socket.recv() == "blue"
        actor_id = await made(site, "blue")
        offered = ("rivet", "rivet_target.actor", f"rivet_actor.{actor_id}")
        async with site.websocket("/connect", *offered) as socket:
            assert isinstance(await Client(socket, "json").receive(), Init)
        assert [namespace for _, namespace in Tenant.asked[:4]] == ["blue"] * 4
        assert Tenant.asked[4:] == [("connect", "default"), ("connect", "blue")]
        assert set(Tenant.seen) == {"blue"}


async def test_by_header(autojump_clock: MockClock) -> None:
    async with serving(Tenant) as site:
        actor_id = await made(site, "blue")
        routed: dict[str, Any] = {"x_rivet_target": "actor", "x_rivet_actor": actor_id}
        http = site.http()
        ways: list[tuple[str, dict[str, Any]]] = [
            ("/request/x", routed),
            (f"/gateway/{actor_id}/request/x", {}),
        ]
        for target, headers in ways:
            reply = await http.request("GET", target, x_rivet_namespace="blue", **headers)
            assert reply.body == b"blue"
            assert Tenant.asked.pop() == ("request", "blue")
            assert not Tenant.asked
            assert (await http.request("GET", target, **headers)).body == b"blue"
            assert Tenant.asked == [("request", "default"), ("request", "blue")]
            Tenant.asked.clear()
        reply = await http.request("GET", "/request/x", x_rivet_namespace="no/name", **routed)
        assert (reply.error, Tenant.asked) == ("namespace.not_found", [])


async def test_within_the_process(autojump_clock: MockClock) -> None:
    """A namespace is an address's; by id, the actor's."""
    async with serving(Tenant) as site:
        client = Caller(LocalTransport(site.runtime))
        blue = client.get_by_id(Tenant, await made(site, "blue"))
        for handle, namespace in [(client.get_or_create(Tenant, "a"), "default"), (blue, "blue")]:
            assert await handle.call(Tenant.where) == namespace
            assert (await handle.fetch("/")).text == namespace
            async with handle.websocket() as socket:
                assert await socket.receive() == namespace
            async with handle.connect() as connection:
                assert await connection.call(Tenant.where) == namespace
            assert set(Tenant.seen) == {namespace}
            Tenant.seen.clear()
        assert Tenant.asked == []


# -- crossing ------------------------------------------------------------------------------------


async def test_by_id_alone_the_namespace_of_the_actor_decides(autojump_clock: MockClock) -> None:
    async with serving(Tenant, Anybody) as site:
        blue = await made(site, "blue")
        http, call = site.http(), f"/gateway/{blue}/action/where"
        Tenant.closed = {"default"}
        assert (await http.request("POST", call, b"{}")).json == {"output": "blue"}
        Tenant.closed = {"blue"}
        refused = await http.request("POST", call, b"{}")
        nothing = await http.request("POST", call.replace(blue, "0" * len(blue)), b"{}")
        assert (refused.status, refused.error) == (404, "actor.not_found")
        assert refused.body.replace(blue.encode(), b"0" * len(blue)) == nothing.body
        Tenant.closed = {"blue", "default"}
        for actor_id in (blue, "0" * len(blue)):
            reply = await http.request("POST", f"/gateway/{actor_id}/action/where", b"{}")
            assert (reply.status, reply.error) == (403, "auth.forbidden")


async def test_who_names_another_namespace_finds_nothing_there(autojump_clock: MockClock) -> None:
    async with serving(Tenant, Anybody) as site:
        red = await made(site, "red")
        call = f"/gateway/{red}/action/where"
        http = site.http()
        reply = await http.request("POST", call, b"{}", x_rivet_namespace="blue")
        assert (reply.error, Tenant.asked) == ("actor.not_found", [("call", "blue")])
        Tenant.closed = {"blue"}
        reply = await http.request("POST", call, b"{}", x_rivet_namespace="blue")
        assert reply.error == "auth.forbidden"
        found = await http.request("GET", f"/actors?namespace=green&actor_ids={red}")
        assert found.json["actors"] == []


@pytest.mark.parametrize("closed", [{"blue"}, {"default", "blue"}])
async def test_a_refusal_takes_as_long_whatever_there_is(
    closed: set[str], autojump_clock: MockClock
) -> None:
    """Nobody hears from the time whether there is an actor of the id, nor where."""
    Tenant.patience, Tenant.closed = 1.0, closed
    async with serving(Tenant, Anybody) as site:
        ids = [await made(site, "blue"), "0" * 32]
        if "default" in closed:
            ids.append(await made(site, "default"))
        answers: set[tuple[float, str]] = set()
        for actor_id in ids:
            began_at = trio.current_time()
            reply = await site.http().request("POST", f"/gateway/{actor_id}/action/where", b"{}")
            answers.add((trio.current_time() - began_at, reply.error))
        assert len(answers) == 1


async def test_on_sockets(tmp_path: Path) -> None:
    storage = trivet.SqliteStorage(tmp_path / "a.db")
    Tenant.closed = {"default"}
    async with serving(Tenant, storage=storage, host="127.0.0.1") as site:
        host = site.server.url.removeprefix("http://")
        async with trivet.open_client(f"http://blue:@{host}") as client:
            handle = client.get_or_create(Tenant, "a")
            assert await handle.call(Tenant.where) == "blue"
            async with handle.connect() as connection:
                assert await connection.call(Tenant.where) == "blue"
        reply = await site.http().request("POST", address("/action/where", "default"), b"{}")
        assert json.loads(reply.body)["code"] == "forbidden"
    assert set(Tenant.seen) == {"blue"}
