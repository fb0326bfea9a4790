"""Messages captured from the official parties, with what they mean (client protocol, 5.5)."""

from __future__ import annotations

from typing import NamedTuple

from tests.protocol.coding import Message
from trivet.protocol.messages import (
    UNDEFINED,
    ActionRequest,
    ActionResponse,
    EncodingName,
    ErrorMessage,
    EventMessage,
    HttpActionRequest,
    HttpActionResponse,
    HttpQueueSendRequest,
    HttpQueueSendResponse,
    Init,
    SubscriptionRequest,
)

ACTOR_ID = "u1mo4xgqe0p6x8s2l9cwjt5b3ha00f"
CONNECTION_ID = "0b7f3c1e-55aa-4c0e-9d1b-2f6f9f0c7a41"


class Vector(NamedTuple):
    """A message's bytes; `read_only` if we would write the same thing in another way."""

    encoding: EncodingName
    message: Message
    data: bytes
    read_only: bool = False


def bare(message: Message, digits: str, *, read_only: bool = False) -> Vector:
    return Vector("bare", message, bytes.fromhex(digits), read_only)


def cbor(message: Message, digits: str) -> Vector:
    return Vector("cbor", message, bytes.fromhex(digits))


def json(message: Message, text: str) -> Vector:
    return Vector("json", message, text.encode())


VECTORS = {
    "http bare action args []": bare(HttpActionRequest([]), "0400 01 80"),
    "http bare queue": bare(
        HttpQueueSendRequest(UNDEFINED, "hi", False),
        "0400 0d 826a24556e646566696e656400 01 02 6869 01 00 00",
    ),
    "http bare output null": bare(HttpActionResponse(None), "0400 01 f6"),
    "http bare output undefined": bare(
        HttpActionResponse(UNDEFINED), "0400 0d 826a24556e646566696e656400"
    ),
    # A small BigInt is an ordinary integer here, and is written as one.
    "http bare output 5n": bare(
        HttpActionResponse(5), "0400 0b 826724426967496e746135", read_only=True
    ),
    "http bare queue completed": bare(
        HttpQueueSendResponse("completed"), "0400 09 636f6d706c65746564 00"
    ),
    "ws bare init": bare(
        Init(ACTOR_ID, CONNECTION_ID),
        f"0400 00 1e {ACTOR_ID.encode().hex()} 24 {CONNECTION_ID.encode().hex()}",
    ),
    "ws bare subscribe": bare(SubscriptionRequest("x", True), "0400 01 01 78 01"),
    "ws bare unsubscribe": bare(SubscriptionRequest("x", False), "0400 01 01 78 00"),
    "ws bare action": bare(
        ActionRequest(0, "say", ["over ws"]), "0400 00 00 03736179 09 81676f766572207773"
    ),
    "ws bare response": bare(ActionResponse(0, 2), "0400 02 00 01 02"),
    "ws bare event": bare(
        EventMessage("private", [{"q": 1}]),
        "0400 03 0770726976617465 07 81b90001617101",
        read_only=True,
    ),
    "ws bare action error": bare(
        ErrorMessage("message", "outgoing_too_long", "Outgoing message too long", action_id=12),
        "0400 01 076d657373616765 116f7574676f696e675f746f6f5f6c6f6e67"
        f"19 {b'Outgoing message too long'.hex()} 00 010c 00",
    ),
    "ws bare connection error": bare(
        ErrorMessage("user", "denied", "nope", {"why": "bad token"}),
        "0400 01 0475736572 0664656e696564 046e6f706501 0f a1637768796962616420746f6b656e 00 00",
    ),
    "http cbor args []": cbor(HttpActionRequest([]), "b90001 6461726773 80"),
    "http cbor output null": cbor(HttpActionResponse(None), "a1 666f7574707574 f6"),
    "ws cbor action": cbor(
        ActionRequest(0, "say", ["over ws"]),
        "b90001 64626f6479 b90002 63746167 6d416374696f6e52657175657374 6376616c b90003"
        "626964 1b0000000000000000 646e616d65 63736179 6461726773 81676f766572207773",
    ),
    "ws cbor response": cbor(
        ActionResponse(0, 2),
        "a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a2"
        "626964 1b0000000000000000 666f7574707574 02",
    ),
    "ws json action": json(
        ActionRequest(0, "say", ["over ws"]),
        '{"body":{"tag":"ActionRequest","val":'
        '{"id":["$BigInt","0"],"name":"say","args":["over ws"]}}}',
    ),
    "ws json connection error": json(
        ErrorMessage("user", "denied", "nope", {"why": "bad token"}),
        '{"body":{"tag":"Error","val":{"actionId":null,"code":"denied","group":"user",'
        '"message":"nope","metadata":{"why":"bad token"}}}}',
    ),
}
