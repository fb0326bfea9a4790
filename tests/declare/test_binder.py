"""Arguments, results and payloads on the wire."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given, strategies as st

from tests.declare.values.shapes import paths, wire
from trivet.declare.binder import Binder, event_arguments, event_payload
from trivet.declare.values import UNDEFINED
from trivet.declare.wire_names import camel_case


@attrs.frozen
class Price:
    net_amount: Decimal
    currency: str = "EUR"


class Shop:
    def nothing(self) -> None: ...

    def count(self, by: int = 1) -> int:
        return by

    def send(self, text: str, *, urgent: bool = False) -> None: ...

    def defaults(self, a: int = 1, b: tuple[int, ...] = (2,), c: float = 3) -> None: ...

    def both(self, a: int, b: int = 2, *, price: Price, note: str | None = None) -> None: ...

    def rest(self, first: str, second: int = 2, *prices: Decimal, last: bool = True) -> None: ...

    def maybe(self, a: int | None, b: int | None = 5, /, c: Any = 7) -> None: ...

    def positions(self, a: int = 1, b: int = 2, /) -> None: ...


def binder(function: Callable[..., object]) -> Binder:
    return Binder.of(function, where="Shop.f", namespace={})


PRICE = Price(Decimal("1.5"))
PRICE_ON_WIRE = {"net_amount": "1.5", "currency": "EUR"}

DUMPED: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any], list[Any]]] = [
    (Shop.nothing, (), {}, []),
    (Shop.count, (), {}, []),
    (Shop.count, (3,), {}, [3]),
    (Shop.send, ("hi",), {}, ["hi"]),
    (Shop.send, ("hi",), {"urgent": False}, ["hi", {"urgent": False}]),
    (Shop.defaults, (), {}, []),
    (Shop.defaults, (), {"b": (5,)}, [1, [5]]),
    (Shop.defaults, (), {"c": 5}, [1, [2], 5.0]),
    (Shop.defaults, (4,), {"c": 5}, [4, [2], 5.0]),
    (Shop.both, (1,), {"price": PRICE}, [1, 2, {"price": PRICE_ON_WIRE}]),
    (
        Shop.both,
        (1,),
        {"note": None, "price": PRICE},
        [1, 2, {"price": PRICE_ON_WIRE, "note": None}],
    ),
    (Shop.rest, ("a",), {}, ["a"]),
    (Shop.rest, ("a", 1, Decimal(2)), {}, ["a", 1, "2"]),
    (Shop.rest, ("a",), {"last": False}, ["a", 2, {"last": False}]),
    (Shop.rest, ("a", 1, Decimal(2)), {"last": False}, ["a", 1, "2", {"last": False}]),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "expected"), DUMPED)
def test_dump(function: Callable[..., object], args: Any, kwargs: Any, expected: list[Any]) -> None:
    assert binder(function).dump(*args, **kwargs) == expected


def test_dump_refuses_what_bind_refuses() -> None:
    assert paths(binder(Shop.count).dump, "x") == ["invalid type, expected int, got str @ $.by"]
    assert paths(binder(Shop.send).dump) == ["missing argument `text` @ $"]


LOADED: list[tuple[Callable[..., object], list[Any], tuple[Any, Any]]] = [
    (Shop.nothing, [], ((), None)),
    (Shop.nothing, [UNDEFINED], ((), None)),
    (Shop.count, [], ((), None)),
    (Shop.count, [UNDEFINED], ((), None)),
    (Shop.count, [3.0], ((3,), None)),
    (Shop.count, [3, UNDEFINED], ((3,), None)),
    (Shop.send, ["hi"], (("hi",), None)),
    (Shop.send, ["hi", {}], (("hi",), None)),
    (Shop.send, ["hi", UNDEFINED], (("hi",), None)),
    (Shop.send, ["hi", {"urgent": UNDEFINED}], (("hi",), None)),
    (Shop.send, ["hi", {"urgent": True, "unknown": 1}], (("hi",), {"urgent": True})),
    (Shop.defaults, [UNDEFINED, UNDEFINED, 5], ((1, (2,), 5.0), None)),
    (Shop.defaults, [4, UNDEFINED, UNDEFINED], ((4,), None)),
    (Shop.both, [1, UNDEFINED, {"price": PRICE_ON_WIRE}], ((1,), {"price": PRICE})),
    (Shop.rest, ["a", 1, "2", "3"], (("a", 1, Decimal(2), Decimal(3)), None)),
    (Shop.rest, ["a", UNDEFINED, "2"], (("a", 2, Decimal(2)), None)),
    (Shop.rest, ["a", 1, "2", UNDEFINED], (("a", 1, Decimal(2)), None)),
    (Shop.rest, ["a", 1, {"last": False}, UNDEFINED], (("a", 1), {"last": False})),
    (Shop.rest, ["a", 1, "2", {"last": False}], (("a", 1, Decimal(2)), {"last": False})),
    (Shop.maybe, [], ((None,), None)),
    (Shop.maybe, [UNDEFINED, UNDEFINED, UNDEFINED], ((None,), None)),
    (Shop.maybe, [1, None], ((1, None), None)),
    (Shop.positions, [UNDEFINED, 5], ((1, 5), None)),
]


@pytest.mark.parametrize(("function", "arguments", "expected"), LOADED)
def test_load(function: Callable[..., object], arguments: list[Any], expected: Any) -> None:
    loaded = binder(function).load(arguments)
    assert loaded == expected
    assert [type(value) for value in loaded[0]] == [type(value) for value in expected[0]]


REFUSED: list[tuple[Callable[..., object], Any, list[str]]] = [
    (Shop.nothing, [1], ["too many arguments, expected at most 0, got 1 @ $"]),
    (Shop.count, [1, 2, 3], ["too many arguments, expected at most 1, got 3 @ $"]),
    (Shop.count, [None], ["invalid type, expected int, got None @ $.by"]),
    (Shop.count, ["1"], ["invalid type, expected int, got str @ $.by"]),
    (Shop.count, {"by": 1}, ["invalid type, expected list, got dict @ $"]),
    (Shop.count, None, ["invalid type, expected list, got None @ $"]),
    (Shop.send, [], ["missing argument `text` @ $"]),
    (Shop.send, [UNDEFINED], ["missing argument `text` @ $"]),
    (
        Shop.send,
        [1, {"urgent": "yes"}],
        [
            "invalid type, expected str, got int @ $.text",
            "invalid type, expected bool, got str @ $.urgent",
        ],
    ),
    (Shop.send, ["hi", True], ["invalid type, expected dict, got bool @ $[1]"]),
    (Shop.send, ["hi", {}, 1], ["too many arguments, expected at most 2, got 3 @ $"]),
    (Shop.both, [1], ["missing argument `price` @ $"]),
    (Shop.both, [1, 2], ["missing argument `price` @ $"]),
    (
        Shop.both,
        [1, 2, {"price": {"net_amount": 1}}],
        ["invalid type, expected Decimal, got int @ $.price.net_amount"],
    ),
    (
        Shop.rest,
        ["a", 1, "2", True],
        ["invalid type, expected Decimal, got bool @ $.prices[1]"],
    ),
]


@pytest.mark.parametrize(("function", "arguments", "faults"), REFUSED)
def test_load_refuses(function: Callable[..., object], arguments: Any, faults: list[str]) -> None:
    assert paths(binder(function).load, arguments) == faults


@pytest.mark.parametrize(("function", "args", "kwargs", "arguments"), DUMPED)
def test_what_was_dumped_loads(
    function: Callable[..., object], args: Any, kwargs: Any, arguments: list[Any]
) -> None:
    shop = binder(function)
    positional, named = shop.load(arguments)
    assert shop.dump(*positional, **(named or {})) == arguments


@given(
    first=st.text(),
    middle=st.none() | st.tuples(st.integers(), st.lists(st.decimals(allow_nan=False))),
    last=st.none() | st.booleans(),
)
def test_a_call_arrives_as_it_was_made(
    first: str, middle: tuple[int, list[Decimal]] | None, last: bool | None
) -> None:
    shop = binder(Shop.rest)
    args = [first, *([middle[0], *middle[1]] if middle is not None else [])]
    kwargs = {"last": last} if last is not None else {}
    positional, named = shop.load(shop.dump(*args, **kwargs))
    defaults = [2] if named and len(args) == 1 else []
    assert (list(positional), named or {}) == ([*args, *defaults], kwargs)


def test_attributes_may_have_other_names_on_the_wire() -> None:
    shop = Binder.of(Shop.both, where="Shop.both", namespace={}, naming=camel_case)
    assert shop.dump(1, price=PRICE) == [1, 2, {"price": {"netAmount": "1.5", "currency": "EUR"}}]
    assert shop.load([1, 2, {"price": {"netAmount": "1.5"}}]) == ((1, 2), {"price": PRICE})


class TestEvents:
    @pytest.mark.parametrize(
        ("annotation", "payload", "arguments"),
        [
            (None, None, []),
            (int, 1, [1]),
            (Price, PRICE, [PRICE_ON_WIRE]),
            (tuple[int, Price], (1, PRICE), [1, PRICE_ON_WIRE]),
            (tuple[()], (), []),
            (tuple[int, ...], (1, 2), [[1, 2]]),
            (tuple[int, int | None], (1, None), [1, None]),
            (tuple[int, int] | None, (1, 2), [[1, 2]]),
            (int | None, None, [None]),
            (list[int], [1, 2], [[1, 2]]),
            (Literal["a"] | None, "a", ["a"]),
        ],
    )
    def test_round_trip(self, annotation: Any, payload: Any, arguments: list[Any]) -> None:
        shape = wire(annotation)
        assert event_arguments(shape, payload) == arguments
        assert event_payload(shape, arguments) == payload

    @pytest.mark.parametrize(
        ("annotation", "arguments", "payload"),
        [
            (None, [UNDEFINED], None),
            (int | None, [], None),
            (int | None, [UNDEFINED], None),
            (Any, [], None),
            (tuple[int, int | None], [1], (1, None)),
            (int, [1, UNDEFINED], 1),
            (tuple[int, int], [1, 2, UNDEFINED], (1, 2)),
        ],
    )
    def test_undefined_is_absent(self, annotation: Any, arguments: list[Any], payload: Any) -> None:
        assert event_payload(wire(annotation), arguments) == payload

    @pytest.mark.parametrize(
        ("annotation", "arguments", "faults"),
        [
            (None, [1], ["too many arguments, expected at most 0, got 1 @ $"]),
            (int, [1, 2], ["too many arguments, expected at most 1, got 2 @ $"]),
            (int, [], ["invalid type, expected int, got undefined @ $"]),
            (int, ["x"], ["invalid type, expected int, got str @ $"]),
            (tuple[int, int], [1], ["invalid type, expected int, got undefined @ $[1]"]),
            (tuple[int, int], [1, 2, 3], ["invalid value, expected 2 elements @ $"]),
        ],
    )
    def test_refused(self, annotation: Any, arguments: list[Any], faults: list[str]) -> None:
        assert paths(event_payload, wire(annotation), arguments) == faults

    def test_a_payload_is_checked(self) -> None:
        assert paths(event_arguments, wire(tuple[int, str]), (1, 2)) == [
            "invalid type, expected str, got int @ $[1]"
        ]
