"""Twelve kinds of peers, over a network in memory, and how long each keeps its socket open."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final, Literal

import attrs
import trio
import trio.testing

from tests.attacks.encoded import frame_of
from tests.attacks.player import Ears
from tests.attacks.requests import address, connect, upgrade
from tests.link.peers import goodbye, ping
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionRequest, SubscriptionRequest
from trivet.testing.network import MemoryConnection

__all__ = ["CLOSING", "Kind", "Peer"]

Kind = Literal[
    "answers the close",
    "resets",
    "sends FIN alone",
    "never reads",
    "never answers the close",
    "has vanished without FIN",
    "goes on calling, then answers",
    "floods",
    "closes at the same moment",
    "is silent over TLS",
    "reads a little now and then",
    "is in this process",
]

CLOSING: Final[dict[Kind, int]] = {
    "answers the close": 0,
    "resets": 0,
    "sends FIN alone": 0,
    "never reads": 5,
    "never answers the close": 5,
    "has vanished without FIN": 5,
    "goes on calling, then answers": 0,
    "floods": 5,
    "closes at the same moment": 0,
    "is silent over TLS": 5,
    "reads a little now and then": 5,
    "is in this process": 0,
}
"""Seconds until its socket is closed."""

CERTIFICATE: Final = Path(__file__).with_name("certificate.pem")
HINDERED: Final = {"never reads", "reads a little now and then"}


@attrs.define(eq=False)
class Peer:
    """A client on a connection of its own.

    Attributes:
        kind: What it is like.
        raw: Whether it comes by a raw WebSocket, whose handler understands the same messages.
    """

    kind: Kind
    raw: bool = False
    connection: MemoryConnection = attrs.Factory(lambda: MemoryConnection("server"))
    ears: Ears = attrs.Factory(lambda: Ears(CODECS["json"]))
    stream: trio.abc.Stream = attrs.field(init=False)
    served: trio.abc.Stream = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.stream, self.served = self.connection.client, self.connection.server
        if self.kind == "is silent over TLS":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
            self.served = trio.SSLStream(
                self.served, context, server_side=True, https_compatible=True
            )
            self.stream = trio.SSLStream(
                self.stream, trusting, server_hostname="localhost", https_compatible=True
            )

    async def enter(self) -> None:
        """Connect, and hear Init."""
        raw = upgrade(address("/websocket/", name="arena"))
        await self.stream.send_all(raw if self.raw else connect(name="arena"))
        while not self.ears.opened.is_set():
            self.ears.hear(bytes(await self.stream.receive_some()))

    async def prepare(self) -> None:
        """Become what it is."""
        if self.kind in HINDERED:
            self.connection.stop_reading(client=True)
            shout = frame_of("json", ActionRequest(1, "shout", [900_000]))
            subscription = frame_of("json", SubscriptionRequest("noise", True))
            await self.stream.send_all(subscription + shout)

    async def leave_now(self) -> None:
        """Vanish, or begin to close, at the moment when the server does."""
        if self.kind == "closes at the same moment":
            await self.stream.send_all(goodbye())
        elif self.kind == "has vanished without FIN":
            self.connection.vanish()

    async def call_leave(self) -> None:
        """Let its own action throw it out."""
        await self.stream.send_all(frame_of("json", ActionRequest(2, "leave", [])))
        if self.kind == "has vanished without FIN":
            await trio.testing.wait_all_tasks_blocked()
        await self.leave_now()

    async def live(self) -> None:
        """Hear, and react to the close, until the connection is over."""
        try:
            if self.kind == "reads a little now and then":
                await self._sip()
            elif self.kind != "never reads":
                await self._listen()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the server, or a reset

    async def _sip(self) -> None:
        while True:
            await trio.sleep(1)
            self.connection.resume_reading()
            await self.stream.receive_some(1000)
            self.connection.stop_reading(client=True)

    async def _listen(self) -> None:
        while data := bytes(await self.stream.receive_some()):
            closing = self.ears.close is None
            self.ears.hear(data)
            if closing and self.ears.close is not None:
                await self._react()
        if self.kind != "never answers the close":
            await self.stream.aclose()

    async def _react(self) -> None:
        call = frame_of("json", ActionRequest(3, "leave", []))
        match self.kind:
            case "answers the close":
                await self.stream.send_all(goodbye())
            case "resets":
                self.connection.cut()
            case "sends FIN alone":
                await self.connection.client.send_eof()
            case "goes on calling, then answers":
                await self.stream.send_all(call * 10 + ping() + goodbye())
            case "floods":
                while True:
                    await self.stream.send_all(ping() * 1000)
                    await trio.sleep(0.1)
            case _:
                pass
