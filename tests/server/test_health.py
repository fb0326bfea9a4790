"""Health: 503 with a reason while the server cannot keep its promises."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from trio.testing import MockClock

import trivet
from tests.server.actors import Counter
from tests.server.serving import HttpClient, serving
from trivet.server.serve import Server
from trivet.storage.memory import MemoryStorage


class Failing(MemoryStorage):
    """Fails when the test says so."""

    broken = False

    @property
    def failed(self) -> bool:
        return self.broken


async def test_a_failed_store_is_told(autojump_clock: MockClock) -> None:
    storage = Failing()
    async with serving(storage=storage) as site:
        http = site.http()
        assert (await http.request("GET", "/health")).json["status"] == "ok"
        storage.broken = True
        reply = await http.request("GET", "/health")
        assert reply.status == 503
        assert (reply.json["status"], reply.json["reason"]) == ("failing", "the store has failed")
        assert (await site.http().request("GET", "/metadata")).status == 200
        assert (await http.request("HEAD", "/health")).status == 503
        assert site.counters.counts["health_failing"] == 2


async def test_a_stalled_loop_is_told(autojump_clock: MockClock) -> None:
    async with serving() as site:
        problems: list[str | None] = ["the event loop stalled", None]
        site.service.loop_problem = lambda: problems.pop(0)
        http = site.http()
        reply = await http.request("GET", "/health")
        assert (reply.status, reply.json["reason"]) == (503, "the event loop stalled")
        assert (await http.request("GET", "/health")).status == 200


async def test_serve_watches_its_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trivet.telemetry.watchdog.Watchdog.problem", "the event loop stalled")
    async with trio.open_nursery() as nursery:
        serve = partial(trivet.serve, trivet.Registry(Counter), port=0)
        server: Server = await nursery.start(serve)
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with stream:
            assert (await HttpClient(stream).request("GET", "/health")).status == 503
        nursery.cancel_scope.cancel()
