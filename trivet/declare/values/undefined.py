"""What JavaScript calls ``undefined``: something that was not given."""

from __future__ import annotations

from typing import Final, Literal, final

__all__ = ["UNDEFINED", "Undefined"]


@final
class Undefined:
    """The type of ``UNDEFINED``, the only object of it."""

    __slots__ = ()

    def __new__(cls) -> Undefined:
        """Return the only object."""
        return UNDEFINED

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __reduce__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final[Undefined] = object.__new__(Undefined)
"""An absent argument, entry or element on the wire: not ``None``, and never an application's."""
