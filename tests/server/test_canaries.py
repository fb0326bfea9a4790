"""Nothing of an application's errors leaves the process: canaries in every place, on every way.

Each exception carries marks in its text, repr, arguments, notes, attributes, cause, context and
locals; others are in the environment, in headers and in values. Every byte that the server sends
is kept, and none of the marks may be in there.
"""

from __future__ import annotations

import itertools
import json
import logging
from functools import partial
from typing import Any, ClassVar, NoReturn

import attrs
import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from tests.server.serving import HttpClient, Serving, gateway, rest, serving
from tests.server.sessions import UPGRADE
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import Error, UserError
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.request import Request
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionRequest, HttpActionRequest, SubscriptionRequest

MARKS: set[str] = set()
numbers = itertools.count(1)


def mark() -> str:
    text = f"canary{next(numbers):05}"
    MARKS.add(text)
    return text


class Leak(Exception):
    """Has a mark wherever an exception can have one."""

    def __init__(self) -> None:
        super().__init__(mark(), {mark(): mark()})
        self.secret = mark()
        self.add_note(mark())

    def __str__(self) -> str:
        return mark()

    def __repr__(self) -> str:
        return mark()


def plain() -> NoReturn:
    raise Leak


def caused() -> NoReturn:
    local = mark()
    try:
        raise KeyError(mark(), local)
    except KeyError as error:
        raise Leak from error


def grouped() -> NoReturn:
    raise ExceptionGroup(mark(), [UserError(mark()), Leak()])


def disguised() -> NoReturn:
    """An error of trivet whose parts are not what they promise."""
    wrong: Any = [mark()]
    raise Error(mark(), group=wrong, metadata=mark())


def of_the_system() -> NoReturn:
    raise FileNotFoundError(2, mark(), f"/secret/{mark()}")


def of_a_conversion() -> NoReturn:
    int(mark())
    raise AssertionError


KINDS = (plain, caused, grouped, disguised, of_the_system, of_a_conversion)
HOOKS = (
    "authorize",
    "create_state",
    "on_create",
    "on_wake",
    "run",
    "on_before_connect",
    "create_conn_state",
    "on_connect",
    "on_disconnect",
    "can_subscribe",
    "on_before_action_response",
    "now",
    "later",
)


@attrs.define
class Held:
    """A state that shows a mark."""

    secret: str = attrs.Factory(mark)


class Leaky(Actor[Held, Held], name="leaky"):
    """Fails in one hook, in one way."""

    hook: ClassVar[str] = ""
    kind: ClassVar[Any] = plain
    told = Event[int]()

    def leak_in(self, hook: str) -> None:
        if Leaky.hook == hook:
            Leaky.kind()

    @classmethod
    async def authorize(cls, request: Request) -> bool:
        if cls.hook == "authorize":
            cls.kind()
        return True

    async def create_state(self, input: None) -> Held:
        self.leak_in("create_state")
        return Held()

    async def on_create(self, input: None) -> None:
        self.leak_in("on_create")

    async def on_wake(self) -> None:
        self.leak_in("on_wake")

    async def run(self) -> None:
        self.leak_in("run")

    async def on_before_connect(self, params: None) -> None:
        self.leak_in("on_before_connect")

    async def create_conn_state(self, params: None) -> Held:
        self.leak_in("create_conn_state")
        return Held()

    async def on_connect(self, conn: Conn[Held]) -> None:
        self.leak_in("on_connect")

    async def on_disconnect(self, conn: Conn[Held]) -> None:
        self.leak_in("on_disconnect")

    def can_subscribe(self, event: Event[Any], conn: Conn[Held]) -> bool:
        self.leak_in("can_subscribe")
        return True

    async def on_before_action_response(self, action: Any, args: Any, output: Any) -> Any:
        self.leak_in("on_before_action_response")
        return output

    @action
    def now(self) -> None:
        self.leak_in("now")

    @action
    async def later(self) -> None:
        self.leak_in("later")

    @action
    def unsendable(self) -> Any:
        return Leak()

    @action
    def misfit(self) -> int:
        wrong: Any = mark()
        n: int = wrong
        return n

    @action
    def tell_wrongly(self) -> None:
        wrong: Any = mark()
        self.broadcast(Leaky.told, wrong)

    @action
    def number(self, n: int) -> int:
        return n


class Tapped(trio.abc.HalfCloseableStream):
    """A stream that keeps what is sent through it."""

    def __init__(self, stream: Any, sent: bytearray) -> None:
        self.stream = stream
        self.sent = sent

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data: bytes | bytearray = await self.stream.receive_some(max_bytes)
        return data

    async def send_eof(self) -> None:
        await self.stream.send_eof()

    async def aclose(self) -> None:
        await self.stream.aclose()


@pytest.fixture
def sent() -> bytearray:
    """All that the server of this test sends."""
    MARKS.clear()
    return bytearray()


@pytest.fixture
def marked_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", mark())


def dial(site: Serving, sent: bytearray) -> trio.abc.Stream:
    ours, theirs = memory_stream_pair()
    site.server.serve_stream(Tapped(theirs, sent))
    return ours


