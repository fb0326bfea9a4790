"""Short ways to a shape, and to what an error says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trivet.declare.errors import ValidationError
from trivet.declare.values import Place, Shape, shape_of

__all__ = ["paths", "refusal", "state", "wire"]


def wire(annotation: Any) -> Shape[Any]:
    """The shape of something that goes on the wire."""
    return shape_of(annotation, place=Place.WIRE, where="Room.send")


def state(annotation: Any) -> Shape[Any]:
    """The shape of something that is only stored."""
    return shape_of(annotation, place=Place.STATE, where="Room: state")


def refusal(annotation: Any, *, place: Place = Place.WIRE) -> str:
    """What is said about an annotation that is not supported."""
    with pytest.raises(TypeError) as caught:
        shape_of(annotation, place=place, where="Room.send", parameter="text")
    return str(caught.value)


def paths(function: Callable[..., object], *args: Any, **kwargs: Any) -> list[str]:
    """What a validation error names."""
    with pytest.raises(ValidationError) as caught:
        function(*args, **kwargs)
    metadata: Any = caught.value.metadata
    found: list[str] = metadata["paths"]
    return found
