"""What is declared and typed, but not built yet, says so by name."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["not_built"]


def not_built(feature: str) -> NoReturn:
    """Refuse the use of a feature that this version declares but does not have.

    Raises:
        NotImplementedError: Always, naming the feature.
    """
    raise NotImplementedError(f"this version of trivet has no {feature} yet")
