"""Plays an attack over a stream, and notes what the server answers."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import trio

from tests.attacks.attack import READ_NOTHING, RST, Answer, Attack, Mark
from tests.attacks.plaza import SECRET
from tests.link.peers import client_frame
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.messages import ActionResponse, ErrorMessage, EventMessage, Init

__all__ = ["Ears", "play"]

Reset = Callable[[trio.abc.HalfCloseableStream], None]
CLOSE_FRAME = 0x88
BODILESS = {100, 101, 204}


async def play(attack: Attack, stream: trio.abc.HalfCloseableStream, reset: Reset) -> Answer | None:
    """Play an attack to its end.

    Args:
        attack: The attack.
        stream: A fresh connection to the server; closed in the end.
        reset: Breaks the connection without a word.

    Returns:
        What the server answered, ``None`` if the attacker was gone by then.
    """
    async with stream:
        player = _Player(attack, stream, reset)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(player.attack)
            await player.listen()
            nursery.cancel_scope.cancel()
    return None if player.gone else player.ears.answer()


class _Player:
    def __init__(self, attack: Attack, stream: trio.abc.HalfCloseableStream, reset: Reset) -> None:
        self._attack = attack
        self._stream = stream
        self._reset = reset
        self._reading = trio.Event()
        self.ears = Ears(CODECS[attack.encoding])
        self.gone = RST in attack.steps
        self._expected = len(attack.answer.heard) if attack.answer else 0
        self._done = False
        self._polite = False
        if READ_NOTHING not in attack.steps:
            self._reading.set()

    async def attack(self) -> None:
        try:
            for step in self._attack.steps:
                if isinstance(step, bytes):
                    await self._stream.send_all(step)
                else:
                    await self._do(step)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the server has had enough
        finally:
            self._reading.set()
        self._done = True
        await self._say_goodbye()

    async def _do(self, mark: Mark) -> None:
        match mark:
            case "opened":
                self._reading.set()
                await self.ears.opened.wait()
            case "heard":
                while len(self.ears.heard) < self._expected:
                    await self.ears.news.park()
            case "closed":
                await self.ears.closed.wait()
            case "fin":
                await self._stream.send_eof()
            case "rst":
                self._reset(self._stream)
            case "read nothing":
                if self._reading.is_set():
                    self._reading = trio.Event()

    async def listen(self) -> None:
        try:
            while True:
                await self._reading.wait()
                data = bytes(await self._stream.receive_some())
                if not data:
                    break
                self.ears.hear(data)
                await self._say_goodbye()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # a reset, from one side or the other

    async def _say_goodbye(self) -> None:
        """Answer the server's close, once, behind everything else."""
        if not self._done or self._polite or self._attack.mute or self.ears.close is None:
            return
        self._polite = True
        try:
            await self._stream.send_all(client_frame(CLOSE_FRAME, b"\x03\xe8"))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the server did not wait for it


@attrs.define(eq=False)
class Ears:
    """Understands what a server says, without any code of the server's own side."""

    codec: Codec
    statuses: list[int] = attrs.Factory(list[int])
    heard: list[str] = attrs.Factory(list[str])
    close: tuple[int, str] | None = None
    opened: trio.Event = attrs.Factory(trio.Event)
    closed: trio.Event = attrs.Factory(trio.Event)
    news: trio.lowlevel.ParkingLot = attrs.Factory(trio.lowlevel.ParkingLot)
    _data: bytes = b""

    def answer(self) -> Answer:
        return Answer(tuple(self.statuses), tuple(self.heard), self.close)

    def hear(self, data: bytes) -> None:
        self._data += data
        assert SECRET.encode() not in self._data, "what an exception said has left the process"
        while self.take_frame() if 101 in self.statuses else self.take_response():
            self.news.unpark_all()

    def take_response(self) -> bool:
        head, blank, rest = self._data.partition(b"\r\n\r\n")
        if not blank:
            return False
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        status = int(status_line.split(" ")[1])
        size = 0 if status in BODILESS else int(headers["content-length"])
        if len(rest) < size:
            return False
        self._data = rest[size:]
        self.statuses.append(status)
        if "x-rivet-error" in headers:
            self.heard.append(headers["x-rivet-error"])
        elif status >= 400 and "x-rivet-actor" not in headers:
            self.hear_fault(headers.get("content-type", ""), rest[:size])
        return True

    def hear_fault(self, content_type: str, body: bytes) -> None:
        codec = next(
            (codec for codec in CODECS.values() if codec.content_type == content_type), None
        )
        if codec is not None:
            codec = self.codec if self.codec.content_type == content_type else codec
            error = codec.decode_error(body)
            self.heard.append(f"{error.group}.{error.code}")

    def take_frame(self) -> bool:
        size, body = _measure(self._data)
        if len(self._data) < size:
            return False
        first, payload = self._data[0], self._data[body : int(size)]
        self._data = self._data[int(size) :]
        if first == CLOSE_FRAME:
            code = int.from_bytes(payload[:2]) if payload else 1005
            self.close = code, payload[2:].decode()
            self.closed.set()
        elif first in {0x81, 0x82}:
            self.hear_message(payload)
        return True

    def hear_message(self, payload: bytes) -> None:
        match self.codec.decode_to_client(payload):
            case Init():
                self.opened.set()
            case ErrorMessage(group, code):
                self.heard.append(f"{group}.{code}")
            case ActionResponse():
                self.heard.append("reply")
            case EventMessage():
                pass  # others talk


def _measure(data: bytes) -> tuple[float, int]:
    """Return the size of the frame that data begins with, and where its payload begins."""
    if len(data) < 2:
        return math.inf, 0
    assert data[1] < 0x80, "a server's frame is not masked"
    if data[1] < 126:
        return 2 + data[1], 2
    width = 2 if data[1] == 126 else 8
    body = 2 + width
    if len(data) < body:
        return math.inf, body
    return body + int.from_bytes(data[2:body]), body
