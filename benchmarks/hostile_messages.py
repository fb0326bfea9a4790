"""The dearest messages that a client can send, in every encoding, each of 64 KiB.

Each is a call whose arguments are the *content*: as many copies of one unit as fit into the size
or the limit on nodes, or one item that is as large as that. Some are refused; that has to be as
cheap as to accept them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from trivet.protocol.bare import uint
from trivet.protocol.cbor_scan import MAX_NODES
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionRequest, EncodingName

__all__ = ["SIZE", "benign", "hostile"]

SIZE: Final = 65_536
"""Bytes of a message: the most that a client may send."""

ROOM: Final = SIZE - 128
"""Bytes of the content; the rest is the envelope."""

# The envelope and the list of arguments are nodes, too.
NODES: Final = MAX_NODES - 24
DEPTH: Final = 64
LINE: Final = 64
TAG_WEIGHT: Final = 4

_MARK: Final = "@mark@"


def hostile() -> dict[EncodingName, dict[str, bytes]]:
    """Return the messages by encoding and name."""
    return {
        "bare": {name: _bare(content) for name, content in _cbor_contents()},
        "cbor": {name: _cbor(content) for name, content in _cbor_contents()},
        "json": {name: _json(content) for name, content in _json_contents()},
    }


def benign() -> dict[EncodingName, bytes]:
    """Return a message of many lines of text in every encoding, as an honest client sends it."""
    request = ActionRequest(1, "say", ["x" * LINE] * (ROOM // (LINE + 3)))
    encodings: tuple[EncodingName, ...] = ("bare", "cbor", "json")
    return {encoding: CODECS[encoding].encode_to_server(request) for encoding in encodings}


# -- envelopes ------------------------------------------------------------------------------------


def _cbor(content: bytes) -> bytes:
    head, tail = (
        CODECS["cbor"]
        .encode_to_server(ActionRequest(1, "say", [_MARK]))
        .split(b"\x66" + _MARK.encode())
    )
    return head + content + tail


def _bare(content: bytes) -> bytes:
    args = b"\x81" + content
    return b"\x04\x00\x00\x01\x03say" + uint(len(args)) + args


def _json(content: bytes) -> bytes:
    marked = CODECS["json"].encode_to_server(ActionRequest(1, "say", [_MARK]))
    return marked.replace(f'"{_MARK}"'.encode(), content)


# -- CBOR -----------------------------------------------------------------------------------------

Numbered = Callable[[int], bytes]


def _cbor_list(unit: bytes | Numbered, *, weight: int = 1) -> bytes:
    return _cbor_container(0x98, unit, weight)


def _cbor_object(member: bytes | Numbered) -> bytes:
    return _cbor_container(0xB8, member, 2)


def _cbor_container(head: int, unit: bytes | Numbered, weight: int) -> bytes:
    length = len(unit if isinstance(unit, bytes) else unit(0))
    count = min((ROOM - 3) // length, (NODES - 1) // weight)
    units = unit * count if isinstance(unit, bytes) else b"".join(map(unit, range(count)))
    wide = count > 255
    return bytes((head + wide,)) + count.to_bytes(1 + wide) + units


def _cbor_text(number: int) -> bytes:
    return b"\x63" + _letters(number)


def _letters(number: int) -> bytes:
    return bytes((97 + number // 1024, 48 + number // 32 % 32, 64 + number % 32))


def _set_of(unit: Numbered) -> bytes:
    return b"\xd9\x01\x02" + _cbor_list(unit)


def _cbor_long(head: bytes, unit: bytes) -> bytes:
    count = (ROOM - 16) // len(unit)
    return head + (count * len(unit)).to_bytes(2) + unit * count


def _cbor_contents() -> Iterator[tuple[str, bytes]]:
    for name, unit in _CBOR_UNITS.items():
        yield name, _cbor_list(unit)
    yield "long lists", _cbor_list(b"\x98\x18" + bytes(24), weight=25)
    yield "longer lists", _cbor_list(b"\x99\x01\x00" + bytes(256), weight=257)
    for name, unit in _CBOR_TAGS.items():
        yield name, _cbor_list(unit, weight=1 + TAG_WEIGHT)
    yield "sets of one", _cbor_list(b"\xd9\x01\x02\x81\x00", weight=2 + TAG_WEIGHT)
    for bits in (0, 16, 40, 56):
        yield f"a set of integers that differ from bit {bits} on", _set_of(_shifted(bits))
    yield "a set of floats", _set_of(lambda n: b"\xfb" + struct.pack(">d", n * 1e-300))
    yield "a set of short floats", _set_of(_short_float)
    yield "a set of small integers", _set_of(lambda n: b"\x19" + n.to_bytes(2))
    yield "a set of texts", _set_of(_cbor_text)
    yield "a compat set of integers", b"\x82\x64$Set" + _cbor_list(_shifted(40))
    yield "a compat set of short floats", b"\x82\x64$Set" + _cbor_list(_short_float)
    yield "lists of two floats", _cbor_list(b"\x82" + _FLOAT * 2, weight=3)
    yield "lists of two undefined", _cbor_list(b"\x82\xf7\xf7", weight=3)
    yield "objects of one float", _cbor_list(b"\xa1\x60" + _FLOAT, weight=3)
    yield "an object of floats", _cbor_object(lambda n: _cbor_text(n) + _FLOAT)
    yield "deep lists of two", _cbor_list(b"\x82\xf7" * (DEPTH - 2) + b"\xf7", weight=2 * DEPTH - 3)
    yield "texts", _cbor_list(_cbor_text)
    yield "one object", _cbor_object(lambda n: _cbor_text(n) + b"\x00")
    yield (
        "one map",
        b"\xd9\x01\x03" + _cbor_object(lambda n: _cbor_text(n) + b"\x00"),
    )
    yield "one key again and again", _cbor_object(b"\x61a\x00")
    yield "objects of one member", _cbor_list(b"\xa1\x61a\x00", weight=3)
    yield "lists of two", _cbor_list(b"\x82\x00\x00", weight=3)
    yield "lists that look like tags", _cbor_list(b"\x82\x62$a\x00", weight=3)
    yield "tags of the compat layer", _cbor_list(b"\x82\x67$BigInt\x611", weight=3)
    yield "sets of the compat layer", _cbor_list(b"\x82\x64$Set\x81\x00", weight=4)
    yield "deep lists", _cbor_list(b"\x81" * (DEPTH - 2) + b"\x00", weight=DEPTH - 1)
    yield "deep objects", _cbor_list(b"\xa1\x60" * (DEPTH - 2) + b"\x00", weight=2 * DEPTH - 3)
    yield "too deep", b"\x81" * (ROOM - 1) + b"\x00"
    yield "too many", b"\x99" + (ROOM - 3).to_bytes(2) + bytes(ROOM - 3)
    yield "too many texts", b"\x99" + (ROOM // 2 - 3).to_bytes(2) + b"\x61a" * (ROOM // 2 - 3)
    yield "a long text of long characters", _cbor_long(b"\x79", "\U0001f600".encode())
    yield (
        "an integer as large as may be",
        _cbor_list(b"\xc2\x59\x02\x00" + b"\xff" * 512, weight=1 + TAG_WEIGHT),
    )
    yield (
        "digits of integers as large as may be",
        _cbor_list(b"\x82\x67$BigInt\x79\x04\xd1" + b"9" * 1233, weight=3),
    )
    for tag, name in _TYPED.items():
        yield (
            f"an array of {name}",
            _cbor_long(bytes((0xD8, tag, 0x59)), b"\x41\xf7\x01\x02\x03\x04\x05\x06"),
        )
    yield "arrays of one element", _cbor_list(b"\xd8\x48\x41\x00", weight=1 + TAG_WEIGHT)


def _short_float(number: int) -> bytes:
    return b"\xfa\x50" + number.to_bytes(3)


def _shifted(bits: int) -> Numbered:
    return lambda number: b"\x1b" + (number << bits & 2**64 - 1).to_bytes(8)


_FLOAT: Final = b"\xfa\x50\x00\x00\x00"  # 2**33 in four bytes

_TYPED: Final = {72: "int8", 69: "uint16", 70: "uint32", 71: "uint64", 85: "float32", 86: "float64"}

_CBOR_UNITS: Final[Mapping[str, bytes]] = {
    "small integers": b"\x00",
    "integers of 2 bytes": b"\x18\xff",
    "integers of 4 bytes": b"\x19\xff\xff",
    "integers of 9 bytes": b"\x1b" + b"\xff" * 8,
    "empty lists": b"\x80",
    "empty objects": b"\xa0",
    "empty texts": b"\x60",
    "short texts": b"\x63abc",
    "texts of 23": b"\x77" + b"x" * 23,
    "texts of 24": b"\x78\x18" + b"x" * 24,
    "texts of 256": b"\x79\x01\x00" + b"x" * 256,
    "texts of a long character": b"\x63" + "\u20ac".encode(),
    "empty bytes": b"\x40",
    "short bytes": b"\x43abc",
    "bytes of 24": b"\x58\x18" + b"x" * 24,
    "null": b"\xf6",
    "undefined": b"\xf7",
    "half floats": b"\xf9\x3c\x01",
    "short floats": b"\xfa\x50\x00\x00\x00",
    "floats that may be integers": b"\xfb\x42\x00\x00\x00\x00\x00\x00\x00",
    "floats": b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a",
}

_CBOR_TAGS: Final[Mapping[str, bytes]] = {
    "dates": b"\xc1\x00",
    "dates with a fraction": b"\xc1\xfb\x41\xd9\x98\x00\x00\x08\x00\x00",
    "small bignums": b"\xc2\x41\x01",
    "empty sets": b"\xd9\x01\x02\x80",
    "empty maps": b"\xd9\x01\x03\xa0",
    "empty arrays": b"\xd8\x40\x40",
    "empty typed arrays": b"\xd8\x56\x40",
}


# -- JSON -----------------------------------------------------------------------------------------


def _json_list(unit: str | Callable[[int], str], *, weight: int = 1) -> bytes:
    units: list[str] = []
    room = ROOM - 2
    for number in range((NODES - 1) // weight):
        units.append(unit if isinstance(unit, str) else unit(number))
        room -= len(units[-1].encode()) + 1
        if room < 0:
            units.pop()
            break
    return f"[{','.join(units)}]".encode()


def _json_object(member: str | Callable[[int], str]) -> bytes:
    return b"{" + _json_list(member, weight=2)[1:-1] + b"}"


def _json_text(unit: str) -> bytes:
    return f'"{unit * ((ROOM - 2) // len(unit.encode()))}"'.encode()


def _json_contents() -> Iterator[tuple[str, bytes]]:
    for name, unit in _JSON_UNITS.items():
        yield name, _json_list(unit)
    for name, unit in _JSON_TEXTS.items():
        yield name, _json_text(unit)
    yield "texts", _json_list(lambda n: f'"{_key(n)}"')
    yield "one object", _json_object(lambda n: f'"{_key(n)}":0')
    yield "one object with escapes", _json_object(lambda n: f'"\\u0061{_key(n)}":0')
    yield "one key again and again", _json_object('"a":0')
    yield "objects of one member", _json_list('{"a":0}', weight=3)
    yield "lists of two", _json_list("[0,0]", weight=3)
    yield "lists that look like tags", _json_list('["$a",0]', weight=3)
    yield "tags", _json_list('["$BigInt","1"]', weight=3)
    yield "sets", _json_list('["$Set",[]]', weight=3)
    yield "bytes", _json_list('["$Uint8Array",""]', weight=3)
    yield "a set of integers", b'["$Set",%b]' % _json_list(lambda n: str(n << 40 & 2**60 - 1))
    yield "a set of floats", b'["$Set",%b]' % _json_list(lambda n: f"{n}.5")
    yield "lists of two floats", _json_list("[0.5,0.5]", weight=3)
    yield "undefined", _json_list('["$Undefined",0]', weight=3)
    yield "escapes and one object", _json_object(lambda n: f'"{_key(n)}":"\\u003a"')
    yield "digits of integers as large as may be", _json_list(f'["$BigInt","{"9" * 1233}"]')
    yield "deep lists", _json_list("[" * (DEPTH - 2) + "0" + "]" * (DEPTH - 2), weight=DEPTH)
    yield (
        "deep objects",
        _json_list('{"":' * (DEPTH - 2) + "0" + "}" * (DEPTH - 2), weight=2 * DEPTH),
    )
    yield "too deep", b"[" * (ROOM // 2) + b"]" * (ROOM // 2)
    yield "too many", b"[" + b",".join([b"0"] * (ROOM // 2 - 1)) + b"]"
    yield "too many texts", b"[" + b",".join([b'""'] * (ROOM // 3 - 1)) + b"]"
    yield "too many escapes", b"[" + b",".join([b'"\\""'] * (ROOM // 5 - 1)) + b"]"
    yield "space", b"[" + b" " * (ROOM - 2) + b"]"
    yield "a number without an end", b"9" * ROOM
    yield "a fraction without an end", b"0." + b"9" * (ROOM - 2)
    yield "a text without an end", b'"' + b'\\"' * (ROOM // 2 - 1)


def _key(number: int) -> str:
    return _letters(number).decode().replace("\\", "|")


_JSON_UNITS: Final[Mapping[str, str]] = {
    "small integers": "0",
    "integers of 3 digits": "255",
    "integers of 20 digits": "1" + "0" * 19,
    "integers of 300 digits": "9" * 300,
    "integers of 1234 digits": "9" * 1234,
    "floats": "1.1",
    "floats of 17 digits": "1.2345678901234567e-17",
    "floats of 20 digits": "1.2345678901234567891e-17",
    "floats of 300 digits": "1." + "2345678901" * 30,
    "floats with a far exponent": "1e300",
    "floats with a far exponent and many digits": "1.2345678901234567891e-307",
    "floats with a far exponent and 1000 digits": "1." + "2345678901" * 100 + "e-307",
    "floats with a farther exponent": "1e-99999",
    "halfway floats": "9007199254740993.0",
    "empty lists": "[]",
    "empty objects": "{}",
    "empty texts": '""',
    "escaped quotes": '"\\""',
    "escaped units": '"\\u0041"',
    "escaped pairs": '"\\ud83d\\ude00"',
    "null": "null",
    "true": "true",
    "spaces": " 0 ",
    "colons": '":"',
    "dollars": '"$"',
}

_JSON_TEXTS: Final[Mapping[str, str]] = {
    "a long text of long characters": "\U0001f600",
    "a long text of escapes": "\\n",
    "a long text of escaped quotes": '\\"',
    "a long text of escaped units": "\\u0041",
    "a long text of escaped pairs": "\\ud83d\\ude00",
    "a long text of colons": ":",
    "a long text of brackets": "[{",
    "a long text of dollars": "$",
    "a long text of digits": "9",
}
