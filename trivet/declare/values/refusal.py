"""What is said about an annotation that is no supported type."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, ForwardRef, TypeVar

__all__ = ["Unsupported", "UnsupportedTypeError", "shown", "unsupported"]


class UnsupportedTypeError(TypeError):
    """A declaration uses a type whose values trivet cannot copy, store or send.

    Raised when the class is created; the text names the declaration and the path inside the type.
    """


class Unsupported(Exception):
    """An annotation that is not supported, before it is known which declaration it belongs to.

    Attributes:
        subject: The annotation, as one would write it.
        reason: What is wrong with it; goes on where the subject ends.
        path: Where it is inside the whole annotation.
    """

    def __init__(self, subject: str, reason: str, path: str | None = None) -> None:
        super().__init__(subject, reason, path)
        self.subject = subject
        self.reason = reason
        self.path = subject if path is None else path

    def inside(self, path: str) -> Unsupported:
        """Say where it is, seen from one level further out."""
        return Unsupported(self.subject, self.reason, path)

    def of_declaration(self, where: str, parameter: str | None) -> UnsupportedTypeError:
        """Say whose annotation it is."""
        if parameter is not None:
            where = f"{where}({parameter}: {self.path})"
        elif self.path != self.subject:
            where = f"{where}: {self.path}"
        return UnsupportedTypeError(f"{where}: {self.subject} {self.reason}")


def unsupported(annotation: Any, reason: str | None = None) -> Unsupported:
    """Make the refusal of an annotation as a whole."""
    return Unsupported(shown(annotation), reason or _reason(annotation))


def shown(annotation: Any) -> str:
    """An annotation as one would write it, without the names of modules."""
    if isinstance(annotation, type) and not getattr(annotation, "__args__", ()):
        return annotation.__name__
    return _QUALIFIER.sub("", repr(annotation))


_QUALIFIER = re.compile(r"~|(?:(?:\w+|<locals>)\.)+(?=\w)")


def _reason(annotation: Any) -> str:
    if isinstance(annotation, TypeVar):
        return "is a type variable that has no argument here"
    if isinstance(annotation, str | ForwardRef):
        return "is a name that is not resolved"
    if annotation is object:
        return "is not supported; use Any"
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return "is a dataclass; use an attrs class"
    return "is not supported"
