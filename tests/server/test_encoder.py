"""Frames: the same object for everybody who can share it, and an error for what cannot be sent."""

from __future__ import annotations

import pytest

from tests.server.actors import Counter
from trivet.declare.errors import ValidationError
from trivet.declare.registry import definition_of
from trivet.protocol.codec import CODECS
from trivet.protocol.errors import OutgoingTooLong
from trivet.protocol.faults import Fault
from trivet.protocol.messages import UNDEFINED, EncodingName, ErrorMessage, EventMessage
from trivet.server.encoder import WireEncoder, encoder_of

DEFINITION = definition_of(Counter)
CHANGED = DEFINITION.event(Counter.changed)
NOISE = DEFINITION.event(Counter.noise)
VALUE = DEFINITION.method(Counter.value)


def payload(frame: bytes) -> bytes:
    """The payload of a short frame of a server."""
    assert frame[1] < 126
    return frame[2:]


def test_links_of_one_encoding_and_limit_share_an_encoder() -> None:
    assert encoder_of("cbor", 100) is encoder_of("cbor", 100)
    assert encoder_of("cbor", 100) is not encoder_of("cbor", 101)
    assert encoder_of("cbor", 100) is not encoder_of("bare", 100)


@pytest.mark.parametrize(("encoding", "opcode"), [("bare", 0x82), ("cbor", 0x82), ("json", 0x81)])
def test_frames_are_text_for_json_only(encoding: EncodingName, opcode: int) -> None:
    encoder = encoder_of(encoding, 1000)
    frame = encoder.event(CHANGED, 7)
    assert frame[0] == opcode
    assert CODECS[encoding].decode_to_client(payload(frame)) == EventMessage("changed", [7])


def test_the_golden_vectors_of_the_official_parties() -> None:
    encoder = encoder_of("bare", 1000)
    assert payload(encoder.reply(0, VALUE.binder.result, 2)).hex() == "040002000102"
    fault = Fault("message", "outgoing_too_long", "Outgoing message too long")
    text = b"Outgoing message too long".hex()
    assert payload(encoder.failure(12, fault)).hex() == (
        f"040001076d657373616765116f7574676f696e675f746f6f5f6c6f6e6719{text}00010c00"
    )


def test_a_frame_beyond_the_limit_is_refused() -> None:
    encoder = encoder_of("json", 60)
    with pytest.raises(OutgoingTooLong) as caught:
        encoder.event(NOISE, "x" * 60)
    assert caught.value.metadata == {"size": 119, "limit": 60}


def test_a_value_that_does_not_fit_is_refused() -> None:
    encoder = encoder_of("json", 1000)
    with pytest.raises(ValidationError):
        encoder.event(CHANGED, "seven")
    with pytest.raises(ValidationError):
        encoder.reply(1, VALUE.binder.result, "seven")


def test_an_error_always_leaves(caplog: pytest.LogCaptureFixture) -> None:
    codec = CODECS["json"]
    encoder = WireEncoder(codec, 200)

    def sent(fault: Fault) -> ErrorMessage:
        frame = encoder.failure(3, fault)
        message = codec.decode_to_client(frame[2:] if frame[1] < 126 else frame[4:])
        assert isinstance(message, ErrorMessage)
        return message

    assert sent(Fault("user", "a", "b", {"c": 1})).metadata == {"c": 1}
    assert sent(Fault("user", "a", "b")).metadata is UNDEFINED
    assert caplog.messages == []
    assert sent(Fault("user", "a", "b", object())) == ErrorMessage("user", "a", "b", action_id=3)
    assert sent(Fault("user", "a", "b", "x" * 500)) == ErrorMessage("user", "a", "b", action_id=3)
    assert sent(Fault("user", "a", "\ud800")).message == "?"
    assert sent(Fault("user", "a", "x" * 5000)).message == "x" * 1000
    assert len(caplog.messages) == 4
    assert "user.a" in caplog.messages[0]
