"""HTTP on one connection, in pieces, with bodies that are read and bodies that are not.

Property: whatever arrives, the connection ends by itself: with an upgrade, or closed after answers
of which none says that the server made a mistake.
"""

from __future__ import annotations

from typing import Final

import attrs
import trio

from trivet.declare.options import Limits
from trivet.link.outbox import Outbox
from trivet.link.unfinished import Share, Unfinished
from trivet.protocol.codec import CODECS
from trivet.protocol.handshake import parse_call_headers
from trivet.server.answers import Answer, text_answer
from trivet.server.head import Head
from trivet.server.http import HttpConnection, ReadBody
from trivet.server.peers import Proxies
from trivet.server.stopping import Stopping
from trivet.server.upgrade import Upgrade

LIMITS: Final = Limits(request_head=2000, request_headers=16)
BODY: Final = 500


@attrs.define
class Script:
    """A transport whose peer says what is written down, and then leaves."""

    pieces: list[bytes]
    sent: bytes = b""
    immediate: bool = False

    async def receive_some(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    async def send_all(self, data: bytes) -> None:
        self.sent += data

    async def send_eof(self) -> None:
        """Say nothing."""

    async def aclose(self) -> None:
        """Stay as it is."""

    async def reset(self) -> None:
        """Stay as it is."""

    async def aclose_forcefully(self) -> None:
        """Stay as it is."""

    def send_now(self, data: bytes) -> int:
        return 0

    async def write(self, outbox: Outbox) -> bool:
        raise AssertionError("a link's business")


def check(data: bytes) -> None:
    """Serve a client that sends the bytes; the first one says how long its pieces are."""
    if not data:
        return
    width, stream = data[0] + 1, data[1:]
    script = Script([stream[at : at + width] for at in range(0, len(stream), width)])
    upgrade = trio.run(_serve, script)
    assert b"HTTP/1.1 500" not in script.sent
    if upgrade is not None:
        assert upgrade.handshake.response.startswith(b"HTTP/1.1 101 ")


async def _serve(script: Script) -> Upgrade | None:
    http = HttpConnection(
        script,
        "127.0.0.1",
        LIMITS,
        Stopping(),
        proxies=Proxies(["127.0.0.1"]),
        max_params=LIMITS.params,
        count=len,
        share=Share(Unfinished()),
    )
    return await http.serve(_respond)


async def _respond(head: Head, read: ReadBody) -> Answer:
    call = parse_call_headers(head.headers)
    if head.method == "POST":
        CODECS[call.encoding].decode_action_request(await read(BODY))
    elif head.method == "PUT":
        return text_answer(f"{len(await read(BODY))}")
    return text_answer("ok")
