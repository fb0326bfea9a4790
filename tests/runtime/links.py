"""A link for tests: what the actor says is kept as tuples, and the test plays the client."""

from __future__ import annotations

from typing import Any, Literal

import trio

from trivet.declare.actor import Actor
from trivet.declare.definition import EventBinding
from trivet.declare.event import Overflow
from trivet.declare.handle import Address
from trivet.declare.interfaces import CloseCause
from trivet.declare.registry import definition_of
from trivet.declare.request import Request
from trivet.declare.values import Shape
from trivet.protocol.faults import Fault
from trivet.protocol.messages import ActionRequest, SubscriptionRequest
from trivet.runtime.inbox import Inbox
from trivet.runtime.runtime import Runtime

Frame = tuple[Any, ...]


class TupleEncoder:
    """Encodes into tuples that a test can compare."""

    def init(self, actor_id: str, connection_id: str) -> Frame:
        return ("init", connection_id)

    def reply(self, call_id: int, shape: Shape[Any], value: Any) -> Frame:
        return ("reply", call_id, shape.dump(value))

    def event(self, binding: EventBinding, payload: Any) -> Frame:
        return ("event", binding.name, binding.shape.dump(payload))

    def failure(self, call_id: int | None, fault: Fault) -> Frame:
        return ("failure", call_id, fault.reason)

    def message(self, message: str | bytes, /) -> Frame:
        return ("message", message)


ENCODER = TupleEncoder()


Manner = Literal["polite", "prompt", "silent", "vanished"]
"""How a link closes when it is asked to: soon; within the call, as links in the process do; by its
own deadline after six seconds, for its client never answers; by a network error after two."""

FLOODED = 1008


class PlayedLink:
    """A client played by the test."""

    def __init__(self, runtime: Runtime, *, manner: Manner = "polite") -> None:
        self.encoder = ENCODER
        self.runtime = runtime
        self.frames: list[Frame] = []
        self.closing: tuple[int, str] | None = None
        self.gone = False
        self.backlog: tuple[int, int] = (0, 0)
        self.manner = manner
        self.aborted = False
        self.inbox: Inbox | None = None
        self._news = trio.Event()
        self.calls: int = 0

    def connect(
        self, actor: type[Actor[Any, Any, Any, Any]], *key: str, params: Any = None
    ) -> None:
        """Knock at an actor."""
        self.inbox = self.runtime.attach(
            self,
            definition_of(actor),
            Address(key=key, create=True),
            params=params,
            request=Request(),
        )
        if self.gone:  # the runtime has closed it at once
            self.inbox.lost("server")

    # What the runtime does with it

    def push(
        self, frame: Frame, *, event: str | None = None, overflow: Overflow = "disconnect"
    ) -> bool:
        if self.gone or self.closing is not None:
            return False
        self.frames.append(frame)
        self._tell()
        return True

    def close(self, code: int, reason: str) -> None:
        if self.closing is None and not self.gone:
            self.closing = code, reason
            self._tell()
            match self.manner:
                case "prompt":
                    self._close()
                case "polite":
                    self.runtime.nursery.start_soon(self._close_after, 0.0)
                case "vanished":
                    self.runtime.nursery.start_soon(self._close_after, 2.0)
                case _:
                    self.runtime.nursery.start_soon(self._close_after, 6.0)

    def abort(self) -> None:
        if not self.gone:
            self.aborted = True
            self.runtime.nursery.start_soon(self._close_after, 0.0)

    async def _close_after(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self._close()

    def _close(self) -> None:
        flooded = self.closing is not None and self.closing[0] == FLOODED
        self.vanish("flooding" if flooded else "server")

    # What the client does

    def vanish(self, cause: CloseCause = "network") -> None:
        if not self.gone:
            self.gone = True
            self._tell()
            if self.inbox is not None:
                self.inbox.lost(cause)

    def call(self, name: str, *args: Any) -> int:
        assert self.inbox is not None
        self.calls += 1
        if not self.gone:
            self.inbox.receive(ActionRequest(self.calls, name, list(args)), 10)
        return self.calls

    def subscribe(self, name: str, *, on: bool = True) -> None:
        assert self.inbox is not None
        self.inbox.receive(SubscriptionRequest(name, on), 10)

    async def gets(self, *frame: Any) -> Frame:
        """Wait for a frame that begins like this."""
        while True:
            for got in self.frames:
                if got[: len(frame)] == frame:
                    return got
            if self.gone:
                raise AssertionError(f"the link closed without {frame}: {self.frames}")
            self._news = trio.Event()
            await self._news.wait()

    async def closed(self) -> tuple[int, str] | None:
        """Wait until the link is gone and tell how it was asked to close."""
        assert self.inbox is not None
        await self.inbox.closed.wait()
        return self.closing

    def _tell(self) -> None:
        self._news.set()


class PlayedSocket(PlayedLink):
    """A client with a raw WebSocket, played by the test."""

    is_held = False

    def open(
        self, actor: type[Actor[Any, Any, Any, Any]], *key: str, path: str, params: Any
    ) -> None:
        """Knock at an actor."""
        self.inbox = self.runtime.attach_socket(
            self,
            definition_of(actor),
            Address(key=key, create=True),
            params=params,
            request=Request(url=path, path=path.partition("?")[0], query=path.partition("?")[2]),
        )
        if self.gone:  # the runtime has closed it at once
            self.inbox.lost("server")

    def hold(self) -> None:
        self.is_held = True

    def resume(self) -> None:
        self.is_held = False

    def say(self, what: str) -> None:
        """Send a message with the number of this one before it."""
        assert self.inbox is not None
        if not self.gone:
            self.calls += 1
            self.inbox.receive(f"{self.calls} {what}", 10)

    @property
    def answers(self) -> list[int]:
        """The numbers of the messages that were answered, in the order of the answers."""
        return [int(frame[1]) for frame in self.frames if frame[0] == "message"]
