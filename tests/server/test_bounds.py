"""Section 6.6 of the client protocol, row by row: how long messages and hooks may be."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import attrs
import cbor2
import pytest
import trio
from trio.testing import MockClock

import trivet
from tests.server.duties import duties, in_each_encoding
from tests.server.serving import Serving, gateway, rest, serving
from tests.server.sessions import Client
from tests.server.web import web
from trivet.declare.options import Limits
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.messages import (
    ActionRequest,
    ActionResponse,
    ErrorMessage,
    EventMessage,
    HttpActionRequest,
    HttpActionResponse,
    SubscriptionRequest,
)

Encode = Callable[[str], bytes]


def length_of(size: int, encode: Encode) -> int:
    """How long a text makes a message of so many bytes."""
    length = size - len(encode("x" * (size - 100))) + size - 100
    assert len(encode("x" * length)) == size
    return length


def http_request(codec: Codec) -> Encode:
    return lambda text: codec.encode_action_request(HttpActionRequest([text]))


def http_response(codec: Codec) -> Encode:
    return lambda text: codec.encode_action_response(HttpActionResponse(text))


def socket_request(codec: Codec) -> Encode:
    return lambda text: codec.encode_to_server(ActionRequest(0, "size", [text]))


def socket_response(codec: Codec) -> Encode:
    return lambda text: codec.encode_to_client(ActionResponse(0, text))


class Large(trivet.Actor[None], name="large"):
    """Says and hears much."""

    noise = trivet.Event[str]()

    @trivet.action
    def size(self, text: str) -> int:
        return len(text)

    @trivet.action
    def text(self, length: int) -> str:
        return "x" * length

    @trivet.action
    def shout(self, length: int) -> None:
        self.broadcast(Large.noise, "x" * length)


def connected(site: Serving, encoding: str) -> Any:
    return site.websocket(gateway("large", path="/connect"), "rivet", f"rivet_encoding.{encoding}")


@pytest.mark.parametrize(("size", "status", "error"), duties("6.6: requests over HTTP"))
@in_each_encoding
async def test_a_request(
    size: int, status: int, error: list[str], encoding: str, autojump_clock: MockClock
) -> None:
    codec = CODECS[encoding]
    body = http_request(codec)("x" * length_of(size, http_request(codec)))
    async with serving(Large) as site:
        address = gateway("large", path="/action/size")
        reply = await site.http().request("POST", address, body, x_rivet_encoding=encoding)
        assert reply.status == status
        if error:
            told = codec.decode_error(reply.body)
            assert [told.group, told.code, told.message] == error


@pytest.mark.parametrize(("size", "status", "error"), duties("6.6: responses over HTTP"))
@in_each_encoding
async def test_a_response(
    size: int, status: int, error: list[str], encoding: str, autojump_clock: MockClock
) -> None:
    codec = CODECS[encoding]
    body = codec.encode_action_request(HttpActionRequest([length_of(size, http_response(codec))]))
    async with serving(Large) as site:
        address = gateway("large", path="/action/text")
        reply = await site.http().request("POST", address, body, x_rivet_encoding=encoding)
        assert reply.status == status
        if error:
            told = codec.decode_error(reply.body)
            assert [told.group, told.code, told.message] == error
        else:
            assert len(reply.body) == size


@pytest.mark.parametrize(("size", "close"), duties("6.6: requests over a connection"))
@in_each_encoding
async def test_a_message(
    size: int, close: list[Any], encoding: str, autojump_clock: MockClock
) -> None:
    codec = CODECS[encoding]
    length = length_of(size, socket_request(codec))
    async with serving(Large) as site, connected(site, encoding) as socket:
        client = Client(socket, encoding)
        await client.receive()
        await client.send(ActionRequest(0, "size", ["x" * length]))
        if close:
            assert list(await client.closed()) == close
        else:
            assert await client.receive() == ActionResponse(0, length)


@pytest.mark.parametrize(("size", "error"), duties("6.6: responses over a connection"))
@in_each_encoding
async def test_an_answer(
    size: int, error: list[str], encoding: str, autojump_clock: MockClock
) -> None:
    """One that is too long is an error of its call; the connection stays."""
    length = length_of(size, socket_response(CODECS[encoding]))
    async with serving(Large) as site, connected(site, encoding) as socket:
        client = Client(socket, encoding)
        await client.receive()
        await client.send(ActionRequest(0, "text", [length]), ActionRequest(1, "size", ["x"]))
        answer = await client.receive()
        if error:
            assert isinstance(answer, ErrorMessage)
            assert [answer.group, answer.code, answer.message] == error
            assert (answer.action_id, answer.actor) == (0, None)
        else:
            assert answer == ActionResponse(0, "x" * length)
        assert await client.receive() == ActionResponse(1, 1)


@in_each_encoding
async def test_an_event_that_is_too_long(encoding: str, autojump_clock: MockClock) -> None:
    """It fails whoever says it, and closes nobody's connection."""
    error = duties("6.6: an event that is too long")
    async with serving(Large) as site, connected(site, encoding) as socket:
        client = Client(socket, encoding)
        await client.receive()
        await client.send(
            SubscriptionRequest("noise", True),
            ActionRequest(0, "shout", [1 << 20]),
            ActionRequest(1, "shout", [1]),
        )
        told = await client.receive()
        assert isinstance(told, ErrorMessage)
        assert [told.group, told.code, told.message] == error
        assert told.action_id == 0
        assert await client.receive() == EventMessage("noise", ["x"])
        assert await client.receive() == ActionResponse(1, None)


