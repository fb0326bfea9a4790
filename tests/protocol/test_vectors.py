from __future__ import annotations

import pytest

from tests.protocol.coding import decode, encode
from tests.protocol.vectors import VECTORS, Vector
from tests.protocol.wire_values import alike
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionResponse, ErrorMessage, EventMessage, Init

named = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)


@named
def test_what_official_parties_sent_is_understood(vector: Vector) -> None:
    got = decode(CODECS[vector.encoding], vector.message, vector.data)
    assert alike(vector.message, got)


@named
def test_the_same_is_sent_byte_for_byte(vector: Vector) -> None:
    ours = encode(CODECS[vector.encoding], vector.message)
    if vector.read_only:
        assert alike(vector.message, decode(CODECS[vector.encoding], vector.message, ours))
    else:
        assert ours.hex(" ") == vector.data.hex(" ")


def test_an_id_in_cbor_is_always_long_or_clients_hang() -> None:
    for message in (ActionResponse(7, None), ErrorMessage("a", "b", "c", action_id=7)):
        assert b"\x1b" + bytes(7) + b"\x07" in CODECS["cbor"].encode_to_client(message)


def test_an_id_in_json_is_always_tagged_or_clients_hang() -> None:
    for message in (ActionResponse(7, None), ErrorMessage("a", "b", "c", action_id=7)):
        assert b'["$BigInt","7"]' in CODECS["json"].encode_to_client(message)


@pytest.mark.parametrize("encoding", ["cbor", "json"])
def test_an_error_of_the_connection_has_a_null_id_and_leaves_out_the_rest(encoding: str) -> None:
    data = CODECS[encoding].encode_to_client(ErrorMessage("a", "b", "c"))
    null = b'"actionId":null' if encoding == "json" else b"actionId\xf6"
    assert null in data
    assert b"metadata" not in data
    assert b"actor" not in data


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_bare_reads_every_version(version: int) -> None:
    head = version.to_bytes(2, "little")
    codec = CODECS["bare"]
    token = b"\x03abc" if version == 1 else b""
    assert codec.decode_to_client(head + b"\x00\x01a\x01b" + token) == Init("a", "b")
    actor = b"\x00" if version == 4 else b""
    error = head + b"\x01\x01g\x01c\x01m\x00\x00" + actor
    assert codec.decode_to_client(error) == ErrorMessage("g", "c", "m")
    event = head + b"\x03\x01e\x01\x80"
    assert codec.decode_to_client(event) == EventMessage("e", [])
