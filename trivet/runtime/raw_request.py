"""Raw HTTP requests: ``on_request`` as a turn, around which the hooks of a short connection run.

Rules this file keeps:

1. The turn ends when the hook has returned its response; that leaves through the gate like every
   answer. A body that is an iterator is made and sent while other turns run.
2. The connection is in ``conns`` until the response has been sent: for a streamed one, until the
   stream has ended. ``on_disconnect`` runs after that, inside the turn if nothing is streamed.
3. Whoever closes the connection breaks a stream off; whoever leaves the stream closes the
   connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import outcome
import trio

from trivet.declare.action import Action
from trivet.declare.actor import Actor
from trivet.declare.binder import Binder
from trivet.declare.definition import Definition, Method
from trivet.declare.errors import ConnectionClosed
from trivet.declare.interfaces import CloseCause
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.lifecycle.connection import ConnectionEvent, ConnectionState
from trivet.protocol.faults import ERROR_HEADER
from trivet.runtime.asking import ask_over
from trivet.runtime.body_stream import BodyStream
from trivet.runtime.call import Ask
from trivet.runtime.connection import Connection

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["RequestConnection", "ask_request"]


class RequestConnection(Connection):
    """The short connection of a raw HTTP request.

    Attributes:
        stream: What is left to send of the response, if it is streamed.
    """

    __slots__ = ("stream",)

    def __init__(self, instance: Instance, request: Request) -> None:
        conn_id = instance.runtime.new_id()
        super().__init__(instance, conn_id=conn_id, kind="request", request=request)
        self.stream: BodyStream | None = None

    async def disconnect(self, reason: str | None = None, *, reconnect: bool = True) -> None:
        """Close the connection; a streamed response breaks off."""
        stream = self.stream
        await super().disconnect(reason, reconnect=reconnect)
        if stream is not None:
            with trio.move_on_after(self.instance.limits.close_time):
                await stream.left.wait()

    def close_link(self, code: int, reason: str) -> None:
        """Break the stream off; without one, leave."""
        if self.stream is None:
            super().close_link(code, reason)
        else:
            self.stream.cut()

    def depart(self, cause: CloseCause) -> None:
        """Leave an actor that is being destroyed, like any that ends."""
        self.close(cause, 1000, "")

    def stream_ended(self, cause: CloseCause) -> None:
        """Take note that nothing is left of the stream: now the connection leaves."""
        self.stream = None
        if self.is_standing:
            self.close(cause, 1000, "")
        elif self.phase is ConnectionState.CLOSING:
            self.instance.reception.begin_leaving(self)


class RequestCall(Ask):
    """The call of ``on_request``."""

    def __init__(self, conn: RequestConnection) -> None:
        instance = conn.instance
        super().__init__(instance, _method(instance.definition), (conn.request,), None)
        self._request_conn = conn
        self._is_abandoned = False
        self._stream: BodyStream | None = None

    def abandon(self) -> None:
        """Take note that nobody waits for the response any more."""
        self._is_abandoned = True
        if self._stream is not None:
            self._stream.close()

    def result(self, value: Any) -> None:
        """Give the response to whoever asked; if its body is an iterator, begin to stream it."""
        try:
            _check(value, self.where)
        except TypeError as error:
            self.failed(error)
            return
        response: Response = value
        if isinstance(response.body, bytes):
            self._emit(outcome.Value(response))
            return
        conn, instance = self._request_conn, self.instance
        stream = self._stream = BodyStream(conn, response.body)
        instance.nursery.start_soon(stream.run, context=instance.context.copy())
        if not conn.is_standing:
            stream.cut()
            self.failed(ConnectionClosed())
            return
        conn.stream, self.leaves_open = stream, True
        if self._is_abandoned:
            stream.close()
        self._emit(outcome.Value(attrs.evolve(response, body=stream)))


async def ask_request(instance: Instance, request: Request, params: Any) -> Response:
    """Let an actor answer a raw HTTP request.

    Args:
        instance: The actor.
        request: The request with its complete body.
        params: The client's connection params, checked.

    Returns:
        The response; a body that is streamed is a ``BodyStream``, to be closed by the caller.

    Raises:
        Error: What the actor's side reports, a refusing hook included.
        InstanceMoved: If the instance stopped before the turn began.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    conn = RequestConnection(instance, request)
    instance.reception.expect(conn)
    call = RequestCall(conn)
    if not instance.definition.runs_call_hooks:
        conn.step(ConnectionEvent.CHECK)
        conn.set_state(instance.definition.default_conn_state())
        instance.reception.show(conn)
    try:
        response: Response = await ask_over(call, conn, params)
    except BaseException:
        call.abandon()
        raise
    return response


def _check(value: object, where: str) -> None:
    """Check what the hook has returned.

    Raises:
        TypeError: If it is no response that can be sent.
    """
    if not isinstance(value, Response):
        raise TypeError(f"{where} must return a Response, not {value!r}")
    if ERROR_HEADER in value.headers:
        raise TypeError(f"{where}: the header {ERROR_HEADER} is the server's own")


def _takes_nothing(self: Any) -> None:
    """Stand for the signature of a hook that no client calls by its name."""


_BINDER = Binder.of(_takes_nothing, where="on_request", namespace={})
_TOKEN: Action[Any, ..., Any] = Action(Actor, "on_request")


def _method(definition: Definition) -> Method:
    """Return the hook in the form in which the actor's worker runs actions."""
    return Method(
        name="on_request",
        slot="on_request",
        function=definition.actor.on_request,
        token=_TOKEN,
        is_async=True,
        timeout=definition.options.action_timeout,
        readonly=False,
        atomic=False,
        concurrent=False,
        reentrant=False,
        cancel_with_caller=False,
        looks_at_result=False,
        binder=_BINDER,
        may_run_inline=False,
        plain_result=None,
        bind=_BINDER.bind,
        copy_result=_BINDER.result.copy,
    )
