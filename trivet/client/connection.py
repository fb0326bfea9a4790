"""The live connection: one object for the application, session after session behind it.

Rules this file keeps:

1. Until the first Init every mishap is retried; a refusal is raised to whoever opens. From then on
   nothing that happens to the network is raised in the body, or cancels it.
2. A session that ends is followed by another, unless the server has said to stay away, the actor
   is destroyed, or the connection or one of its subscriptions is refused: then it is closed, and
   stays so.
3. With a new session subscriptions come first, then the calls that have waited.
4. Sessions live in a task that outer cancellation does not reach: it ends when it is told to,
   politely, and after ``CLOSE_TIME`` in any case.
"""

from __future__ import annotations

import contextvars
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    nullcontext,
)
from functools import partial
from typing import Any, cast

import trio

from trivet.client.calls import Calls
from trivet.client.counts import Counts
from trivet.client.reconnect import Backoff, is_refusal, needs_mending
from trivet.client.session import Dialer, Ending, Session, SessionLost
from trivet.client.status import Status
from trivet.client.subscription import LiveSubscription, Reader, Subscriptions
from trivet.declare.action import Action
from trivet.declare.errors import ConnectionClosed, Error, Forbidden
from trivet.declare.event import Event
from trivet.declare.fetching import StreamedResponse
from trivet.declare.handle import ConnectionStatus, LiveTarget, Subscription, Target
from trivet.declare.queue import Queue
from trivet.declare.request import Request
from trivet.declare.watching import Change
from trivet.declare.web_socket import ClientWebSocket
from trivet.logs import Throttled, about, printable
from trivet.protocol.close import CloseCode
from trivet.runtime.cleanup import Shelter
from trivet.runtime.nursery import open_service_nursery
from trivet.runtime.turn import current_turn, running_turn

__all__ = ["LiveConnection", "fresh_params", "open_connection"]

throttled = Throttled(logging.getLogger(__name__))

CLOSE_TIME = 5.0


@asynccontextmanager
async def open_connection(
    dialer: Dialer,
    target: Target,
    params: object,
    counts: Counts,
    randomness: Callable[[], float] = random.random,
) -> AsyncGenerator[LiveConnection]:
    """Open a connection and keep it while the body runs.

    Args:
        dialer: Opens its sessions.
        target: The actor as it was addressed.
        params: Connection params, or an async callable that is called for each session.
        counts: Counts what it drops.
        randomness: For the jitter: numbers from 0 up to 1.

    Raises:
        Error: If the connection is refused.
    """
    live = LiveConnection(dialer, target, params, counts, randomness)
    shelter = Shelter()

    async def keep() -> None:
        with shelter:
            await live.run()

    async with open_service_nursery() as nursery:
        # Sessions belong to no turn, also where a turn has asked for them.
        context = contextvars.copy_context()
        context.run(running_turn.set, None)
        context.run(nursery.start_soon, keep)
        try:
            await live.wait_opened()
            yield live
        finally:
            live.close()
            shelter.end_within(CLOSE_TIME)


async def fresh_params(params: object) -> Any:
    """Return the params of a new connection or call: a value, or what an async callable gives."""
    if not callable(params):
        return params
    made = cast("Callable[[], Awaitable[Any]]", params)
    return await made()


