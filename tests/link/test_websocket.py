from __future__ import annotations

import socket

import pytest
import trio
import trio.testing
from websockets.frames import Opcode

from tests.link.peers import Ears, Kind, Message, binary, client_frame, ignore, meet, ping, text
from trivet.link.ending import Ending
from trivet.link.frames import binary_frame, text_frame
from trivet.link.handshake import Handshake
from trivet.link.limits import LinkLimits
from trivet.link.socket import SocketTransport
from trivet.link.websocket import SLICE_MESSAGES, SLICE_SECONDS, WebSocketLink

KINDS: list[Kind] = ["socket", "memory", "lockstep"]
UNLIMITED = LinkLimits(frames_per_second=float("inf"))

over_any_transport = pytest.mark.parametrize("kind", KINDS)


class CountingTransport(SocketTransport):
    """Counts the bytes of each send."""

    __slots__ = ("sends",)

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.sends: list[int] = []

    def send_now(self, data: bytes) -> int:
        self.sends.append(len(data))
        return super().send_now(data)


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


@over_any_transport
async def test_messages_go_both_ways(kind: Kind) -> None:
    async with meet(kind) as met:
        await met.peer.send(text("héllo"), binary(b"\x00\xff"), text(""))
        assert met.link.push(text_frame("wörld".encode()))
        assert met.link.push(binary_frame(b"\x01"))
        assert [await met.peer.hear(), await met.peer.hear()] == ["wörld", b"\x01"]
        await trio.testing.wait_all_tasks_blocked()
        assert met.heard == ["héllo", b"\x00\xff", ""]
        assert met.link.ending is None
        assert not met.link.closed


@over_any_transport
async def test_it_answers_pings_and_knows_nothing_of_the_application(kind: Kind) -> None:
    async with meet(kind) as met:
        await met.peer.send(ping(b"one"), text("x"), ping(b"two"))
        for payload in (b"one", b"two"):
            pong = await met.peer.next_frame()
            assert pong is not None
            assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, payload)
        assert met.heard == ["x"]


@over_any_transport
async def test_it_pings(kind: Kind) -> None:
    async with meet(kind) as met:
        met.link.ping()
        frame = await met.peer.next_frame()
        assert frame is not None
        assert frame.opcode is Opcode.PING


@over_any_transport
async def test_an_echo_of_large_messages_arrives_whole(kind: Kind) -> None:
    sent = [bytes([number]) * 40_000 for number in range(40)]

    def ears(message: Message) -> None:
        assert isinstance(message, bytes)
        assert met.link.push(binary_frame(message))

    roomy = LinkLimits(outbox_bytes=10_000_000)
    async with meet(kind, ears=ears, limits=roomy) as met, trio.open_nursery() as nursery:
        nursery.start_soon(met.peer.send, *map(binary, sent))
        for message in sent:
            assert await met.peer.hear() == message


async def test_bytes_that_came_with_the_request_are_read_first() -> None:
    near, far = trio.socket.socketpair()
    heard: list[Message] = []
    early = text("early") + text("again")[:4]
    transport = SocketTransport.adopt(far)
    handshake = Handshake(b"accepted", None)
    link = WebSocketLink(transport, handshake, encoder=None, limits=UNLIMITED, received=early)
    with near:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.run, heard.append)
            assert await near.recv(100) == b"accepted"
            await near.send(text("again")[4:])
            await trio.testing.wait_all_tasks_blocked()
            assert heard == ["early", "again"]
            link.abort()


async def test_what_is_pushed_before_it_runs_follows_the_handshake() -> None:
    near, far = trio.socket.socketpair()
    link = WebSocketLink(
        SocketTransport.adopt(far), Handshake(b"accepted", None), encoder="cbor", limits=UNLIMITED
    )
    assert link.encoder == "cbor"
    assert link.push(text_frame(b"error"))
    link.close(1011, "actor.starting")
    with near:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.run, ignore)
            expected = b"accepted\x81\x05error\x88\x10\x03\xf3actor.starting"
            assert await near.recv(len(expected)) == expected
            link.abort()


async def test_replies_to_one_batch_leave_in_one_send() -> None:
    def ears(message: Message) -> None:
        assert isinstance(message, str)
        met.link.push(text_frame(message.encode()))

    async with meet("socket", ears=ears, over_socket=CountingTransport) as met:
        transport = met.transport
        assert isinstance(transport, CountingTransport)
        transport.sends.clear()
        await met.peer.send(*[text("x" * 10) for _ in range(16)])
        for _ in range(16):
            await met.peer.hear()
        assert transport.sends == [16 * 12]


async def test_a_push_is_sent_at_once() -> None:
    async with meet("socket", over_socket=CountingTransport) as met:
        transport = met.transport
        assert isinstance(transport, CountingTransport)
        transport.sends.clear()
        met.link.push(text_frame(b"a"))
        met.link.push(text_frame(b"b"))
        assert transport.sends == [3, 3]


