"""Attacks by what messages and bodies say, in each encoding: bombs, wrong types, wrong encodings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.attacks.attack import FIN, HEARD, OPENED, Attack, answered, closed
from tests.attacks.encoded import ENCODINGS, body_of, data_frame, frame_of, frame_with, message_with
from tests.attacks.requests import call, connect
from tests.link.peers import client_frame, goodbye
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionRequest, SubscriptionRequest, ToServer

__all__ = ["ATTACKS"]

INVALID: Final = "actor.invalid_request"
WRONG: Final = "actor.validation_error"

# What stands in the place of an argument list: in cbor, and bare which carries cbor; in json.
BOMBS: Final[dict[str, tuple[bytes, bytes]]] = {
    "depth of 20,000": (b"\x81" * 20_000 + b"\x00", b"[" * 20_000 + b"0" + b"]" * 20_000),
    "depth of 65": (b"\x81" * 65 + b"\x00", b"[" * 65 + b"0" + b"]" * 65),
    "depth of objects": (
        b"\x81" + b"\xa1\x61a" * 5000 + b"\x00",
        b'[{"a":' * 5000 + b"0" + b"}]" * 5000,
    ),
    "30,000 numbers": (b"\x99\x75\x30" + b"\x00" * 30_000, b"[" + b"0," * 30_000 + b"0]"),
    "30,000 lists": (b"\x99\x75\x30" + b"\x80" * 30_000, b"[" + b"[]," * 20_000 + b"0]"),
    "one key 8,000 times": (
        b"\x81\xb9\x1f\x40" + b"\x61a\x00" * 8000,
        b"[{" + b'"a":0,' * 8000 + b'"a":0}]',
    ),
    "keys of a dunder": (
        b"\x81\xa2\x69__proto__\x00\x69__proto__\x00",
        b'[{"__proto__":0,"__proto__":0}]',
    ),
    "a huge integer": (b"\x81\xc2\x59\x4e\x20" + b"\xff" * 20_000, b"[" + b"9" * 20_000 + b"]"),
    "not a number": (b"\x81\xd9\xff\xff\x00", b"[NaN]"),
    "infinity": (b"\x81\xdb" + b"\xff" * 8 + b"\x00", b"[Infinity]"),
    "trailing bytes": (b"\x80\x00", b"[]]"),
    "cut short": (b"\x99\xff\xff\x00", b"[0,"),
    "a declared terabyte": (b"\x81\x5b\x00\x00\x01\x00\x00\x00\x00\x00", b'["' + b"\\u" * 1000),
    "an endless text": (b"\x81\x7f" + b"\x61a" * 1000, b'["' + b"a" * 1000),
    "an endless list": (b"\x9f" + b"\x00" * 1000, b"[" * 64),
    "text that is no UTF-8": (b"\x81\x62\xff\xfe", b'["\\ud800\\q"]'),
    "a key that is no text": (b"\x81\xa1\x00\x00", b"[{0:0}]"),
    "a reserved tag": (b"\x81\xd9\x01\x1d\x80", b'[["$Regex","(a+)+$"]]'[:-1]),
    "a shared reference": (b"\x81\xd8\x1c\x80", b"[&1]"),
    "a reserved byte": (b"\x81\x1c", b"[\x01]"),
    "a break alone": (b"\xff", b"]"),
    "a big number in a text": (
        b"\x81\x82\x67$BigInt\x79\x4e\x20" + b"9" * 20_000 + b"\x00",
        b'[["$BigInt","' + b"9" * 20_000 + b'"]]',
    ),
}

WRONG_ARGUMENTS: Final[dict[str, list[Any]]] = {
    "a text for a number": ["1"],
    "a boolean for a number": [True],
    "a fraction for a number": [1.5],
    "nothing for a number": [None],
    "a list for a number": [[1]],
    "an object for a number": [{"__class__": "int"}],
    "too few": [],
    "too many": [1, 2, 3],
    "too many by far": [0] * 5000,
    "a number beyond 64 bits": [1, "9" * 100],
}


def bombs(encoding: str) -> Iterator[Attack]:
    for name, bomb in BOMBS.items():
        args = bomb[encoding == "json"]
        yield Attack(
            f"message: {name} in {encoding}",
            (connect(encoding), OPENED, frame_with(encoding, args)),
            closed(1011, INVALID),
            encoding,
        )
        marked = body_of(encoding, ["@"])
        body = message_with_body(encoding, marked, args)
        yield Attack(
            f"body: {name} in {encoding}",
            (call("echo", body, encoding), FIN),
            answered(400, INVALID),
            encoding,
        )


def message_with_body(encoding: str, marked: bytes, args: bytes) -> bytes:
    """A body for HTTP whose argument list is replaced by other bytes."""
    if encoding == "json":
        return marked.replace(b'["@"]', args)
    if encoding == "cbor":
        return marked.replace(b"\x81\x61@", args)
    whole = message_with("bare", args)
    version, tail = marked[: marked.index(b"\x81\x61@") - 1], whole[whole.index(args) :]
    length = whole[: whole.index(args)].removeprefix(message_with("bare", b"")[:-1])
    return version + (length or bytes([len(args)])) + tail[: len(args)]


def wrong_arguments(encoding: str) -> Iterator[Attack]:
    for name, args in WRONG_ARGUMENTS.items():
        yield Attack(
            f"message: {name} in {encoding}",
            (
                connect(encoding),
                OPENED,
                frame_of(encoding, ActionRequest(1, "add", args)),
                HEARD,
                goodbye(),
            ),
            closed(1000, "", (WRONG,)),
            encoding,
        )
        yield Attack(
            f"body: {name} in {encoding}",
            (call("add", body_of(encoding, args), encoding), FIN),
            answered(400, WRONG),
            encoding,
        )


def wrong_encodings(encoding: str) -> Iterator[Attack]:
    message: ToServer = ActionRequest(1, "echo", ["x"])
    for other in ENCODINGS:
        if other == encoding:
            continue
        payload = CODECS[other].encode_to_server(message)
        yield Attack(
            f"message: {other} where {encoding} was agreed",
            (connect(encoding), OPENED, data_frame(encoding, payload)),
            closed(1011, INVALID) if CODECS[encoding].binary or is_text(payload) else NOT_UTF8,
            encoding,
        )
        yield Attack(
            f"body: {other} where {encoding} was said",
            (call("echo", body_of(other, ["x"]), encoding), FIN),
            answered(400, INVALID),
            encoding,
        )
    yield Attack(
        f"message: the wrong kind of frame for {encoding}",
        (
            connect(encoding),
            OPENED,
            client_frame(0x81 if CODECS[encoding].binary else 0x82, b"{}"),
        ),
        closed(1011, INVALID),
        encoding,
    )


NOT_UTF8: Final = closed(1007, "message.invalid_utf8")


def is_text(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def others(encoding: str) -> Iterator[Attack]:
    opening = connect(encoding)

    def after(name: str, *messages: ToServer, heard: tuple[str, ...]) -> Attack:
        frames = b"".join(frame_of(encoding, message) for message in messages)
        answer = closed(1000, "", heard)
        return Attack(
            f"message: {name} in {encoding}",
            (opening, OPENED, frames, HEARD, goodbye()),
            answer,
            encoding,
        )

    yield after(
        "an exception", ActionRequest(1, "break_down", []), heard=("rivetkit.internal_error",)
    )
    yield after(
        "a hidden method", ActionRequest(1, "hidden", []), heard=("actor.action_not_found",)
    )
    yield after(
        "the same id twice",
        *[ActionRequest(7, "echo", [1])] * 2,
        heard=("reply", "reply"),
    )
    yield after("the largest id", ActionRequest(2**64 - 1, "echo", []), heard=("reply",))
    yield after(
        "an event that is none",
        SubscriptionRequest("__class__", True),
        SubscriptionRequest("x" * 100, True),
        SubscriptionRequest("said", False),
        heard=(),
    )
    yield after(
        "2,000 subscriptions",
        *[SubscriptionRequest(f"event {number}", True) for number in range(2000)],
        heard=(),
    )
    yield after(
        "on and off 500 times",
        *[SubscriptionRequest("noise", bool(number % 2)) for number in range(1000)],
        heard=(),
    )
    yield after(
        "a reply of 2 MB",
        ActionRequest(1, "large", [2_000_000]),
        heard=("message.outgoing_too_long",),
    )
    yield Attack(
        f"body: a reply of 2 MB in {encoding}",
        (call("large", body_of(encoding, [2_000_000]), encoding), FIN),
        answered(400, "message.outgoing_too_long"),
        encoding,
    )
    yield Attack(
        f"body: 64 KiB and a bit in {encoding}",
        (call("echo", b"x" * 65_537, encoding), FIN),
        answered(400, "message.incoming_too_long"),
        encoding,
    )
    yield Attack(
        f"body: noise in {encoding}",
        (call("echo", b"\xff\xfe\xfd", encoding), FIN),
        answered(400, INVALID),
        encoding,
    )
    yield Attack(
        f"body: an exception in {encoding}",
        (call("break_down", body_of(encoding, []), encoding), FIN),
        answered(500, "rivetkit.internal_error"),
        encoding,
    )


ATTACKS: Final = tuple(
    attack
    for encoding in ENCODINGS
    for make in (bombs, wrong_arguments, wrong_encodings, others)
    for attack in make(encoding)
)
