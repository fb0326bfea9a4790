"""Attacks by mere quantity, by slowness, and by never reading."""

from __future__ import annotations

from typing import Final

from tests.attacks.attack import (
    ANY,
    CLOSED,
    FIN,
    OPENED,
    READ_NOTHING,
    RST,
    Answer,
    Attack,
    answered,
    closed,
)
from tests.attacks.encoded import ENCODINGS, body_of, frame_of
from tests.attacks.requests import address, call, connect, request
from tests.link.peers import client_frame, goodbye, ping
from trivet.protocol.messages import ActionRequest, SubscriptionRequest

__all__ = ["ATTACKS"]

FLOODING: Final = Answer((101,), ANY, (1008, "connection.flooding"), (1013, "slow_consumer"))
SLOW: Final = closed(1013, "slow_consumer", ANY)
LATE: Final = answered(408, "api.request_timeout")
MANY: Final = 6000
"""More frames than a client may send at once."""

EMPTY_CALL: Final = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


def flood(name: str, frame: bytes, first: bytes = b"") -> Attack:
    return Attack(f"flood: {name}", (connect(), OPENED, first + frame * MANY), FLOODING)


def calls(encoding: str, action: str) -> bytes:
    return frame_of(encoding, ActionRequest(1, action, []))


ATTACKS: Final = (
    flood("pings", ping()),
    flood("large pings", ping(b"x" * 125)),
    flood("pongs", client_frame(0x8A)),
    flood("pings within a message", ping(), client_frame(0x01, b"x")),
    flood("subscriptions", frame_of("json", SubscriptionRequest("noise", True))),
    *(
        Attack(
            f"flood: {action} in {encoding}",
            (connect(encoding), OPENED, calls(encoding, action) * MANY),
            FLOODING,
            encoding,
        )
        for encoding in ENCODINGS
        for action in ("echo", "answer_later", "nothing")
    ),
    Attack(
        "flood: pings, then RST",
        (connect(), OPENED, ping() * MANY, RST),
        None,
    ),
    Attack(
        "flood: calls, then RST",
        (connect(), OPENED, calls("json", "answer_later") * 3000, RST),
        None,
    ),
    Attack(
        "flood: calls, then FIN",
        (connect(key="quiet"), OPENED, calls("json", "echo") * 3000, FIN),
        Answer((101,), ("reply",) * 3000),
    ),
    Attack(
        "flood: never reads its replies",
        (
            connect(),
            OPENED,
            READ_NOTHING,
            frame_of("json", ActionRequest(1, "large", [500_000])) * 20,
        ),
        SLOW,
        mute=True,
    ),
    Attack(
        "flood: never reads its events",
        (
            connect(),
            OPENED,
            READ_NOTHING,
            frame_of("json", SubscriptionRequest("noise", True))
            + frame_of("json", ActionRequest(1, "shout", [500_000])) * 20,
        ),
        SLOW,
        mute=True,
    ),
    Attack(
        "flood: 300 requests in one connection",
        (EMPTY_CALL * 300, FIN),
        Answer((200,) * 300),
    ),
    Attack(
        "flood: 100 calls in one connection",
        (
            call("echo", body_of("json", ["x"])).replace(b"connection: close\r\n", b"") * 100,
            FIN,
        ),
        Answer((200,) * 100),
    ),
    Attack(
        "flood: 100 failing calls in one connection",
        (
            call("nothing", body_of("json", ["x"])).replace(b"connection: close\r\n", b"") * 100,
            FIN,
        ),
        Answer((404,) * 100, ("actor.action_not_found",) * 100),
    ),
    Attack("flood: requests, then RST", (EMPTY_CALL * 1000, RST), None),
    Attack(
        "flood: a body of 5,000 chunks",
        (
            request("POST", address("/action/echo"), b"transfer-encoding: chunked"),
            b"1\r\n \r\n" * 5000 + b"0\r\n\r\n",
            FIN,
        ),
        answered(400, "actor.invalid_request"),
    ),
    Attack(
        "flood: a body of chunks without end",
        (
            request("POST", address("/action/echo"), b"transfer-encoding: chunked"),
            b"4\r\n    \r\n" * 20_000,
            FIN,
        ),
        answered(400, "message.incoming_too_long"),
    ),
    Attack(
        "slow: a body that does not come",
        (request("POST", address("/action/echo"), b"content-length: 10"),),
        LATE,
        patient=True,
    ),
    Attack(
        "slow: a body that stops",
        (request("POST", address("/action/echo"), b"content-length: 10") + b"{",),
        LATE,
        patient=True,
    ),
    Attack(
        "slow: a chunk that stops",
        (request("POST", address("/action/echo"), b"transfer-encoding: chunked") + b"a\r\n{",),
        LATE,
        patient=True,
    ),
    Attack(
        "slow: expects to be told to continue, and does not",
        (request("POST", address("/action/echo"), b"content-length: 10", b"expect: 100-continue"),),
        Answer((100, 408), ("api.request_timeout",)),
        patient=True,
    ),
    Attack("slow: another request that does not come", (EMPTY_CALL,), Answer((200,)), patient=True),
    Attack(
        "slow: another request that stops",
        (EMPTY_CALL + b"GET",),
        Answer((200, 408), ("api.request_timeout",)),
        patient=True,
    ),
    Attack(
        "slow: a goodbye that never ends",
        (connect(), OPENED, client_frame(0x81, b"{"), CLOSED, goodbye()[:3]),
        closed(1011, "actor.invalid_request"),
        mute=True,
    ),
)
