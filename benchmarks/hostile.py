"""Hostile: what the dearest messages that a client can send cost, to decode or to refuse.

One operation is one message of 64 KiB. The floor is a message of as many bytes in the same encoding
that an honest client might send; the ratio says how much more of a server a hostile one takes.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import trio

from benchmarks.hostile_messages import benign, hostile
from benchmarks.measuring import Benchmark, Ratio, Variant
from trivet.protocol.codec import CODECS
from trivet.protocol.errors import DecodingError
from trivet.protocol.messages import EncodingName

__all__ = ["BENCHMARK", "ENCODINGS", "dearest", "largest", "memory"]

ENCODINGS: Final[tuple[EncodingName, ...]] = ("bare", "cbor", "json")

ATTEMPTS: Final = 5
"""How often each message is decoded to find the dearest; the fastest attempt counts."""


def decode(encoding: EncodingName, message: bytes) -> object:
    """Decode a message; what it says, or ``None`` if it is refused."""
    try:
        return CODECS[encoding].decode_to_server(message)
    except DecodingError:
        return None


def cost(encoding: EncodingName, message: bytes) -> float:
    """Decode a message once; how many CPU seconds that took."""
    started = time.thread_time()
    decode(encoding, message)
    return time.thread_time() - started


def memory(encoding: EncodingName, message: bytes) -> int:
    """Decode a message once; how many bytes that took at its peak, beside the message itself.

    What comes out is among them: whoever sends the message makes the server hold it.
    """
    decode(encoding, message)  # what is made once, and kept
    gc.collect()
    tracemalloc.start()
    try:
        decode(encoding, message)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def dearest(encoding: EncodingName) -> tuple[str, bytes, float]:
    """Return the name of the message that takes longest, itself, and its CPU seconds."""
    costs = {
        name: (min(cost(encoding, message) for _ in range(ATTEMPTS)), message)
        for name, message in hostile()[encoding].items()
    }
    name = max(costs, key=lambda name: costs[name][0])
    seconds, message = costs[name]
    return name, message, seconds


def largest(encoding: EncodingName) -> tuple[str, int]:
    """Return the name of the message that takes the most memory, and how many bytes it takes."""
    taken = {name: memory(encoding, message) for name, message in hostile()[encoding].items()}
    name = max(taken, key=lambda name: taken[name])
    return name, taken[name]


async def decode_again(encoding: EncodingName, message: bytes, times: int) -> float:
    spent = sum(cost(encoding, message) for _ in range(times))
    await trio.lowlevel.checkpoint()
    return spent / times


def _variant(name: str, times: int, encoding: EncodingName, message: bytes) -> Variant:
    return Variant(name, times, partial(decode_again, encoding, message))


@asynccontextmanager
async def variants() -> AsyncGenerator[Sequence[Variant]]:
    chosen: list[Variant] = []
    for encoding, lines in benign().items():
        name, message, seconds = dearest(encoding)
        print(f"p100 of {encoding}: {seconds * 1000:.2f} ms, {name}")
        name, taken = largest(encoding)
        print(f"most memory in {encoding}: {taken / 2**20:.2f} MiB, {name}")
        chosen.append(_variant(f"dearest {encoding}", 20, encoding, message))
        chosen.append(_variant(f"lines in {encoding}", 100, encoding, lines))
    yield chosen


BENCHMARK: Final = Benchmark(
    "hostile",
    "a message of 64 KiB, decoded or refused",
    "dearest: the one of hostile_messages.py that takes longest in its encoding, chosen before the\n"
    "rounds and printed above with its CPU time, beside the one that takes the most memory.\n"
    "lines: a list of texts of 64 characters.",
    tuple(
        Ratio(
            f"hostile_{encoding}_vs_lines", f"dearest {encoding}", f"lines in {encoding}", "floor"
        )
        for encoding in ENCODINGS
    ),
    variants,
)
