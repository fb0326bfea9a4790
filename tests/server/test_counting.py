"""Counting: what is dropped or refused on the way between a client and its actor."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.serving import Serving, gateway, raw, rest, serving
from tests.server.sessions import UPGRADE
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionRequest, SubscriptionRequest, ToServer

JSON = CODECS["json"]
CONNECT = gateway("noisy", path="/connect")
KEY = b"\x00\x00\x00\x00"


class Noisy(Actor, name="noisy", limits=Limits(outbox_messages=4, mailbox=1)):
    shout = Event[str]()
    closed = Event[str]()

    def can_subscribe(self, event: Event[str], conn: Conn[None]) -> bool:
        return event is Noisy.shout

    @action
    def make_noise(self) -> None:
        for _ in range(2000):
            self.broadcast(Noisy.shout, "x" * 1000)

    @action
    async def wait(self) -> None:
        await trio.sleep(50)


async def connected(site: Serving) -> trio.abc.Stream:
    stream = site.dial()
    await stream.send_all(UPGRADE.replace(b"/counter/", b"/noisy/") + b"\r\n")
    await wait_all_tasks_blocked()
    return stream


def frame(payload: bytes) -> bytes:
    """A masked text frame, with a mask that changes nothing."""
    assert len(payload) < 65536
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + KEY + payload


def message(message: ToServer) -> bytes:
    return frame(JSON.encode_to_server(message))


def calls(name: str, count: int) -> bytes:
    return b"".join(message(ActionRequest(number, name, [])) for number in range(count))


@pytest.mark.parametrize(
    ("data", "name", "times"),
    [
        (frame(b"{"), "message_malformed", 1),
        (b"\x81\x01x", "protocol_violated", 1),
        (message(SubscriptionRequest("nothing", True)), "subscription_unknown", 1),
        (message(SubscriptionRequest("closed", True)), "subscription_refused", 1),
        (calls("wait", 4), "request_overloaded", 2),
        (frame(b"{") + calls("wait", 1), "message_malformed", 1),
    ],
)
async def test_what_a_client_did_is_counted(
    data: bytes, name: str, times: int, autojump_clock: MockClock
) -> None:
    async with serving(Noisy) as site:
        stream = await connected(site)
        await stream.send_all(data)
        await wait_all_tasks_blocked()
        await stream.aclose()
        await trio.sleep(6)
        assert site.counters.counts[name] == times
        assert site.runtime.counters[name] == times


async def test_a_client_that_says_nothing_is_counted(autojump_clock: MockClock) -> None:
    async with serving(Noisy) as site:
        await connected(site)
        await trio.sleep(41)
        assert site.counters.counts["client_vanished"] == 1


async def test_a_slow_client_and_its_frames_are_counted() -> None:
    """Over TCP, whose buffers are finite: a memory stream takes everything."""
    async with serving(Noisy, host="127.0.0.1", limits=Limits(close_time=0.1)) as site:
        stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
        await stream.send_all(UPGRADE.replace(b"/counter/", b"/noisy/") + b"\r\n")
        await stream.send_all(message(SubscriptionRequest("shout", True)))
        for number in range(20):
            await stream.send_all(message(ActionRequest(number, "make_noise", [])))
        while not site.counters.counts["slow_consumer"]:
            await trio.lowlevel.checkpoint()
        assert site.counters.counts["frame_dropped"] > 0
        await trio.aclose_forcefully(stream)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"nonsense\r\n\r\n", "request_malformed"),
        (b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "request_refused"),
        (
            b"GET / HTTP/1.1\r\nhost: x\r\norigin: http://evil.example\r\nconnection: close\r\n\r\n",
            "origin_refused",
        ),
        (UPGRADE.replace(b"/connect", b"/nothing") + b"\r\n", "opening_refused"),
        (UPGRADE + b"origin: http://evil.example\r\n\r\n", "origin_refused"),
    ],
)
async def test_what_was_refused_is_counted(
    data: bytes, name: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        await raw(site.dial(), data)
        assert site.counters.counts[name] == 1


async def test_what_comes_after_the_close_is_counted(autojump_clock: MockClock) -> None:
    """A client that floods its inbox is closed, what waited and what follows is dropped."""
    limits = Limits(inbox_messages=3, mailbox_per_connection=1)
    async with serving(Noisy, limits=limits) as site:
        stream = await connected(site)
        await stream.send_all(calls("wait", 7))
        await rest(stream)
        counts = site.counters.counts
        assert counts["connection_flooding"] == 1
        assert counts["message_dropped"] == 4
