"""No bytes make a codec do anything but decode them or raise `DecodingError`."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.protocol.coding import Message, decode, encode
from tests.protocol.vectors import VECTORS
from tests.protocol.wire_values import messages
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import DecodingError
from trivet.protocol.messages import ActionRequest

every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
EVERY_KIND: dict[type, Message] = {
    type(vector.message): vector.message for vector in VECTORS.values()
}

TRANSPORTABLE = messages(dates=False, extended=False)


def try_decode(codec: Codec, like: Message, data: bytes) -> bool:
    try:
        decode(codec, like, data)
    except DecodingError:
        return False
    return True


@every_codec
@given(data=st.binary(max_size=200))
def test_random_bytes(codec: Codec, data: bytes) -> None:
    for like in EVERY_KIND.values():
        try_decode(codec, like, data)


@every_codec
@given(message=TRANSPORTABLE)
def test_no_part_of_a_message_is_one(codec: Codec, message: Message) -> None:
    data = encode(codec, message)
    for size in range(len(data)):
        assert not try_decode(codec, message, data[:size])
    assert not try_decode(codec, message, data + b"\x00")


@every_codec
@given(message=TRANSPORTABLE, changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255))))
def test_changed_bytes(codec: Codec, message: Message, changes: list[tuple[int, int]]) -> None:
    data = bytearray(encode(codec, message))
    for position, byte in changes:
        data[position % len(data)] = byte
    try_decode(codec, message, bytes(data))


def request_with(codec: Codec, args: bytes) -> bytes:
    """A request whose one-element argument list is replaced by other bytes."""
    marked = codec.encode_to_server(ActionRequest(1, "a", ["@"]))
    if codec.name == "json":
        return marked.replace(b'["@"]', args)
    head, _, tail = marked.partition(b"\x81\x61@")
    if codec.name == "bare":
        size = len(args)
        # The length stands before the item, here always in three bytes.
        assert size >= 2**14
        length = bytes((size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14))
        return head[:-1] + length + args + tail
    return head + args + tail


def cbor_list(unit: bytes, count: int) -> bytes:
    return b"\x99" + count.to_bytes(2) + unit * count


def json_list(unit: bytes, count: int) -> bytes:
    return b"[" + b",".join([unit] * count) + b"]"


BOMBS = {
    "depth": (b"\x81" * 20_000 + b"\x00", b"[" * 20_000 + b"0" + b"]" * 20_000),
    "nodes": (cbor_list(b"\x00", 30_000), json_list(b"0", 30_000)),
    "empty lists": (cbor_list(b"\x80", 30_000), json_list(b"[]", 20_000)),
    "empty objects": (cbor_list(b"\xa0", 30_000), json_list(b"{}", 20_000)),
    "one key": (
        b"\xb9" + (8_000).to_bytes(2) + b"\x61a\x00" * 8_000,
        b"{" + b",".join([b'"a":0'] * 8_000) + b"}",
    ),
    "a huge integer": (
        b"\xc2\x59" + (20_000).to_bytes(2) + b"\xff" * 20_000,
        b"[" + b"9" * 20_000 + b"]",
    ),
    "a huge tagged integer": (
        b"\x82\x67$BigInt\x79" + (20_000).to_bytes(2) + b"9" * 20_000,
        b'[["$BigInt","' + b"9" * 20_000 + b'"]]',
    ),
}


@pytest.mark.parametrize(
    ("codec", "bomb"),
    [
        pytest.param(codec, bomb, id=f"{codec.name}-{name}")
        for codec in CODECS.values()
        for name, bomb in BOMBS.items()
        # To a server, cbor has no tags: there it is a list of two texts.
        if (codec.name, name) != ("cbor", "a huge tagged integer")
    ],
)
def test_bombs_have_one_verdict_in_all_encodings(codec: Codec, bomb: tuple[bytes, bytes]) -> None:
    with pytest.raises(DecodingError):
        codec.decode_to_server(request_with(codec, bomb[codec.name == "json"]))


@every_codec
@pytest.mark.parametrize(("depth", "accepted"), [(64, True), (65, False)])
def test_values_may_be_as_deep_in_every_encoding(codec: Codec, depth: int, accepted: bool) -> None:
    padding = 2**14
    if codec.name == "json":
        args = b"[" * depth + b'"' + b"x" * padding + b'"' + b"]" * depth
    else:
        args = b"\x81" * depth + b"\x79" + padding.to_bytes(2) + b"x" * padding
    assert try_decode(codec, EVERY_KIND[ActionRequest], request_with(codec, args)) is accepted
