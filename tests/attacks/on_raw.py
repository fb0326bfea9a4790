"""Raw HTTP and raw WebSockets, attacked: bodies, framing, streams that nobody reads, and frames."""

from __future__ import annotations

from typing import Final

from tests.attacks.attack import CLOSED, FIN, RST, Answer, Attack, answered, closed
from tests.attacks.requests import address, request, upgrade
from tests.link.peers import client_frame, goodbye

__all__ = ["ATTACKS"]


def raw(path: str, query: str = "") -> str:
    return address(f"/request{path}", name="stage", more=query and f"&{query}")


def post(*headers: bytes, rest: bytes = b"") -> bytes:
    return request("POST", raw("/"), *headers) + rest


SOCKET: Final = upgrade(address("/websocket/echo", name="stage"))
CHUNKED: Final = b"transfer-encoding: chunked"
TOO_LONG: Final = answered(400, "message.incoming_too_long")
MALFORMED: Final = answered(400, "api.bad_request")
BROKEN: Final = "rivetkit.internal_error"

REQUESTS: Final[dict[str, tuple[bytes, Answer]]] = {
    "a body of a terabyte": (post(b"content-length: 1099511627776", rest=b"x" * 9999), TOO_LONG),
    "a chunk of a terabyte": (post(CHUNKED, rest=b"fffffffffff\r\nx"), MALFORMED),
    "a chunk without size": (post(CHUNKED, rest=b"\r\n\r\n"), MALFORMED),
    "two lengths": (post(CHUNKED, b"content-length: 3", rest=b"0\r\n\r\n"), MALFORMED),
    "an upload that ends early": (post(b"content-length: 9", rest=b"abc"), MALFORMED),
    "params that are no JSON": (
        post(b"content-length: 0", b"x-rivet-conn-params: {"),
        answered(400, "actor.invalid_request"),
    ),
    "a response with a line break in a header": (
        request("GET", raw("/injection", "x%0d%0aset-cookie:%20a=1")),
        answered(500, BROKEN),
    ),
    "a response with a length of its own": (request("GET", raw("/smuggle")), answered(500, BROKEN)),
    "a response that looks like an error": (
        request("GET", raw("/envelope")),
        answered(500, BROKEN),
    ),
    "CONNECT": (request("CONNECT", raw("/")), answered(405, "api.method_not_allowed")),
    "an unknown actor": (
        request("GET", address("/request/", name="__class__")),
        answered(400, "guard.unknown_actor_name"),
    ),
}

FRAMES: Final[dict[str, tuple[bytes, Answer]]] = {
    "text that is no UTF-8": (client_frame(0x81, b"\xff"), closed(1007, "message.invalid_utf8")),
    "a message of 33 MiB": (
        b"\x82\xff" + (33 * 1024 * 1024).to_bytes(8, "big") + bytes(4),
        closed(1009, "message exceeds 33554432 bytes"),
    ),
    "an unmasked frame": (b"\x81\x01x", closed(1002, "incorrect masking")),
    "a code of its own": (
        client_frame(0x88, (4321).to_bytes(2, "big") + b"me"),
        closed(4321, "me"),
    ),
    "a goodbye in the same segment": (goodbye(), closed(1000)),
}

ATTACKS: Final = (
    *(Attack(f"raw: {name}", (data, FIN), answer) for name, (data, answer) in REQUESTS.items()),
    *(
        Attack(f"raw socket: {name}", (SOCKET + data,), answer)
        for name, (data, answer) in FRAMES.items()
    ),
    Attack(
        "raw: an upload that never ends",
        (post(b"content-length: 99", rest=b"x"),),
        answered(408, "api.request_timeout"),
        patient=True,
    ),
    Attack(
        "raw: 20 MiB that do not come",
        (post(b"content-length: 20971520", rest=b"x"),),
        answered(408, "api.request_timeout"),
        patient=True,
    ),
    Attack(
        "raw socket: 32 MiB that do not come",
        (SOCKET + b"\x82\xff" + (32 * 1024 * 1024).to_bytes(8, "big") + bytes(5),),
        closed(1008, "message.incoming_too_slow"),
        patient=True,
    ),
    Attack("raw: RST in the middle of an upload", (post(CHUNKED, rest=b"3\r\na"), RST), None),
    Attack("raw: RST at a stream", (request("GET", raw("/endless")), RST), None),
    Attack("raw socket: RST at once", (SOCKET, RST), None),
    Attack("raw socket: FIN at once", (SOCKET, FIN), Answer((101,))),
    Attack(
        "raw socket: no handler",
        (upgrade(address("/websocket/x"), "rivet"), CLOSED),
        closed(1011, "actor.websocket_not_handled"),
    ),
)
