"""The 301 cases of the Autobahn catalogue that are not about compression, played to the client.

Each is the case that ``tests/link/autobahn`` plays to the server, in memory and from the other end.
"""

from __future__ import annotations

import pytest
import trio
from trio.testing import memory_stream_pair

from tests.client.autobahn.echo import run_echo
from tests.client.autobahn.server import ScriptedServer, written_by_a_server
from tests.link.autobahn.case import CLOSE, Case
from tests.link.autobahn.rules import RULES
from tests.link.autobahn.utf8 import UTF8
from tests.link.autobahn.volume import VOLUME

GOODBYE = b"\x88\x02\x03\xe8"
"""What a server writes that leaves normally."""


async def play(case: Case) -> None:
    server_end, client_end = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_echo, client_end, "/")
        server = ScriptedServer(server_end)
        await server.shake_hands()
        sent = trio.Event()
        turns = trio.Semaphore(1 if case.in_turn else len(case.sends) + 1)
        nursery.start_soon(send, server, case, turns, sent)
        expected = list(case.returns)
        last = await server.next_frame() if expected else None
        while expected and last == expected[0]:
            del expected[0]
            turns.release()
            last = await server.next_frame() if expected else None
        assert not expected or is_lost(case)
        await sent.wait()
        if case.closes:
            await server.stream.send_all(GOODBYE)
        opcode, payload = last or await server.next_frame() or (None, b"")
        assert opcode == CLOSE
        assert (int.from_bytes(payload[:2]) if payload else None) in case.codes
        payload[2:].decode()
        assert await server.next_frame() is None


def is_lost(case: Case) -> bool:
    """Whether answers may be missing: a server that leaves, or breaks a rule, ends the session."""
    return not case.closes


async def send(server: ScriptedServer, case: Case, turns: trio.Semaphore, sent: trio.Event) -> None:
    try:
        for pieces in written_by_a_server(case):
            await turns.acquire()
            for piece in pieces:
                await server.stream.send_all(piece)
    except trio.BrokenResourceError:
        assert not case.closes  # a client that was offended need not listen to the rest
    sent.set()


@pytest.mark.parametrize("number", RULES)
async def test_a_rule_of_the_protocol(number: str) -> None:
    await play(RULES[number])


@pytest.mark.parametrize("number", UTF8)
async def test_text_is_utf8(number: str) -> None:
    await play(UTF8[number])


@pytest.mark.slow
@pytest.mark.parametrize("number", VOLUME)
async def test_a_lot(number: str) -> None:
    await play(VOLUME[number]())
