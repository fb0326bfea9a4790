"""Heads: addresses and headers as the router and the hooks see them."""

from __future__ import annotations

import h11
import pytest

from trivet.server.head import Head, header_text
from trivet.server.requests import request_of


def head(target: str = "/", *headers: tuple[bytes, bytes]) -> Head:
    given = [(b"host", b"server"), *headers]
    return Head.of(h11.Request(method="GET", target=target, headers=given), "10.0.0.1")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a/b?c=d?e", "/a/b", "c=d?e"),
        ("/a%2Fb", "/a%2Fb", ""),
        ("http://server/a?b", "/a", "b"),
        ("https://server:80", "/", ""),
        ("http://server?b", "/", "b"),
        ("*", "*", ""),
        ("server:80", "server:80", ""),
        ("://server/a", "://server/a", ""),
    ],
)
def test_an_address_has_a_path_and_a_query(target: str, path: str, query: str) -> None:
    assert (head(target).path, head(target).query) == (path, query)


def test_repeated_headers_are_joined_and_any_byte_is_a_character() -> None:
    given = head("/", (b"X-Thing", b"a"), (b"x-thing", b"\xff\xe9"))
    assert given.headers["x-thing"] == "a, \xff\xe9"
    assert head("/", (b"Cookie", b"a=1,2"), (b"cookie", b"b=3")).headers["cookie"] == "a=1,2; b=3"


@pytest.mark.parametrize(
    ("value", "wanted"), [(b"websocket", True), (b"WebSocket", True), (b"h2c", False)]
)
def test_who_wants_a_websocket(value: bytes, wanted: bool) -> None:
    assert head("/", (b"upgrade", value)).wants_websocket is wanted
    assert not head().wants_websocket


@pytest.mark.parametrize(
    ("text", "written"),
    [("room/a%b", "room/a%b"), (" é\r\nx: y ", "%C3%A9%0D%0Ax: y"), ("\ud800", "?"), ("", "")],
)
def test_a_header_carries_printable_ascii_only(text: str, written: str) -> None:
    assert header_text(text) == written


def test_a_request_shows_what_the_client_sent() -> None:
    request = request_of(
        head("/ignored", (b"cookie", b"a=b")), "/connect", "x=1", intent="connect", secure=True
    )
    assert request.url == "https://server/connect?x=1"
    assert (request.path, request.query, request.peer) == ("/connect", "x=1", "10.0.0.1")
    assert request.headers["cookie"] == "a=b"
    bare = request_of(head(), "/action/a", "", intent="call", secure=False)
    assert (bare.url, bare.body, bare.intent) == ("http://server/action/a", b"", "call")
