"""Addresses of servers."""

from __future__ import annotations

import pytest
import trio

from trivet.client.endpoint import Endpoint, opener, parse_endpoint
from trivet.testing.network import MemoryNetwork, MemoryStream


@pytest.mark.parametrize(
    ("url", "endpoint", "authority"),
    [
        ("http://host", Endpoint(False, "host", 80), "host"),
        ("https://host/", Endpoint(True, "host", 443), "host"),
        ("http://127.0.0.1:6420", Endpoint(False, "127.0.0.1", 6420), "127.0.0.1:6420"),
        ("http://[::1]:80/a/b/", Endpoint(False, "::1", 80, "/a/b"), "[::1]"),
        ("https://HOST:80/x%20y", Endpoint(True, "host", 80, "/x%20y"), "host:80"),
        ("http://ns@host", Endpoint(False, "host", 80, "", "ns"), "host"),
        ("http://ns:a%40b@host", Endpoint(False, "host", 80, "", "ns", "a@b"), "host"),
        ("http://:token@host", Endpoint(False, "host", 80, "", "default", "token"), "host"),
    ],
)
def test_a_url_in_its_parts(url: str, endpoint: Endpoint, authority: str) -> None:
    parsed = parse_endpoint(url)
    assert parsed == endpoint
    assert parsed.authority == authority


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("ws://host", "http://"),
        ("host:6420", "http://"),
        ("http://", "host"),
        ("http://host?x=1", "query"),
        ("http://host#x", "fragment"),
        ("http://host:99999", "port"),
        ("http://host:x", "port"),
        ("http://host/ä", "percent-encoded"),
        ("http://host/a b", "percent-encoded"),
        ("http://a%zz@host", "percent-encoded"),
        ("http://ns:a%0Ab@host", "printable"),
        ("http://ns:%C3%A4@host", "printable"),
    ],
)
def test_what_is_no_url_of_a_server(url: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_endpoint(url)


def test_a_token_does_not_show() -> None:
    assert "secret" not in repr(parse_endpoint("http://ns:secret@host"))
    with pytest.raises(ValueError, match="query") as caught:
        parse_endpoint("http://ns:secret@host?x")
    assert "secret" not in str(caught.value)


async def test_tls_goes_over_whatever_stream_there_is() -> None:
    network = MemoryNetwork()
    async with network.listen("server"):
        connect = network.opener("server")
        plain = await opener(parse_endpoint("http://host"), connect)()
        assert isinstance(plain, MemoryStream)
        secured = await opener(parse_endpoint("https://host"), connect)()
        assert isinstance(secured, trio.SSLStream)
        assert secured.server_hostname == "host"
