"""Reading signatures: what is refused when the class is created."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from trivet.declare.binder import Binder


@attrs.frozen
class Frozen:
    items: tuple[int, ...] = ()


@attrs.define
class Mutable:
    x: int = 0


WRONG: Any = None


class Actions:
    """Each is a mistake, except those that begin with ``good``."""

    def good(self, a: Frozen = Frozen(), b: float = 1, c: list[int] | None = None) -> None: ...

    async def good_result(self) -> list[Frozen]:
        return []

    def unsupported(self, text: list[complex]) -> None: ...

    def unsupported_result(self) -> list[complex]:
        return []

    def keywords(self, **options: int) -> None: ...

    def mutable_list(self, items: list[int] = []) -> None: ...  # noqa: B006

    def mutable_any(self, items: Any = {}) -> None: ...  # noqa: B006

    def mutable_object(self, x: Mutable = Mutable()) -> None: ...  # noqa: B008

    def wrong_default(self, x: int = WRONG) -> None: ...

    def unknown_name(self, x: Any) -> None: ...

    def ambiguous(self, *rows: dict[str, int], last: bool = True) -> None: ...

    @staticmethod
    def without_self() -> None: ...

    @staticmethod
    def only_named(*, x: int) -> None: ...


Actions.unknown_name.__annotations__["x"] = "Nowhere"


def without_annotations(self: object, a: object = None, *b: object) -> None: ...


without_annotations.__annotations__.clear()


def binder(function: Callable[..., object], **namespace: Any) -> Binder:
    return Binder.of(function, where=f"Room.{function.__name__}", namespace=namespace)


REFUSED: list[tuple[Callable[..., object], str]] = [
    (
        Actions.unsupported,
        "Room.unsupported(text: list[complex]): complex is not supported",
    ),
    (
        Actions.unsupported_result,
        "Room.unsupported_result returns: list[complex]: complex is not supported",
    ),
    (
        Actions.keywords,
        "Room.keywords(**options): name each keyword argument, or take a dict",
    ),
    (
        Actions.mutable_list,
        "Room.mutable_list(items=…): calls would share its mutable default; use None, and make one",
    ),
    (
        Actions.mutable_any,
        "Room.mutable_any(items=…): calls would share its mutable default; use None, and make one",
    ),
    (
        Actions.mutable_object,
        "Room.mutable_object(x=…): calls would share its mutable default; use None, and make one",
    ),
    (
        Actions.wrong_default,
        "Room.wrong_default(x=…): its default does not fit: invalid type, expected int, got "
        "None @ $",
    ),
    (
        Actions.unknown_name,
        "Room.unknown_name: its annotations cannot be resolved: name 'Nowhere' is not defined",
    ),
    (
        Actions.ambiguous,
        "Room.ambiguous(*rows, last): on the wire, the object of the keyword-only arguments "
        "would look like one more positional one",
    ),
    (Actions.without_self, "Room.without_self must take self first"),
    (Actions.only_named, "Room.only_named must take self first"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_refused(function: Callable[..., object], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        binder(function)
    assert str(caught.value) == message


def test_parameters_and_result() -> None:
    good = binder(Actions.good)
    assert [parameter.name for parameter in good.positional] == ["a", "b", "c"]
    assert [parameter.default for parameter in good.positional] == [Frozen(), 1.0, None]
    assert good.rest is None
    assert good.keyword_only == ()
    assert good.result.copy(None) is None
    assert binder(Actions.good_result).result.annotation == list[Frozen]


def test_what_has_no_annotation_is_anything() -> None:
    untyped = binder(without_annotations)
    assert untyped.bind(([1], "x"), {}) == (([1], "x"), None)
    assert untyped.result.annotation is Any
    assert untyped.rest is not None
    assert untyped.rest.shape.annotation is Any


def test_names_of_the_function_come_before_those_of_the_namespace() -> None:
    found = binder(Actions.good_result, Frozen=int)
    assert found.result.annotation == list[Frozen]
    found = binder(Actions.unknown_name, Nowhere=int)
    assert found.positional[0].shape.annotation is int
