"""Looking into attrs classes: what may be used as a value, and what its attributes are.

Loading runs a class's ``__init__``, with its converters and validators, so the class must have the
one that attrs makes; copying does not run it (``copying.py`` says why), so an instance must be
possible without it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

import attrs
from attrs.exceptions import NotAnAttrsClassError

from trivet.declare.values.nodes import ObjectOf

__all__ = ["Member", "NotUsable", "members_of", "object_of", "substitute"]


class NotUsable(Exception):
    """An attrs class that cannot be a value; the text goes on where its name ends."""


@attrs.frozen
class Member:
    """An attribute, and its annotation with every type variable replaced."""

    attribute: attrs.Attribute[Any]
    annotation: Any


def object_of(annotation: Any) -> ObjectOf:
    """Make the node of an attrs class, without its fields.

    Raises:
        NotUsable: If it is not attrs that made its ``__init__``, or it cannot be without one.
    """
    cls = get_origin(annotation) or annotation
    try:
        made = attrs.inspect(cls)
    except NotAnAttrsClassError:
        raise NotUsable("is no attrs class itself, only a base of it is") from None
    if not made.added_init:
        raise NotUsable("has an __init__ that attrs has not made")
    try:
        object.__new__(cls)
    except TypeError as error:
        raise NotUsable(f"cannot be made without its __init__: {error}") from None
    return ObjectOf(cls, frozen=made.is_frozen)


def members_of(annotation: Any, namespace: Mapping[str, Any]) -> tuple[Member, ...]:
    """List the attributes of an attrs class.

    Args:
        annotation: The class, or a generic one with its arguments (``Page[int]``).
        namespace: Names for string annotations that the class's module does not have.

    Raises:
        NotUsable: If an annotation cannot be resolved.
    """
    cls = get_origin(annotation) or annotation
    _resolve(cls, namespace)
    variables = _variables(annotation)
    return tuple(
        Member(attribute, _annotation(attribute, variables[_owner(cls, attribute.name)]))
        for attribute in attrs.fields(cls)
    )


def substitute(annotation: Any, variables: Mapping[Any, Any]) -> Any:
    """Replace the type variables in an annotation; those without an argument stay."""
    if isinstance(annotation, TypeVar):
        return variables.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    if not parameters or get_origin(annotation) is None:
        return annotation
    return annotation[tuple(variables.get(parameter, parameter) for parameter in parameters)]


def _resolve(cls: type[Any], namespace: Mapping[str, Any]) -> None:
    try:
        try:
            attrs.resolve_types(cls)
        except NameError:  # a class inside a function: only its user can name its neighbours
            attrs.resolve_types(cls, localns={**namespace, cls.__name__: cls})
    except Exception as error:
        raise NotUsable(f"has annotations that cannot be resolved: {error}") from None


def _variables(annotation: Any) -> dict[type, Mapping[Any, Any]]:
    """What the type variables of each class above stand for, seen from an annotation."""
    cls = get_origin(annotation) or annotation
    own = dict(zip(getattr(cls, "__parameters__", ()), get_args(annotation), strict=False))
    found: dict[type, Mapping[Any, Any]] = {base: {} for base in cls.__mro__}
    for base in _bases(cls):
        if attrs.has(get_origin(base) or base):
            inherited = _variables(substitute(base, own))
            found |= {key: value for key, value in inherited.items() if value}
    return found | {cls: own}


def _bases(cls: type[Any]) -> tuple[Any, ...]:
    """The bases of a class as they were written: an inherited attribute would be another's."""
    written: tuple[Any, ...] = vars(cls).get("__orig_bases__", cls.__bases__)
    return written


def _owner(cls: type[Any], name: str) -> type:
    """The class that annotates an attribute; its type variables are that class's."""
    return next((base for base in cls.__mro__ if name in inspect.get_annotations(base)), cls)


def _annotation(attribute: attrs.Attribute[Any], variables: Mapping[Any, Any]) -> Any:
    return Any if attribute.type is None else substitute(attribute.type, variables)
