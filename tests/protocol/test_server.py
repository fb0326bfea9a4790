from __future__ import annotations

import pytest

from tests.protocol.pair import INIT, REJECTION, Pair, opened
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import (
    DecodingError,
    EncodingError,
    IncomingTooLong,
    LocalProtocolError,
    OutgoingTooLong,
)
from trivet.protocol.messages import (
    ActionRequest,
    ActionResponse,
    ErrorMessage,
    EventMessage,
    SubscriptionRequest,
    ToClient,
)
from trivet.protocol.server import ServerConnection, ServerState

every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


@every_codec
@pytest.mark.parametrize("message", [ActionResponse(0, 1), EventMessage("e", [])])
def test_init_comes_first(codec: Codec, message: ToClient) -> None:
    server = ServerConnection(codec)
    with pytest.raises(LocalProtocolError, match="OPENING"):
        server.send(message)
    with pytest.raises(LocalProtocolError, match="OPENING"):
        server.send_encoded_event(codec.encode_to_client(EventMessage("e", [])))
    assert server.send(INIT) is not None
    assert server.send(message) is not None


@every_codec
def test_init_comes_once(codec: Codec) -> None:
    server = opened(codec).server
    with pytest.raises(
        LocalProtocolError, match="Init cannot be sent while the connection is OPEN"
    ):
        server.send(INIT)


@every_codec
def test_a_rejected_client_hears_nothing_more(codec: Codec) -> None:
    pair = Pair(codec)
    assert pair.tell(REJECTION) == REJECTION
    assert pair.server.state is ServerState.CLOSED
    assert pair.server.send(INIT) is None


@every_codec
def test_what_comes_before_init_is_taken(codec: Codec) -> None:
    early = codec.encode_to_server(SubscriptionRequest("e", True))
    assert ServerConnection(codec).receive(early) == SubscriptionRequest("e", True)


@every_codec
def test_an_undecodable_message_ends_the_connection(codec: Codec) -> None:
    pair = opened(codec)
    fine = codec.encode_to_server(ActionRequest(0, "a", []))
    with pytest.raises(DecodingError) as caught:
        pair.server.receive(fine[:-1])
    assert (caught.value.close_code, caught.value.code) == (1011, "invalid_request")
    # Nothing that follows it in the same segment is looked at, and replies under way are dropped.
    assert pair.server.receive(fine) is None
    assert pair.server.receive(b"") is None
    assert pair.server.send(ActionResponse(0, 1)) is None
    assert pair.server.send_encoded_event(b"") is None


@every_codec
def test_messages_to_the_server_have_a_limit(codec: Codec) -> None:
    request = codec.encode_to_server(ActionRequest(0, "a", ["x" * 100]))
    exact = ServerConnection(codec, max_incoming=len(request))
    assert exact.receive(request) is not None
    tight = ServerConnection(codec, max_incoming=len(request) - 1)
    with pytest.raises(IncomingTooLong) as caught:
        tight.receive(request)
    assert (caught.value.close_code, caught.value.code) == (1011, "incoming_too_long")
    assert tight.state is ServerState.CLOSED
    with pytest.raises(IncomingTooLong):
        ServerConnection(codec).receive(bytes(65_537))


@every_codec
def test_messages_to_the_client_have_a_limit(codec: Codec) -> None:
    server = opened(codec).server
    with pytest.raises(OutgoingTooLong):
        server.send(ActionResponse(0, "x" * 1_048_576))
    # The call's failure can still be told.
    error = ErrorMessage("message", "outgoing_too_long", "Outgoing message too long", action_id=0)
    assert server.send(error) is not None
    event = codec.encode_to_client(EventMessage("e", ["x" * 1_048_576]))
    with pytest.raises(OutgoingTooLong):
        server.send_encoded_event(event)
    tiny = ServerConnection(codec, max_outgoing=1)
    with pytest.raises(OutgoingTooLong):
        tiny.send(INIT)
    assert tiny.state is ServerState.OPENING


@every_codec
def test_what_cannot_be_encoded_changes_nothing(codec: Codec) -> None:
    server = opened(codec).server
    with pytest.raises(EncodingError):
        server.send(ActionResponse(0, object()))
    assert server.send(ActionResponse(0, None)) is not None


@every_codec
def test_an_event_is_encoded_once_for_many(codec: Codec) -> None:
    event = codec.encode_to_client(EventMessage("e", [1]))
    for _ in range(2):
        pair = opened(codec)
        assert pair.server.send_encoded_event(event) is event
        assert pair.client.receive(event) == EventMessage("e", [1])


def test_an_event_may_be_numbered_for_each() -> None:
    codec = CODECS["json"]
    event = codec.encode_to_client(EventMessage("e", [1]))
    for seq in (1, 2):
        pair = opened(codec)
        payload = pair.server.send_encoded_event(event, seq)
        assert payload is not None
        assert pair.client.receive(payload) == EventMessage("e", [1], seq)
