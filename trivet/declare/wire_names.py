"""How Python names become names on the wire."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Naming", "camel_case"]

Naming = Callable[[str], str]
"""A rule that turns an attribute's name into its name on the wire."""


def camel_case(name: str) -> str:
    """Turn ``snake_case`` into ``camelCase``; leading underscores stay.

    Meant for ``Registry(..., naming=trivet.camel_case)``.
    """
    stripped = name.lstrip("_")
    first, *rest = stripped.split("_")
    prefix = name[: len(name) - len(stripped)]
    return prefix + first + "".join(word[:1].upper() + word[1:] for word in rest)