class LiveConnection:
    """One connection of the application; the receiver of all its sessions."""

    def __init__(
        self,
        dialer: Dialer,
        target: Target,
        params: object,
        counts: Counts,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        self._dialer = dialer
        self._values = dialer.values
        self._definition = dialer.values.definition
        self._target = target
        self._params = params
        self._counts = counts
        self._status = Status(counts.count)
        self._calls = Calls(self._values.size, counts.count)
        self._subscriptions = Subscriptions(counts.count)
        self._backoff = Backoff(randomness)
        self._session: Session | None = None
        self._opened_at = 0.0
        self._refusal: Error | None = None
        self._forbidden: Forbidden | None = None
        self._attempt = trio.CancelScope()
        self._settled = trio.Event()
        self._closed: str | None = None
        self._cause: Error | None = None

    # What the application does with it

    @property
    def status(self) -> ConnectionStatus:
        """Where the connection stands."""
        return self._status.value

    def status_changes(self) -> AsyncIterator[ConnectionStatus]:
        """Iterate over changes of the status, from now on."""
        return self._status.changes()

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped, or had to be done again."""
        return self._counts.counters

    async def call(
        self,
        action: Action[Any, ..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        params: object,
        /,
    ) -> Any:
        """Call an action; the connection's own params count."""
        method = self._definition.method(action)
        arguments = self._values.arguments(method, args, kwargs)
        return self._values.result(method, await self._ask(method.name, arguments))

    async def call_by_name(self, name: str, args: tuple[Any, ...], params: object, /) -> Any:
        """Call an action by its name on the wire."""
        arguments = self._values.named_arguments(name, args)
        return self._values.named_result(name, await self._ask(name, arguments))

    async def send(self, queue: Queue[Any, Any], body: Any, params: object, waits: bool, /) -> Any:
        """Put a message into a queue; the connection's own params go with it."""
        return await self._target.send(queue, body, self._params, waits)

    async def resolve(self) -> str:
        """Return the actor's id."""
        return await self._target.resolve()

    def fetch(
        self, request: Request, params: object, /
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """Send a raw HTTP request; the connection's own params go with it."""
        return self._target.fetch(request, self._params)

    def websocket(
        self, request: Request, params: object, /
    ) -> AbstractAsyncContextManager[ClientWebSocket]:
        """Open a raw WebSocket; the connection's own params go with it."""
        return self._target.websocket(request, self._params)

    def connect(self, params: object, /) -> AbstractAsyncContextManager[LiveTarget]:
        """Open another connection to the same actor."""
        return self._target.connect(params)

    def watch(self) -> Subscription[Change]:
        """Follow the actor's life."""
        return self._target.watch()

    def subscribe(self, events: tuple[Event[Any], ...], /) -> LiveSubscription:
        """Subscribe to declared events."""
        bindings = [self._definition.event(event) for event in events]
        readers: dict[str, Reader] = {
            binding.name: partial(self._values.payload, binding) for binding in bindings
        }
        return self._subscriptions.add(readers)

    def subscribe_by_name(self, name: str, /) -> LiveSubscription:
        """Subscribe to an event by its name on the wire."""
        return self._subscriptions.add({name: partial(self._values.named_payload, name)})

    async def _ask(self, name: str, arguments: Any) -> Any:
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed is not None:
            raise self._closed_error()
        if current_turn() is None:
            return await self._calls.ask(name, arguments)
        with self._dialer.waiting():
            return await self._calls.ask(name, arguments)

    # What its sessions tell

    def opened(self, session: Session, /) -> None:
        """Take a session into use."""
        if self._closed is not None:
            session.close()
            return
        self._session = session
        self._opened_at = trio.current_time()
        if self.status == "disconnected":
            self._counts.count("connection_restored")
        self._status.set("connected")
        self._subscriptions.opened(session)
        self._calls.opened(session)
        self._settled.set()

    def replied(self, call_id: int, output: Any, /) -> None:
        """Hand on a result."""
        self._calls.replied(call_id, output)

    def failed(self, call_id: int | None, error: Error, /) -> None:
        """Hand on the error of a call; one of the connection's own says why it will close."""
        if call_id is not None:
            self._calls.failed(call_id, error)
        elif self._session is None:
            self._refusal = self._refusal or error
        else:
            self._forbidden = error if isinstance(error, Forbidden) else None
            self._log(logging.WARNING, "the connection to %s is closing: %s", error)

    def event(self, name: str, payload: Any, /) -> None:
        """Hand on an event."""
        self._subscriptions.event(name, payload)

    # Its life

    async def wait_opened(self) -> None:
        """Wait for the first Init.

        Raises:
            Error: If the connection was refused.
            CallCycleError: If the actor waits for the turn that opens it.
        """
        waiting: AbstractContextManager[object] = nullcontext()
        if current_turn() is not None:
            waiting = self._dialer.waiting()
        with waiting:
            await self._settled.wait()
        self._subscriptions.application_began()
        if self._closed is not None:
            raise self._cause or self._closed_error()

    async def run(self) -> None:
        """Keep a session open until the connection is closed."""
        while self._closed is None:
            with trio.CancelScope() as self._attempt:
                ending = await self._run_session()
                await trio.sleep(self._after(ending))

    def close(self) -> None:
        """Begin to leave for good: say goodbye, or give up dialling."""
        session = self._session
        self._end("")
        if session is not None:
            session.close()
        else:
            self._attempt.cancel()

    async def _run_session(self) -> Ending:
        self._refusal = self._forbidden = None
        try:
            return await self._dialer.run(await self._next_params(), self)
        except SessionLost as lost:
            self._log(logging.INFO, "cannot connect to %s yet: %s", lost)
        except Error as error:
            self._refusal = error
        return Ending()

    async def _next_params(self) -> Any:
        try:
            return await fresh_params(self._params)
        except Exception as error:
            self._counts.count("params_failed")
            name = self._definition.name
            throttled.log(
                logging.WARNING,
                "params",
                "the params of a connection to %s failed",
                name,
                extra=about(actor=name),
                error=error,
            )
            self._calls.drop_waiting(params_failed)
            raise SessionLost("its params failed") from error

    def _after(self, ending: Ending) -> float:
        """Take note of a session's end; return the seconds until the next."""
        opened, self._session = self._session is not None, None
        self._subscriptions.lost()
        self._calls.lost(ending.error)
        if self._closed is not None:
            return 0
        if ending.is_final:
            self._end(ending.reason)
        elif opened and ending.code == CloseCode.INTERNAL_ERROR and self._forbidden is not None:
            self._end(str(self._forbidden), self._forbidden, Forbidden)
        elif opened:
            return self._after_loss(ending)
        elif (refusal := self._refused(ending)) is not None:
            self._end(str(refusal), refusal)
        else:
            self._counts.count("connecting_failed")
            return self._backoff.next_delay()
        return 0

    def _after_loss(self, ending: Ending) -> float:
        self._counts.count("connection_lost")
        self._log(logging.INFO, "lost the connection to %s: %s", ending)
        self._status.set("disconnected")
        self._backoff.stood(trio.current_time() - self._opened_at)
        # As the official clients do: who is kicked comes back at once.
        return 0 if ending.is_kick else self._backoff.lost()

    def _refused(self, ending: Ending) -> Error | None:
        error = self._refusal or ending.refusal()
        returning = self._settled.is_set()
        if error is None or is_refusal(error, creates=self._dialer.creates, returning=returning):
            return error
        level = logging.WARNING if needs_mending(error) else logging.INFO
        self._log(level, "cannot connect to %s yet: %s", error)
        return None

    def _end(
        self,
        reason: str,
        cause: Error | None = None,
        heard: Callable[[], Exception] = StopAsyncIteration,
    ) -> None:
        if self._closed is not None:
            return
        self._closed, self._cause = reason, cause
        self._session = None
        self._calls.lost(self._closed_error)
        self._calls.drop_waiting(self._closed_error)
        self._subscriptions.end(heard)
        self._status.set("closed")
        self._settled.set()

    def _closed_error(self) -> ConnectionClosed:
        error = ConnectionClosed(self._closed or "")
        error.__cause__ = self._cause
        return error

    def _log(self, level: int, message: str, what: object) -> None:
        """Tell of something that the server, or the network, may have put into words."""
        name = self._definition.name
        text = printable(str(what))
        throttled.log(level, message, message, name, text, extra=about(actor=name))


def params_failed() -> Error:
    """Make the error of a call that waited for a connection whose params failed."""
    message = "The callable that gives the connection's params has failed"
    return Error(message, group="client", code="get_params_failed")
