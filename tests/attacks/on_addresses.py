"""Attacks on addresses: names, keys and actions that look like paths, code or other people's."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from tests.attacks.attack import CLOSED, FIN, HEARD, OPENED, Answer, Attack, answered, closed
from tests.attacks.encoded import ENCODINGS, body_of, frame_of
from tests.attacks.requests import address, call, request, upgrade
from tests.link.peers import goodbye
from trivet.protocol.messages import ActionRequest

__all__ = ["ATTACKS"]

KEYS: Final = (
    "../../etc/passwd",
    "..\\..\\windows",
    "/etc/passwd",
    "/",
    "\\",
    "a\x00b",
    "%2e%2e%2f",
    "\u2024\u2024/",
    "\uff0e\uff0e\uff0f",
    "'; DROP TABLE actors; --",
    '" OR 1=1 --',
    "{0.__class__}",
    "%s%s%n",
    "${jndi:ldap://evil.example/a}",
    "\u202egnp.exe",
    "\U0001f4a3" * 20,
    "CON",
    "a" * 128,
    "\n\r\t",
    "-rf",
    "~root",
    "*",
)

ACTIONS: Final = (
    "__class__",
    "__init__",
    "__dict__",
    "__getattribute__",
    "__init_subclass__",
    "__reduce__",
    "_trivet_host",
    "state",
    "conns",
    "conn",
    "client",
    "broadcast",
    "turn",
    "start_soon",
    "destroy",
    "sleep",
    "hidden",
    "on_connect",
    "on_disconnect",
    "run",
    "said",
    "echo.__func__",
    "echo ",
    "Echo",
    "\u0435cho",  # the first letter is Cyrillic
    "ec\u200bho",
    "../echo",
    "",
    "x" * 256,
    "'; DROP TABLE actors; --",
)

NOT_FOUND: Final = "actor.action_not_found"

ADDRESSES: Final[dict[str, tuple[str, Answer]]] = {
    "no such actor": ("/gateway/nobody/health", answered(404, "actor.not_found")),
    "a path out": ("/../../etc/passwd", answered(404, "api.not_found")),
    "a path out of the gateway": ("/gateway/../health", answered(404, "actor.not_found")),
    "an encoded path out": ("/%2e%2e/%2e%2e/etc/passwd", answered(404, "api.not_found")),
    "two slashes": ("//health", answered(404, "api.not_found")),
    "a fragment": ("/health#x", answered(404, "api.not_found")),
    "no percent encoding": (
        "/gateway/%zz/health",
        answered(400, "guard.query_invalid_percent_encoding"),
    ),
    "no UTF-8": ("/gateway/%ff/health", answered(400, "guard.query_invalid_percent_encoding")),
    "an impossible namespace": (
        "/gateway/plaza/health?rvt-namespace=a%00b&rvt-method=get",
        answered(400, "namespace.not_found"),
    ),
    "a parameter twice": (
        "/gateway/plaza/health?rvt-namespace=default&rvt-namespace=x&rvt-method=get",
        answered(400, "guard.query_duplicate_param"),
    ),
    "an unknown parameter": (
        "/gateway/plaza/health?rvt-x=1",
        answered(400, "guard.query_invalid_params"),
    ),
    "a name of 65": (
        address("/health", name="x" * 65),
        answered(400, "guard.query_invalid_params"),
    ),
    "an unknown name": (
        address("/health", name="nobody"),
        answered(400, "guard.unknown_actor_name"),
    ),
    "a dunder name": (
        address("/health", name="__class__"),
        answered(400, "guard.unknown_actor_name"),
    ),
    "a key part of 129": (
        address("/health", key="x" * 129),
        answered(400, "guard.query_invalid_params"),
    ),
    "a key of 1,025": (
        address("/health", key="/".join(["x" * 100] * 11)),
        answered(400, "guard.query_invalid_params"),
    ),
    "no base64": (
        address("/health", name="board", more="&rvt-input=!!!"),
        answered(400, "guard.query_invalid_base64_input"),
    ),
    "no CBOR": (
        address("/health", name="board", more="&rvt-input=_w"),
        answered(400, "guard.query_invalid_cbor_input"),
    ),
    "an input of 5 KB": (
        address("/health", name="board", more="&rvt-input=" + "A" * 8000),
        answered(400, "guard.query_invalid_cbor_input"),
    ),
    "an input of another type": (
        address("/health", name="board", key="new", more="&rvt-input=9g"),
        answered(400, "actor.validation_error"),
    ),
    "the inspector": (address("/inspector/state"), answered(501, "actor.not_implemented")),
    "metrics": (address("/metrics"), answered(501, "actor.not_implemented")),
    "1,000 parameters": (
        "/actors?" + "&".join(f"a{number}=1" for number in range(1000)),
        answered(400, "api.bad_request"),
    ),
}

ORIGINS: Final = (
    b"https://evil.example",
    b"null",
    b"http://localhost.evil.example",
    b"http://127.0.0.1.evil.example",
    b"file://",
    b"http://server:1@evil.example",
    b"http://[::1",
    b"\xff\xfe",
    b"http://evil.example#server",
    b"http://" + b"x" * 5000,
)
FORBIDDEN: Final = "auth.forbidden"


def over_http(action: str) -> Attack:
    body = body_of("json", [])
    return Attack(
        f"address: calls {action[:20]!r} over HTTP",
        (call(quote(action, safe=""), body), FIN),
        answered(404, NOT_FOUND if action else "api.not_found"),
    )


def over_a_connection(action: str, encoding: str) -> Attack:
    frame = frame_of(encoding, ActionRequest(1, action, []))
    return Attack(
        f"address: calls {action[:20]!r} over {encoding}",
        (upgraded(encoding), OPENED, frame, HEARD, goodbye()),
        closed(1000, "", (NOT_FOUND,)),
        encoding,
    )


def upgraded(encoding: str) -> bytes:
    return upgrade(address("/connect"), "rivet", f"rivet_encoding.{encoding}")


def page(origin: bytes) -> tuple[Attack, Attack]:
    name = origin[:30].decode("latin-1")
    header = b"origin: " + origin
    target = address("/action/echo")
    socket = upgrade(address("/connect"), "rivet", headers=(header,))
    return (
        Attack(
            f"origin: {name} over HTTP",
            (request("POST", target, header, body=b'{"args":[]}'), FIN),
            answered(403, FORBIDDEN),
        ),
        Attack(
            f"origin: {name} by a WebSocket",
            (socket, CLOSED),
            closed(1011, FORBIDDEN, (FORBIDDEN,)),
        ),
    )


ATTACKS: Final = (
    *(
        Attack(
            f"address: the key {key[:20]!r}",
            (request("GET", address("/health", key=key.replace("/", "\\/"))), FIN),
            answered(200),
        )
        for key in KEYS
    ),
    *(
        Attack(f"address: {name}", (request("GET", target), FIN), answer)
        for name, (target, answer) in ADDRESSES.items()
    ),
    *map(over_http, ACTIONS),
    *(over_a_connection(action, encoding) for encoding in ENCODINGS for action in ACTIONS),
    *(attack for origin in ORIGINS for attack in page(origin)),
)
