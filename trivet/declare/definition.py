"""What an actor class declares, as the runtime and the clients use it.

Requests are served from these tables and from nothing else: no name that came from outside is
ever looked up on a class or an instance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from trivet.declare.action import Action
from trivet.declare.binder import Arguments, Binder
from trivet.declare.event import Event, Overflow
from trivet.declare.options import Options
from trivet.declare.queue import Queue
from trivet.declare.values import Shape

if TYPE_CHECKING:
    from trivet.declare.actor import Actor

__all__ = ["Definition", "EventBinding", "Method", "QueueBinding"]


@attrs.frozen(eq=False)
class Method:
    """An action as one actor class answers it.

    Attributes:
        concurrent: Whether it runs beside the turns.
        reentrant: Whether a call of the chain that waits for it is let into the waiting turn.
        cancel_with_caller: Whether it is cut when nobody waits for it any more.
        may_run_inline: Whether the whole turn is synchronous, so that whoever delivers the call
            may run it.
        plain_result: The class whose own values need no copy as results, if that is all there is
            to check.
        bind: Checks and copies arguments.
        copy_result: Checks and copies a result.
    """

    name: str
    slot: str
    function: Callable[..., Any]
    token: Action[Any, ..., Any]
    is_async: bool
    timeout: float
    readonly: bool
    atomic: bool
    concurrent: bool
    reentrant: bool
    cancel_with_caller: bool
    looks_at_result: bool
    binder: Binder
    may_run_inline: bool
    plain_result: type | None
    bind: Callable[..., Arguments]
    copy_result: Callable[[object], Any]


@attrs.frozen(eq=False)
class EventBinding:
    """An event as one actor class sends it."""

    name: str
    event: Event[Any]
    shape: Shape[Any]
    overflow: Overflow


@attrs.frozen(eq=False)
class QueueBinding:
    """A queue as one actor class keeps it.

    Attributes:
        body: What a message says.
        result: What completes it; only ``None``, if the queue has no type for that.
        has_result: Whether it has one.
    """

    name: str
    queue: Queue[Any, Any]
    body: Shape[Any]
    result: Shape[Any]
    has_result: bool


@attrs.frozen(eq=False, kw_only=True)
class Definition:
    """Everything the runtime and the clients need to know of one actor class.

    Attributes:
        methods: Actions by token, for callers that hold the class.
        methods_by_name: Actions by their name on the wire, for everybody else.
        hooks: The names of the hooks that the class overrides.
        default_state: Makes a fresh state, where the class has one and no ``create_state``.
        has_concurrent_actions: Whether any action may run beside turns.
        heeds_callers: Whether any action is cut when its caller is gone.
    """

    actor: type[Actor[Any, Any, Any, Any]]
    name: str
    options: Options
    state: Shape[Any] | None
    conn_state: Shape[Any] | None
    params: Shape[Any] | None
    input: Shape[Any] | None
    methods: Mapping[Action[Any, ..., Any], Method]
    methods_by_name: Mapping[str, Method]
    events: Mapping[Event[Any], EventBinding]
    events_by_name: Mapping[str, EventBinding]
    queues: Mapping[Queue[Any, Any], QueueBinding]
    queues_by_name: Mapping[str, QueueBinding]
    hooks: frozenset[str]
    default_state: Callable[[], Any]
    default_conn_state: Callable[[], Any]
    has_connect_hooks: bool
    has_start_hooks: bool
    has_atomic_actions: bool
    has_concurrent_actions: bool
    heeds_callers: bool

    @property
    def runs_call_hooks(self) -> bool:
        """Whether stateless calls run connection hooks."""
        return self.has_connect_hooks and self.options.call_hooks

    def method(self, action: Action[Any, ..., Any]) -> Method:
        """Find the method behind a token.

        Raises:
            LookupError: If the token is no action of this class, naming both classes.
        """
        try:
            return self.methods[action]
        except (KeyError, TypeError):
            raise LookupError(f"{action!r} is no action of {self.actor.__name__}") from None

    def params_from_caller(self, params: Any) -> Any:
        """Check and copy the connection params of a caller in this process.

        Raises:
            ValidationError: If they do not fit.
        """
        if self.params is None:
            return None
        return self.absent_params() if params is None else self.params.copy(params)

    def params_from_wire(self, params: Any) -> Any:
        """Read connection params from wire values; ``None`` is absent.

        Raises:
            ValidationError: If they do not fit.
        """
        if self.params is None:
            return None
        return self.absent_params() if params is None else self.params.load(params)

    def absent_params(self) -> Any:
        """Return what the hooks get when a client sends no params.

        Raises:
            ValidationError: If the params type needs some.
        """
        assert self.params is not None
        if self.params.nullable:
            return None
        return self.params.load({})

    def event(self, event: Event[Any]) -> EventBinding:
        """Find the binding of an event.

        Raises:
            LookupError: If the token is no event of this class, naming both classes.
        """
        try:
            return self.events[event]
        except (KeyError, TypeError):
            raise LookupError(f"{event!r} is no event of {self.actor.__name__}") from None

    def queue(self, queue: Queue[Any, Any]) -> QueueBinding:
        """Find the binding of a queue.

        Raises:
            LookupError: If the token is no queue of this class, naming both classes.
        """
        try:
            return self.queues[queue]
        except (KeyError, TypeError):
            raise LookupError(f"{queue!r} is no queue of {self.actor.__name__}") from None
