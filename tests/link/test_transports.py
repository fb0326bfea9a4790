"""What both transports promise, and what each alone does."""

from __future__ import annotations

import contextlib
import socket
import ssl

import pytest
import trio
import trio.testing

from tests.link.peers import Kind, tcp_pair, transport_pair
from trivet.link.outbox import Outbox
from trivet.link.socket import SocketTransport
from trivet.link.stream import StreamTransport

KINDS: list[Kind] = ["socket", "memory", "lockstep"]

over_any_transport = pytest.mark.parametrize("kind", KINDS)


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    return b"".join([bytes(data) async for data in stream])


def outbox_of(*frames: bytes) -> Outbox:
    outbox = Outbox(1000, 10**9)
    for frame in frames:
        outbox.put(frame)
    return outbox


@over_any_transport
async def test_it_receives_bytes_and_then_the_end(kind: Kind) -> None:
    transport, stream = await transport_pair(kind)

    async def send() -> None:
        await stream.send_all(b"hello")
        await stream.send_eof()

    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(send)
        assert await transport.receive_some() == b"hello"
        assert await transport.receive_some() == b""
        await transport.aclose()


@over_any_transport
async def test_it_sends_everything_and_then_the_end(kind: Kind) -> None:
    transport, stream = await transport_pair(kind)
    data = bytes(range(256)) * 4000

    async def send() -> None:
        await transport.send_all(data)
        await transport.send_eof()

    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(send)
        assert await read_all(stream) == data
        nursery.start_soon(stream.send_all, b"still readable")
        assert await transport.receive_some() == b"still readable"
        await transport.aclose()


@over_any_transport
async def test_it_writes_an_outbox(kind: Kind) -> None:
    transport, stream = await transport_pair(kind)
    outbox = outbox_of(*[bytes([number]) * 10_000 for number in range(50)])
    async with stream:
        async with trio.open_nursery() as nursery:

            async def write() -> None:
                while outbox.size:
                    before = outbox.size
                    await transport.write(outbox)
                    assert outbox.size <= before
                await transport.aclose()

            nursery.start_soon(write)
            received = await read_all(stream)
    assert received == b"".join(bytes([number]) * 10_000 for number in range(50))


@over_any_transport
async def test_closing_twice_is_closing_once(kind: Kind) -> None:
    transport, stream = await transport_pair(kind)
    async with stream:
        await transport.aclose()
        await transport.aclose_forcefully()
        await transport.aclose_forcefully()
        assert await read_all(stream) == b""


@over_any_transport
async def test_it_closes_in_a_cancelled_task_too(kind: Kind) -> None:
    transport, stream = await transport_pair(kind)
    async with stream:
        with trio.CancelScope() as scope:
            scope.cancel()
            await transport.aclose_forcefully()
        assert await read_all(stream) == b""


@over_any_transport
async def test_a_closed_transport_says_so(kind: Kind) -> None:
    transport, stream = await transport_pair(kind)
    async with stream:
        await transport.aclose_forcefully()
        with pytest.raises(trio.ClosedResourceError):
            await transport.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            await transport.send_all(b"x")


@over_any_transport
async def test_a_closed_transport_takes_no_outbox(kind: Kind) -> None:
    transport, stream = await transport_pair(kind)
    async with stream:
        await transport.aclose_forcefully()
        with pytest.raises(trio.ClosedResourceError):
            await transport.write(outbox_of(b"x"))


@pytest.mark.parametrize("kind", ["socket", "lockstep"])
async def test_a_peer_that_takes_bytes_is_noticed(
    kind: Kind, mock_clock: trio.testing.MockClock
) -> None:
    transport, stream = await transport_pair(kind)
    outbox = outbox_of(b"x" * 1_000_000)
    outbox.flush(transport.send_now)
    noticed: list[bool] = []

    async def write() -> None:
        while outbox.size:
            noticed.append(await transport.write(outbox))
        await transport.aclose()

    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(10)
        await trio.testing.wait_all_tasks_blocked()
        assert noticed == []
        await read_all(stream)
    assert noticed[0]


async def test_a_stream_that_takes_bytes_at_once_says_nothing_of_the_peer() -> None:
    near, far = trio.testing.memory_stream_pair()
    transport = StreamTransport(far)
    async with near:
        assert not await transport.write(outbox_of(b"x"))
        await transport.aclose()


# -- the socket -------------------------------------------------------------------------------


