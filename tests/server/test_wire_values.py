"""Values as official clients write them, there and back through an action (5.1 and 5.2).

The messages are put together by hand, so that no codec is asked about itself; what each codec
takes and refuses beyond that is in `tests/protocol`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from tests.server.by_hand import FORMATS, Format
from tests.server.serving import gateway, serving
from tests.server.sessions import CONNECT

[VALUES] = json.loads(Path(__file__).with_name("wire_values.json").read_text()).values()


def rows() -> list[Any]:
    """One row for each value in each encoding: the format, what is sent and what is answered."""
    found: list[Any] = []
    for what, forms in VALUES.items():
        assert set(forms) == set(FORMATS)
        for encoding, form in forms.items():
            sent, answered = (form, form) if isinstance(form, str) else form
            wire = FORMATS[encoding]
            row = wire, wire.value(sent), wire.value(answered)
            found.append(pytest.param(*row, id=f"{what}, {encoding}"))
    return found


@pytest.mark.parametrize(("wire", "sent", "answered"), rows())
async def test_a_value(
    wire: Format, sent: bytes, answered: bytes, autojump_clock: MockClock
) -> None:
    async with (
        serving() as site,
        site.websocket(CONNECT, "rivet", f"rivet_encoding.{wire.name}") as socket,
    ):
        await socket.recv()
        await socket.send(wire.frame(wire.call(7, "echo", wire.list_of(sent))))
        assert await socket.recv() == wire.frame(wire.reply(7, answered))
        body = wire.body(wire.list_of(sent))
        address = gateway(path="/action/echo")
        reply = await site.http().request("POST", address, body, x_rivet_encoding=wire.name)
        assert (reply.status, reply.body) == (200, wire.output(answered))
