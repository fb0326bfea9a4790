"""Places: how many connections and openings an address has, directly and behind a proxy."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.serving import HttpClient, Serving, gateway, rest, serving
from tests.server.sessions import UPGRADE
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.server.admission import Admissions
from trivet.server.peers import Proxies

STRANGER = "203.0.113.7"
OTHER = "203.0.113.8"
PROXY = "192.0.2.1"


def client(site: Serving, peer: str = STRANGER) -> HttpClient:
    return HttpClient(site.dial(peer))


async def health(http: HttpClient, **headers: str) -> int:
    return (await http.request("GET", "/health", b"", **headers)).status


def test_places_are_given_back_once() -> None:
    refusals: list[str] = []
    limits = Limits(connections_per_address=2, openings_per_address=1)
    book = Admissions(limits, Proxies([PROXY]), refusals.append)
    first = book.admit(STRANGER)
    assert first is not None
    assert first.counted
    assert book.admit(STRANGER) is None
    first.opened()
    first.opened()
    second = book.admit(STRANGER)
    assert second is not None
    assert book.admit(STRANGER) is None
    assert refusals == ["openings_full", "address_full"]
    second.end()
    second.end()
    first.end()
    assert not book.open
    assert not book.opening


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "unix", "memory", PROXY])
def test_some_are_not_counted(peer: str) -> None:
    limits = Limits(connections_per_address=1, openings_per_address=1)
    book = Admissions(limits, Proxies([PROXY]), list[str]().append)
    places = [book.admit(peer) for _ in range(5)]
    assert not any(place is None or place.counted for place in places)
    assert not book.open


async def test_who_only_connects_gets_few_places(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(openings_per_address=2)) as site:
        silent, slow = client(site), client(site)
        await slow.stream.send_all(b"GET /hea")
        assert await rest(site.dial(STRANGER)) == b""
        assert site.counters.counts["openings_full"] == 1
        assert await health(client(site, OTHER)) == 200
        assert (await rest(silent.stream), b" 408 " in await rest(slow.stream)) == (b"", True)
        await trio.sleep(2)  # in which the slow one may still read why
        patient = [client(site) for _ in range(2)]
        for http in patient:
            assert await health(http) == 200
        assert await health(client(site)) == 200, "a request that arrived is an end of the opening"
    assert not site.service.admissions.open
    assert not site.service.admissions.opening


class Slow(Actor, name="slow"):
    """Takes a while to let somebody in."""

    async def on_before_connect(self, params: None) -> None:
        await trio.sleep(3)


async def test_a_websocket_is_opening_until_its_hooks_have_answered(
    autojump_clock: MockClock,
) -> None:
    slow = UPGRADE.replace(b"/counter/", b"/slow/") + b"\r\n"
    async with serving(Slow, limits=Limits(openings_per_address=1)) as site:
        first = site.dial(STRANGER)
        await first.send_all(slow)
        await wait_all_tasks_blocked()
        assert await rest(site.dial(STRANGER)) == b""
        await trio.sleep(4)
        second = site.dial(STRANGER)
        await second.send_all(slow)
        assert b"101 Switching" in await second.receive_some()
        assert site.service.admissions.open[STRANGER] == 2


@pytest.mark.parametrize("change", [(b"/connect", b"/nowhere"), (b"getOrCreate", b"get")])
async def test_a_refused_websocket_gives_its_places_back(
    change: tuple[bytes, bytes], autojump_clock: MockClock
) -> None:
    refused = UPGRADE.replace(*change).replace(b"&rvt-runner=default", b"") + b"\r\n"
    async with serving(limits=Limits(openings_per_address=1)) as site:
        for _ in range(3):
            stream = site.dial(STRANGER)
            await stream.send_all(refused)
            assert b"101 Switching" in await rest(stream)
            await wait_all_tasks_blocked()
        assert not site.service.admissions.open
        assert site.counters.counts["opening_refused"] == 3


# -- behind a proxy ------------------------------------------------------------------------------


@asynccontextmanager
async def proxied(**limits: int) -> AsyncGenerator[Serving]:
    async with serving(limits=Limits(**limits), trusted_proxies=[PROXY]) as site:
        yield site


async def test_behind_a_proxy_its_client_is_counted(autojump_clock: MockClock) -> None:
    async with proxied(connections_per_address=1) as site:
        sockets = [site.dial(PROXY) for _ in range(3)]
        clients = [STRANGER, OTHER, STRANGER]
        for stream, name in zip(sockets, clients, strict=True):
            await stream.send_all(UPGRADE + f"x-forwarded-for: {name}\r\n\r\n".encode())
        await wait_all_tasks_blocked()
        assert site.service.admissions.open == {STRANGER: 1, OTHER: 1}
        assert b"guard.service_unavailable" in await rest(sockets[2])
        assert site.counters.counts["address_full"] == 1
        await sockets[0].aclose()
        await wait_all_tasks_blocked()
        assert site.service.admissions.open == {OTHER: 1}


async def test_a_request_of_a_proxys_client_is_counted_while_it_runs(
    autojump_clock: MockClock,
) -> None:
    async with proxied(connections_per_address=1) as site:
        one, other = client(site, PROXY), client(site, PROXY)
        address = gateway(path="/action/wait")
        await one.send("POST", address, b'{"args":[3]}', x_forwarded_for=STRANGER)
        await wait_all_tasks_blocked()
        reply = await other.request("GET", "/health", x_forwarded_for=STRANGER)
        assert (reply.status, reply.error) == (503, "guard.service_unavailable")
        assert await health(other, x_forwarded_for=OTHER) == 200
        assert (await one.reply()).json == {"output": "waited"}
        assert await health(other, x_forwarded_for=STRANGER) == 200
        assert not site.service.admissions.open


async def test_hooks_see_the_client_and_not_the_proxy(autojump_clock: MockClock) -> None:
    async with serving(trusted_proxies=[PROXY]) as site:
        body = b'{"args":[]}'
        for peer, claimed, seen in [(PROXY, STRANGER, STRANGER), (OTHER, STRANGER, OTHER)]:
            reply = await client(site, peer).request(
                "POST",
                gateway("room", path="/action/who"),
                body,
                x_forwarded_for=claimed,
                x_rivet_conn_params='{"token":"t"}',
            )
            assert reply.json["output"].split()[1] == seen


# -- the rate ------------------------------------------------------------------------------------


async def test_requests_have_a_rate(autojump_clock: MockClock) -> None:
    async with serving(limits=Limits(frame_rate=1, frame_burst=3)) as site:
        http = client(site)
        assert [await health(http) for _ in range(3)] == [200] * 3
        reply = await http.request("GET", "/health")
        assert (reply.status, reply.error) == (429, "guard.rate_limit")
        assert reply.headers["connection"] == "close"
        assert site.counters.counts["request_malformed"] == 1
        local = site.http()
        assert [await health(local) for _ in range(9)] == [200] * 9


async def test_through_a_real_socket_behind_a_real_proxy() -> None:
    """This machine is the proxy here, so its clients are counted."""
    limits = Limits(connections_per_address=1)
    async with serving(limits=limits, host="127.0.0.1", trusted_proxies=["127.0.0.1"]) as site:
        streams = [await trio.open_tcp_stream("127.0.0.1", site.server.port) for _ in range(2)]
        found: list[bool] = []
        for stream in streams:
            await stream.send_all(UPGRADE + b"x-forwarded-for: " + STRANGER.encode() + b"\r\n\r\n")
            answer = await stream.receive_some()
            while b"Init" not in answer and b"Error" not in answer:
                answer += await stream.receive_some()
            found.append(b"Init" in answer)
        assert found == [True, False]
        for stream in streams:
            await stream.aclose()