class Welcoming(Large, name="welcoming"):
    async def on_connect(self, conn: trivet.Conn[None]) -> None:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("name", ["large", "welcoming"])
@in_each_encoding
async def test_an_init_that_is_too_long(
    name: str, encoding: str, autojump_clock: MockClock
) -> None:
    """Whether the actor has to wake for it, or is awake."""
    close = duties("6.6: an Init that is too long")
    async with serving(Large, Welcoming, limits=Limits(message_out=50)) as site:
        for _ in range(2):
            address = gateway(name, path="/connect")
            offered = ("rivet", f"rivet_encoding.{encoding}")
            async with site.websocket(address, *offered) as socket:
                assert list(await Client(socket, encoding).closed()) == close
        (instance,) = site.runtime.directory.instances
        assert not instance.conns


@pytest.mark.parametrize(("hook", "seconds", "error"), duties("6.6: seconds"))
@in_each_encoding
async def test_how_long_code_may_take(
    hook: str, seconds: float, error: list[Any], encoding: str, autojump_clock: MockClock
) -> None:
    codec = CODECS[encoding]
    params = json.dumps({"hook": hook, "seconds": seconds})
    async with serving(Slow) as site:
        reply = await site.http().request(
            "POST",
            gateway("slow", path="/action/act"),
            codec.encode_action_request(HttpActionRequest([])),
            x_rivet_encoding=encoding,
            x_rivet_conn_params=params,
        )
        if error:
            told = codec.decode_error(reply.body)
            assert [reply.status, told.group, told.code] == error
        else:
            assert reply.status == 200


@attrs.frozen
class Sloth:
    hook: str
    seconds: float


class Slow(trivet.Actor[None, Sloth, Sloth], name="slow"):
    """Takes its time in one place."""

    async def on_before_connect(self, params: Sloth) -> None:
        await self.nap(params, "on_before_connect")

    async def create_conn_state(self, params: Sloth) -> Sloth:
        await self.nap(params, "create_conn_state")
        return params

    async def on_connect(self, conn: trivet.Conn[Sloth]) -> None:
        await self.nap(conn.state, "on_connect")

    @trivet.action
    async def act(self) -> None:
        await self.nap(self.conn.state, "act")

    async def nap(self, params: Sloth, hook: str) -> None:
        if params.hook == hook:
            await trio.sleep(params.seconds)


@pytest.mark.parametrize(("size", "error"), duties("6.6: params"))
async def test_the_size_of_params(size: int, error: str, autojump_clock: MockClock) -> None:
    params = json.dumps({"token": "x" * (size - len('{"token": ""}'))})
    assert len(params) == size
    async with serving() as site:
        address = gateway("room", path="/action/who")
        reply = await site.http().request("POST", address, b"{}", x_rivet_conn_params=params)
        assert (reply.error if reply.status == 400 else "") == error


@pytest.mark.parametrize(("size", "error"), duties("6.6: inputs in an address"))
async def test_the_size_of_an_input_in_an_address(
    size: int, error: str, autojump_clock: MockClock
) -> None:
    given = cbor2.dumps({"width": 1, "more": "x" * (size - 16)})
    assert len(given) == size
    text = urlsafe_b64encode(given).rstrip(b"=").decode()
    async with serving() as site:
        address = gateway("board", path="/action/area", more=f"&rvt-input={text}")
        reply = await site.http().request("POST", address, b"{}")
        assert (reply.error if reply.status == 400 else "") == error


@pytest.mark.parametrize(("size", "status"), duties("6.6: raw bodies"))
async def test_the_size_of_a_raw_body(size: int, status: int, autojump_clock: MockClock) -> None:
    """Only its declared length is sent of one that is too long."""
    async with web() as (site, _):
        stream = site.dial()
        address = gateway("web", path="/request/count")
        head = f"POST {address} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n"
        await stream.send_all(head.encode() + (bytes(size) if status == 200 else b""))
        assert (await rest(stream)).startswith(f"HTTP/1.1 {status} ".encode())
