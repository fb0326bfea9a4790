"""Bounds of the client protocol (6.6) at their last byte, and an Init that is beyond its own."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import cbor2
import pytest
import trio
from trio.testing import MockClock

import trivet
from tests.server.actors import Counter
from tests.server.serving import gateway, rest, serving
from tests.server.sessions import Client
from tests.server.web import web
from trivet.declare.options import Limits


class Welcoming(Counter, name="welcoming"):
    async def on_connect(self, conn: trivet.Conn[None]) -> None:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("name", ["counter", "welcoming"])
@pytest.mark.parametrize("encoding", ["bare", "cbor", "json"])
async def test_an_init_that_is_too_long(
    name: str, encoding: str, autojump_clock: MockClock
) -> None:
    """The client hears why and is closed, whether the actor wakes for it or is awake."""
    async with serving(Counter, Welcoming, limits=Limits(message_out=50)) as site:
        for _ in range(2):
            address = gateway(name, path="/connect")
            offered = ("rivet", f"rivet_encoding.{encoding}")
            async with site.websocket(address, *offered) as socket:
                closed = await Client(socket, encoding).closed()
                assert closed == (1011, "message.outgoing_too_long")
        (instance,) = site.runtime.directory.instances
        assert not instance.conns
        assert instance.reception.connections == ()


@pytest.mark.parametrize(("size", "error"), [(4096, None), (4097, "message.incoming_too_long")])
async def test_params(size: int, error: str | None, autojump_clock: MockClock) -> None:
    params = json.dumps({"token": "x" * (size - len('{"token": ""}'))})
    assert len(params) == size
    async with serving() as site:
        address = gateway("room", path="/action/who")
        reply = await site.http().request("POST", address, b"{}", x_rivet_conn_params=params)
        assert (None if reply.status == 200 else reply.error) == error


@pytest.mark.parametrize(
    ("size", "error"), [(4096, None), (4097, "guard.query_invalid_cbor_input")]
)
async def test_an_input_in_an_address(
    size: int, error: str | None, autojump_clock: MockClock
) -> None:
    given = cbor2.dumps({"width": 1, "more": "x" * (size - 16)})
    assert len(given) == size
    text = urlsafe_b64encode(given).rstrip(b"=").decode()
    async with serving() as site:
        address = gateway("board", path="/action/area", more=f"&rvt-input={text}")
        reply = await site.http().request("POST", address, b"{}")
        assert (None if reply.status == 200 else reply.error) == error


@pytest.mark.parametrize(("size", "status"), [(20 << 20, 200), ((20 << 20) + 1, 400)])
async def test_a_raw_body(size: int, status: int, autojump_clock: MockClock) -> None:
    """Of one that is too long the length alone is told."""
    async with web() as (site, _):
        stream = site.dial()
        head = (
            f"POST {gateway('web', path='/request/count')} HTTP/1.1\r\nhost: x\r\n"
            f"connection: close\r\ncontent-length: {size}\r\n\r\n"
        )
        await stream.send_all(head.encode() + (bytes(size) if status == 200 else b""))
        assert (await rest(stream)).startswith(f"HTTP/1.1 {status} ".encode())
