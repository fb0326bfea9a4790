"""How a value that does not fit is told from one that does, and what is said about it.

No text made here holds a value, only names, types and paths: it travels to whoever sent the value,
and into logs. A key of a dict is a value, so a path shows it as ``[*]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import NoneType
from typing import Any

from cattrs import BaseValidationError, transform_error
from cattrs.errors import AttributeValidationNote, ClassValidationError, IterableValidationNote

from trivet.declare.errors import ValidationError
from trivet.declare.values.undefined import Undefined

__all__ = [
    "ANY_KEY",
    "MAX_PATHS",
    "REFUSALS",
    "Mismatch",
    "class_of",
    "in_attribute",
    "in_element",
    "missing_argument",
    "paths_in",
    "paths_of",
    "too_many_arguments",
    "validation_error",
    "wrong_type",
    "wrong_value",
]

MAX_PATHS = 16
"""How many faults one error names; a caller who has that many mends the first ones first."""


class_of: Callable[[object], type[Any]] = type
"""``type``, for values of which type checkers know nothing: it keeps them from guessing on."""


class Mismatch(Exception):
    """A value does not fit its type. The text says what was expected, not what was there."""


REFUSALS = (Mismatch, BaseValidationError)
"""What the hooks of a converter raise for a value that does not fit."""


def wrong_type(expected: str, value: object) -> Mismatch:
    """Make the error for a value of another class."""
    return Mismatch(f"invalid type, expected {expected}, got {_type_name(value)}")


def wrong_value(expected: str) -> Mismatch:
    """Make the error for a value of the right class that is no value of the type."""
    return Mismatch(f"invalid value, expected {expected}")


_SPECIAL_NAMES: Mapping[type, str] = {NoneType: "None", Undefined: "undefined"}


def _type_name(value: object) -> str:
    kind = type(value)
    return _SPECIAL_NAMES.get(kind) or kind.__name__


class _AnyKey(str):
    """A key in a path of cattrs that does not show itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "*"


ANY_KEY = _AnyKey()


def in_element(error: Exception, index: int | _AnyKey) -> Exception:
    """Note which element of a collection an error is about, in the way of cattrs."""
    error.add_note(IterableValidationNote("", index, None))
    return error


def in_attribute(error: Exception, name: str) -> ClassValidationError:
    """Note which attribute of an object an error is about, in the way of cattrs."""
    error.add_note(AttributeValidationNote("", name, None))
    return ClassValidationError("", [error], object)  # pyright: ignore[reportCallIssue]  so it is


def _describe(error: BaseException, _type: object) -> str:
    if isinstance(error, Mismatch):
        return str(error)
    if isinstance(error, KeyError):
        return "required field missing"
    return "invalid value"  # what a class's own validator says may quote the value


def paths_of(error: Exception, path: str = "$") -> list[str]:
    """Say what a failed conversion found and where, one line for each fault."""
    if isinstance(error, BaseValidationError):
        return transform_error(error, path, _describe)
    return [f"{_describe(error, None)} @ {path}"]


def validation_error(paths: Iterable[str]) -> ValidationError:
    """Make the error that a caller sees, from lines like ``invalid type, … @ $.text``."""
    return ValidationError(metadata={"paths": list(islice(paths, MAX_PATHS))})


def paths_in(error: ValidationError) -> list[str]:
    """Read the lines of an error that ``validation_error`` made."""
    metadata: Any = error.metadata
    return list(metadata["paths"])


def missing_argument(name: str) -> str:
    """Say that an argument was not given."""
    return f"missing argument `{name}` @ $"


def too_many_arguments(most: int, given: int) -> str:
    """Say that there are more arguments than parameters."""
    return f"too many arguments, expected at most {most}, got {given} @ $"
