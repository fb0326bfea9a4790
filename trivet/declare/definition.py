"""What an actor class declares, read once when the class is created.

Rules this file keeps:

1. Everything a mistake in a declaration can break, breaks here, at class creation, with a message
   that names the class and the place.
2. Requests are served from the tables made here and from nothing else: no name that came from
   outside is ever looked up on a class or an instance.
3. Tokens name slots. A subclass that overrides an action answers for its base's token, too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from trivet.declare.action import Action, ActionDeclaration, ActionOptions
from trivet.declare.binder import Binder
from trivet.declare.event import Event, Overflow
from trivet.declare.features import not_built
from trivet.declare.generics import type_arguments
from trivet.declare.options import Options
from trivet.declare.queue import Queue
from trivet.declare.values import Place, Shape, shape_of
from trivet.declare.wire_names import Naming

if TYPE_CHECKING:
    from trivet.declare.actor import Actor

__all__ = ["Definition", "EventBinding", "Method", "define"]

LATER_HOOKS = {
    "on_migrate": "migration of stored state",
    "on_sleep": "sleep",
    "on_destroy": "destroy",
    "on_request": "raw HTTP",
    "on_websocket": "raw WebSockets",
    "on_state_change": "on_state_change",
    "can_publish": "queues",
    "authorize": "authorize",
}
LATER_OPTIONS = {
    "durability": "durability levels",
    "sleep_after": "sleep",
    "concurrent": "concurrent actions",
    "hibernate_websockets": "raw WebSockets",
}
LATER_ACTION_OPTIONS = ("atomic", "concurrent", "reentrant", "cancel_with_caller")
HOOKS = (
    "create_state",
    "on_create",
    "on_wake",
    "run",
    "on_before_connect",
    "create_conn_state",
    "on_connect",
    "on_disconnect",
    "on_before_action_response",
    "can_subscribe",
)


@attrs.frozen(eq=False)
class Method:
    """An action as one actor class answers it.

    Attributes:
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
    looks_at_result: bool
    binder: Binder
    may_run_inline: bool = attrs.field(init=False)
    plain_result: type | None = attrs.field(init=False)
    bind: Callable[..., Any] = attrs.field(init=False)
    copy_result: Callable[[object], Any] = attrs.field(init=False)

    @may_run_inline.default
    def _is_synchronous(self) -> bool:
        return not self.is_async and not self.looks_at_result

    @plain_result.default
    def _plain_result(self) -> type | None:
        annotation = self.binder.result.annotation
        plain = isinstance(annotation, type) and annotation in {int, str, bool, float, bytes}
        return annotation if plain else None

    @bind.default
    def _argument_binder(self) -> Callable[..., Any]:
        return self.binder.bind

    @copy_result.default
    def _result_copier(self) -> Callable[[object], Any]:
        return self.binder.result.copy


@attrs.frozen(eq=False)
class EventBinding:
    """An event as one actor class sends it."""

    name: str
    event: Event[Any]
    shape: Shape[Any]
    overflow: Overflow


