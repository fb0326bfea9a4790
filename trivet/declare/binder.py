"""The arguments and the result of an action, and the payloads of events.

Rules this file keeps:

1. Checked at the caller, before anything is sent: ``bind`` in process, ``dump`` for the wire. A
   server trusts nobody and checks again: ``load``.
2. On the wire: parameters that may be positional by position, defaults filled up to the last one
   given; then those of ``*args``; then one object with the keyword-only ones, if any was given.
   What is undefined there was not given.
3. Otherwise a default is the function's own affair: a subclass may have overridden it.
4. A parameter or a result without an annotation is ``Any``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from inspect import Parameter as Declared
from types import NoneType
from typing import Any

import attrs

from trivet.declare.errors import ValidationError
from trivet.declare.values.leaves import StructureHook
from trivet.declare.values.matching import Arguments, generate_bind
from trivet.declare.values.mismatch import (
    REFUSALS,
    class_of,
    missing_argument,
    paths_in,
    too_many_arguments,
    validation_error,
    wrong_type,
)
from trivet.declare.values.nodes import PositionsOf, Scalar, wire_types
from trivet.declare.values.parameters import ABSENT, Parameter, read_signature
from trivet.declare.values.shape import Shape
from trivet.declare.values.undefined import UNDEFINED
from trivet.declare.values.unstructure import UnstructureHook
from trivet.declare.wire_names import Naming

__all__ = ["Arguments", "Binder", "event_arguments", "event_payload"]


@attrs.frozen(eq=False)
class Binder:
    """How the arguments and the result of one action are checked, copied and sent.

    Attributes:
        positional: The parameters that may be given by position.
        rest: The parameter ``*args``, if there is one.
        keyword_only: The parameters that are given by name.
        result: The shape of what the action returns.
        bind: Takes a call's positional and keyword arguments and returns them checked and copied:
            what was given and nothing else. Raises ``ValidationError``.
    """

    positional: tuple[Parameter, ...]
    rest: Parameter | None
    keyword_only: tuple[Parameter, ...]
    result: Shape[Any]
    bind: Callable[..., Arguments]

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        where: str,
        namespace: Mapping[str, Any],
        naming: Naming | None = None,
    ) -> Binder:
        """Read the signature of an action.

        Args:
            function: The action as it was defined, with ``self`` first.
            where: What errors call it: ``"ChatRoom.send"``.
            namespace: Names for its annotations that its module does not have.
            naming: Turns the names of attrs attributes into names on the wire.

        Raises:
            TypeError: If a parameter or its type is not supported; the message names it.
        """
        parameters, result = read_signature(
            function, where=where, namespace=namespace, naming=naming
        )
        rest = next((p for p in parameters if p.kind is Declared.VAR_POSITIONAL), None)
        keyword_only = tuple(p for p in parameters if p.kind is Declared.KEYWORD_ONLY)
        if rest is not None and keyword_only and dict in wire_types(rest.shape.node):
            message = (
                f"{where}(*{rest.name}, {keyword_only[0].name}): on the wire, the object of the "
                "keyword-only arguments would look like one more positional one"
            )
            raise TypeError(message)
        positional = tuple(p for p in parameters if p.may_be_positional)
        return cls(positional, rest, keyword_only, result, generate_bind(parameters))

    def dump(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Check arguments and convert them into the list that goes on the wire.

        Raises:
            ValidationError: If they do not fit.
        """
        given, by_name = self.bind(args, kwargs)
        if by_name is None and self.rest is None:
            return [hook(value) for hook, value in zip(self._to_wire, given, strict=False)]
        by_name = by_name or {}
        named = {
            p.name: p.shape.to_wire(by_name[p.name]) for p in self.keyword_only if p.name in by_name
        }
        last = len(self.positional) if named else self._last_given(given, by_name)
        wire: list[Any] = []
        for index, parameter in enumerate(self.positional[:last]):
            in_place = index < len(given)
            value = given[index] if in_place else by_name.get(parameter.name, parameter.default)
            wire.append(parameter.shape.to_wire(value))
        if self.rest is not None:
            wire += map(self.rest.shape.to_wire, given[len(self.positional) :])
        return [*wire, named] if named else wire

    def _last_given(self, given: Sequence[Any], by_name: Mapping[str, Any]) -> int:
        names = (i for i, p in enumerate(self.positional, 1) if p.name in by_name)
        return max(names, default=len(given))

    def load(self, wire: Any) -> Arguments:
        """Convert the list of arguments of a message; what is undefined was not given.

        Raises:
            ValidationError: If they do not fit.
        """
        if class_of(wire) is not list:
            raise validation_error([f"{wrong_type('list', wire)} @ $"])
        hooks = self._from_wire
        if self._required <= len(wire) <= len(hooks) and UNDEFINED not in wire:
            try:
                return tuple([h(v, None) for h, v in zip(hooks, wire, strict=False)]), None
            except REFUSALS:
                pass  # the long way says why
        return _Loading(self).load(wire)

    @cached_property
    def _to_wire(self) -> tuple[UnstructureHook, ...]:
        return tuple(parameter.shape.to_wire for parameter in self.positional)

    @cached_property
    def _from_wire(self) -> tuple[StructureHook, ...]:
        """How to load what comes by position, and nothing, if there must be more than that."""
        named = any(parameter.is_required for parameter in self.keyword_only)
        return () if named else tuple(p.shape.from_wire for p in self.positional)

    @cached_property
    def _required(self) -> int:
        return sum(parameter.is_required for parameter in self.positional)


