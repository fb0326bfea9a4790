"""Authorization: asked before anything is looked up, on every way in, and silent about why not."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.serving import HttpClient, Reply, Serving, gateway, serving
from tests.server.sessions import Client
from trivet.client.local import LocalTransport
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import Forbidden, UserError
from trivet.declare.handle import Client as Caller
from trivet.declare.request import Request, current_request
from trivet.ports.records import ActorRecord
from trivet.protocol.messages import ErrorMessage, Init
from trivet.storage.memory import MemoryStorage

SECRET = "the-password-is-swordfish"
TOKEN = "a-token-of-ann"
LATE = "never"
FORBIDDEN = {"group": "auth", "code": "forbidden", "message": "Forbidden"}


class Watched(MemoryStorage):
    """Counts how often anybody looks for an actor, and reads its state."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = self.states = 0

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        self.looks += 1
        self.states += 1
        return await super().find(name, key)

    async def load(self, actor_id: str) -> ActorRecord | None:
        self.looks += 1
        self.states += 1
        return await super().load(actor_id)

    async def identify(self, actor_id: str) -> ActorRecord | None:
        self.looks += 1
        return await super().identify(actor_id)

    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        self.looks += 1
        return await super().identify_by_key(name, key)

    async def list(self, name: str) -> list[ActorRecord]:
        self.looks += 1
        return await super().list(name)


class Safe(Actor[int], name="safe"):
    """Lets in who has the token; what it was asked is kept for the test."""

    asked: ClassVar[list[str]] = []
    answer: ClassVar[Any] = None
    """Instead of its own; called if it can be."""

    @classmethod
    async def authorize(cls, request: Request) -> bool:
        cls.asked.append(request.intent)
        request.notes["user"] = "ann"
        if cls.answer == LATE:
            await trio.sleep_forever()
        if cls.answer is not None:
            call: Any = cls.answer if callable(cls.answer) else lambda: cls.answer
            given: bool = call()
            return given
        return request.token == TOKEN

    @action
    def add(self, n: int = 1) -> int:
        self.state += n
        return self.state


class Guest(Actor[None, str], name="guest"):
    """Passes on who it is from hook to hook."""

    @classmethod
    async def authorize(cls, request: Request) -> bool:
        request.notes["user"] = request.token
        return True

    async def create_conn_state(self, params: None) -> str:
        return f"{current_request().notes['user']} {current_request().token}"

    @action
    def who(self) -> str:
        return self.conn.state


class Open(Actor, name="open"):
    """Asks nobody."""

    @action
    def hello(self) -> str:
        return "hello"


class Strict(Safe, name="strict"):
    @classmethod
    async def authorize(cls, request: Request) -> bool:
        return False


@pytest.fixture(autouse=True)
def fresh() -> None:
    Safe.asked = []
    Safe.answer = None


def safe(path: str, *, create: bool = True, key: str = "a") -> str:
    return gateway("safe", key, path, create=create)


async def made(site: Serving, actor: type[Actor[Any, Any, Any, Any]], key: str = "a") -> str:
    """Create an actor as this process does, which asks nobody."""
    client = Caller(LocalTransport(site.runtime))
    actor_id = await client.get_or_create(actor, key).resolve()
    return actor_id


def wanted(key: str = "a") -> bytes:
    return json.dumps({"name": "safe", "key": key}).encode()


REQUESTS = [
    ("PUT", "/actors", wanted(), ["create"]),
    ("POST", "/actors", wanted("b"), ["create"]),
    ("GET", "/actors?name=safe&key=a", b"", ["get"]),
    ("GET", "/actors?name=safe&actor_ids={id}", b"", ["get"]),
    ("GET", "/actors?actor_ids={id}", b"", ["get"]),
    ("GET", "/actors?name=safe", b"", ["manage"]),
    ("DELETE", "/actors/{id}", b"", ["manage"]),
    ("POST", "/actors/{id}/sleep", b"", ["manage"]),
    ("POST", safe("/action/add"), b"{}", ["call", "create"]),
    ("POST", safe("/action/add", create=False), b"{}", ["call"]),
    ("POST", "/gateway/{id}/action/add", b"{}", ["call"]),
    ("POST", "/gateway/{id}/action/nothing", b"{}", ["call"]),
    ("GET", safe("/health"), b"", ["get", "create"]),
    ("GET", safe("/metadata", create=False), b"", ["get"]),
    ("GET", safe("/"), b"", ["get", "create"]),
]
"""Every way over HTTP to an actor, and what it asks for."""


