from __future__ import annotations

import pytest

from benchmarks.hostile import memory
from benchmarks.hostile_messages import SIZE, benign, hostile
from trivet.protocol.cbor_scan import MAX_NODES
from trivet.protocol.codec import CODECS
from trivet.protocol.errors import DecodingError
from trivet.protocol.messages import ActionRequest, EncodingName

MESSAGES = [
    pytest.param(encoding, name, id=f"{encoding}-{name}")
    for encoding, messages in hostile().items()
    for name in messages
]
HOSTILE = hostile()

MOST = 4 * 1024 * 1024
"""Bytes that a message of 64 KiB may take while it is decoded, what comes out included."""


@pytest.mark.parametrize(("encoding", "name"), MESSAGES)
def test_a_hostile_message_is_a_call_or_refused_for_what_it_holds(
    encoding: EncodingName, name: str
) -> None:
    message = HOSTILE[encoding][name]
    assert MAX_NODES / 4 < len(message) <= SIZE
    try:
        call = CODECS[encoding].decode_to_server(message)
    except DecodingError:
        pass
    else:
        assert isinstance(call, ActionRequest)
        assert (call.name, len(call.args)) == ("say", 1)


@pytest.mark.parametrize(("encoding", "name"), MESSAGES)
def test_a_hostile_message_takes_a_bounded_amount_of_memory(
    encoding: EncodingName, name: str
) -> None:
    assert memory(encoding, HOSTILE[encoding][name]) <= MOST


@pytest.mark.parametrize("encoding", CODECS)
def test_a_benign_message_is_as_long(encoding: EncodingName) -> None:
    message = benign()[encoding]
    assert 0.9 * SIZE < len(message) <= SIZE
    assert isinstance(CODECS[encoding].decode_to_server(message), ActionRequest)
