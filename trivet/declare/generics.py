"""Which types an actor class gives its generic parameters, read at run time.

Each class of the MRO says it in its *own* ``__orig_bases__``: plain attribute access would find an
inherited one. A base may itself be generic (``class Room(Actor[S, M])``, ``class Chat(Room[int,
Guest])``), so what it was given replaces its variables on the way up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

__all__ = ["type_arguments"]


def type_arguments(cls: type, generic: type) -> tuple[Any, ...]:
    """Return the arguments that a class gives to one of its generic bases.

    Args:
        cls: The class to read.
        generic: The generic class above it.

    Returns:
        One type per parameter of ``generic``; a parameter that nobody gave is ``None``.
    """
    count = len(generic.__dict__["__parameters__"])
    found = _search(cls, generic, {})
    given = found if found is not None else ()
    return tuple(given[:count]) + (None,) * (count - len(given))


def _search(cls: type, generic: type, variables: Mapping[Any, Any]) -> tuple[Any, ...] | None:
    for written in cls.__dict__.get("__orig_bases__", cls.__bases__):
        origin = get_origin(written) or written
        arguments = tuple(_replace(argument, variables) for argument in get_args(written))
        if origin is generic:
            return arguments
        if isinstance(origin, type) and issubclass(origin, generic):
            parameters = getattr(origin, "__parameters__", ())
            found = _search(origin, generic, dict(zip(parameters, arguments, strict=False)))
            if found is not None:
                return found
    return None


def _replace(argument: Any, variables: Mapping[Any, Any]) -> Any:
    if argument in variables:
        return variables[argument]
    parameters = getattr(argument, "__parameters__", ())
    if parameters and get_origin(argument) is not None:
        return argument[tuple(variables.get(parameter, Any) for parameter in parameters)]
    return None if isinstance(argument, TypeVar) else argument
