"""The 301 cases of the Autobahn catalogue that are not about compression, over a real socket.

No case fails, and every connection ends with a close frame of the server and then with its end of
the stream: none of them is closed uncleanly. `test_suite.py` has the suite itself say the same.
"""

from __future__ import annotations

import pytest
import trio
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from tests.link.autobahn.case import CLOSE, Case, goodbye
from tests.link.autobahn.echo import echo_server
from tests.link.autobahn.frames import FrameReader
from tests.link.autobahn.rules import RULES
from tests.link.autobahn.utf8 import UTF8
from tests.link.autobahn.volume import VOLUME


class Client(FrameReader):
    """Writes raw bytes and reads a server's frames."""

    def __init__(self, stream: trio.SocketStream) -> None:
        super().__init__(stream, masked=False)

    async def shake_hands(self, port: int) -> None:
        protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/"))
        protocol.send_request(protocol.connect())
        await self.stream.send_all(b"".join(protocol.data_to_send()))
        assert (await self.read_head()).startswith(b"HTTP/1.1 101 ")


async def play(case: Case) -> None:
    async with echo_server() as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream, trio.open_nursery() as nursery:
            client = Client(stream)
            await client.shake_hands(port)
            turns = trio.Semaphore(1 if case.in_turn else len(case.sends) + 1)
            sent = trio.Event()
            nursery.start_soon(send, client, case, turns, sent)
            for expected in case.returns:
                assert await client.next_frame() == expected
                turns.release()
            await sent.wait()
            if case.closes:
                await stream.send_all(goodbye())
            await hear_out(client, case)


async def send(client: Client, case: Case, turns: trio.Semaphore, sent: trio.Event) -> None:
    try:
        for part in case.sends:
            await turns.acquire()
            for piece in part.pieces():
                await client.stream.send_all(piece)
    except trio.BrokenResourceError:
        assert not case.closes  # a server that was offended need not listen to the rest
    sent.set()


async def hear_out(client: Client, case: Case) -> None:
    """Make sure that the server says goodbye, and nothing after that."""
    last = await client.next_frame()
    assert last is not None
    opcode, payload = last
    assert opcode == CLOSE
    assert (int.from_bytes(payload[:2]) if payload else None) in case.codes
    payload[2:].decode()
    assert await client.next_frame() is None


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


def test_no_case_is_missing() -> None:
    assert len({*RULES, *UTF8, *VOLUME}) == 301
