"""Attacks on the opening of a WebSocket, and on what its refusal leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.attacks.attack import (
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
from tests.attacks.requests import address, connect, upgrade
from tests.link.peers import client_frame, goodbye, ping, text

__all__ = ["ATTACKS"]

GOOD: Final = connect()
INVALID: Final = "actor.invalid_request"
SILENCE: Final = Answer()

BROKEN_HANDSHAKES: Final[dict[str, tuple[bytes, Answer]]] = {
    "no key": (GOOD.replace(b"sec-websocket-key", b"x-key"), answered(400)),
    "a short key": (GOOD.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhl"), answered(400)),
    "a key that is no base64": (GOOD.replace(b"dGhl", b"!!!!"), answered(400)),
    "a key beyond ASCII": (GOOD.replace(b"dGhl", b"\xff\xfe\xfd\xfc"), answered(400)),
    "version 8": (GOOD.replace(b"version: 13", b"version: 8"), answered(400)),
    "a version in words": (GOOD.replace(b"version: 13", b"version: \xff"), answered(400)),
    "no version": (GOOD.replace(b"sec-websocket-version", b"x-version"), answered(400)),
    "another upgrade": (GOOD.replace(b"upgrade: websocket", b"upgrade: websockets"), answered(426)),
    "no connection header": (GOOD.replace(b"connection: upgrade\r\n", b""), answered(426)),
    "a connection header beyond ASCII": (
        GOOD.replace(b"connection: upgrade", b"connection: \xffpgrade"),
        answered(400),
    ),
    "POST": (GOOD.replace(b"GET", b"POST"), answered(405)),
    "a body": (
        GOOD[:-2] + b"content-length: 3\r\n\r\nabc",
        answered(400, "message.incoming_too_long"),
    ),
    "a chunked body": (
        GOOD[:-2] + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        answered(400, "message.incoming_too_long"),
    ),
    "a body without end": (
        GOOD[:-2] + b"content-length: 999999999999\r\n\r\n" + b"x" * 10_000,
        answered(400, "message.incoming_too_long"),
    ),
}

# In these headers a byte beyond ASCII once ended a whole server of another make.
STRANGE_BYTES: Final[dict[str, bytes]] = {
    "the host": GOOD.replace(b"host: server", b"host: s\xffrver"),
    "extensions": GOOD[:-2] + b"sec-websocket-extensions: \xff\xfe\r\n\r\n",
    "a subprotocol": GOOD.replace(b"protocol: rivet,", b"protocol: \xff\xfe, rivet,"),
    "a cookie": GOOD[:-2] + b"cookie: \xff\xfe\r\n\r\n",
    "the user agent": GOOD[:-2] + b"user-agent: \x80\x81\r\n\r\n",
}


def params(text: str) -> bytes:
    return connect("json", f"rivet_conn_params.{text}", name="gate")


REFUSALS: Final[dict[str, tuple[bytes, int, str]]] = {
    "nothing there": (upgrade("/nothing", "rivet"), 1011, "api.not_found"),
    "an unknown actor": (connect(name="nobody"), 1011, "guard.unknown_actor_name"),
    "an unknown id": (upgrade("/gateway/nobody/connect", "rivet"), 1011, "actor.not_found"),
    "a dunder actor": (connect(name="__class__"), 1011, "guard.unknown_actor_name"),
    "an impossible namespace": (
        upgrade("/gateway/plaza/connect?rvt-namespace=a%00b&rvt-method=get", "rivet"),
        1011,
        "namespace.not_found",
    ),
    "no ticket": (params("%7B%22code%22%3A%22stolen%22%7D"), 1011, "user.no_ticket"),
    "no params": (connect(name="gate"), 1011, "actor.validation_error"),
    "params of another type": (params("%5B%5D"), 1011, "actor.validation_error"),
    "params that are no JSON": (params("%7B"), 1011, INVALID),
    "params that are no percent encoding": (params("%zz"), 1011, INVALID),
    "params that are no UTF-8": (params("%ff"), 1011, INVALID),
    "params of 5 KB": (params("%22" + "x" * 5000 + "%22"), 1011, "message.incoming_too_long"),
    "deep params": (params("%5B" * 1000 + "%5D" * 1000), 1011, INVALID),
    "params with a huge number": (params("9" * 4000), 1011, INVALID),
    "an unknown encoding": (
        upgrade(address("/connect"), "rivet", "rivet_encoding.pickle"),
        1003,
        "actor.unsupported_websocket_encoding",
    ),
    "a target of nothing": (
        upgrade("/connect", "rivet", "rivet_target.actor"),
        1011,
        "guard.missing_header",
    ),
    "the inspector": (
        upgrade(address("/inspector/connect"), "rivet"),
        1011,
        "api.not_found",
    ),
}


def refusal(name: str, head: bytes, code: int, reason: str) -> Iterator[Attack]:
    answer = closed(code, reason, (reason,))
    yield Attack(f"upgrade: {name}", (head, CLOSED), answer)
    yield Attack(f"upgrade: {name}, then silence", (head,), answer, mute=True)
    yield Attack(f"upgrade: {name}, then RST", (head, RST), None)
    yield Attack(f"upgrade: {name}, then goes on", (head, CLOSED, text("x"), ping()), answer)
    if reason != "user.no_ticket":  # a hook may not have come to its refusal yet
        yield Attack(f"upgrade: {name}, then FIN", (head, FIN), answer)


ATTACKS: Final = (
    *(
        Attack(f"upgrade: {name}", (head, FIN), answer)
        for name, (head, answer) in BROKEN_HANDSHAKES.items()
    ),
    *(
        Attack(
            f"upgrade: bytes beyond ASCII in {name}",
            (head, OPENED, goodbye()),
            closed(1000),
        )
        for name, head in STRANGE_BYTES.items()
    ),
    *(
        attack
        for name, (head, code, reason) in REFUSALS.items()
        for attack in refusal(name, head, code, reason)
    ),
    *(
        Attack(
            f"upgrade: FIN after {size} bytes", (GOOD[:size], FIN), answered(400, "api.bad_request")
        )
        for size in range(5, len(GOOD) - 1, 40)
    ),
    *(
        Attack(f"upgrade: RST after {size} bytes", (GOOD[:size], RST), None)
        for size in range(0, len(GOOD), 60)
    ),
    Attack(
        "upgrade: half a handshake",
        (GOOD[:-2],),
        answered(408, "api.request_timeout"),
        patient=True,
    ),
    Attack("upgrade: RST right after the handshake", (GOOD, RST), None),
    Attack("upgrade: RST as soon as it is open", (GOOD, OPENED, RST), None),
    Attack("upgrade: FIN right after the handshake", (GOOD, FIN), Answer((101,))),
    Attack("upgrade: FIN as soon as it is open", (GOOD, OPENED, FIN), Answer((101,))),
    Attack("upgrade: a goodbye in the same segment", (GOOD + goodbye(),), closed(1000)),
    Attack(
        "upgrade: HTTP behind the handshake",
        (GOOD + b"GET / HTTP/1.1\r\n\r\n", CLOSED),
        closed(1002, "invalid opcode"),
    ),
    Attack(
        "upgrade: an unmasked frame in the same segment",
        (GOOD + b"\x81\x01x",),
        closed(1002, "incorrect masking"),
    ),
    Attack(
        "upgrade: reads not even the 101",
        (READ_NOTHING, GOOD + text("{"), ping() * 10),
        closed(1011, INVALID),
    ),
    Attack(
        "upgrade: a WebSocket within",
        (GOOD, OPENED, client_frame(0x81, GOOD)),
        closed(1011, INVALID),
    ),
)
