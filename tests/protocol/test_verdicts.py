"""What becomes of questionable input: one table of kinds, and the same verdict in every encoding.

Where an encoding cannot even write the thing, there is a word that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import attrs
import cbor2
import pytest

from tests.protocol.wire_values import alike
from trivet.protocol.bare import uint
from trivet.protocol.close import CloseCode
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import RemoteProtocolError
from trivet.protocol.messages import UNDEFINED, ActionRequest
from trivet.protocol.server import MAX_INCOMING, ServerConnection, ServerState

every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


@attrs.frozen
class Refused:
    """The connection ends with this reason and code."""

    reason: str = "actor.invalid_request"
    code: CloseCode = CloseCode.INTERNAL_ERROR


Outcome = Refused | Sequence[object]
"""A refusal, or the arguments that the call has."""

NO: Final = Refused()


@attrs.frozen
class Arguments:
    """A list of arguments, written in both formats.

    Attributes:
        cbor: As one item of CBOR, for bare and cbor.
        json: As JSON, or why there is no such JSON.
        outcome: What becomes of it.
    """

    cbor: bytes
    json: bytes | Literal["has no form for it"]
    outcome: Outcome


def listed(cbor: str, json: str | bytes) -> tuple[bytes, bytes]:
    text = json.encode() if isinstance(json, str) else json
    return b"\x81" + bytes.fromhex(cbor), b"[%b]" % text


def many(count: int) -> tuple[bytes, bytes]:
    return b"\x99" + count.to_bytes(2) + bytes(count), b"[%b]" % b",".join([b"0"] * count)


def nested(depth: int) -> tuple[bytes, bytes]:
    return b"\x81" * depth + b"\x00", b"[" * depth + b"0" + b"]" * depth


def one_in(depth: int) -> list[object]:
    return [0] if depth == 1 else [one_in(depth - 1)]


NAN_AND_INFINITY: Final[dict[str, Arguments]] = {
    # JavaScript has them, and JSON has not: they never reach it, and everything else carries them.
    "NaN": Arguments(bytes.fromhex("81f97e00"), "has no form for it", [float("nan")]),
    "infinity": Arguments(bytes.fromhex("81f97c00"), "has no form for it", [float("inf")]),
}

ARGUMENTS: Final[dict[str, Arguments]] = {
    **NAN_AND_INFINITY,
    "invalid UTF-8": Arguments(*listed("61ff", b'"\xff"'), NO),
    "UTF-8 that is cut off": Arguments(*listed("61c3", b'"\xc3"'), NO),
    "an overlong character": Arguments(*listed("62c0af", b'"\xc0\xaf"'), NO),
    "a lone surrogate": Arguments(*listed("63eda080", r'"\ud800"'), NO),
    "a lone surrogate in a key": Arguments(*listed("a163eda08000", r'{"\ud800":0}'), NO),
    "a key twice": Arguments(*listed("a2616101616102", '{"a":1,"a":2}'), NO),
    "a key twice, once escaped": Arguments(*listed("a2616101616102", r'{"a":1,"\u0061":2}'), NO),
    "a key twice, deep inside": Arguments(
        *listed("81a1617881a2616101616102", '[{"x":[{"a":1,"a":2}]}]'), NO
    ),
    "a key that is no text": Arguments(*listed("a10000", "{0:0}"), NO),
    "a list without an end": Arguments(*listed("8200", "[0,"), NO),
    "a list that is too short": Arguments(b"\x82\x00", b"[0", NO),
    "something behind it": Arguments(b"\x80\x00", b"[] 0", NO),
    "an undefined tag": Arguments(*listed("c600", "tag(0)"), NO),
    "a set of lists": Arguments(*listed("d901028180", '["$Set",[[]]]'), NO),
    "a number of too many digits": Arguments(*listed("c2590201" + "ff" * 513, "9" * 1235), NO),
    "depth 64": Arguments(*nested(64), one_in(64)),
    "depth 65": Arguments(*nested(65), NO),
    "16,000 values": Arguments(*many(16_000), [0] * 16_000),
    "16,500 values": Arguments(*many(16_500), NO),
    "no list": Arguments(b"\x01", b"1", [1]),
    "null": Arguments(b"\xf6", b"null", []),
    "a tag of nobody": Arguments(*listed("8264 24466f6f 01", '["$Foo",1]'), [["$Foo", 1]]),
    "a noncharacter": Arguments(*listed("63efbfbf", '"\uffff"'), ["\uffff"]),
    "zero bytes": Arguments(*listed("6100", r'"\u0000"'), ["\0"]),
    "the key __proto__": Arguments(
        *listed("a1695f5f70726f746f5f5f01", '{"__proto__":1}'), [{"__proto__": 1}]
    ),
    "an empty key": Arguments(*listed("a16001", '{"":1}'), [{"": 1}]),
    "an integer of 64 bits": Arguments(
        *listed("1bffffffffffffffff", '["$BigInt","18446744073709551615"]'), [2**64 - 1]
    ),
    "minus zero": Arguments(*listed("f98000", "-0.0"), [-0.0]),
}


def call_with(codec: Codec, arguments: Arguments) -> bytes | None:
    if codec.name == "json":
        if isinstance(arguments.json, str):
            return None
        return codec.encode_to_server(ActionRequest(1, "a", ["@"])).replace(
            b'["@"]', arguments.json
        )
    if codec.name == "cbor":
        return codec.encode_to_server(ActionRequest(1, "a", ["@"])).replace(
            b"\x81\x61@", arguments.cbor
        )
    return b"\x04\x00\x00\x01\x01a" + uint(len(arguments.cbor)) + arguments.cbor


def verdict(codec: Codec, data: bytes) -> Outcome:
    connection = ServerConnection(codec)
    try:
        message = connection.receive(data)
    except RemoteProtocolError as error:
        assert connection.state is ServerState.CLOSED
        assert connection.receive(data) is None, "nothing counts after a refusal"
        return Refused(f"{error.group}.{error.code}", error.close_code)
    assert isinstance(message, ActionRequest)
    return message.args


def agree(one: Outcome, other: Outcome) -> bool:
    return alike(one, other) or (repr(one), repr(other)) == ("[nan]", "[nan]")


@every_codec
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments(codec: Codec, kind: str) -> None:
    data = call_with(codec, ARGUMENTS[kind])
    if data is not None:
        assert agree(ARGUMENTS[kind].outcome, verdict(codec, data))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "nan"])
def test_what_is_no_number_in_json_is_no_json(text: str) -> None:
    codec = CODECS["json"]
    data = codec.encode_to_server(ActionRequest(1, "a", ["@"])).replace(b'"@"', text.encode())
    assert verdict(codec, data) == NO


def in_cbor(body: str) -> bytes:
    return bytes.fromhex("a164626f6479" + body)


# By encoding: whole messages that are none.
MESSAGES: Final[dict[str, tuple[bytes, bytes, bytes]]] = {
    "nothing": (b"", b"", b""),
    "no envelope": (b"\x04", b"\x80", b"[]"),
    "an unknown type": (
        b"\x04\x00\x02\x00",
        in_cbor("a26374616761 58 6376616ca0"),
        b'{"body":{"tag":"X","val":{}}}',
    ),
    "a type of the server": (
        b"\x04\x00\x03\x00\x00",
        in_cbor("a263746167654576656e74 6376616ca0"),
        b'{"body":{"tag":"Event","val":{}}}',
    ),
    "no type": (b"\x04\x00", in_cbor("a16376616ca0"), b'{"body":{"val":{}}}'),
    "a call without a name": (
        b"\x04\x00\x00\x01",
        in_cbor("a2637461676d416374696f6e52657175657374 6376616ca162696401"),
        b'{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","1"]}}}',
    ),
    "an id beyond 64 bits": (
        b"\x04\x00\x00" + b"\xff" * 9 + b"\x02\x01a\x01\x80",
        in_cbor(
            "a2637461676d416374696f6e526571756573746376616ca2626964c249010000000000000000646e616d656161"
        ),
        b'{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","18446744073709551616"],"name":"a"}}}',
    ),
    "a flag that is none": (
        b"\x04\x00\x01\x01a\x02",
        in_cbor(
            "a26374616773537562736372697074696f6e52657175657374 6376616ca2 696576656e744e616d65 6161 69737562736372696265 02"
        ),
        b'{"body":{"tag":"SubscriptionRequest","val":{"eventName":"a","subscribe":2}}}',
    ),
}


@every_codec
@pytest.mark.parametrize("kind", MESSAGES)
def test_messages_that_are_none(codec: Codec, kind: str) -> None:
    bare, cbor, json = MESSAGES[kind]
    data = {"bare": bare, "cbor": cbor, "json": json}[codec.name]
    assert verdict(codec, data) == NO


@pytest.mark.parametrize("kind", [kind for kind in MESSAGES if kind != "nothing"])
def test_their_cbor_is_in_order(kind: str) -> None:
    assert cbor2.dumps(cbor2.loads(MESSAGES[kind][1]))


@every_codec
@pytest.mark.parametrize("rest", [b"\x00", b"\xff", b" 0", b"{}"])
def test_something_behind_a_message(codec: Codec, rest: bytes) -> None:
    assert verdict(codec, codec.encode_to_server(ActionRequest(1, "a", [])) + rest) == NO


@every_codec
def test_a_message_that_is_too_long(codec: Codec) -> None:
    empty = len(codec.encode_to_server(ActionRequest(1, "a", ["x" * 60_000]))) - 60_000
    longest = "x" * (MAX_INCOMING - empty)
    assert verdict(codec, codec.encode_to_server(ActionRequest(1, "a", [longest]))) == [longest]
    data = codec.encode_to_server(ActionRequest(1, "a", [longest + "x"]))
    assert verdict(codec, data) == Refused("message.incoming_too_long")


def test_undefined_is_a_value_everywhere() -> None:
    for codec in CODECS.values():
        data = codec.encode_to_server(ActionRequest(1, "a", [UNDEFINED]))
        assert verdict(codec, data) == [UNDEFINED]
