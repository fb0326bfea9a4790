"""What an actor class declares, as the runtime and the clients use it.

Requests are served from these tables and from nothing else: no name that came from outside is
ever looked up on a class or an instance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from trivet.declare.action import Action
from trivet.declare.binder import Arguments, Binder
from trivet.declare.errors import ValidationError
from trivet.declare.event import Event, Overflow
from trivet.declare.options import Options
from trivet.declare.queue import Queue
from trivet.declare.values import Shape

if TYPE_CHECKING:
    from trivet.declare.actor import Actor

__all__ = ["Definition", "EventBinding", "Method", "QueueBinding"]

PARAMS_UNFIT: Final = "The connection params do not fit"
INPUT_UNFIT: Final = "The input does not fit"


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
            slots = {name: method.slot for name, method in self.methods_by_name.items()}
            raise LookupError(self._unknown("action", action, slots, "call_by_name")) from None

    def event(self, event: Event[Any]) -> EventBinding:
        """Find the binding of an event.

        Raises:
            LookupError: If the token is no event of this class, naming both classes.
        """
        try:
            return self.events[event]
        except (KeyError, TypeError):
            slots = {name: binding.event.slot for name, binding in self.events_by_name.items()}
            raise LookupError(self._unknown("event", event, slots, "events_by_name")) from None

    def queue(self, queue: Queue[Any, Any]) -> QueueBinding:
        """Find the binding of a queue.

        Raises:
            LookupError: If the token is no queue of this class, naming both classes.
        """
        try:
            return self.queues[queue]
        except (KeyError, TypeError):
            raise LookupError(f"{queue!r} is no queue of {self.actor.__name__}") from None

    def _unknown(self, kind: str, token: object, slots: Mapping[str, str], by_name: str) -> str:
        """Say that something is no token; of a text that names one, what to write instead."""
        actor = self.actor.__name__
        said = f"{token!r} is no {kind} of {actor}"
        if isinstance(token, str) and token in slots:
            return f"{said}: name {actor}.{slots[token]}, or use {by_name}"
        return said

    def params_from_caller(self, params: Any) -> Any:
        """Check and copy the connection params of a caller in this process.

        Raises:
            ValidationError: If they do not fit.
        """
        if self.params is None:
            return None
        if params is None:
            return self.absent_params()
        return _given(PARAMS_UNFIT, self.params.copy, params)

    def params_from_wire(self, params: Any) -> Any:
        """Read connection params from wire values; ``None`` is absent.

        Raises:
            ValidationError: If they do not fit.
        """
        if self.params is None:
            return None
        if params is None:
            return self.absent_params()
        return _given(PARAMS_UNFIT, self.params.load, params)

    def params_to_wire(self, params: Any) -> Any:
        """Check the connection params of a class that has some, and convert them into wire values.

        Raises:
            ValidationError: If they do not fit.
        """
        assert self.params is not None
        return _given(PARAMS_UNFIT, self.params.dump, params)

    def absent_params(self) -> Any:
        """Return what the hooks get when a client sends no params.

        Raises:
            ValidationError: If the params type needs some.
        """
        assert self.params is not None
        if self.params.nullable:
            return None
        return _given(PARAMS_UNFIT, self.params.load, {})

    def check_takes(self, given: object) -> None:
        """Check that a caller, who has the class, gives an input to a class that has one.

        Raises:
            TypeError: If it declares none.
        """
        if given is not None and self.input is None:
            name = self.actor.__name__
            raise TypeError(
                f"{name} declares no input: class {name}(trivet.Actor[State, ConnState, Params, Input])"
            )

    def input_from_caller(self, given: Any) -> Any:
        """Check and copy the input of a new actor; a class that declares none ignores it.

        Raises:
            ValidationError: If it does not fit.
        """
        return None if self.input is None else _given(INPUT_UNFIT, self.input.copy, given)

    def input_from_wire(self, given: Any) -> Any:
        """Read the input of a new actor from a wire value; a class that declares none ignores it.

        Raises:
            ValidationError: If it does not fit.
        """
        return None if self.input is None else _given(INPUT_UNFIT, self.input.load, given)

    def input_to_wire(self, given: Any) -> Any:
        """Check the input of a class that has one, and convert it into a wire value.

        Raises:
            ValidationError: If it does not fit.
        """
        assert self.input is not None
        return _given(INPUT_UNFIT, self.input.dump, given)


def _given(unfit: str, convert: Callable[[Any], Any], value: Any) -> Any:
    """Convert what a client gives beside a call's arguments: the error says what of it does not fit."""
    try:
        return convert(value)
    except ValidationError as error:
        raise ValidationError(unfit, metadata=error.metadata) from None