async def talk(site: Serving, sent: bytearray, encoding: str, key: str) -> None:
    """Connect, subscribe and call in every way over a WebSocket, whatever comes of it."""
    codec = CODECS[encoding]
    connect = site.websocket(
        gateway("leaky", key, "/connect"),
        "rivet",
        f"rivet_encoding.{encoding}",
        f"rivet_token.{mark()}",
        stream=dial(site, sent),
    )
    async with connect as socket:
        messages: list[Any] = [SubscriptionRequest("told", True)]
        names = ("now", "later", "unsendable", "misfit", "tell_wrongly", "nothing")
        messages += [ActionRequest(number, name, []) for number, name in enumerate(names)]
        messages.append(ActionRequest(9, "number", [mark()]))
        for message in messages:
            data = codec.encode_to_server(message)
            try:
                await socket.send(data if codec.binary else data.decode())
            except Exception:  # it was closed
                break
        with trio.move_on_after(20):
            await socket.wait_closed()


async def ask(site: Serving, sent: bytearray, encoding: str, key: str) -> None:
    """Call in every way over HTTP."""
    codec = CODECS[encoding]
    http = HttpClient(dial(site, sent))
    headers = {
        "x_rivet_encoding": encoding,
        "authorization": f"Bearer {mark()}",
        "cookie": mark(),
        "x_forwarded_for": mark(),
    }
    for name in ("now", "later", "unsendable", "misfit", "tell_wrongly", "number"):
        body = codec.encode_action_request(HttpActionRequest([mark()] if name == "number" else []))
        await http.request("POST", gateway("leaky", key, f"/action/{name}"), body, **headers)
    manager = json.dumps({"name": "leaky", "key": key}).encode()
    for method, address in [
        ("PUT", "/actors"),
        ("POST", "/actors"),
        ("GET", f"/actors?name=leaky&key={key}"),
        ("GET", "/actors?name=leaky"),
        ("DELETE", "/actors/x"),
        ("GET", gateway("leaky", key, "/health")),
    ]:
        await http.request(method, address, manager if method[0] == "P" else b"", **headers)
    await http.stream.aclose()


def leaked(sent: bytearray) -> list[str]:
    return [text for text in sorted(MARKS) if text.encode() in sent]


@pytest.mark.slow
async def test_no_mark_ever_leaves(
    sent: bytearray,
    marked_environment: None,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keys = (f"k{number}" for number in itertools.count())
    encodings = itertools.cycle(["bare", "cbor", "json"])
    async with serving(Leaky) as site:
        for number, hook in enumerate(3 * HOOKS):  # each hook with three of the kinds
            kind = KINDS[number % len(KINDS)]
            monkeypatch.setattr(Leaky, "hook", hook)
            monkeypatch.setattr(Leaky, "kind", staticmethod(kind))
            encoding = next(encodings)
            await talk(site, sent, encoding, next(keys))
            await ask(site, sent, encoding, next(keys))
    assert len(MARKS) >= 200
    assert leaked(sent) == []
    assert sent.count(b"An internal error occurred") > 50, "the errors themselves did leave"
    quiet = [record for record in caplog.records if record.levelno <= logging.INFO]
    assert not any(text in record.getMessage() for record in quiet for text in MARKS)


@pytest.mark.parametrize("encoding", ["bare", "cbor", "json"])
async def test_a_plain_leak_is_an_internal_error(
    encoding: str, sent: bytearray, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as above for one hook, quickly; and the test would see a mark that leaves."""
    monkeypatch.setattr(Leaky, "hook", "now")
    monkeypatch.setattr(Leaky, "kind", staticmethod(plain))
    async with serving(Leaky) as site:
        await talk(site, sent, encoding, "a")
        await ask(site, sent, encoding, "b")
    assert leaked(sent) == []
    assert b"internal_error" in sent
    shown = mark()
    monkeypatch.setattr(Leaky, "kind", staticmethod(partial(raise_user_error, shown)))
    async with serving(Leaky) as site:
        await ask(site, sent, encoding, "c")
    assert leaked(sent) == [shown], "what an application says on purpose does leave"


def raise_user_error(text: str) -> NoReturn:
    raise UserError(text)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /health HTTP/1.1\r\nhost: x\r\n%s\r\n\r\n",
        b"GET /health HTTP/9.%s\r\n\r\n",
        b"%s\r\n\r\n",
        b"POST /actors HTTP/1.1\r\nhost: x\r\ncontent-length: %s\r\n\r\n",
        b'PUT /actors HTTP/1.1\r\nhost: x\r\ncontent-length: 13\r\n\r\n{"%s',
        b"GET /health HTTP/1.1\r\nhost: x\r\norigin: %s\r\nconnection: close\r\n\r\n",
        UPGRADE + b"sec-websocket-protocol: rivet, rivet_conn_params.%s\r\n\r\n",
        UPGRADE + b"sec-websocket-protocol: rivet, rivet_encoding.%s\r\n\r\n",
        UPGRADE + b"sec-websocket-protocol: rivet, rivet_token.%s\r\n\r\n\x81\x85abcd12345",
        UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"%s") + b"\r\n",
    ],
)
async def test_malformed_input_is_not_told_back(
    data: bytes, sent: bytearray, autojump_clock: MockClock
) -> None:
    async with serving(Leaky) as site:
        stream = dial(site, sent)
        await stream.send_all(data.replace(b"%s", mark().encode()))
        await rest(stream)
    assert sent
    assert leaked(sent) == []


async def test_through_real_sockets(sent: bytearray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Leaky, "hook", "later")
    monkeypatch.setattr(Leaky, "kind", staticmethod(caused))
    async with serving(Leaky, host="127.0.0.1") as site:
        stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
        async with stream:
            http = HttpClient(stream)
            reply = await http.request("POST", gateway("leaky", path="/action/later"), b"{}")
            sent += reply.body + repr(reply.headers).encode()
    assert reply.error == "rivetkit.internal_error"
    assert MARKS
    assert leaked(sent) == []
