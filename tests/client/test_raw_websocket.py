"""``handle.websocket``: the same over a network and within the process."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet
from tests.server.actors import SECRET
from tests.server.web import WAYS, Door, Way, Web, actor_of, kick, page, told, web
from trivet.declare.handle import Address
from trivet.declare.options import Limits
from trivet.declare.registry import definition_of

pytestmark = pytest.mark.parametrize("way", WAYS)


async def heard(socket: trivet.ClientWebSocket) -> list[str | bytes]:
    return [message async for message in socket]


async def test_messages_keep_their_kind_and_order(way: Way, autojump_clock: MockClock) -> None:
    messages: list[str | bytes] = ["text", b"\x00\xff", "", b"", "ä€", "x" * 100_000]
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/echo") as socket:
            for message in messages:
                await socket.send(message)
            assert [await socket.receive() for _ in messages] == messages
            assert socket.close_code is None
        assert sorted((await told(site))[-2:]) == ["ann leaves: client", "ann's handler ended"]


async def test_path_and_query_are_the_actor_s(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (_, client):
        for path, seen in (("/a/b?x=%20&y", "/a/b?x=%20&y"), ("?x=1", "/?x=1"), ("z", "/z?")):
            async with page(client).websocket(path) as socket:
                assert await socket.receive() == f"{seen} websocket"


async def test_the_hooks_of_a_connection_run_around_it(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/return") as socket:
            assert await heard(socket) == ["last words"]
            assert (socket.close_code, socket.close_reason) == (1000, "")
        assert await told(site) == [
            "ann knocks with GET",
            "ann comes by websocket",
            "ann's handler ended",
            "ann leaves: server",
        ]


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("/broken", 1011, "rivetkit.internal_error"),
        ("/refuse", 1011, "user.refused"),
        ("/close?1000&", 1000, ""),
        ("/close?4567&farewell", 4567, "farewell"),
        ("/close?3000&" + "x" * 200, 3000, "x" * 123),
        ("/close?1005&", 1011, "rivetkit.internal_error"),
    ],
)
async def test_how_the_actor_closes_arrives(
    way: Way, path: str, code: int, reason: str, autojump_clock: MockClock
) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket(path) as socket:
            assert await heard(socket) == []
            assert (socket.close_code, socket.close_reason) == (code, reason)
            assert type(socket.close_code) is int
            assert SECRET not in reason
            with pytest.raises(trivet.ConnectionClosed):
                await socket.receive()
        log = await told(site)
        assert log.count("ann leaves: server") == 1
        assert "closed: True" not in log


async def test_how_the_client_closes_arrives(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/echo") as socket:
            await socket.send("x")
            assert await socket.receive() == "x"
            await socket.close(4001, "done")
            with pytest.raises(trivet.ConnectionClosed):
                await socket.send("x")
            with pytest.raises(ValueError, match="1006"):
                await socket.close(1006)
        assert sorted((await told(site))[-2:]) == ["ann leaves: client", "ann's handler ended"]


async def test_what_is_of_another_type_is_refused(way: Way, autojump_clock: MockClock) -> None:
    wrong: Any = {"a": 1}
    async with web(way) as (_, client), page(client).websocket("/echo") as socket:
        with pytest.raises(TypeError, match="a message of a WebSocket is str or bytes, not dict"):
            await socket.send(wrong)
        with pytest.raises(TypeError, match="a close code is a number, not dict"):
            await socket.close(wrong)
        await socket.send("x")
        assert await socket.receive() == "x"


async def test_a_close_behind_messages_lets_them_be_read(
    way: Way, autojump_clock: MockClock
) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/deaf") as socket:
            for _ in range(3):
                await socket.send("x")
            await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()
        (server_side,) = actor_of(site).sockets
        actor_of(site).go_on.set()
        assert "ann leaves: client" in await told(site)
        assert server_side.message_index == 3


async def test_messages_are_counted(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (_, client), page(client).websocket("/index") as socket:
        for number in (1, 2, 3):
            await socket.send("x")
            assert await socket.receive() == f"{number} False"


async def test_a_refusing_hook_closes_it(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with page(client, "banned").websocket("/echo") as socket:
            assert await heard(socket) == []
            assert (socket.close_code, socket.close_reason) == (1011, "user.banned")
        assert await told(site) == []


async def test_an_actor_without_a_handler(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with client.get_or_create(Door, "a").websocket("/") as socket:
            assert await heard(socket) == []
            assert (socket.close_code, socket.close_reason) == (
                1011,
                "actor.websocket_not_handled",
            )
        assert not site.runtime.directory.instances


async def test_a_kick_waits_for_link_and_hook(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/x") as socket:
            await socket.receive()
            assert await kick(site, "ann")
            assert "ann leaves: kick" in actor_of(site).log
            assert await heard(socket) == []
            assert (socket.close_code, socket.close_reason) == (1000, "out")
        assert (await told(site)).count("ann's handler ended") == 1


async def test_a_kick_for_good_says_so_in_its_code(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/x") as socket:
            await socket.receive()
            (server_side,) = actor_of(site).sockets
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(server_side.conn.disconnect, "out", reconnect=False))
                assert await heard(socket) == []
            assert (socket.close_code, socket.close_reason) == (4001, "out")


async def test_a_kick_from_outside_a_turn_waits_for_the_handler(
    way: Way, autojump_clock: MockClock
) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/x") as socket:
            await socket.receive()
            (server_side,) = actor_of(site).sockets
            async with trio.open_nursery() as nursery:
                nursery.start_soon(heard, socket)
                await server_side.conn.disconnect("out")
                assert "ann's handler ended" in actor_of(site).log


async def test_a_handler_that_does_not_read_makes_its_client_wait(
    way: Way, autojump_clock: MockClock
) -> None:
    limits = Limits(inbox_messages=10, message_in=1000)
    async with web(way, limits=limits) as (site, client):
        async with page(client, "ann").websocket("/deaf") as socket:
            sent = 0
            with trio.move_on_after(30):
                while True:
                    await socket.send("x" * 10_000)
                    sent += 1
            assert 10 <= sent < 100
            assert socket.close_code is None
            actor_of(site).go_on.set()
            for _ in range(100):
                await socket.send("y")
        log = await told(site)
        assert sorted(log[-2:]) == ["ann leaves: client", "ann's handler ended"]
        (server_side,) = actor_of(site).sockets
        assert server_side.message_index >= sent + 100


async def test_a_client_that_does_not_read_is_closed(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/flood") as socket:
            await told(site)
            await trio.sleep(Limits().close_time)
            assert "ann leaves: slow_consumer" in await told(site)
            assert len(await heard(socket)) > 50
        assert "ann's handler ended" in await told(site)
        assert site.runtime.observer.counts["connection_failed"] == 0


async def test_the_end_of_the_actor_closes_it(way: Way, autojump_clock: MockClock) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/x") as socket:
            await socket.receive()
            actor = actor_of(site)
            await site.runtime.put_away(definition_of(Web), Address(key=("a",)))
            assert await heard(socket) == []
            assert socket.close_code == 1012
        assert sorted(actor.log[-2:]) == ["ann leaves: stop", "ann's handler ended"]
        async with page(client, "ann").websocket("/x") as socket:
            assert await socket.receive() == "/x? websocket"


async def test_a_handler_that_resists_is_cut_at_the_end_of_the_grace(
    way: Way, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with web(way) as (site, client):
        async with page(client, "ann").websocket("/deaf"):
            await wait_all_tasks_blocked()
            began_at = trio.current_time()
            await site.runtime.put_away(definition_of(Web), Address(key=("a",)))
            assert trio.current_time() == began_at + Limits().grace
        assert "cut at the end of the grace" in caplog.text


async def test_messages_must_be_text_or_bytes(way: Way, autojump_clock: MockClock) -> None:
    wrong: list[Any] = [1, None, ["x"], bytearray(b"x")]
    async with web(way) as (site, client), page(client, "ann").websocket("/x") as socket:
        await socket.receive()
        (server_side,) = actor_of(site).sockets
        for message in wrong:
            with pytest.raises(TypeError):
                await socket.send(message)
            with pytest.raises(TypeError):
                server_side.send(message)
        with pytest.raises(UnicodeEncodeError):
            await socket.send("\ud800")