async def test_an_idle_link_is_one_task() -> None:
    before = tasks()
    async with meet("socket") as met:
        await trio.testing.wait_all_tasks_blocked()
        assert tasks() == before + 1
        await met.peer.send(text("x"), ping())
        await trio.testing.wait_all_tasks_blocked()
        assert tasks() == before + 1


async def test_the_writer_lives_only_while_the_socket_is_blocked() -> None:
    before = tasks()
    async with meet("socket") as met:
        assert met.link.push(binary_frame(b"x" * 900_000))
        await met.peer.send(text("still heard"), text("and again"))
        await trio.testing.wait_all_tasks_blocked()
        assert met.heard == ["still heard", "and again"]
        assert tasks() == before + 2
        assert await met.peer.hear() == b"x" * 900_000
        await trio.testing.wait_all_tasks_blocked()
        assert tasks() == before + 1
        assert met.task.child_nurseries == []
        await met.peer.send(text("x"))
        await trio.testing.wait_all_tasks_blocked()
        assert met.heard[-1] == "x"


class Steps(trio.abc.Instrument):
    """How many messages are heard in one step of a task."""

    def __init__(self) -> None:
        self.heard = 0
        self.longest = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.heard = 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.longest = max(self.longest, self.heard)

    async def of(self, ears: Ears, messages: int) -> int:
        """Have a link hear so many messages at once; how many it took in its longest step."""
        remaining = messages

        def count(message: Message) -> None:
            nonlocal remaining
            remaining -= 1
            self.heard += 1
            ears(message)

        trio.lowlevel.add_instrument(self)
        async with meet(limits=UNLIMITED, ears=count) as met:
            await met.peer.send(*[text("x")] * messages)
            await trio.testing.wait_all_tasks_blocked()
        assert remaining == 0
        trio.lowlevel.remove_instrument(self)
        return self.longest


async def test_one_client_cannot_keep_the_others_waiting() -> None:
    assert await Steps().of(lambda _: None, 1000) == SLICE_MESSAGES


async def test_slow_messages_end_a_step_early(mock_clock: trio.testing.MockClock) -> None:
    assert await Steps().of(lambda _: mock_clock.jump(SLICE_SECONDS / 10), 200) == 16


@over_any_transport
async def test_cancelling_closes_the_socket(kind: Kind) -> None:
    async with meet(kind) as met:
        met.scope.cancel()
        await met.link.wait_closed()
        assert met.link.closed
        assert met.link.ending == Ending(1006, "", "server")
        await met.peer.hear_nothing_more()
        assert not met.link.push(text_frame(b"late"))


@pytest.mark.parametrize("kind", ["socket", "lockstep"])
async def test_a_cancelled_write_is_the_last(kind: Kind) -> None:
    payloads = [bytes([number]) * 50_000 for number in range(10)]
    whole = b"".join(map(binary_frame, payloads))
    async with meet(kind) as met:
        for payload in payloads:
            assert met.link.push(binary_frame(payload))
        await trio.testing.wait_all_tasks_blocked()
        met.scope.cancel()
        await met.link.wait_closed()
        received = b""
        try:
            while data := await met.peer.take():
                received += data
        except trio.BrokenResourceError:
            pass
        assert len(received) < len(whole)
        assert whole.startswith(received)


@over_any_transport
@pytest.mark.parametrize("blocked", [False, True])
async def test_an_error_of_the_receiver_ends_the_link_and_leaves_as_it_is(
    kind: Kind, blocked: bool
) -> None:
    def ears(message: Message) -> None:
        raise LookupError(message)

    links: list[WebSocketLink[None]] = []
    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="boom")):
        async with meet(kind, ears=ears) as met:
            links.append(met.link)
            if blocked:
                met.link.push(binary_frame(b"x" * 900_000))
                await trio.testing.wait_all_tasks_blocked()
            await met.peer.send(text("boom"))
            await trio.sleep_forever()
    assert links[0].closed
    assert links[0].ending == Ending(1006, "", "server")


async def test_fragments_reach_the_receiver_as_one_message() -> None:
    async with meet() as met:
        await met.peer.send(client_frame(0x01, "€".encode()[:1]))
        await met.peer.send(ping(b"between"))
        pong = await met.peer.next_frame()
        assert pong is not None
        assert bytes(pong.data) == b"between"
        await met.peer.send(client_frame(0x80, "€".encode()[1:]))
        await trio.testing.wait_all_tasks_blocked()
        assert met.heard == ["€"]


async def test_many_may_wait_for_the_end() -> None:
    async with meet() as met, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(met.link.wait_closed)
        await trio.testing.wait_all_tasks_blocked()
        met.link.abort()
    await met.link.wait_closed()
