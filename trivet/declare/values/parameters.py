"""The parameters of a function, each with its shape: what its annotations say, read once."""

from __future__ import annotations

import inspect
import typing
from collections import ChainMap
from collections.abc import Callable, Mapping
from inspect import Parameter as Declared
from typing import Any

import attrs

from trivet.declare.errors import ValidationError
from trivet.declare.values.annotations import Place
from trivet.declare.values.mismatch import paths_in
from trivet.declare.values.shape import Shape, shape_of
from trivet.declare.wire_names import Naming

__all__ = ["ABSENT", "Parameter", "read_signature"]

ABSENT: Any = inspect.Parameter.empty
"""Stands for an argument that was not given, and for a default that there is not."""

_POSITIONAL = (Declared.POSITIONAL_ONLY, Declared.POSITIONAL_OR_KEYWORD)


@attrs.frozen(eq=False)
class Parameter:
    """One parameter of an action.

    Attributes:
        kind: Its kind, in the words of ``inspect.Parameter``.
        default: Its default, checked, or ``ABSENT``.
    """

    name: str
    kind: Any
    shape: Shape[Any]
    default: Any

    @property
    def may_be_positional(self) -> bool:
        """Whether it may be given by position."""
        return self.kind in _POSITIONAL

    @property
    def is_required(self) -> bool:
        """Whether a call without it is wrong."""
        return self.default is ABSENT and self.kind is not Declared.VAR_POSITIONAL


def read_signature(
    function: Callable[..., Any],
    *,
    where: str,
    namespace: Mapping[str, Any],
    naming: Naming | None,
) -> tuple[tuple[Parameter, ...], Shape[Any]]:
    """Read the parameters after ``self``, and the result.

    Args:
        function: The function as it was defined in its class.
        where: What errors call it.
        namespace: Names for its annotations that its module does not have.
        naming: Turns the names of attrs attributes into names on the wire.

    Raises:
        TypeError: If a parameter or its type is not supported; the message names it.
    """
    types = _resolved(function, where, namespace)

    def shape(name: str, where: str, parameter: str | None) -> Shape[Any]:
        return shape_of(
            types.get(name, Any),
            place=Place.WIRE,
            where=where,
            parameter=parameter,
            naming=naming,
            namespace=namespace,
        )

    parameters = [
        _parameter(declared, shape(declared.name, where, declared.name), where)
        for declared in _without_self(function, where)
    ]
    return tuple(parameters), shape("return", f"{where} returns", None)


def _resolved(
    function: Callable[..., Any], where: str, namespace: Mapping[str, Any]
) -> dict[str, Any]:
    module = getattr(function, "__globals__", {})
    try:
        # The function's own module first: the namespace may be that of a subclass elsewhere.
        names = ChainMap(module, dict(namespace))
        return typing.get_type_hints(function, localns=names, include_extras=True)
    except Exception as error:
        message = f"{where}: its annotations cannot be resolved: {error}"
        raise TypeError(message) from error


def _without_self(function: Callable[..., Any], where: str) -> list[Declared]:
    declared = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    if not declared or declared[0].kind not in _POSITIONAL:
        raise TypeError(f"{where} must take self first")
    del declared[0]
    for parameter in declared:
        if parameter.kind is Declared.VAR_KEYWORD:
            message = f"{where}(**{parameter.name}): name each keyword argument, or take a dict"
            raise TypeError(message)
    return declared


def _parameter(declared: Declared, shape: Shape[Any], where: str) -> Parameter:
    default = declared.default
    if default is not ABSENT:
        place = f"{where}({declared.name}=…)"
        try:
            default = shape.copy(default)
        except ValidationError as error:
            message = f"{place}: its default does not fit: {'; '.join(paths_in(error))}"
            raise TypeError(message) from None
        if shape.copy(default) is not default:
            message = f"{place}: calls would share its mutable default; use None, and make one"
            raise TypeError(message)
    return Parameter(declared.name, declared.kind, shape, default)
