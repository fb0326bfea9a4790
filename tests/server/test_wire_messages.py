"""Messages as official clients send them, and their answers, from tables (5, 5.3, 5.4 and 5.5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import cbor2
import pytest
from trio.testing import MockClock

import trivet
from tests.protocol.vectors import VECTORS
from tests.server.by_hand import FORMATS
from tests.server.serving import gateway, serving
from tests.server.sessions import CONNECT, Client, closed_with, params
from trivet.protocol.messages import ActionRequest, SubscriptionRequest

TABLES: dict[str, Any] = json.loads(Path(__file__).with_name("wire_messages.json").read_text())
every_encoding = pytest.mark.parametrize("encoding", FORMATS)


def table(section: str) -> Any:
    (found,) = [rows for title, rows in TABLES.items() if title.startswith(section)]
    return found


def in_each_encoding(section: str) -> list[tuple[Any, ...]]:
    """The rows of a table that is apart by encodings, each with its own in front."""
    return [
        (encoding, *(row if isinstance(row, list) else [row]))
        for encoding, rows in table(section).items()
        for row in rows
    ]


@attrs.frozen
class Login:
    password: str = ""


class Chat(trivet.Actor[int, None, Login], name="chat"):
    """Does what the actor did whose messages were captured."""

    private = trivet.Event[dict[str, int]]()

    async def create_state(self, input: None) -> int:
        return 1

    async def on_before_connect(self, params: Login) -> None:
        if params.password:
            raise trivet.UserError("nope", code="denied", metadata={"why": "bad token"})

    @trivet.action
    def say(self, text: str) -> int:
        self.state += 1
        self.broadcast(Chat.private, {"q": 1})
        return self.state

    @trivet.action
    def nothing(self) -> None: ...

    @trivet.action
    def refuse(self, metadata: Any = None) -> None:
        raise trivet.UserError("nope", metadata=metadata)


CHAT = gateway("chat", path="/connect")


# -- encodings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "used"), table("what an encoding is called"))
async def test_the_encoding_of_a_call(
    asked: str | None, used: str, autojump_clock: MockClock
) -> None:
    wire = FORMATS[used]
    header = {} if asked is None else {"x_rivet_encoding": asked}
    async with serving() as site:
        body = wire.body(wire.list_of(wire.written(5)))
        reply = await site.http().request("POST", gateway(path="/action/add"), body, **header)
        assert (reply.status, reply.body) == (200, wire.output(wire.written(5)))
        assert reply.headers["content-type"] == wire.content_type


@pytest.mark.parametrize(("offered", "used"), table("subprotocols"))
async def test_the_encoding_of_a_connection(
    offered: list[str], used: str, autojump_clock: MockClock
) -> None:
    wire = FORMATS[used]
    async with serving() as site, site.websocket(CONNECT, *offered) as socket:
        assert socket.subprotocol == ("rivet" if offered else None)
        assert isinstance(await socket.recv(), str) is wire.is_text
        await socket.send(wire.frame(wire.call(0, "value", wire.list_of())))
        assert await socket.recv() == wire.frame(wire.reply(0, wire.written(0)))


@every_encoding
async def test_a_frame_of_the_other_kind_closes(encoding: str, autojump_clock: MockClock) -> None:
    wire = FORMATS[encoding]
    async with (
        serving() as site,
        site.websocket(CONNECT, "rivet", f"rivet_encoding.{encoding}") as socket,
    ):
        await socket.recv()
        await socket.send(b"\x00" if wire.is_text else "text")
        assert await closed_with(socket) == (1011, "actor.invalid_request")


# -- what was captured ---------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "answered"), table("captured, 5.5: what"))
async def test_a_captured_exchange(sent: str, answered: str, autojump_clock: MockClock) -> None:
    request, answer = VECTORS[sent], VECTORS[answered]
    wire = FORMATS[request.encoding]
    async with serving(Chat) as site:
        if sent.startswith("http"):
            reply = await site.http().request(
                "POST",
                gateway("chat", path="/action/nothing"),
                request.data,
                x_rivet_encoding=wire.name,
            )
            assert (reply.status, reply.body) == (200, answer.data)
            return
        async with site.websocket(CHAT, "rivet", f"rivet_encoding.{wire.name}") as socket:
            await socket.recv()
            await socket.send(wire.frame(request.data))
            assert await socket.recv() == wire.frame(answer.data)


@pytest.mark.parametrize("error", table("captured, 5.5: errors"))
async def test_a_captured_refusal(error: str, autojump_clock: MockClock) -> None:
    """Members have no order in json."""
    vector = VECTORS[error]
    wire = FORMATS[vector.encoding]
    offered = ("rivet", f"rivet_encoding.{wire.name}", params('{"password":"x"}'))
    async with serving(Chat) as site, site.websocket(CHAT, *offered) as socket:
        got = await socket.recv()
        if isinstance(got, str):
            assert json.loads(got) == json.loads(vector.data)
        else:
            assert got == vector.data
        assert await closed_with(socket) == (1011, "user.denied")


# -- their members -------------------------------------------------------------------------------


def members(message: str | bytes) -> dict[str, Any]:
    tree = json.loads(message) if isinstance(message, str) else cbor2.loads(message)
    assert list(tree) == ["body"]
    assert set(tree["body"]) == {"tag", "val"}
    val: dict[str, Any] = tree["body"]["val"]
    return val


@pytest.mark.parametrize("encoding", ["json", "cbor"])
async def test_what_a_message_has(encoding: str, autojump_clock: MockClock) -> None:
    told: dict[str, dict[str, Any]] = {}
    offered = ("rivet", f"rivet_encoding.{encoding}")
    async with serving(Chat) as site:
        async with site.websocket(CHAT, *offered) as socket:
            told["Init"] = members(await socket.recv())
            await Client(socket, encoding).send(
                SubscriptionRequest("private", True),
                ActionRequest(0, "say", ["hi"]),
                ActionRequest(1, "refuse", []),
                ActionRequest(2, "refuse", [{"why": 1}]),
            )
            told["Event"] = members(await socket.recv())
            told["ActionResponse"] = members(await socket.recv())
            told["Error of a call"] = members(await socket.recv())
            told["Error of a call, with metadata"] = members(await socket.recv())
        async with site.websocket("/nothing", *offered) as socket:
            told["Error of the connection"] = error = members(await socket.recv())
    assert {kind: sorted(val) for kind, val in told.items()} == table("members")
    assert error["actionId"] is None
    assert told["Event"]["args"] == [{"q": 1}]


@pytest.mark.parametrize(("encoding", "body", "output"), in_each_encoding("arguments"))
async def test_arguments_that_are_missing_or_no_list(
    encoding: str, body: str, output: int, autojump_clock: MockClock
) -> None:
    wire = FORMATS[encoding]
    async with serving() as site:
        reply = await site.http().request(
            "POST", gateway(path="/action/add"), wire.value(body), x_rivet_encoding=encoding
        )
        assert (reply.status, reply.body) == (200, wire.output(wire.written(output)))


# -- versions, and what cannot be read -----------------------------------------------------------


@pytest.mark.parametrize("version", table("versions"))
async def test_a_version_of_bare(version: int, autojump_clock: MockClock) -> None:
    head = version.to_bytes(2, "little")
    wire = FORMATS["bare"]
    async with serving() as site:
        body = head + wire.body(wire.list_of(wire.written(5)))[2:]
        address = gateway(path="/action/add")
        reply = await site.http().request("POST", address, body, x_rivet_encoding="bare")
        assert reply.body == wire.output(wire.written(5))
        async with site.websocket(CONNECT, "rivet", "rivet_encoding.bare") as socket:
            await socket.recv()
            await socket.send(head + wire.call(0, "value", wire.list_of())[2:])
            assert await socket.recv() == wire.reply(0, wire.written(5))


@pytest.mark.parametrize(("encoding", "message"), in_each_encoding("unreadable messages"))
async def test_a_message_that_cannot_be_read_closes(
    encoding: str, message: str, autojump_clock: MockClock
) -> None:
    wire = FORMATS[encoding]
    async with (
        serving() as site,
        site.websocket(CONNECT, "rivet", f"rivet_encoding.{encoding}") as socket,
    ):
        await socket.recv()
        await socket.send(wire.frame(wire.value(message)))
        assert await closed_with(socket) == (1011, "actor.invalid_request")


@pytest.mark.parametrize(("encoding", "body"), in_each_encoding("unreadable bodies"))
async def test_a_body_that_cannot_be_read_is_an_invalid_request(
    encoding: str, body: str, autojump_clock: MockClock
) -> None:
    wire = FORMATS[encoding]
    async with serving() as site:
        reply = await site.http().request(
            "POST", gateway(path="/action/add"), wire.value(body), x_rivet_encoding=encoding
        )
        assert reply.status == 400
        assert reply.headers["content-type"] == wire.content_type
        assert b"invalid_request" in reply.body