@attrs.frozen(eq=False, kw_only=True)
class Definition:
    """Everything the runtime and the clients need to know of one actor class.

    Attributes:
        methods: Actions by token, for callers that hold the class.
        methods_by_name: Actions by their name on the wire, for everybody else.
        hooks: The names of the hooks that the class overrides.
        default_state: Makes a fresh state, where the class has one and no ``create_state``.
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
    hooks: frozenset[str]
    default_state: Callable[[], Any]
    default_conn_state: Callable[[], Any]
    has_connect_hooks: bool
    has_start_hooks: bool

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


def define(
    actor: type[Actor[Any, Any, Any, Any]],
    root: type,
    options: Options,
    *,
    naming: Naming | None = None,
) -> Definition:
    """Read an actor class.

    Args:
        actor: The class.
        root: ``Actor`` itself, whose attributes are no declarations.
        options: The class's options, inherited ones included.
        naming: Turns attribute names into names on the wire.

    Raises:
        TypeError: If a declaration is wrong; the message names class and place.
        NotImplementedError: If the class uses a feature that this version does not have.
    """
    return _Reader(actor, root, options, naming).read()


class _Reader:
    def __init__(
        self,
        actor: type[Actor[Any, Any, Any, Any]],
        root: type,
        options: Options,
        naming: Naming | None,
    ) -> None:
        self.actor = actor
        self.root = root
        self.options = options
        self.naming = naming
        self.where = actor.__name__
        self.lineage = [
            cls for cls in reversed(actor.__mro__) if issubclass(cls, root) and cls is not root
        ]

    def read(self) -> Definition:
        self.refuse_later_features()
        state, conn_state, params, input_type = type_arguments(self.actor, self.root)
        hooks = frozenset(name for name in HOOKS if self.overrides(name))
        methods, by_name = self.read_actions()
        events = self.read_events()
        connect_hooks = {"on_before_connect", "create_conn_state", "on_connect", "on_disconnect"}
        return Definition(
            actor=self.actor,
            name=self.options.name or self.actor.__name__,
            options=self.options,
            state=self.shape(state, Place.STATE, "state"),
            conn_state=self.shape(conn_state, Place.STATE, "connection state"),
            params=self.shape(params, Place.WIRE, "params"),
            input=self.shape(input_type, Place.WIRE, "input"),
            methods=methods,
            methods_by_name=by_name,
            events=events,
            events_by_name=self.unique((b.name, b) for b in events.values()),
            hooks=hooks,
            default_state=self.default(state, "create_state" in hooks, "state"),
            default_conn_state=self.default(
                conn_state, "create_conn_state" in hooks, "connection state"
            ),
            has_connect_hooks=bool(hooks & connect_hooks),
            has_start_hooks=bool(hooks & {"create_state", "on_create", "on_wake", "run"}),
        )

    def refuse_later_features(self) -> None:
        for hook, feature in LATER_HOOKS.items():
            if self.overrides(hook):
                not_built(f"{feature} ({self.where}.{hook})")
        for option, feature in LATER_OPTIONS.items():
            if getattr(self.options, option) not in (None, False):
                not_built(f"{feature} ({self.where}, {option}=)")

    def overrides(self, hook: str) -> bool:
        mine, theirs = getattr(self.actor, hook), getattr(self.root, hook)
        return getattr(mine, "__func__", mine) is not getattr(theirs, "__func__", theirs)

    def shape(self, annotation: Any, place: Place, what: str) -> Shape[Any] | None:
        if annotation is None or annotation is type(None):
            return None
        return shape_of(annotation, place=place, where=f"{self.where}: {what}", naming=self.naming)

    def default(self, annotation: Any, computed: bool, what: str) -> Callable[[], Any]:
        if annotation is None or computed:
            return lambda: None
        factory = getattr(annotation, "__origin__", annotation)
        if accepts_none(annotation):
            return lambda: None
        try:
            factory()
        except Exception as error:
            hook = "create_state" if what == "state" else "create_conn_state"
            message = (
                f"{self.where}: its {what} type {annotation!r} cannot be made without arguments; "
                f"override {hook}"
            )
            raise TypeError(message) from error
        made: Callable[[], Any] = factory
        return made

    def declarations(self, kind: type) -> dict[str, tuple[type, Any]]:
        """Collect the declarations of one kind by slot, a subclass's instead of its base's."""
        found: dict[str, tuple[type, Any]] = {}
        for cls in self.lineage:
            for slot, value in cls.__dict__.items():
                if isinstance(value, kind):
                    self.check_slot(cls, slot)
                    found[slot] = cls, value
                elif slot in found:
                    base = found[slot][0].__name__
                    message = f"{cls.__name__}.{slot} hides the declaration {base}.{slot}"
                    raise TypeError(message)
        return found

    def check_slot(self, cls: type, slot: str) -> None:
        if not slot.startswith("_") and hasattr(self.root, slot):
            message = (
                f"{cls.__name__}.{slot} has the name of an attribute of Actor; choose another "
                f"(its name on the wire may be {slot!r}: name={slot!r})"
            )
            raise TypeError(message)

    def read_actions(
        self,
    ) -> tuple[dict[Action[Any, ..., Any], Method], dict[str, Method]]:
        current = {
            slot: self.method(slot, declaration)
            for slot, (_, declaration) in self.declarations(ActionDeclaration).items()
        }
        methods: dict[Action[Any, ..., Any], Method] = {}
        for cls in self.lineage:
            for slot, value in cls.__dict__.items():
                if isinstance(value, ActionDeclaration) and value.token is not None:
                    methods[value.token] = current[slot]
        return methods, self.unique((m.name, m) for m in current.values())

    def method(self, slot: str, declaration: ActionDeclaration) -> Method:
        where = f"{self.where}.{slot}"
        declaration.check(where)
        assert declaration.token is not None  # Python named it when its class was created
        options: ActionOptions = declaration.options
        for option in LATER_ACTION_OPTIONS:
            if getattr(options, option):
                not_built(f"{option} actions ({where})")
        timeout = options.timeout if options.timeout is not None else self.options.action_timeout
        return Method(
            name=self.wire_name(options.name, slot),
            slot=slot,
            function=declaration.function,
            token=declaration.token,
            is_async=declaration.is_async,
            timeout=timeout,
            readonly=options.readonly,
            looks_at_result=self.overrides("on_before_action_response"),
            binder=Binder.of(
                declaration.function, where=where, namespace=self.namespace(), naming=self.naming
            ),
        )

    def read_events(self) -> dict[Event[Any], EventBinding]:
        for slot, (cls, _) in self.declarations(Queue).items():
            not_built(f"queues ({cls.__name__}.{slot})")
        bindings: dict[Event[Any], EventBinding] = {}
        for slot, (_, event) in self.declarations(Event).items():
            where = f"{self.where}.{slot}"
            shape = shape_of(event.payload, place=Place.WIRE, where=where, naming=self.naming)
            name = self.wire_name(event.name, slot)
            overflow = event.overflow or self.options.overflow
            bindings[event] = EventBinding(name, event, shape, overflow)
        return bindings

    def wire_name(self, explicit: str | None, slot: str) -> str:
        if explicit is not None:
            return explicit
        return self.naming(slot) if self.naming is not None else slot

    def unique(self, named: Any) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for name, value in named:
            if name in table:
                raise TypeError(f"{self.where} declares the name {name!r} twice")
            table[name] = value
        return table

    def namespace(self) -> dict[str, Any]:
        """Names that annotations may use besides their module's: the class's own."""
        names: dict[str, Any] = {}
        for cls in self.lineage:
            names.update(vars(sys.modules[cls.__module__]))
            names[cls.__name__] = cls
        return names


def accepts_none(annotation: Any) -> bool:
    return type(None) in getattr(annotation, "__args__", ()) and (
        getattr(annotation, "__origin__", None) is None
        or "Union" in repr(getattr(annotation, "__origin__", ""))
    )
