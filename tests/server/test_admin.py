"""The operator's token: what needs it, and how it may be wrong."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.server.actors import Room
from tests.server.serving import HttpClient, serving
from trivet.server.settings import ServerSettings

TOKEN = "an-operators-token"
MANAGING = [
    ("GET", "/actors?name=room", 200),
    ("DELETE", "/actors/a", 200),
    ("POST", "/actors/a/sleep", 404),
]


@pytest.mark.parametrize(("method", "address", "status"), MANAGING)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_only_the_token_manages(method: str, address: str, status: int, host: str) -> None:
    async with serving(Room, host=host, admin_token=TOKEN) as site:
        stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
        async with stream:
            http = HttpClient(stream)
            for wrong in ({}, {"authorization": f"Basic {TOKEN}"}, {"x_rivet_token": TOKEN[:-1]}):
                reply = await http.request(method, address, b"", **wrong)
                assert (reply.status, reply.error) == (403, "auth.forbidden")
            for right in ({"authorization": f"Bearer {TOKEN}"}, {"x_rivet_token": TOKEN}):
                assert (await http.request(method, address, b"", **right)).status == status
            for path in ("/health", "/actors?name=room&key=a", "/metadata"):
                assert (await http.request("GET", path)).status == 200
            assert site.counters.counts["admin_refused"] == 3


@pytest.mark.parametrize(("method", "address", "status"), MANAGING)
async def test_without_a_token_this_machine_manages(
    method: str, address: str, status: int, autojump_clock: MockClock
) -> None:
    async with serving(Room) as site:
        assert (await site.http().request(method, address)).status == status
    async with serving(Room, host="0.0.0.0") as site:
        assert (await site.http().request(method, address)).status == 403
    async with serving(Room, trusted_proxies=["unix"]) as site:
        reply = await site.http().request(method, address)
        assert reply.status == 403, "whoever comes through a proxy is not this machine"


async def test_tokens_are_compared_as_digests(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr("hmac.compare_digest", compare)
    async with serving(Room, admin_token=TOKEN) as site:
        await site.http().request("GET", "/actors?name=room", x_rivet_token="x" * 5)
    assert compared == [(sha256(TOKEN.encode()).digest(), sha256(b"xxxxx").digest())]


@pytest.mark.parametrize("wrong", ["", "short", "with-a-newline-\n-in-it", "é" * 20, 5, b"x" * 20])
def test_a_token_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="admin_token must"):
        ServerSettings(admin_token=wrong)


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(ServerSettings(admin_token=TOKEN))
