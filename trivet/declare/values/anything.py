"""Values of the type ``Any``: whatever the wire can carry, as it is.

These are None, bool, int, float, str, bytes, aware datetimes, and lists, sets and dicts with text
keys of them. A tuple is none: it would arrive as a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import NoneType
from typing import Any

from trivet.declare.values.leaves import is_aware
from trivet.declare.values.mismatch import Mismatch, class_of, wrong_type, wrong_value
from trivet.declare.values.nodes import MAX_DEPTH
from trivet.declare.values.undefined import UNDEFINED

__all__ = ["TOO_DEEP", "copy_anything", "faults_of_anything", "is_too_deep", "load_anything"]

TOO_DEEP = f"nested too deeply, more than {MAX_DEPTH} levels"

_PLAIN = frozenset({NoneType, bool, int, float, str, bytes})


def copy_anything(value: Any, depth: int) -> Any:
    """Check and copy a value; what cannot change is passed as it is.

    Args:
        value: The value.
        depth: The level that it would be if it had parts; the outermost is 1.

    Raises:
        Mismatch: If the wire cannot carry it.
    """
    kind = class_of(value)
    if kind in _PLAIN:
        return value
    if kind is datetime and is_aware(value):
        return value
    if depth > MAX_DEPTH:
        raise Mismatch(TOO_DEEP)
    if kind is list:
        return [copy_anything(item, depth + 1) for item in value]
    if kind is dict:
        return {_text(key): copy_anything(item, depth + 1) for key, item in value.items()}
    if kind is set:
        return {copy_anything(item, depth + 1) for item in value}
    raise wrong_type("a value that the wire can carry", value)


def _text(key: Any) -> str:
    if type(key) is str:
        return key
    raise wrong_type("str", key)


def load_anything(wire: Any, _: Any = None) -> Any:
    """Read a wire value: an undefined entry of a dict is absent, elsewhere it is ``None``."""
    kind = class_of(wire)
    if kind is list:
        return [load_anything(item) for item in wire]
    if kind is dict:
        return {
            _text(key): load_anything(item) for key, item in wire.items() if item is not UNDEFINED
        }
    if kind is set:
        return {load_anything(item) for item in wire}
    if wire is UNDEFINED:
        return None
    return copy_anything(wire, 1)


def faults_of_anything(value: Any, path: str, depth: int) -> Iterator[str]:
    """Say what ``copy_anything`` would refuse, and where."""
    kind = class_of(value)
    if kind in (list, set, dict) and depth > MAX_DEPTH:
        yield f"{TOO_DEEP} @ {path}"
    elif kind is list:
        for index, item in enumerate(value):
            yield from faults_of_anything(item, f"{path}[{index}]", depth + 1)
    elif kind is set:
        for item in value:
            yield from faults_of_anything(item, f"{path}[*]", depth + 1)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                yield f"{wrong_type('str', key)} @ {path}[*]"
            yield from faults_of_anything(item, f"{path}[*]", depth + 1)
    elif kind is datetime and not is_aware(value):
        yield f"{wrong_value('a datetime with a UTC offset')} @ {path}"
    elif kind not in _PLAIN and kind is not datetime:
        yield f"{wrong_type('a value that the wire can carry', value)} @ {path}"


def is_too_deep(wire: Any) -> bool:
    """Whether a wire value has more levels than any value may have."""
    level = [wire]
    for _ in range(MAX_DEPTH):
        level = [part for value in level for part in _parts(value) if type(part) in (list, dict)]
        if not level:
            return False
    return True


def _parts(value: Any) -> Any:
    kind = class_of(value)
    if kind is dict:
        return value.values()
    return value if kind is list else ()
