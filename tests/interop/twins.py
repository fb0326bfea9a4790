"""Values of JavaScript, written as source, with the wire values that they are in Python.

What has no twin, and what is another value on the other side, is a case of ``test_codec.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from tests.interop.node import Encoding
from tests.protocol.wire_values import DOLLARS, INTEGERS
from trivet.protocol.messages import UNDEFINED

__all__ = ["Twin", "Twins", "received", "sent"]

SAFE: Final = 2**53 - 1
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Years from 1 to 9999, which Python's dates have.
FIRST_MILLISECOND: Final = -62_135_596_800_000
LAST_MILLISECOND: Final = 253_402_300_799_999

TEXTS = st.text(max_size=40) | st.text("aü€😀\0", min_size=60, max_size=90) | DOLLARS
# JavaScript loses `__proto__`, which is a text that Hypothesis likes.
KEYS = (
    TEXTS | st.sampled_from(["", "0", "constructor", "length", "toString", "then", "a b"])
).filter(lambda key: key != "__proto__")
SAFE_INTEGERS = st.integers(-SAFE, SAFE) | st.sampled_from(
    [sign * (edge + step) for edge in (0, 2**31, 2**32) for step in (-1, 0, 1) for sign in (1, -1)]
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
BYTES = st.binary(max_size=80)
MILLISECONDS = st.integers(FIRST_MILLISECOND, LAST_MILLISECOND)


@attrs.frozen
class Twin:
    """The same value on either side."""

    source: str
    value: Any


Twins = st.SearchStrategy[Twin]


def _text(text: str) -> str:
    return json.dumps(text)


def _bytes(data: bytes) -> str:
    return f"new Uint8Array({list(data)})"


def _object(members: dict[str, Twin]) -> str:
    # In brackets, for a plain `__proto__` would be no key.
    written = (f"[{_text(key)}]: {twin.source}" for key, twin in members.items())
    return f"{{ {', '.join(written)} }}"


def _list(items: list[Twin]) -> str:
    return f"[{', '.join(item.source for item in items)}]"


def _moment(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


# From JavaScript to Python


def sent(encoding: Encoding) -> Twins:
    """Values that JavaScript sends, with what arrives."""
    in_json = encoding == "json"
    leaves = st.one_of(
        st.just(Twin("null", None)),
        # An element or an argument; a member of an object is left out.
        st.just(Twin("undefined", UNDEFINED)),
        st.booleans().map(lambda flag: Twin(str(flag).lower(), flag)),
        SAFE_INTEGERS.map(lambda number: Twin(str(number), number)),
        FINITE.map(lambda number: Twin(repr(number), _number(number, in_json=in_json))),
        st.sampled_from(["NaN", "Infinity", "-Infinity"]).map(
            lambda name: Twin(name, None if in_json else float(name))
        ),
        INTEGERS.map(lambda number: Twin(f"{number}n", number)),
        TEXTS.map(lambda text: Twin(_text(text), text)),
        BYTES.map(lambda data: Twin(_bytes(data), data)),
        BYTES.map(lambda data: Twin(f"{_bytes(data)}.buffer", data)),
        BYTES.map(lambda data: Twin(f"{_bytes(b'x' + data)}.subarray(1)", data)),
        MILLISECONDS.map(lambda number: _date(number, in_json=in_json)),
        _typed_arrays(in_json=in_json),
        _sets(in_json=in_json),
    )
    twins = st.recursive(leaves, lambda inner: _containers(inner, in_json=in_json), max_leaves=12)
    return twins.map(lambda twin: Twin(twin.source, _element(twin, in_json=in_json)))


def _element(twin: Twin, *, in_json: bool) -> Any:
    """What a value is as an argument or an element: JSON has null for undefined."""
    return None if in_json and twin.value is UNDEFINED else twin.value


def _number(number: float, *, in_json: bool) -> int | float:
    """What a number of JavaScript is in Python: without a fraction, it is an integer."""
    if not number.is_integer():
        return number
    if in_json and abs(number) < 1e21:
        # As JavaScript writes it: the shortest digits that tell it from its neighbours, then zeros.
        return int(Decimal(repr(number)))
    return int(number) if abs(number) <= 2**53 else number


def _date(milliseconds: int, *, in_json: bool) -> Twin:
    moment = _moment(milliseconds)
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Twin(f"new Date({milliseconds})", text if in_json else moment)


def _typed_arrays(*, in_json: bool) -> Twins:
    def array(kind: str, elements: st.SearchStrategy[Any], suffix: str = "") -> Twins:
        def twin(values: list[Any]) -> Twin:
            written = ", ".join(f"{value}{suffix}" for value in values)
            arrives = [
                _number(value, in_json=in_json) if isinstance(value, float) and in_json else value
                for value in values
            ]
            members = {str(index): value for index, value in enumerate(arrives)}
            return Twin(f"new {kind}([{written}])", members if in_json else arrives)

        return st.lists(elements, max_size=5).map(twin)

    def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
        least = -(2 ** (bits - 1)) if signed else 0
        return st.integers(least, least + 2**bits - 1)

    return st.one_of(
        array("Int8Array", integers(8, signed=True)),
        array("Int16Array", integers(16, signed=True)),
        array("Uint16Array", integers(16, signed=False)),
        array("Int32Array", integers(32, signed=True)),
        array("Uint32Array", integers(32, signed=False)),
        array("BigInt64Array", integers(64, signed=True), "n"),
        array("BigUint64Array", integers(64, signed=False), "n"),
        array("Float32Array", st.floats(width=32, allow_nan=False, allow_infinity=False)),
        array("Float64Array", FINITE),
    )


def _sets(*, in_json: bool) -> Twins:
    """Sets of scalars of one kind: in Python ``1``, ``1.0`` and ``True`` are one element."""

    def set_of(
        elements: st.SearchStrategy[Any], write: Callable[[Any], str]
    ) -> st.SearchStrategy[Twin]:
        return st.sets(elements, max_size=4).map(
            lambda values: Twin(
                f"new Set([{', '.join(map(write, values))}])", {} if in_json else values
            )
        )

    return st.one_of(
        set_of(SAFE_INTEGERS, str),
        set_of(st.integers(2**53, 2**64 - 1), "{}n".format),
        set_of(TEXTS, _text),
        set_of(BYTES, _bytes),
        set_of(st.none() | TEXTS, lambda value: "null" if value is None else _text(value)),
    )


def _containers(inner: Twins, *, in_json: bool) -> Twins:
    def members(twins: dict[str, Twin]) -> dict[str, Any]:
        values = {key: twin.value for key, twin in twins.items()}
        if in_json:
            values = {key: value for key, value in values.items() if value is not UNDEFINED}
        return values

    lists = st.lists(inner, max_size=4) | st.tuples(
        DOLLARS.map(lambda text: Twin(_text(text), text)), inner
    ).map(list)
    objects = st.dictionaries(KEYS, inner, max_size=4)
    return st.one_of(
        lists.map(
            lambda items: Twin(_list(items), [_element(item, in_json=in_json) for item in items])
        ),
        objects.map(lambda twins: Twin(_object(twins), members(twins))),
        objects.map(
            lambda twins: Twin(
                f"new Map(Object.entries({_object(twins)}))", {} if in_json else members(twins)
            )
        ),
        objects.map(
            lambda twins: Twin(
                f"Object.assign(Object.create(null), {_object(twins)})", members(twins)
            )
        ),
    )


# From Python to JavaScript


def received(encoding: Encoding) -> Twins:
    """Wire values that Python sends, with what JavaScript gets."""
    in_json = encoding == "json"
    nothing = st.just(Twin("null", None))
    integers = (SAFE_INTEGERS | INTEGERS).map(lambda number: Twin(_integer(number), number))
    texts = TEXTS.map(lambda text: Twin(_text(text), text))
    leaves = st.one_of(
        nothing,
        integers,
        texts,
        st.just(Twin("undefined", UNDEFINED)),
        st.booleans().map(lambda flag: Twin(str(flag).lower(), flag)),
        FINITE.map(lambda number: Twin(repr(number), number)),
        BYTES.map(lambda data: Twin(_bytes(data), data)),
        MILLISECONDS.map(_moment).map(
            lambda moment: Twin(
                _text(moment.isoformat()) if in_json else f"new Date({_milliseconds(moment)})",
                moment,
            )
        ),
        # Numbers of one kind only, as in the other direction.
        st.lists(
            nothing | texts | integers.filter(lambda twin: abs(twin.value) < 2**64),
            max_size=4,
            unique_by=lambda twin: twin.source,
        ).map(
            lambda items: Twin(f"new Set({_list(items)})", frozenset(item.value for item in items))
        ),
    )
    if not in_json:
        leaves |= st.sampled_from(["NaN", "Infinity", "-Infinity"]).map(
            lambda name: Twin(name, float(name))
        )
    return st.recursive(leaves, _python_containers, max_leaves=12)


def _integer(number: int) -> str:
    return str(number) if abs(number) <= SAFE else f"{number}n"


def _milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _python_containers(inner: Twins) -> Twins:
    lists = st.lists(inner, max_size=4)
    tagged = st.tuples(DOLLARS.map(lambda text: Twin(_text(text), text)), inner).map(list)
    return st.one_of(
        (lists | tagged).map(lambda items: Twin(_list(items), [item.value for item in items])),
        lists.map(lambda items: Twin(_list(items), tuple(item.value for item in items))),
        st.dictionaries(KEYS, inner, max_size=4).map(
            lambda twins: Twin(_object(twins), {key: twin.value for key, twin in twins.items()})
        ),
    )