async def test_a_socket_takes_what_fits_without_waiting() -> None:
    connection, stream = tcp_pair()
    transport = SocketTransport(connection)
    async with stream:
        data = bytes(range(256)) * 40_000
        taken = transport.send_now(data)
        assert 0 < taken < len(data)
        while more := transport.send_now(data[taken:]):
            taken += more
        received = b""
        while len(received) < taken:
            received += bytes(await stream.receive_some())
        assert received == data[:taken]
        await transport.aclose()


async def test_waiting_for_a_socket_may_be_cancelled_without_losing_a_byte() -> None:
    connection, stream = tcp_pair()
    transport, outbox = SocketTransport(connection), outbox_of(b"x" * 1_000_000)
    async with stream:
        outbox.flush(transport.send_now)
        for _ in range(20):
            with trio.CancelScope() as scope:
                scope.cancel()
                await transport.write(outbox)
            with trio.CancelScope() as scope:
                scope.cancel()
                await transport.receive_some()
        async with trio.open_nursery() as nursery:

            async def write() -> None:
                while outbox.size:
                    await transport.write(outbox)
                await transport.aclose()

            nursery.start_soon(write)
            assert await read_all(stream) == b"x" * 1_000_000


async def test_small_writes_are_not_delayed() -> None:
    connection, stream = tcp_pair()
    transport = SocketTransport(connection)
    async with stream:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await transport.aclose()


async def test_a_socket_of_trio_can_be_adopted() -> None:
    near, far = trio.socket.socketpair()
    transport = SocketTransport.adopt(far)
    assert far.fileno() == -1
    with near:
        assert transport.send_now(b"hello") == 5
        assert await near.recv(5) == b"hello"
        await transport.aclose()


async def test_a_reset_is_a_broken_transport() -> None:
    connection, stream = tcp_pair()
    transport = SocketTransport(connection)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + bytes(7))
    await stream.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await transport.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await transport.send_all(b"x")
    with pytest.raises(trio.BrokenResourceError):
        transport.send_now(b"x")
    with pytest.raises(trio.BrokenResourceError):
        await transport.send_eof()
    await transport.aclose_forcefully()


class Thief(trio.abc.Instrument):
    """Reads what a task was woken for, before the task can."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.stolen = b""

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if not self.stolen:
            with contextlib.suppress(BlockingIOError):
                self.stolen = self.connection.recv(100)


async def test_waking_up_for_nothing_is_no_harm() -> None:
    connection, stream = tcp_pair()
    transport = SocketTransport(connection)
    received: list[bytes] = []

    async def read() -> None:
        received.append(await transport.receive_some())

    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        thief = Thief(connection)
        trio.lowlevel.add_instrument(thief)
        await stream.send_all(b"stolen")
        await trio.testing.wait_all_tasks_blocked()
        trio.lowlevel.remove_instrument(thief)
        assert (thief.stolen, received) == (b"stolen", [])
        await stream.send_all(b"received")
    assert received == [b"received"]
    await transport.aclose()


async def test_closing_a_socket_wakes_its_reader() -> None:
    connection, stream = tcp_pair()
    transport = SocketTransport(connection)

    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await transport.receive_some()

    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await transport.aclose_forcefully()


# -- the stream -------------------------------------------------------------------------------


async def test_a_stream_takes_nothing_without_waiting() -> None:
    near, far = trio.testing.memory_stream_pair()
    transport = StreamTransport(far)
    async with near:
        assert transport.send_now(b"x") == 0
        await transport.aclose()


async def test_a_stream_is_not_written_after_a_cut() -> None:
    near, far = trio.testing.lockstep_stream_pair()
    transport = StreamTransport(far)
    async with near:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.send_all, b"half of this is sent")
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with pytest.raises(trio.BrokenResourceError, match="cancelled half way"):
            await transport.send_all(b"nothing of this")
        await transport.send_eof()
        await transport.aclose()
        assert b"nothing" not in await read_all(near)


def anonymous(purpose: ssl.Purpose) -> ssl.SSLContext:
    """TLS without certificates, which is all that a test of the framing needs."""
    server = purpose is ssl.Purpose.CLIENT_AUTH
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context


async def test_a_stream_may_be_tls() -> None:
    near, far = trio.testing.memory_stream_pair()
    server = trio.SSLStream(
        far, anonymous(ssl.Purpose.CLIENT_AUTH), server_side=True, https_compatible=True
    )
    client = trio.SSLStream(near, anonymous(ssl.Purpose.SERVER_AUTH), https_compatible=True)
    transport = StreamTransport(server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.send_all, b"hello")
        assert await client.receive_some() == b"hello"
        await client.send_all(b"you too")
    assert await transport.receive_some() == b"you too"
    await transport.send_eof()  # TLS has none: nothing happens
    await transport.aclose()
    assert await client.receive_some() == b""
    await client.aclose()
