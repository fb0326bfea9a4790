from __future__ import annotations

import pytest

from tests.protocol.pair import INIT, opened
from trivet.protocol.client import ClientConnection, ClientState
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import (
    EncodingError,
    IncomingTooLong,
    LocalProtocolError,
    RemoteProtocolError,
)
from trivet.protocol.messages import ActionResponse, ErrorMessage, EventMessage, ToClient

every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


@every_codec
def test_nothing_is_sent_before_init(codec: Codec) -> None:
    client = ClientConnection(codec)
    with pytest.raises(LocalProtocolError, match="CONNECTING"):
        client.call("a", [])
    with pytest.raises(LocalProtocolError, match="CONNECTING"):
        client.subscribe("e")
    assert client.next_id == 0


@every_codec
def test_events_may_overtake_init(codec: Codec) -> None:
    client = ClientConnection(codec)
    event = EventMessage("welcome", [])
    assert client.receive(codec.encode_to_client(event)) == event
    assert client.receive(codec.encode_to_client(INIT)) == INIT
    assert client.state is ClientState.OPEN


@every_codec
@pytest.mark.parametrize(
    ("before", "message"),
    [
        ([], ActionResponse(0, 1)),
        ([INIT], INIT),
        ([INIT], ActionResponse(0, 1)),
        ([INIT], ErrorMessage("g", "c", "m", action_id=0)),
    ],
)
def test_a_server_that_breaks_the_order_is_left(
    codec: Codec, before: list[ToClient], message: ToClient
) -> None:
    client = ClientConnection(codec)
    for earlier in before:
        client.receive(codec.encode_to_client(earlier))
    with pytest.raises(RemoteProtocolError):
        client.receive(codec.encode_to_client(message))
    assert client.state is ClientState.CLOSED
    assert client.receive(codec.encode_to_client(INIT)) is None
    with pytest.raises(LocalProtocolError, match="CLOSED"):
        client.call("a", [])


@every_codec
def test_the_client_has_limits_too(codec: Codec) -> None:
    client = ClientConnection(codec, max_incoming=10)
    with pytest.raises(IncomingTooLong):
        client.receive(bytes(11))
    assert client.receive(codec.encode_to_client(INIT)) is None


@every_codec
def test_a_call_that_cannot_be_encoded_uses_no_id(codec: Codec) -> None:
    client = opened(codec).client
    with pytest.raises(EncodingError):
        client.call("a", [object()])
    assert client.call("a", [])[0] == 0
