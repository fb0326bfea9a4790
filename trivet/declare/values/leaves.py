"""Loading values without parts from the wire, strictly.

Nothing is guessed: no ``str(42)``, no ``int("5")``, no truthiness, and a class must be exactly the
declared one. What is let through beside it is what a wire cannot keep apart: a JavaScript number
is an integer if it has no fraction, and a date, a UUID and a decimal are text.

Each function is a structure hook of cattrs: it takes a value and a type, which it does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum, Flag
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID

from trivet.declare.values.mismatch import class_of, wrong_type, wrong_value
from trivet.declare.values.undefined import UNDEFINED

__all__ = ["SCALAR_HOOKS", "StructureHook", "enum_hook", "is_aware", "literal_hook"]

StructureHook: TypeAlias = Callable[[Any, Any], Any]

MAX_SAFE_INTEGER = 2**53
"""Up to here, a float that has no fraction is the integer that was meant."""


def is_aware(value: datetime) -> bool:
    """Whether a datetime names an instant."""
    return value.utcoffset() is not None


def _exactly(kind: type) -> StructureHook:
    def load(wire: Any, _: Any = None) -> Any:
        if type(wire) is kind:
            return wire
        raise wrong_type(kind.__name__, wire)

    return load


def _load_none(wire: Any, _: Any = None) -> None:
    if wire is not None and wire is not UNDEFINED:
        raise wrong_type("None", wire)


def _load_int(wire: Any, _: Any = None) -> int:
    if type(wire) is int:
        return wire
    if type(wire) is float and _is_integral(wire):
        return int(wire)
    raise wrong_type("int", wire)


def _is_integral(value: float) -> bool:
    return value.is_integer() and -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER


def _load_float(wire: Any, _: Any = None) -> float:
    if type(wire) is float:
        return wire
    if type(wire) is int:
        try:
            return float(wire)
        except OverflowError:
            raise wrong_value("a number that fits a float") from None
    raise wrong_type("float", wire)


def _load_datetime(wire: Any, _: Any = None) -> datetime:
    instant = wire
    if type(wire) is str:
        try:
            instant = datetime.fromisoformat(wire)
        except ValueError:
            raise wrong_value("an ISO 8601 datetime") from None
    if type(instant) is not datetime:
        raise wrong_type("datetime", wire)
    if not is_aware(instant):
        raise wrong_value("a datetime with a UTC offset")
    return instant


def _load_uuid(wire: Any, _: Any = None) -> UUID:
    if type(wire) is not str:
        raise wrong_type("UUID", wire)
    try:
        value = UUID(wire)
    except ValueError:
        raise wrong_value("UUID") from None
    if str(value) != wire.lower():  # braces, "urn:" and missing hyphens
        raise wrong_value("UUID")
    return value


def _load_decimal(wire: Any, _: Any = None) -> Decimal:
    if type(wire) is not str:
        raise wrong_type("Decimal", wire)
    if not wire.isascii() or "_" in wire or wire != wire.strip():
        raise wrong_value("Decimal")
    try:
        return Decimal(wire)
    except InvalidOperation:
        raise wrong_value("Decimal") from None


SCALAR_HOOKS: Mapping[type, StructureHook] = {
    NoneType: _load_none,
    bool: _exactly(bool),
    int: _load_int,
    float: _load_float,
    str: _exactly(str),
    bytes: _exactly(bytes),
    datetime: _load_datetime,
    UUID: _load_uuid,
    Decimal: _load_decimal,
}


def enum_hook(cls: type[Enum]) -> StructureHook:
    """Make the hook that finds a member of an enumeration by its value."""
    if not issubclass(cls, Flag):
        return _finder(cls.__name__, ((member.value, member) for member in cls))

    known = 0
    for member in cls:
        known |= member.value

    def combine(wire: Any, _: Any = None) -> Any:
        value = _load_int(wire)
        if value & ~known:  # some flags would make, and for ever keep, a member of any number
            raise wrong_value(cls.__name__)
        return cls(value)

    return combine


def literal_hook(name: str, values: Iterable[object]) -> StructureHook:
    """Make the hook that finds one of the values of a literal; an enum's member by its value."""
    return _finder(name, ((v.value if isinstance(v, Enum) else v, v) for v in values))


def _finder(name: str, known: Iterable[tuple[Any, object]]) -> StructureHook:
    """Look a value up by its class, too: ``True``, ``1`` and ``1.0`` are equal but not the same."""
    table: dict[tuple[type[Any], Any], object] = {(type(v), v): found for v, found in known}
    kinds = {kind for kind, _ in table}
    none_fits = table.get((NoneType, None), name) is None
    expected = kinds | {int, float} if kinds & {int, float} else kinds

    def find(wire: Any, _: Any = None) -> Any:
        if wire is UNDEFINED and none_fits:
            return None
        kind = class_of(wire)
        if kind not in expected:
            raise wrong_type(name, wire)
        try:
            if (kind, wire) in table:
                return table[kind, wire]
            if kind is float and _is_integral(wire):
                return table[int, int(wire)]
            if kind is int:
                return table[float, float(wire)]
        except (KeyError, OverflowError):
            pass
        raise wrong_value(name)

    return find