class _Loading:
    """One list of arguments on its way in; collects the faults of all of them."""

    def __init__(self, binder: Binder) -> None:
        self._binder = binder
        self._faults: list[str] = []

    def load(self, wire: list[Any]) -> Arguments:
        binder = self._binder
        count = len(binder.positional)
        given = _given(wire, count)
        beyond, named = self._split(given[count:])
        values = [self._value(p, v) for p, v in zip(binder.positional, given, strict=False)]
        rest = self._rest(beyond)
        by_name = {
            p.name: self._value(p, named.get(p.name, UNDEFINED)) for p in binder.keyword_only
        }
        if self._faults:
            raise validation_error(self._faults)
        while not rest and values and values[-1] is ABSENT:
            values.pop()
        args = [
            parameter.default if value is ABSENT else value
            for parameter, value in zip(binder.positional, values, strict=False)
        ]
        kwargs = {name: value for name, value in by_name.items() if value is not ABSENT}
        return (*args, *rest), kwargs or None

    def _split(self, beyond: list[Any]) -> tuple[list[Any], Mapping[str, Any]]:
        """Tell further positional arguments from the object with the keyword-only ones."""
        binder = self._binder
        named: Any = UNDEFINED
        if binder.keyword_only and beyond:
            if binder.rest is None:
                named, *beyond = beyond
            elif class_of(beyond[-1]) is dict:
                *beyond, named = beyond
        if binder.rest is None and beyond:
            most = len(binder.positional) + bool(binder.keyword_only)
            self._faults.append(too_many_arguments(most, most + len(beyond)))
        if named is UNDEFINED:
            return beyond, {}
        if class_of(named) is not dict:
            self._faults.append(f"{wrong_type('dict', named)} @ $[{len(binder.positional)}]")
            return beyond, {}
        return beyond, named

    def _value(self, parameter: Parameter, wire: Any) -> Any:
        if wire is UNDEFINED:
            if not parameter.is_required:
                return ABSENT
            if not parameter.shape.nullable:
                self._faults.append(missing_argument(parameter.name))
                return ABSENT
        return self._loaded(parameter.shape, wire, f"$.{parameter.name}")

    def _rest(self, wire: list[Any]) -> list[Any]:
        rest = self._binder.rest
        if rest is None:
            return []
        return [
            self._loaded(rest.shape, value, f"$.{rest.name}[{index}]")
            for index, value in enumerate(wire)
        ]

    def _loaded(self, shape: Shape[Any], wire: Any, path: str) -> Any:
        try:
            return shape.load(wire, path)
        except ValidationError as error:
            self._faults += paths_in(error)
            return ABSENT


def _given(arguments: Sequence[Any], count: int) -> list[Any]:
    """Return at least so many arguments, without what is undefined beyond them."""
    given = [*arguments, *[UNDEFINED] * (count - len(arguments))]
    while len(given) > count and given[-1] is UNDEFINED:
        given.pop()
    return given


def event_arguments(shape: Shape[Any], payload: object) -> list[Any]:
    """Check the payload of an event and convert it into the list that goes on the wire.

    A fixed tuple becomes several arguments, ``None`` none, anything else one.

    Raises:
        ValidationError: If it does not fit.
    """
    wire = shape.dump(payload)
    if isinstance(shape.node, PositionsOf):
        return list(wire)
    return [] if _is_empty(shape) else [wire]


def event_payload(shape: Shape[Any], args: Sequence[Any]) -> Any:
    """Convert the arguments of an event into its payload; what is undefined was not given.

    Raises:
        ValidationError: If they do not fit.
    """
    if isinstance(shape.node, PositionsOf):
        return shape.load(_given(args, len(shape.node.items)))
    most = 0 if _is_empty(shape) else 1
    given = _given(args, most)
    if len(given) > most:
        raise validation_error([too_many_arguments(most, len(given))])
    return shape.load(given[0]) if most else None


def _is_empty(shape: Shape[Any]) -> bool:
    return isinstance(shape.node, Scalar) and shape.node.kind is NoneType
