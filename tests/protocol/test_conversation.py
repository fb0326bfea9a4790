"""What one machine sends is what the other receives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.protocol.pair import REJECTION, opened
from tests.protocol.wire_values import alike, values
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import RemoteProtocolError
from trivet.protocol.messages import (
    ActionRequest,
    ActionResponse,
    ErrorMessage,
    EventMessage,
    SubscriptionRequest,
)

every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


@every_codec
def test_a_conversation(codec: Codec) -> None:
    pair = opened(codec)
    assert pair.server.receive(pair.client.subscribe("message")) == SubscriptionRequest(
        "message", True
    )
    assert pair.call("send", "hi") == (0, ActionRequest(0, "send", ["hi"]))
    assert pair.call("send", "ho") == (1, ActionRequest(1, "send", ["ho"]))
    # In any order, events between them.
    for message in (
        EventMessage("message", ["hi"]),
        ActionResponse(1, 2),
        ErrorMessage("user", "full", "no room", {"size": 1}, 0),
        REJECTION,
    ):
        assert pair.tell(message) == message
    assert pair.server.receive(pair.client.subscribe("message", wanted=False)) == (
        SubscriptionRequest("message", False)
    )


@every_codec
@given(script=st.lists(st.tuples(st.text(max_size=5), st.lists(values(dates=False), max_size=2))))
def test_calls_arrive_in_order_with_growing_ids(
    codec: Codec, script: list[tuple[str, list[Any]]]
) -> None:
    pair = opened(codec, first_id=5)
    for index, (name, args) in enumerate(script):
        action_id, got = pair.call(name, *args)
        assert action_id == 5 + index
        assert alike(ActionRequest(action_id, name, args), got)
        assert alike(ActionResponse(action_id, args), pair.tell(ActionResponse(action_id, args)))
    assert pair.client.next_id == 5 + len(script)


def test_a_call_may_carry_a_deadline_and_a_name() -> None:
    pair = opened(CODECS["cbor"])
    _, payload = pair.client.call("a", [], deadline=1500, call="token")
    assert pair.server.receive(payload) == ActionRequest(0, "a", [], 1500, "token")


@every_codec
def test_a_closed_connection_is_deaf_and_dumb(codec: Codec) -> None:
    pair = opened(codec)
    request = codec.encode_to_server(ActionRequest(0, "a", []))
    pair.server.close()
    pair.client.close()
    assert pair.server.receive(request) is None
    assert pair.server.send(ActionResponse(0, 1)) is None
    assert pair.client.receive(codec.encode_to_client(EventMessage("e", []))) is None


@every_codec
@given(data=st.binary(max_size=100))
def test_any_bytes_are_taken_or_end_the_connection(codec: Codec, data: bytes) -> None:
    pair = opened(codec)
    for receive in (pair.server.receive, pair.client.receive):
        try:
            receive(data)
        except RemoteProtocolError:
            assert receive(data) is None
