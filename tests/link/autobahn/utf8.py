"""Cases 6: text messages that are UTF-8, and others that are not."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from tests.link.autobahn.case import CONTINUATION, TEXT, Case, Send, frame

__all__ = ["UTF8"]

INVALID: Final = frozenset({1007})

SOUNDS: Final = "Grüße, señor: 你好".encode()
# Five Greek letters of two bytes, but for the second, which has three.
GREEK: Final = bytes.fromhex("ceba e1bdb9 cf83 cebc ceb5")
AFTER: Final = b"after"
SURROGATE: Final = b"\xed\xa0\x80"
BEYOND: Final = b"\xf4\x90\x80\x80"


def accepted(payload: bytes, *sends: Send) -> Case:
    return Case(sends or (Send(frame(TEXT, payload)),), ((TEXT, payload),))


def refused(payload: bytes, *sends: Send) -> Case:
    return Case(sends or (Send(frame(TEXT, payload)),), (), INVALID, closes=False)


def in_fragments(*parts: bytes) -> tuple[Send, ...]:
    last = len(parts) - 1
    return tuple(
        Send(frame(CONTINUATION if index else TEXT, part, fin=index == last))
        for index, part in enumerate(parts)
    )


def octets(payload: bytes) -> tuple[bytes, ...]:
    return tuple(payload[at : at + 1] for at in range(len(payload)))


def in_chops(payload: bytes, *ends: int) -> tuple[Send, ...]:
    """One frame, written in pieces that end behind these octets of its payload."""
    written = frame(TEXT, payload)
    head = len(written) - len(payload)
    marks = (0, *(head + end for end in ends), len(written))
    return tuple(Send(written[start:end]) for start, end in pairwise(marks))


def messages() -> dict[str, Case]:
    broken, beyond = GREEK + SURROGATE + AFTER, GREEK + BEYOND + AFTER
    return {
        "6.1.1": accepted(b""),
        "6.1.2": accepted(b"", *in_fragments(b"", b"", b"")),
        "6.1.3": accepted(b"middle", *in_fragments(b"", b"middle", b"")),
        "6.2.1": accepted(SOUNDS),
        "6.2.2": accepted(SOUNDS, *in_fragments(SOUNDS[:4], SOUNDS[4:])),
        "6.2.3": accepted(SOUNDS, *in_fragments(*octets(SOUNDS))),
        "6.2.4": accepted(GREEK, *in_fragments(*octets(GREEK))),
        "6.3.1": refused(broken),
        "6.3.2": refused(broken, *in_fragments(*octets(broken))),
        "6.4.1": refused(beyond, *in_fragments(GREEK, BEYOND, AFTER)),
        "6.4.2": refused(beyond, *in_fragments(beyond[:12], beyond[12:13], beyond[13:])),
        "6.4.3": refused(beyond, *in_chops(beyond, 11, 15)),
        "6.4.4": refused(beyond, *in_chops(beyond, 12, 13)),
    }


def hexes(digits: str) -> list[bytes]:
    return [bytes.fromhex(one) for one in digits.split()]


CUT_OFF: Final = hexes("c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf")
SCATTERED_STARTS: Final = [
    b"".join(bytes((byte, 0x20)) for byte in range(first, last))
    for first, last in (
        (0xC0, 0xDF),
        (0xE0, 0xEF),
        (0xF0, 0xF7),
        (0xF8, 0xFB),
        (0xFC, 0xFD),
    )
]
ALTERNATING: Final = b"\x80\xbf\x80\xbf\x80\xbf"
# The last two code points of every plane.
NON_CHARACTERS: Final = [chr(point).encode() for point in (0xFFFE, 0xFFFF)] + [
    chr(plane << 16 | last).encode() for plane in range(1, 17) for last in (0xFFFE, 0xFFFF)
]
PAIRS: Final = hexes(
    "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf"
    " edae80edb080 edae80edbfbf edafbfedb080 edafbfedbfbf"
)

# Each group by its number, and whether its texts are UTF-8.
GROUPS: Final[dict[int, tuple[bool, list[bytes]]]] = {
    5: (True, [f"hello{mark}world".encode() for mark in ("$", "¢", "€", "\U00024b62")] + [GREEK]),
    7: (True, hexes("00 c280 e0a080 f0908080")),
    8: (False, hexes("f888808080 fc8480808080")),
    9: (True, hexes("7f dfbf efbfbf f48fbfbf")),
    10: (False, hexes("f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf")),
    12: (False, [b"\xbf", *(ALTERNATING[:size] for size in range(1, 7)), bytes(range(0x80, 0xBF))]),
    13: (False, SCATTERED_STARTS),
    14: (False, CUT_OFF),
    15: (False, [b"".join(CUT_OFF)]),
    16: (False, hexes("fe ff fefeffff")),
    17: (False, hexes("c0af e080af f08080af f8808080af fc80808080af")),
    18: (False, hexes("c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf")),
    19: (False, hexes("c080 e08080 f0808080 f880808080 fc8080808080")),
    20: (False, hexes("eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf")),
    21: (False, PAIRS),
    22: (True, NON_CHARACTERS),
    23: (True, [chr(point).encode() for point in range(0xFFF9, 0x10000)]),
}


def texts() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for group, (valid, payloads) in GROUPS.items():
        for number, payload in enumerate(payloads, 1):
            cases[f"6.{group}.{number}"] = accepted(payload) if valid else refused(payload)
    whole = {2, 5, 7, 9, 11}
    for size in range(1, len(GREEK) + 1):
        prefix = GREEK[:size]
        cases[f"6.6.{size}"] = accepted(prefix) if size in whole else refused(prefix)
    edges = hexes("ed9fbf ee8080 efbfbd f48fbfbf")
    cases |= {f"6.11.{number}": accepted(edge) for number, edge in enumerate(edges, 1)}
    cases["6.11.5"] = refused(BEYOND)
    return cases


UTF8: Final[dict[str, Case]] = {**messages(), **texts()}
