"""Reading an actor class: its declarations become a ``Definition`` when the class is created.

Rules this file keeps:

1. Everything a mistake in a declaration can break, breaks here, at class creation, with a message
   that names the class and the place.
2. Tokens name slots. A subclass that overrides an action or an event answers for its base's
   token, too.
3. What is declared and typed, but not built yet, is refused by its name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args, get_origin

from trivet.declare.action import Action, ActionDeclaration, ActionOptions
from trivet.declare.binder import Binder
from trivet.declare.definition import Definition, EventBinding, Method, QueueBinding
from trivet.declare.event import Event
from trivet.declare.generics import type_arguments
from trivet.declare.hook_signatures import check_hook
from trivet.declare.options import Options
from trivet.declare.queue import Queue
from trivet.declare.values import Place, Shape, shape_of
from trivet.declare.wire_names import Naming

if TYPE_CHECKING:
    from trivet.declare.actor import Actor

__all__ = ["define"]

PLAIN = (int, str, bool, float, bytes)
HOOKS = (
    "on_migrate",
    "create_state",
    "on_create",
    "on_wake",
    "run",
    "on_sleep",
    "on_destroy",
    "on_before_connect",
    "create_conn_state",
    "on_connect",
    "on_disconnect",
    "on_before_action_response",
    "on_state_change",
    "can_subscribe",
    "can_publish",
    "on_request",
    "on_websocket",
    "authorize",
)

START_HOOKS = frozenset({"on_migrate", "create_state", "on_create", "on_wake", "run"})


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
        self.lineage = [cls for cls in reversed(actor.__mro__) if cls not in root.__mro__]

    def read(self) -> Definition:
        state_type, conn_state_type, params, input_type = type_arguments(self.actor, self.root)
        state = self.shape(state_type, Place.STATE, "state")
        conn_state = self.shape(conn_state_type, Place.STATE, "connection state")
        hooks = self.read_hooks()
        methods, by_name = self.read_actions()
        events, queues = self.read_events(), self.read_queues()
        connect_hooks = {"on_before_connect", "create_conn_state", "on_connect", "on_disconnect"}
        return Definition(
            actor=self.actor,
            name=self.options.name or self.actor.__name__,
            options=self.options,
            state=state,
            conn_state=conn_state,
            params=self.shape(params, Place.WIRE, "params"),
            input=self.shape(input_type, Place.WIRE, "input"),
            methods=methods,
            methods_by_name=by_name,
            events=events,
            events_by_name=self.unique((b.name, b) for b in dict.fromkeys(events.values())),
            queues=queues,
            queues_by_name=self.unique((b.name, b) for b in dict.fromkeys(queues.values())),
            hooks=hooks,
            default_state=self.default(state, "create_state" in hooks, "state"),
            default_conn_state=self.default(
                conn_state, "create_conn_state" in hooks, "connection state"
            ),
            has_connect_hooks=bool(hooks & connect_hooks),
            has_start_hooks=bool(hooks & START_HOOKS),
            has_atomic_actions=any(method.atomic for method in by_name.values()),
            has_concurrent_actions=any(method.concurrent for method in by_name.values()),
            heeds_callers=any(method.cancel_with_caller for method in by_name.values()),
        )

    def overrides(self, hook: str) -> bool:
        mine, theirs = getattr(self.actor, hook), getattr(self.root, hook)
        return getattr(mine, "__func__", mine) is not getattr(theirs, "__func__", theirs)

    def read_hooks(self) -> frozenset[str]:
        hooks = frozenset(name for name in HOOKS if self.overrides(name))
        for hook in hooks:
            check_hook(self.actor, self.root, hook)
        return hooks

    def shape(self, annotation: Any, place: Place, what: str) -> Shape[Any] | None:
        if annotation is None or annotation is type(None):
            return None
        return shape_of(
            annotation,
            place=place,
            where=f"{self.where}: {what}",
            naming=self.naming,
            namespace=self.namespace(),
        )

    def default(self, shape: Shape[Any] | None, computed: bool, what: str) -> Callable[[], Any]:
        """Return what makes a fresh value, where no hook does."""
        if shape is None or computed or shape.nullable:
            return lambda: None
        annotation: Any = shape.annotation
        factory: Callable[[], Any] = getattr(annotation, "__origin__", annotation)
        try:
            shape.copy(factory())
        except Exception as error:
            hook = "create_state" if what == "state" else "create_conn_state"
            message = (
                f"{self.where}: its {what} type {annotation!r} cannot be made without arguments; "
                f"override {hook}"
            )
            raise TypeError(message) from error
        # The class may share a mutable default of its own between all its objects.
        return factory if shape.immutable else lambda: shape.copy(factory())

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
        self.check_atomic(list(current.values()))
        return methods, self.unique((m.name, m) for m in current.values())

    def check_atomic(self, methods: list[Method]) -> None:
        """Refuse what could undo the changes of another action together with its own."""
        beside = next((method for method in methods if method.concurrent), None)
        for method in methods:
            may_wait = method.is_async or method.looks_at_result
            for other in ("concurrent", "reentrant"):
                if method.atomic and getattr(method, other):
                    raise TypeError(
                        f"{self.where}.{method.slot}: an action cannot be both atomic and {other}"
                    )
            if beside is not None and method.atomic and may_wait:
                raise TypeError(
                    f"{self.where}.{method.slot}: an action that is atomic and may wait would, when "
                    f"it fails, undo what the concurrent action {beside.slot} has changed meanwhile"
                )

    def method(self, slot: str, declaration: ActionDeclaration) -> Method:
        where = f"{self.where}.{slot}"
        declaration.check(where)
        assert declaration.token is not None  # Python named it when its class was created
        options: ActionOptions = declaration.options
        timeout = options.timeout if options.timeout is not None else self.options.action_timeout
        binder = Binder.of(
            declaration.function, where=where, namespace=self.namespace(), naming=self.naming
        )
        result: Any = binder.result.annotation
        looks_at_result = self.overrides("on_before_action_response")
        runs_a_hook = looks_at_result or self.overrides("on_state_change")
        return Method(
            name=self.wire_name(options.name, slot),
            slot=slot,
            function=declaration.function,
            token=declaration.token,
            is_async=declaration.is_async,
            timeout=timeout,
            readonly=options.readonly,
            looks_at_result=looks_at_result,
            binder=binder,
            atomic=options.atomic,
            concurrent=declaration.is_async and (options.concurrent or self.options.concurrent),
            reentrant=options.reentrant,
            cancel_with_caller=options.cancel_with_caller,
            may_run_inline=not (declaration.is_async or runs_a_hook or options.atomic),
            plain_result=next((kind for kind in PLAIN if kind is result), None),
            bind=binder.bind,
            copy_result=binder.result.copy,
        )

    def read_events(self) -> dict[Event[Any], EventBinding]:
        self.refuse_types_of_declarations()
        bindings: dict[Event[Any], EventBinding] = {}
        for slot, (_, event) in self.declarations(Event).items():
            shape = self.wire_shape(event.payload, slot)
            name = self.wire_name(event.name, slot)
            overflow = event.overflow or self.options.overflow
            binding = EventBinding(name, event, shape, overflow)
            overridden = (cls.__dict__.get(slot) for cls in self.lineage)
            bindings |= {token: binding for token in overridden if isinstance(token, Event)}
        return bindings

    def read_queues(self) -> dict[Queue[Any, Any], QueueBinding]:
        bindings: dict[Queue[Any, Any], QueueBinding] = {}
        for slot, (_, queue) in self.declarations(Queue).items():
            body, result = queue.types
            binding = QueueBinding(
                name=self.wire_name(queue.name, slot),
                queue=queue,
                body=self.wire_shape(body, slot),
                result=self.wire_shape(result, slot),
                has_result=result is not None and result is not type(None),
            )
            overridden = (cls.__dict__.get(slot) for cls in self.lineage)
            bindings |= {token: binding for token in overridden if isinstance(token, Queue)}
        return bindings

    def wire_shape(self, annotation: Any, slot: str) -> Shape[Any]:
        return shape_of(
            annotation,
            place=Place.WIRE,
            where=f"{self.where}.{slot}",
            naming=self.naming,
            namespace=self.namespace(),
        )

    def refuse_types_of_declarations(self) -> None:
        """Refuse ``Event[int]`` where ``Event[int]()`` was meant, and the same of queues."""
        for cls in self.lineage:
            for slot, value in cls.__dict__.items():
                kind = get_origin(value) or value
                if kind is Event or kind is Queue:
                    types = ", ".join(map(shown, get_args(value)))
                    meant = f"{kind.__name__}[{types}]" if types else kind.__name__
                    what = "an event" if kind is Event else "a queue"
                    raise TypeError(
                        f"{cls.__name__}.{slot} is the type of {what} and declares none: "
                        f"call it, {slot} = trivet.{meant}()"
                    )

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


def shown(annotation: Any) -> str:
    """Write a type as a program does."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
