"""Every encoding carries every message there and back, and only in its own way."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.protocol.coding import Message, decode, encode
from tests.protocol.wire_values import alike, messages, values
from trivet.protocol.codec import CODECS, Codec, codec_named
from trivet.protocol.errors import DecodingError, EncodingError
from trivet.protocol.messages import (
    UNDEFINED,
    ActionRequest,
    ActionResponse,
    EventMessage,
    HttpActionRequest,
    HttpActionResponse,
    HttpResponseError,
    Init,
)

BARE, CBOR, JSON = (CODECS[name] for name in ("bare", "cbor", "json"))
every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


@given(messages(extended=False))
def test_bare_round_trip(message: Message) -> None:
    assert alike(message, decode(BARE, message, encode(BARE, message)))


@given(messages())
def test_cbor_round_trip(message: Message) -> None:
    assert alike(message, decode(CBOR, message, encode(CBOR, message)))


@given(messages(dates=False))
def test_json_round_trip(message: Message) -> None:
    assert alike(message, decode(JSON, message, encode(JSON, message)))


@given(values(dates=False))
def test_a_value_means_the_same_in_every_encoding(value: object) -> None:
    request = ActionRequest(1, "a", [value])
    for codec in CODECS.values():
        got = codec.decode_to_server(codec.encode_to_server(request))
        assert alike(request, got)


@every_codec
def test_names_lead_to_codecs(codec: Codec) -> None:
    assert codec_named(codec.name) is codec
    assert codec.binary is (codec.name != "json")
    assert codec_named("xml") is None


@every_codec
def test_tuples_are_lists(codec: Codec) -> None:
    data = codec.encode_to_server(ActionRequest(0, "a", [(1, (2, "x"))]))
    assert codec.decode_to_server(data) == ActionRequest(0, "a", [[1, [2, "x"]]])


BODIES = {
    "a value": {"bare": "0400 01 05", "cbor": "a16461726773 05", "json": b'{"args":5}'.hex()},
    "null": {"bare": "0400 01 f6", "cbor": "a16461726773 f6", "json": b'{"args":null}'.hex()},
    "undefined": {
        "bare": "0400 0d 826a24556e646566696e656400",
        "cbor": "a16461726773 f7",
        "json": b'{"args":["$Undefined",0]}'.hex(),
    },
    "nothing": {"cbor": "a0", "json": b"{}".hex()},
}


@pytest.mark.parametrize(
    ("encoding", "digits", "args"),
    [
        (encoding, digits, [5] if name == "a value" else [])
        for name, bodies in BODIES.items()
        for encoding, digits in bodies.items()
    ],
)
def test_arguments_that_are_no_list_are_forgiven(
    encoding: str, digits: str, args: list[object]
) -> None:
    got = CODECS[encoding].decode_action_request(bytes.fromhex(digits))
    assert got == HttpActionRequest(args)


@every_codec
def test_an_id_of_more_than_64_bits_cannot_be_sent(codec: Codec) -> None:
    for number in (-1, 2**64):
        with pytest.raises(EncodingError, match=r"an id|an integer outside"):
            codec.encode_to_client(ActionResponse(number, None))
        with pytest.raises(EncodingError, match=r"an id|an integer outside"):
            codec.encode_to_server(ActionRequest(number, "a", []))


@pytest.mark.parametrize("codec", [CBOR, JSON], ids=["cbor", "json"])
@given(st.text(max_size=30), st.lists(values(dates=False), max_size=3), st.integers(1, 2**40))
def test_numbering_an_event_is_the_same_as_sending_it_numbered(
    codec: Codec, name: str, args: list[object], seq: int
) -> None:
    event = codec.encode_to_client(EventMessage(name, args))
    numbered = codec.number_event(event, seq)
    assert numbered == codec.encode_to_client(EventMessage(name, args, seq))
    assert alike(EventMessage(name, args, seq), codec.decode_to_client(numbered))


def test_bare_has_no_place_for_the_extension() -> None:
    for message in (Init("a", "b", "token"), EventMessage("e", [], 1)):
        with pytest.raises(EncodingError, match=r"trivet.1"):
            BARE.encode_to_client(message)
    for request in (ActionRequest(0, "a", [], 100), ActionRequest(0, "a", [], None, "c")):
        with pytest.raises(EncodingError, match=r"trivet.1"):
            BARE.encode_to_server(request)


@every_codec
def test_a_result_that_is_no_value_names_the_place(codec: Codec) -> None:
    with pytest.raises(EncodingError) as caught:
        codec.encode_to_client(ActionResponse(0, {"rooms": [1, object()]}))
    assert caught.value.path == ("rooms", 1)
    assert "object @ $.rooms[1]" in caught.value.message


@every_codec
def test_text_with_half_a_pair_cannot_be_sent(codec: Codec) -> None:
    for message in (ActionResponse(0, ["\ud800"]), EventMessage("\udc00", [])):
        with pytest.raises(EncodingError, match="half of a surrogate pair"):
            codec.encode_to_client(message)


@pytest.mark.parametrize("version", [0, 5, 0x0104])
def test_bare_refuses_other_versions(version: int) -> None:
    with pytest.raises(DecodingError, match="version"):
        BARE.decode_to_server(version.to_bytes(2, "little") + b"\x01\x01x\x01")


@pytest.mark.parametrize("version", [1, 2])
def test_bare_knows_queues_from_version_3_on(version: int) -> None:
    with pytest.raises(DecodingError, match="version 3"):
        BARE.decode_queue_request(version.to_bytes(2, "little") + b"\x01\xf6\x00\x00\x00")
    with pytest.raises(DecodingError, match="version 3"):
        BARE.decode_queue_response(version.to_bytes(2, "little") + b"\x09completed\x00")


def test_bare_refuses_unknown_members_of_its_unions() -> None:
    with pytest.raises(DecodingError, match="no such message"):
        BARE.decode_to_server(b"\x04\x00\x02")
    with pytest.raises(DecodingError, match="no such message"):
        BARE.decode_to_client(b"\x04\x00\x04")


def test_json_needs_no_walk_but_for_tags_beside_the_id() -> None:
    plain = b'{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","3"],"name":"a","args":[%b]}}}'
    nested = b'{"id":["$BigInt","5"]}'
    assert JSON.decode_to_server(plain % b"1") == ActionRequest(3, "a", [1])
    assert JSON.decode_to_server(plain % nested) == ActionRequest(3, "a", [{"id": 5}])
    untagged = plain.replace(b'["$BigInt","3"]', b"3") % nested
    assert JSON.decode_to_server(untagged) == ActionRequest(3, "a", [{"id": 5}])
    escaped = plain % b'["\\u0024Undefined",0]'
    assert JSON.decode_to_server(escaped) == ActionRequest(3, "a", [UNDEFINED])


@every_codec
@pytest.mark.parametrize(
    "message",
    [
        ActionResponse(0, list(range(20_000))),
        EventMessage("e", list(range(20_000))),
        HttpActionResponse(list(range(20_000))),
        HttpResponseError("g", "c", "m", list(range(20_000))),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_server_may_say_more_than_a_client(codec: Codec, message: Message) -> None:
    assert decode(codec, message, encode(codec, message)) == message
    request = ActionRequest(0, "a", list(range(20_000)))
    with pytest.raises(DecodingError, match="16384 values"):
        codec.decode_to_server(codec.encode_to_server(request))
