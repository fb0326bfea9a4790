"""Attacks on what comes first: request lines, headers, and their pace."""

from __future__ import annotations

import random
from typing import Final

from tests.attacks.attack import FIN, RST, Answer, Attack, answered
from tests.attacks.requests import HOST, address, request

__all__ = ["ATTACKS"]

SILENCE: Final = Answer()
BAD: Final = answered(400, "api.bad_request")
LARGE: Final = answered(431, "api.head_too_large")
LATE: Final = answered(408, "api.request_timeout")
HEALTH: Final = b"GET /health HTTP/1.1\r\n"
CHUNKED: Final = b"transfer-encoding: chunked"

MALFORMED: Final[dict[str, bytes]] = {
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "an SSH banner": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "an SMTP greeting": b"EHLO example.com\r\n\r\n",
    "a null byte in the method": b"G\x00T /health HTTP/1.1\r\n\r\n",
    "a null byte in the address": b"GET /hea\x00lth HTTP/1.1\r\n\r\n",
    "a space in the address": b"GET /hea lth HTTP/1.1\r\n\r\n",
    "no address": b"GET  HTTP/1.1\r\n\r\n",
    "no version": b"GET /health HTTP/\r\n\r\n",
    "a long version": b"GET /health HTTP/1.1111\r\n\r\n",
    "a tab for a space": b"GET\t/health\tHTTP/1.1\r\n\r\n",
    "a header without a colon": HEALTH + b"host server\r\n\r\n",
    "a header without a name": HEALTH + HOST + b"\r\n: value\r\n\r\n",
    "a space before the colon": HEALTH + b"host : server\r\n\r\n",
    "a space in a name": HEALTH + HOST + b"\r\nx y: z\r\n\r\n",
    "a null byte in a value": HEALTH + HOST + b"\r\nx: a\x00b\r\n\r\n",
    "a null byte in a name": HEALTH + HOST + b"\r\nx\x00: a\r\n\r\n",
    "a folded first header": HEALTH + b" host: server\r\n\r\n",
    "no host": HEALTH + b"\r\n",
    "two hosts": HEALTH + HOST + b"\r\n" + HOST + b"\r\n\r\n",
    "two lengths": HEALTH + HOST + b"\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    "a length of words": HEALTH + HOST + b"\r\ncontent-length: many\r\n\r\n",
    "a negative length": HEALTH + HOST + b"\r\ncontent-length: -1\r\n\r\n",
    "a signed length": HEALTH + HOST + b"\r\ncontent-length: +1\r\n\r\n",
    "a hexadecimal length": HEALTH + HOST + b"\r\ncontent-length: 0x10\r\n\r\n",
    "an endless length": HEALTH + HOST + b"\r\ncontent-length: " + b"9" * 4000 + b"\r\n\r\n",
    "a list of lengths": HEALTH + HOST + b"\r\ncontent-length: 1, 2\r\n\r\n",
    "an unknown transfer encoding": HEALTH + HOST + b"\r\ntransfer-encoding: gzip\r\n\r\n",
    "two transfer encodings": HEALTH + HOST + b"\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
    "chunked twice": HEALTH + HOST + b"\r\n" + CHUNKED + b"\r\n" + CHUNKED + b"\r\n\r\n",
    "a carriage return in a value": HEALTH + HOST + b"\r\nx: a\rb\r\n\r\n",
}

CHUNKS: Final[dict[str, bytes]] = {
    "a chunk's size in words": b"many\r\n",
    "a negative chunk": b"-1\r\nx\r\n",
    "a chunk that is longer than it says": b"1\r\nxx\r\n0\r\n\r\n",
    "no line end behind a chunk": b"1\r\nx0\r\n\r\n",
    "an enormous chunk": b"f" * 30 + b"\r\nx",
    "a null byte for a chunk": b"\x00\r\n",
}


def chunked(rest: bytes) -> bytes:
    return request("POST", address("/action/echo"), CHUNKED) + rest


