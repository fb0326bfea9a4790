"""What is forgiven in the objects of cbor and json, and what is not: the same in both."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest

from trivet.protocol import json
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import DecodingError
from trivet.protocol.messages import (
    UNDEFINED,
    ActionRequest,
    ActionResponse,
    ErrorMessage,
    EventMessage,
    HttpQueueSendRequest,
    HttpQueueSendResponse,
    Init,
)

both = pytest.mark.parametrize("encoding", ["cbor", "json"])


def written(encoding: str, tree: object) -> tuple[Codec, bytes]:
    data = cbor2.dumps(tree) if encoding == "cbor" else json.write(tree)
    return CODECS[encoding], data


def to_server(encoding: str, tag: object, val: object) -> object:
    codec, data = written(encoding, {"body": {"tag": tag, "val": val}})
    return codec.decode_to_server(data)


def to_client(encoding: str, tag: object, val: object) -> object:
    codec, data = written(encoding, {"body": {"tag": tag, "val": val}})
    return codec.decode_to_client(data)


REQUEST: dict[str, Any] = {"id": 1, "name": "a", "args": []}
ERROR: dict[str, Any] = {"group": "g", "code": "c", "message": "m"}


@both
@pytest.mark.parametrize("tree", [[], "body", 5, None, {}, {"body": 1}, {"body": []}, {"body": {}}])
def test_an_envelope_is_needed(encoding: str, tree: object) -> None:
    codec, data = written(encoding, tree)
    for decode in (codec.decode_to_server, codec.decode_to_client):
        with pytest.raises(DecodingError, match=r"\{body: \{tag, val\}\}"):
            decode(data)


@both
@pytest.mark.parametrize(
    ("tag", "val", "place"),
    [
        ("Init", {}, "ActionRequest or a SubscriptionRequest"),
        (["ActionRequest"], {}, "ActionRequest or a SubscriptionRequest"),
        ("ActionRequest", [], "val"),
        ("ActionRequest", {"name": "a", "args": []}, "id"),
        ("ActionRequest", REQUEST | {"id": -1}, "id"),
        ("ActionRequest", REQUEST | {"id": True}, "id"),
        ("ActionRequest", REQUEST | {"id": "1"}, "id"),
        ("ActionRequest", REQUEST | {"id": 1.5}, "id"),
        ("ActionRequest", REQUEST | {"id": ["$Other", "1"]}, "id"),
        ("ActionRequest", REQUEST | {"id": ["1"]}, "id"),
        ("ActionRequest", {"id": 1, "args": []}, "name"),
        ("ActionRequest", REQUEST | {"name": None}, "name"),
        ("ActionRequest", REQUEST | {"deadline": -1}, "deadline"),
        ("ActionRequest", REQUEST | {"deadline": 10**15}, "deadline"),
        ("ActionRequest", REQUEST | {"deadline": 10**400}, "deadline"),
        ("ActionRequest", REQUEST | {"deadline": "1"}, "deadline"),
        ("ActionRequest", REQUEST | {"call": 1}, "call"),
        ("ActionRequest", REQUEST | {"call": "x" * 65}, "call"),
        ("SubscriptionRequest", {"eventName": 1, "subscribe": True}, "eventName"),
        ("SubscriptionRequest", {"eventName": "e", "subscribe": 1}, "subscribe"),
        ("SubscriptionRequest", {"eventName": "e"}, "subscribe"),
    ],
)
def test_a_bad_message_to_the_server_names_the_member(
    encoding: str, tag: object, val: object, place: str
) -> None:
    with pytest.raises(DecodingError, match=place):
        to_server(encoding, tag, val)


@both
@pytest.mark.parametrize(
    ("tag", "val", "place"),
    [
        ("ActionRequest", {}, "Init, Error, ActionResponse or Event"),
        ("Init", {"actorId": "a"}, "connectionId"),
        ("Init", {"actorId": "a", "connectionId": "b", "resume": 1}, "resume"),
        ("ActionResponse", {"output": 1}, "id"),
        ("Event", {"args": []}, "name"),
        ("Event", {"name": "e", "args": [], "seq": 0.5}, "seq"),
        ("Error", {"group": "g", "code": "c"}, "message"),
        ("Error", ERROR | {"actionId": "1"}, "id"),
        ("Error", ERROR | {"actor": 1}, "actor"),
        ("Error", ERROR | {"actor": {"actorId": "a"}}, "id"),
    ],
)
def test_a_bad_message_to_the_client_names_the_member(
    encoding: str, tag: object, val: object, place: str
) -> None:
    with pytest.raises(DecodingError, match=place):
        to_client(encoding, tag, val)


@both
def test_unknown_members_are_ignored(encoding: str) -> None:
    got = to_server(encoding, "ActionRequest", REQUEST | {"more": [1]})
    assert got == ActionRequest(1, "a", [])


@both
@pytest.mark.parametrize(("args", "read"), [(5, [5]), (None, []), ({"a": 1}, [{"a": 1}])])
def test_arguments_that_are_no_list_are_forgiven(
    encoding: str, args: object, read: list[Any]
) -> None:
    assert to_server(encoding, "ActionRequest", REQUEST | {"args": args}) == ActionRequest(
        1, "a", read
    )
    assert to_client(encoding, "Event", {"name": "e", "args": args}) == EventMessage("e", read)


@both
def test_what_is_absent_or_null(encoding: str) -> None:
    assert to_server(encoding, "ActionRequest", {"id": 1, "name": "a"}) == ActionRequest(1, "a", [])
    assert to_client(encoding, "ActionResponse", {"id": 1}) == ActionResponse(1, UNDEFINED)
    assert to_client(encoding, "Error", ERROR) == ErrorMessage("g", "c", "m")
    nulls = {"actionId": None, "actor": None, "metadata": None}
    assert to_client(encoding, "Error", ERROR | nulls) == ErrorMessage("g", "c", "m", None)
    init = {"actorId": "a", "connectionId": "b", "resume": None}
    assert to_client(encoding, "Init", init) == Init("a", "b")


@both
def test_queue_bodies(encoding: str) -> None:
    codec, data = written(encoding, {"body": 1, "name": None, "wait": None, "timeout": None})
    assert codec.decode_queue_request(data) == HttpQueueSendRequest(1)
    codec, data = written(encoding, {})
    assert codec.decode_queue_request(data) == HttpQueueSendRequest(UNDEFINED)
    codec, data = written(encoding, {"status": "timedOut"})
    assert codec.decode_queue_response(data) == HttpQueueSendResponse("timedOut")
    trees: list[object] = [{"status": "lost"}, {}, []]
    for tree in trees:
        codec, data = written(encoding, tree)
        with pytest.raises(DecodingError, match=r"status|object"):
            codec.decode_queue_response(data)


@both
@pytest.mark.parametrize("number", [0, 7, 2**63, 2**64 - 1])
def test_ids_are_read_as_numbers_and_as_tags(encoding: str, number: int) -> None:
    got = to_server(encoding, "ActionRequest", REQUEST | {"id": number})
    assert got == ActionRequest(number, "a", [])
    tagged = to_client(encoding, "ActionResponse", {"id": ["$BigInt", str(number)], "output": 1})
    assert tagged == ActionResponse(number, 1)
