"""The link: one client's WebSocket, from the accepted handshake to the closed socket.

Rule 1: the link is one task, ``run``. It waits for bytes and hands each message over with a plain
call. Only while the socket refuses bytes does a second task write beside it, inside ``run``; a
transport that cannot send without waiting keeps that task all the time.
Rule 2: everything else (``push``, ``close``, ``abort``, ``ping``) is a plain call from any task. It
writes at once if it can; if not, it leaves the rest in the outbox and wakes ``run``.
Rule 3: the first ending wins. From then on nothing is pushed and nothing received, and after at
most ``close_timeout`` the socket is closed, whatever the peer does.
Rule 4: when ``run`` is over, however that came, the socket is closed.

To be woken is to have the one cancel scope around the waiting cancelled: waiting for a socket may
be cut at any time without losing a byte. The deadlines belong to the same scope.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Generic

import trio
from typing_extensions import TypeVar

from trivet.declare.event import Overflow
from trivet.link.assembly import Assembly
from trivet.link.deadlines import Deadlines
from trivet.link.ending import ClosedBy, Ending
from trivet.link.frames import PING, close_frame
from trivet.link.handshake import Handshake
from trivet.link.limits import FrameBudget, LinkLimits
from trivet.link.outbox import Outbox
from trivet.link.reader import MessageReader, PeerClose, Pong, Violation
from trivet.link.transport import Transport
from trivet.protocol.errors import UnfinishedFull

__all__ = ["WebSocketLink"]

EncoderT = TypeVar("EncoderT", default=object)

Receive = Callable[[str | bytes], None]

# How much is handled before other tasks get their turn.
SLICE_MESSAGES: Final = 64
SLICE_SECONDS: Final = 0.005


class WebSocketLink(Generic[EncoderT]):
    """The server's end of one client's WebSocket.

    Args:
        transport: The byte stream, with the handshake's request already read from it. The link
            owns it from now on, so ``run`` must be called.
        handshake: Its response is sent first.
        encoder: How the owner makes frames for this link; not used here.
        limits: The bounds.
        received: What the client sent behind its request.

    Attributes:
        encoder: As given.
        heard_at: When the client last gave a sign of life, in seconds of trio's clock.
        ending: How the link ends, ``None`` as long as it stands.
        closed: Whether the socket is closed and no task of the link is left.
    """

    __slots__ = (
        "_assembly",
        "_budget",
        "_clock",
        "_closed_event",
        "_corked",
        "_deadlines",
        "_limits",
        "_more",
        "_outbox",
        "_reader",
        "_reading",
        "_transport",
        "_violated",
        "_writing",
        "closed",
        "encoder",
        "ending",
        "heard_at",
    )

    def __init__(
        self,
        transport: Transport,
        handshake: Handshake,
        *,
        encoder: EncoderT,
        limits: LinkLimits,
        received: bytes = b"",
    ) -> None:
        self.encoder = encoder
        self.ending: Ending | None = None
        self.closed = False
        self._clock = trio.lowlevel.current_clock()
        self.heard_at = self._clock.current_time()
        self._transport = transport
        self._limits = limits
        self._reader = MessageReader(limits)
        self._reader.feed(received)
        self._outbox = Outbox(limits.outbox_messages, limits.outbox_bytes)
        self._outbox.put_started(handshake.response)
        self._budget = FrameBudget(limits.frames_per_second, limits.burst)
        # What `run` is doing.
        self._reading = True
        self._corked = False  # a slice is being handled: its frames leave together
        self._writing = False  # a task writes beside the reader
        self._violated = False  # the client broke the protocol: what it sends is not read
        self._more: trio.Event | None = None  # wakes a writer that waits for frames
        self._closed_event: trio.Event | None = None
        self._deadlines = Deadlines()
        self._assembly = Assembly(limits, self._deadlines)

    # -- what other tasks call ----------------------------------------------------------------

    def push(
        self, frame: bytes, *, event: str | None = None, overflow: Overflow = "disconnect"
    ) -> bool:
        """Send a frame, or put it into the outbox if the client is not ready for it.

        Args:
            frame: A complete frame, as made by ``text_frame`` or ``binary_frame``.
            event: The event it carries.
            overflow: What happens when the outbox is full: this client is closed with 1013
                ``slow_consumer``, or older frames of the event give way.

        Returns:
            Whether the link still stands.
        """
        if self.ending is not None:
            return False
        if self._corked or self._outbox.size:
            return self._outbox.offer(frame, event, overflow) or self._force(frame, event, overflow)
        try:
            taken = self._transport.send_now(frame)
        except trio.BrokenResourceError:
            self._abandon("network")
            return False
        if taken < len(frame):
            if taken:
                self._outbox.put_started(frame[taken:])
            else:
                self._outbox.offer(frame, event, overflow)
            self._see_to_writing()
        return True

    def ping(self) -> None:
        """Ask the client for a sign of life."""
        if self.ending is None:
            self._outbox.put(PING)
            self._flush()

    def close(self, code: int, reason: str) -> None:
        """Begin to close: flush the outbox, say goodbye, wait for the client's goodbye.

        After the limits' ``close_timeout`` the socket is closed in any case. A link that is
        already ending ends as it was going to.

        Raises:
            ValueError: If no endpoint may send the code.
        """
        frame = close_frame(code, reason)
        if self.ending is None:
            self._begin_ending(Ending(code, reason, "server"), frame)

    def abort(self) -> None:
        """Close the socket now."""
        self._abandon("server")

    def expire(self) -> None:
        """Close the socket now: the client gives no sign of life."""
        self._abandon("keepalive")

    async def wait_closed(self) -> None:
        """Wait until the socket is closed and no task of the link is left."""
        if self._closed_event is None:
            self._closed_event = trio.Event()
            if self.closed:
                self._closed_event.set()
        await self._closed_event.wait()

    @property
    def backlog(self) -> tuple[int, int]:
        """How many frames, and bytes of them, the client has not taken."""
        return len(self._outbox), self._outbox.size

    @property
    def dropped(self) -> int:
        """How many frames the outbox dropped."""
        return self._outbox.dropped

    @property
    def waiting(self) -> int:
        """How many bytes the socket has not taken yet."""
        return self._outbox.size

    # -- the task -----------------------------------------------------------------------------

    async def run(self, receive: Receive) -> None:
        """Serve the link until its socket is closed.

        Args:
            receive: Called with each message: ``str`` for text, ``bytes`` for binary. An exception
                that it raises ends the link at once and leaves here as it is.
        """
        try:
            with self._assembly:
                self._flush()
                while self._reading:
                    with self._deadlines.waiting():
                        if self._outbox.size or not self._transport.immediate:
                            await self._read_and_write(receive)
                        else:
                            await self._read(receive)
                    self._enforce_deadlines()
                with self._deadlines.waiting():
                    await self._part()
        finally:
            self._abandon("server")
            try:
                await self._transport.aclose_forcefully()
            finally:
                self.closed = True
                if self._closed_event is not None:
                    self._closed_event.set()

    async def _read_and_write(self, receive: Receive) -> None:
        failure: Exception | None = None
        self._writing = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            try:
                await self._read(receive)
            except Exception as error:  # the receiver's, to be raised outside of the nursery
                failure = error
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _read(self, receive: Receive) -> None:
        """Read until nothing more is expected."""
        while self._reading:
            if self._reader.unread:
                await trio.lowlevel.checkpoint()
            else:
                try:
                    data = await self._transport.receive_some()
                except trio.BrokenResourceError:
                    self._abandon("network")
                    return
                if not data:
                    self._stop_reading()
                    self._begin_ending(Ending(1006, "", "network"), None)
                    return
                self._reader.feed(data)
            self.heard_at = self._clock.current_time()
            self._handle(receive)

    async def _write(self) -> None:
        """Write until the outbox is empty, or as long as anything may come into it."""
        try:
            while self._outbox.size or (self._reading and not self._transport.immediate):
                if self._outbox.size:
                    if await self._transport.write(self._outbox):
                        self.heard_at = self._clock.current_time()
                else:
                    self._more = trio.Event()
                    await self._more.wait()
        except trio.BrokenResourceError:
            self._abandon("network")
        finally:
            self._writing = False
        if self._reading:
            self._deadlines.wake()  # the reader goes on alone

    async def _part(self) -> None:
        """Say what is left to say, hear the client out if need be, and close the stream."""
        try:
            while self._outbox.size:
                await self._transport.write(self._outbox)
            if self._violated:
                # Closing a socket with unread bytes resets the connection, and the close frame
                # might never be seen.
                await self._transport.send_eof()
                while await self._transport.receive_some():
                    pass
            await self._transport.aclose()
        except trio.BrokenResourceError:
            pass  # gone already, which is what this was about

    # -- incoming -----------------------------------------------------------------------------

    def _handle(self, receive: Receive) -> None:
        """Handle a slice of what was read; what it makes the application say leaves as one."""
        reader, count = self._reader, 0
        before = reader.frames
        self._corked = True
        try:
            while reader.unread and self._reading and count < SLICE_MESSAGES:
                message = reader.next_message()
                if isinstance(message, (str, bytes)):
                    if self.ending is None:
                        receive(message)
                elif isinstance(message, Pong):
                    self.push(message.frame)
                elif isinstance(message, PeerClose):
                    self._stop_reading()
                    ending = Ending(message.code, message.reason, "client")
                    self._begin_ending(ending, message.echo)
                count += 1
                if count % 16 == 0 and self._clock.current_time() > self.heard_at + SLICE_SECONDS:
                    break
            if self._reading:
                self._assembly.watch(reader, self.heard_at)
        except Violation as violation:
            self._violate(violation.code, violation.reason)
        except UnfinishedFull as full:
            self._violate(full.close_code, f"{full.group}.{full.code}", "server")
        finally:
            self._corked = False
        frames = reader.frames - before
        if self._reading and not self._budget.spend(frames, self.heard_at):
            self._violate(1008, "connection.flooding")
        if self._outbox.size and (self._writing or not self._flush_now()):
            self._see_to_writing()

    def _violate(self, code: int, reason: str, by: ClosedBy = "protocol") -> None:
        self._violated = True
        self._stop_reading()
        self._begin_ending(Ending(code, reason, by), close_frame(code, reason))

    # -- outgoing -----------------------------------------------------------------------------

    def _force(self, frame: bytes, event: str | None, overflow: Overflow) -> bool:
        """Queue a frame that does not fit, or give the client up."""
        self._flush_now()  # by now the socket may take some
        if self.ending is not None:
            return False
        if not self._outbox.force(frame, event, overflow):
            self._outbox.drop_unstarted()
            ending = Ending(1013, "slow_consumer", "slow_consumer")
            self._begin_ending(ending, close_frame(ending.code, ending.reason))
            return False
        return True

    def _flush(self) -> None:
        if self._outbox.size and not self._corked and (self._writing or not self._flush_now()):
            self._see_to_writing()

    def _see_to_writing(self) -> None:
        if self._more is not None:
            self._more.set()
        if not self._writing:
            self._deadlines.wake()

    def _flush_now(self) -> bool:
        try:
            return self._outbox.flush(self._transport.send_now)
        except trio.BrokenResourceError:
            self._abandon("network")
            return True

    # -- ending -------------------------------------------------------------------------------

    def _begin_ending(self, ending: Ending, last_frame: bytes | None) -> None:
        if self.ending is not None:
            return
        self.ending = ending
        self._deadlines.close_at(self._clock.current_time() + self._limits.close_timeout)
        if last_frame is not None:
            self._outbox.put(last_frame)
        self._flush()

    def _abandon(self, by: ClosedBy) -> None:
        """Let go of the socket at once."""
        if self.ending is None:
            self.ending = Ending(1006, "", by)
        self._deadlines.close_at(-math.inf)
        self._outbox.clear()
        self._stop_reading()
        self._deadlines.wake()

    def _stop_reading(self) -> None:
        self._reading = False
        if self._more is not None:
            self._more.set()

    def _enforce_deadlines(self) -> None:
        now = self._clock.current_time()
        if now >= self._deadlines.close_by:
            self._abandon("server")
        elif now >= self._deadlines.assemble_by:
            self._violate(1008, "message.incoming_too_slow")