def noise(seed: int) -> bytes:
    """Random bytes that no HTTP request begins with, as long as a line and as a head."""
    return b"\x00" + random.Random(seed).randbytes(200) + b"\r\n\r\n"


ATTACKS: Final = (
    *(Attack(f"head: {name}", (head, FIN), BAD) for name, head in MALFORMED.items()),
    *(Attack(f"head: noise {seed}", (noise(seed), FIN), BAD) for seed in range(40)),
    *(Attack(f"head: {name}", (chunked(rest), FIN), BAD) for name, rest in CHUNKS.items()),
    *(
        # Wherever it is cut, what came is no request.
        Attack(f"head: cut after {size} bytes", (request("GET", "/health")[:size], FIN), BAD)
        for size in range(1, 55, 3)
    ),
    *(
        Attack(f"head: reset after {size} bytes", (request("GET", "/health")[:size], RST), None)
        for size in (0, 1, 10, 30, 50)
    ),
    Attack("head: nothing at all", (FIN,), SILENCE),
    Attack("head: reset without a word", (RST,), None),
    Attack("head: never begun", (), SILENCE, patient=True),
    Attack("head: half a request", (HEALTH[:7],), LATE, patient=True),
    Attack("head: never ended", (HEALTH + HOST + b"\r\nx: ",), LATE, patient=True),
    Attack("head: an address of 70 KB", (request("GET", "/" + "x" * 70_000), FIN), LARGE),
    Attack("head: a method of 70 KB", (request("G" * 70_000, "/"), FIN), LARGE),
    Attack("head: a header of 70 KB", (request("GET", "/", b"x: " + b"y" * 70_000), FIN), LARGE),
    Attack("head: a name of 70 KB", (request("GET", "/", b"x" * 70_000 + b": y"), FIN), LARGE),
    Attack("head: 1,000 headers", (request("GET", "/", *[b"x: y"] * 1000), FIN), LARGE),
    Attack("head: 200 small headers", (request("GET", "/", *[b"x:"] * 200), FIN), LARGE),
    Attack("head: a megabyte without a line end", (b"x" * 1_000_000, FIN), LARGE),
    Attack("head: 50,000 line ends", (b"\n" * 50_000, FIN), BAD),
    Attack("head: a chunk's size without end", (chunked(b"f" * 100_000), FIN), LARGE),
    Attack(
        "head: the preface of HTTP/2",
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FIN),
        Answer((404, 400), ("api.not_found", "api.bad_request")),
    ),
    Attack(
        "head: CONNECT",
        (request("CONNECT", "server:80"), FIN),
        answered(405, "api.method_not_allowed"),
    ),
    Attack(
        "head: TRACE",
        (request("TRACE", "/health"), FIN),
        answered(405, "api.method_not_allowed"),
    ),
    Attack(
        "head: a method of its own",
        (request("JUMP", "/health"), FIN),
        answered(405, "actor.method_not_allowed"),
    ),
    Attack(
        "head: another host in the address",
        (request("GET", "http://evil.example/nothing"), FIN),
        answered(404, "api.not_found"),
    ),
    Attack(
        "head: bytes beyond ASCII in a value",
        (request("GET", "/health", b"x: \xff\xfe\x80"), FIN),
        answered(200),
    ),
    Attack(
        "head: a host beyond ASCII",
        (b"GET /health HTTP/1.1\r\nhost: \xff\xfe\r\nconnection: close\r\n\r\n", FIN),
        answered(200),
    ),
    Attack(
        "head: 100 requests at once",
        (b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n" * 100, FIN),
        Answer((200,) * 100),
    ),
    Attack(
        "head: a request smuggled behind a length",
        (
            request("POST", address("/action/echo"), CHUNKED, body=b"0\r\n\r\nGET /x HTTP/1.1\r\n"),
            FIN,
        ),
        BAD,
    ),
)