@pytest.mark.parametrize(("method", "address", "body", "intents"), REQUESTS)
@pytest.mark.parametrize("exists", [True, False])
async def test_a_refusal_says_the_same_whatever_there_is(
    method: str,
    address: str,
    body: bytes,
    intents: list[str],
    exists: bool,
    autojump_clock: MockClock,
) -> None:
    storage = Watched()
    async with serving(Safe, storage=storage) as site:
        actor_id = await made(site, Safe) if exists else "0" * 32
        await site.runtime.aclose()
        site.runtime.closing = False
        storage.looks = 0
        reply = await site.http().request(method, address.format(id=actor_id), body)
        assert (reply.status, reply.error) == (403, "auth.forbidden")
        assert reply.json == FORBIDDEN
        assert Safe.asked == intents[:1]
        assert storage.looks == 0
        assert not site.runtime.directory.instances
        assert site.counters.counts["authorize_refused"] == 1


@pytest.mark.parametrize(
    ("method", "address", "body"), [request[:3] for request in REQUESTS if "{id}" in request[1]]
)
async def test_a_refusal_by_id_takes_no_longer_for_a_large_state(
    method: str, address: str, body: bytes, autojump_clock: MockClock
) -> None:
    """Another class lets the request through, so that the actor's must be found out."""
    storage = Watched()
    async with serving(Safe, Open, storage=storage) as site:
        actor_id = await made(site, Safe)
        await site.runtime.aclose()
        site.runtime.closing = False
        storage.looks = storage.states = 0
        reply = await site.http().request(method, address.format(id=actor_id), body)
        assert reply.json in (FORBIDDEN, {"actors": [], "pagination": {"cursor": None}})
        assert storage.states == 0
        assert "name=safe" in address or storage.looks == 1


async def test_asking_for_actors_reads_no_state(autojump_clock: MockClock) -> None:
    storage = Watched()
    async with serving(Open, storage=storage) as site:
        actor_id = await made(site, Open)
        storage.states = 0
        for query in (f"actor_ids={actor_id}", "name=open&key=a", "name=open"):
            reply = await site.http().request("GET", f"/actors?{query}")
            assert [actor["actor_id"] for actor in reply.json["actors"]] == [actor_id]
        body = json.dumps({"name": "open", "key": "a"}).encode()
        assert (await site.http().request("PUT", "/actors", body)).status == 200
        assert storage.states == 0


@pytest.mark.parametrize(("method", "address", "body", "intents"), REQUESTS)
async def test_each_way_in_says_what_it_wants(
    method: str, address: str, body: bytes, intents: list[str], autojump_clock: MockClock
) -> None:
    async with serving(Safe) as site:
        actor_id = await made(site, Safe)
        assert Safe.asked == [], "this process asks nobody"
        reply = await site.http().request(
            method, address.format(id=actor_id), body, x_rivet_token=TOKEN
        )
        assert reply.status in {200, 404, 501}
        assert Safe.asked == intents


# -- WebSockets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("direct", [True, False])
async def test_a_websocket_is_refused_the_same_way(
    exists: bool, direct: bool, autojump_clock: MockClock
) -> None:
    storage = Watched()
    async with serving(Safe, storage=storage) as site:
        actor_id = await made(site, Safe) if exists else "0" * 32
        storage.looks = 0
        address = f"/gateway/{actor_id}/connect" if direct else safe("/connect")
        async with site.websocket(address, "rivet") as socket:
            client = Client(socket, "json")
            error = await client.receive()
            assert isinstance(error, ErrorMessage)
            assert (error.group, error.code, error.message) == ("auth", "forbidden", "Forbidden")
            assert await client.closed() == (1011, "auth.forbidden")
        assert Safe.asked == ["connect"]
        assert storage.looks == 0
        assert len(site.runtime.directory.instances) == exists


@pytest.mark.parametrize("way", ["subprotocol", "query", "path", "header"])
async def test_a_token_counts_however_it_is_sent(way: str, autojump_clock: MockClock) -> None:
    async with serving(Safe, Guest) as site:
        actor_id = await made(site, Safe)
        offered = ["rivet"]
        address = safe("/connect")
        if way == "subprotocol":
            offered.append(f"rivet_token.{TOKEN}")
        elif way == "query":
            address += f"&rvt-token={TOKEN}"
        elif way == "path":
            address = f"/gateway/{actor_id}@{TOKEN}/connect"
        if way != "header":
            async with site.websocket(address, *offered) as socket:
                assert isinstance(await Client(socket, "json").receive(), Init)
        for header in ({"authorization": f"bearer {TOKEN}"}, {"x_rivet_token": TOKEN}):
            reply = await site.http().request("POST", safe("/action/add"), b"{}", **header)
            assert reply.status == 200


async def test_what_it_finds_out_reaches_the_connect_hooks(autojump_clock: MockClock) -> None:
    async with serving(Guest) as site:
        address = gateway("guest", path="/action/who")
        reply = await site.http().request("POST", address, b"{}", authorization="Bearer t1")
        assert reply.json == {"output": "t1 t1"}


