"""Sessions within the process: the live connection of ``runtime.client``, without a byte.

A link whose frames are plain functions: the runtime makes one for each thing that it says, with the
values copied, and delivering a frame calls the receiver. So a call to an idle actor is answered
before ``call`` returns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import trio

from trivet.client.session import Ending, Receiver
from trivet.client.values import LocalValues
from trivet.declare.definition import EventBinding
from trivet.declare.event import Overflow
from trivet.declare.handle import Address
from trivet.declare.interfaces import CloseCause
from trivet.declare.request import Request
from trivet.declare.values import Shape
from trivet.protocol.close import CloseCode
from trivet.protocol.faults import Fault, error_of
from trivet.protocol.messages import SubscriptionRequest
from trivet.runtime.inbox import Inbox
from trivet.runtime.reception import BoundRequest
from trivet.runtime.runtime import Runtime
from trivet.runtime.turn import current_turn
from trivet.runtime.waits import waiting_for

__all__ = ["LocalDialer"]

COME_BACK = frozenset({"actor.stopping", "actor.restarting"})
"""Why a link is closed whose client was not let in yet, and could come back."""


class LocalDialer:
    """Opens sessions with an actor of this process.

    Args:
        runtime: Where the actor lives.
        values: How values travel.
        address: Which actor.
    """

    def __init__(self, runtime: Runtime, values: LocalValues, address: Address) -> None:
        self.values = values
        self._runtime = runtime
        self._address = address

    @property
    def creates(self) -> bool:
        """Whether the actor is created if there is none."""
        return self._address.create

    async def run(self, params: Any, receiver: Receiver, /) -> Ending:
        """Open a session and serve it until its end."""
        definition = self.values.definition
        checked = definition.params_from_caller(params)
        link = LocalLink(receiver, self._runtime)
        inbox = self._runtime.attach(
            link, definition, self._address, params=checked, request=Request(intent="connect")
        )
        link.attached(inbox)
        try:
            return await link.wait_ended()
        finally:
            link.end(Ending(CloseCode.NORMAL), "client")

    def waiting(self) -> AbstractContextManager[object]:
        """Return what stands around a turn that waits for the actor."""
        instance = self._runtime.directory.awake_now(self.values.definition, self._address)
        return nullcontext() if instance is None else waiting_for(current_turn(), instance)


class LocalEncoder:
    """Makes frames; those of an event are shared, so its receivers copy what could change."""

    def init(self, actor_id: str, connection_id: str) -> LocalFrame:
        """Make the welcome."""
        return LocalLink.opened

    def reply(self, call_id: int, shape: Shape[Any], value: Any) -> LocalFrame:
        """Make an action's result."""
        copied = shape.copy(value)
        return lambda link: link.receiver.replied(call_id, copied)

    def event(self, binding: EventBinding, payload: Any) -> LocalFrame:
        """Make an event."""
        name, copied = binding.name, binding.shape.copy(payload)
        return lambda link: link.receiver.event(name, copied)

    def failure(self, call_id: int | None, fault: Fault) -> LocalFrame:
        """Make the error of a call, or of the connection itself."""
        return lambda link: link.receiver.failed(call_id, error_of(fault))


class LocalLink:
    """The runtime's end of a session.

    Args:
        receiver: The client's connection.
        runtime: The runtime.

    Attributes:
        receiver: The client's connection.
        inbox: Where its messages go.
    """

    encoder = LocalEncoder()

    def __init__(self, receiver: Receiver, runtime: Runtime) -> None:
        self.receiver = receiver
        self._runtime = runtime
        self.inbox: Inbox | None = None
        self._frames: deque[LocalFrame] = deque()
        self._ending: Ending | None = None
        self._cause: CloseCause = "server"
        self._ended = trio.Event()

    def attached(self, inbox: Inbox) -> None:
        """Begin to deliver: the runtime may have said something before it had an inbox."""
        self.inbox = inbox
        self._deliver()
        if self._ending is not None:
            inbox.lost(self._cause)

    @property
    def backlog(self) -> tuple[int, int]:
        """How many frames were not delivered; they are no bytes."""
        return len(self._frames), 0

    def opened(self) -> None:
        """Hand over the session."""
        assert self.inbox is not None
        self.receiver.opened(LocalSession(self, self.inbox))

    @property
    def is_over(self) -> bool:
        """Whether either side has ended the session."""
        return self._ending is not None

    async def wait_ended(self) -> Ending:
        """Wait until either side ends the session."""
        await self._ended.wait()
        assert self._ending is not None
        return self._ending

    def end(self, ending: Ending, cause: CloseCause) -> None:
        """End the session; the first ending counts."""
        if self._ending is None:
            self._ending, self._cause = ending, cause
            self._ended.set()
            if self.inbox is not None:
                self.inbox.lost(cause)

    # What the runtime does with it

    def push(
        self, frame: LocalFrame, *, event: str | None = None, overflow: Overflow = "disconnect"
    ) -> bool:
        """Deliver a frame, behind those before it."""
        if self._ending is not None:
            return False
        self._frames.append(frame)
        if self.inbox is not None:
            self._deliver()
        return True

    def close(self, code: int, reason: str) -> None:
        """End the session as the actor wants it."""
        later = code == CloseCode.SERVICE_RESTART or reason in COME_BACK
        if later and self._runtime.closing:  # this process has no other to come back to
            code, reason = CloseCode.STAY_AWAY, "The runtime has stopped"
        flooding = code == CloseCode.POLICY_VIOLATION
        self.end(Ending(code, reason), "flooding" if flooding else "server")

    def abort(self) -> None:
        """End the session as a network would."""
        self.end(Ending(), "server")

    def _deliver(self) -> None:
        while self._frames:
            self._frames.popleft()(self)


LocalFrame: TypeAlias = Callable[[LocalLink], None]


class LocalSession:
    """The client's end of a session."""

    def __init__(self, link: LocalLink, inbox: Inbox) -> None:
        self._link = link
        self._inbox = inbox

    def call(self, call_id: int, name: str, arguments: Any, deadline: float, /) -> int | None:
        """Send a call; an idle actor answers at once."""
        if self._link.is_over:
            return None
        args, kwargs = arguments
        self._inbox.receive(BoundRequest(call_id, name, args, kwargs, deadline), 0)
        return 0

    def subscribe(self, event_name: str, *, wanted: bool) -> None:
        """Ask for an event, or no longer."""
        if not self._link.is_over:
            self._inbox.receive(SubscriptionRequest(event_name, wanted), 0)

    def close(self) -> None:
        """End the session: there is nobody to wait for."""
        self._link.end(Ending(CloseCode.NORMAL), "client")
