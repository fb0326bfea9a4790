"""Cases 9 and 10: large messages, many fragments, many pieces, many messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.link.autobahn.case import BINARY, CONTINUATION, TEXT, Case, Send, frame

__all__ = ["VOLUME"]

KIB: Final = 1024
MIB: Final = 1024 * KIB
SIZES: Final = (64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB)
FRAGMENTS: Final = (64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB)
CHOPS: Final = (64, 128, 256, 512, 1024, 2048)
MANY: Final = 1000
SMALL_SIZES: Final = (0, 16, 64, 256, 1024, 4096)


def in_fragments(opcode: int, payload: bytes, size: int) -> bytes:
    starts = range(0, len(payload), size)
    return b"".join(
        frame(
            CONTINUATION if start else opcode,
            payload[start : start + size],
            fin=start + size >= len(payload),
        )
        for start in starts
    )


def one(opcode: int, payload: bytes, data: bytes, chop: int | None = None) -> Case:
    return Case((Send(data, chop),), ((opcode, payload),))


def large(opcode: int, byte: bytes, size: int) -> Case:
    payload = byte * size
    return one(opcode, payload, frame(opcode, payload))


def fragmented(opcode: int, byte: bytes, size: int, fragment: int) -> Case:
    payload = byte * size
    return one(opcode, payload, in_fragments(opcode, payload, fragment))


def chopped(opcode: int, byte: bytes, chop: int) -> Case:
    payload = byte * MIB
    return one(opcode, payload, frame(opcode, payload), chop)


def many(opcode: int, byte: bytes, size: int) -> Case:
    payload = byte * size
    sent = Send(frame(opcode, payload))
    return Case((sent,) * MANY, ((opcode, payload),) * MANY, in_turn=True)


def numbered() -> dict[str, Callable[[], Case]]:
    cases: dict[str, Callable[[], Case]] = {}
    for offset, (opcode, byte) in enumerate(((TEXT, b"*"), (BINARY, b"\xfe"))):
        for number, size in enumerate(SIZES, 1):
            cases[f"9.{1 + offset}.{number}"] = partial(large, opcode, byte, size)
        for number, size in enumerate(FRAGMENTS, 1):
            cases[f"9.{3 + offset}.{number}"] = partial(fragmented, opcode, byte, 4 * MIB, size)
        for number, chop in enumerate(CHOPS, 1):
            cases[f"9.{5 + offset}.{number}"] = partial(chopped, opcode, byte, chop)
        for number, size in enumerate(SMALL_SIZES, 1):
            cases[f"9.{7 + offset}.{number}"] = partial(many, opcode, byte, size)
    cases["10.1.1"] = partial(fragmented, TEXT, b"*", 64 * KIB, 1300)
    return cases


VOLUME: Final = numbered()
"""The cases by number; they are large, so each is made when it is wanted."""