# -- answers that are none -----------------------------------------------------------------------


def broken() -> bool:
    raise ValueError(SECRET)


def outspoken() -> bool:
    raise UserError(SECRET, code="told", metadata={"why": SECRET})


def plain() -> bool:
    raise Forbidden(SECRET)


@pytest.mark.parametrize("answer", [1, "yes", [], LATE, broken, outspoken, plain, False])
async def test_only_true_lets_in(
    answer: object, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    Safe.answer = answer
    async with serving(Safe) as site:
        reply = await site.http().request("POST", safe("/action/add"), b"{}", x_rivet_token=TOKEN)
        assert (reply.status, reply.json) == (403, FORBIDDEN)
        assert SECRET.encode() not in reply.body
        assert trio.current_time() == (5 if answer == LATE else 0)
        assert not site.runtime.directory.instances
        name = "authorize_refused" if answer is False else "authorize_failed"
        assert site.counters.counts[name] == 1
        if answer == LATE:
            assert "took longer than 5 s" in caplog.text
        if answer is broken:
            assert vars(caplog.records[0])["actor"] == "safe"
            assert vars(caplog.records[0])["error_id"] in caplog.messages[0]


async def test_a_client_that_leaves_meanwhile_leaves_nothing(autojump_clock: MockClock) -> None:
    Safe.answer = LATE
    async with serving(Safe) as site:
        http = site.http()
        await http.send("POST", safe("/action/add"), b"{}")
        await wait_all_tasks_blocked()
        await http.stream.aclose()
        await trio.sleep(6)
        await wait_all_tasks_blocked()
        assert site.listener.open_connections == 0


# -- several classes -----------------------------------------------------------------------------


async def by_id(site: Serving, actor_id: str, name: str) -> Reply:
    address = f"/gateway/{actor_id}/action/{name}"
    return await site.http().request("POST", address, b"{}", x_rivet_token=TOKEN)


async def test_by_id_the_actors_own_class_decides(autojump_clock: MockClock) -> None:
    async with serving(Safe, Strict, Open) as site:
        strict, safe_id, open_id = [await made(site, one) for one in (Strict, Safe, Open)]
        assert (await by_id(site, strict, "add")).error == "auth.forbidden"
        assert (await by_id(site, "0" * 32, "add")).error == "auth.forbidden"
        assert (await by_id(site, safe_id, "add")).json == {"output": 1}
        assert (await by_id(site, open_id, "hello")).json == {"output": "hello"}
        ids = ",".join((strict, safe_id, open_id, "0" * 32))
        found = await site.http().request("GET", f"/actors?actor_ids={ids}", x_rivet_token=TOKEN)
        assert [actor["name"] for actor in found.json["actors"]] == ["safe", "open"]


async def test_who_may_know_hears_that_there_is_no_actor(autojump_clock: MockClock) -> None:
    async with serving(Safe, Open) as site:
        assert (await by_id(site, "0" * 32, "add")).error == "actor.not_found"


async def test_creating_is_asked_for_apart(autojump_clock: MockClock) -> None:
    """Who may call but not create cannot create by calling."""

    class Existing(Safe, name="existing"):
        @classmethod
        async def authorize(cls, request: Request) -> bool:
            return request.intent != "create"

    async with serving(Existing) as site:
        http = site.http()
        await made(site, Existing)
        for create, status in [(True, 403), (False, 200)]:
            address = gateway("existing", path="/action/add", create=create)
            assert (await http.request("POST", address, b"{}")).status == status


# -- declaring -----------------------------------------------------------------------------------


def test_a_hook_of_another_kind_fails_with_its_class() -> None:
    def plain_hook(cls: type, request: Request) -> bool:
        return True

    async def method(self: object, request: Request) -> bool:
        return True

    wrong: list[tuple[Any, str]] = [
        (classmethod(plain_hook), r"Wrong\.authorize must be an `async def`"),
        (method, r"Wrong\.authorize must be a class method"),
    ]
    for hook, message in wrong:
        with pytest.raises(TypeError, match=message):
            type("Wrong", (Actor,), {"authorize": hook})


def test_a_request_shows_no_credentials() -> None:
    request = Request(
        headers={"authorization": SECRET}, body=SECRET.encode(), token=SECRET, notes={"a": SECRET}
    )
    assert SECRET not in repr(request)


async def test_it_guards_an_actor_that_other_machines_can_reach() -> None:
    async with serving(Safe, host="0.0.0.0") as site:
        stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
        async with stream:
            http = HttpClient(stream)
            refused = await http.request("POST", safe("/action/add"), b"{}")
            assert (refused.status, refused.error) == (403, "auth.forbidden")
            let_in = await http.request("POST", safe("/action/add"), b"{}", x_rivet_token=TOKEN)
            assert let_in.json == {"output": 1}
