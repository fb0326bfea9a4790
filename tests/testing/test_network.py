"""The network in memory behaves as TCP does, also when it fails."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, check_half_closeable_stream, wait_all_tasks_blocked

from trivet.testing.network import MemoryConnection, MemoryNetwork, MemoryStream


async def pair() -> tuple[MemoryStream, MemoryStream]:
    connection = MemoryConnection("server", 1024)
    return connection.client, connection.server


async def clogged_pair() -> tuple[MemoryStream, MemoryStream]:
    client, server = await pair()
    await client.send_all(b"x" * 1024)
    await server.send_all(b"x" * 1024)
    return client, server


async def test_a_stream_keeps_the_contract_of_trio() -> None:
    await check_half_closeable_stream(pair, clogged_pair)


async def connect(network: MemoryNetwork) -> tuple[MemoryConnection, MemoryStream, MemoryStream]:
    async with network.listen("server") as listener:
        client = await network.connect("server")
        server = await listener.accept()
    return network.connections[-1], client, server


async def test_bytes_go_both_ways() -> None:
    _, client, server = await connect(MemoryNetwork())
    await client.send_all(b"ping")
    assert await server.receive_some() == b"ping"
    await server.send_all(b"pong")
    assert await client.receive_some(2) + await client.receive_some() == b"pong"


async def test_connecting_does_not_wait_for_accept() -> None:
    network = MemoryNetwork()
    async with network.listen("server") as listener:
        client = await network.opener("server")()
        await client.send_all(b"early")
        server = await listener.accept()
        assert await server.receive_some() == b"early"


async def test_where_nobody_listens_connections_are_refused() -> None:
    network = MemoryNetwork()
    with pytest.raises(ConnectionRefusedError, match="server"):
        await network.connect("server")
    async with network.listen("server"):
        with pytest.raises(OSError, match="server"):
            network.listen("server")
    with pytest.raises(ConnectionRefusedError):
        await network.connect("server")


async def test_a_full_backlog_refuses() -> None:
    network = MemoryNetwork()
    async with network.listen("server"):
        for _ in range(128):
            await network.connect("server")
        with pytest.raises(ConnectionRefusedError):
            await network.connect("server")


async def test_a_listener_that_closes_resets_who_was_not_accepted() -> None:
    network = MemoryNetwork()
    async with network.listen("server"):
        client = await network.connect("server")
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await client.send_all(b"x")


async def test_closing_a_listener_ends_its_accept() -> None:
    listener = MemoryNetwork().listen("server")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_until_closed, listener)
        await wait_all_tasks_blocked()
        await listener.aclose()


async def accept_until_closed(listener: trio.abc.Listener[MemoryStream]) -> None:
    with pytest.raises(trio.ClosedResourceError):
        await listener.accept()


async def test_a_cut_is_seen_by_both_and_loses_what_was_on_its_way() -> None:
    connection, client, server = await connect(MemoryNetwork())
    await client.send_all(b"lost")
    connection.cut()
    for stream in (client, server):
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")


async def test_what_vanishes_is_seen_by_nobody(autojump_clock: MockClock) -> None:
    network = MemoryNetwork(buffer=10)
    _, client, server = await connect(network)
    await client.send_all(b"lost")
    network.vanish()
    await client.aclose()
    with trio.move_on_after(1000) as waiting:
        await server.receive_some()
    assert waiting.cancelled_caught
    await server.send_all(b"x" * 10)
    with trio.move_on_after(1000) as sending:
        await server.send_all(b"y")
    assert sending.cancelled_caught


async def test_an_end_that_stops_reading_makes_the_other_wait() -> None:
    connection, client, server = await connect(MemoryNetwork(buffer=10))
    connection.stop_reading(server=True)
    received = bytearray()

    async def receive() -> None:
        async for data in server:
            received.extend(data)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(client.send_all, b"x" * 15)
        await wait_all_tasks_blocked()
        assert not received
        await server.send_all(b"down")
        assert await client.receive_some() == b"down"
        connection.resume_reading()
        await wait_all_tasks_blocked()
        assert received == b"x" * 15
        await client.aclose()


async def test_bytes_and_the_end_take_their_time_and_keep_their_order(
    autojump_clock: MockClock,
) -> None:
    connection, client, server = await connect(MemoryNetwork())
    connection.delay(to_server=2, to_client=0.5)
    start = trio.current_time()
    await client.send_all(b"slow")
    connection.delay(to_server=0)
    await client.send_all(b"er")
    await client.send_eof()
    await server.send_all(b"faster")
    assert await client.receive_some() == b"faster"
    assert trio.current_time() == start + 0.5
    assert await server.receive_some() + await server.receive_some() == b"slower"
    assert await server.receive_some() == b""
    assert trio.current_time() == start + 2


async def test_connections_are_known_until_both_ends_are_closed() -> None:
    network = MemoryNetwork()
    connection, client, server = await connect(network)
    assert [*network.connections] == [connection]
    await client.aclose()
    assert [*network.connections] == [connection]
    await server.aclose()
    assert [*network.connections] == []


async def test_all_connections_are_cut_at_once() -> None:
    network = MemoryNetwork()
    _, first, _ = await connect(network)
    _, second, _ = await connect(network)
    network.cut()
    for stream in (first, second):
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


async def test_every_connection_is_handed_to_who_serves() -> None:
    network = MemoryNetwork()
    served: list[MemoryStream] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(network.serve, "server", served.append)
        for _ in range(3):
            await network.connect("server")
        await wait_all_tasks_blocked()
        assert served == [connection.server for connection in network.connections]
        nursery.cancel_scope.cancel()
    with pytest.raises(ConnectionRefusedError):
        await network.connect("server")
