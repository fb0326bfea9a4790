"""Every value that can cross, from JavaScript to Python and back, by every way that values go.

The keys of the tables are JavaScript, which node evaluates; what comes back is as node shows it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.interop.actors import PARCEL
from tests.interop.node import JavaScript

pytestmark = pytest.mark.interop

SENT_AT = datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC)

CARRIED: dict[str, tuple[Any, str]] = {
    "undefined": (None, "null"),
    "null": (None, "null"),
    "true": (True, "true"),
    "0": (0, "0"),
    "-1": (-1, "-1"),
    "1.5": (1.5, "1.5"),
    "1e300": (1e300, "1e+300"),
    "2 ** 32 - 1": (2**32 - 1, "4294967295"),
    "2 ** 32": (2**32, "4294967296"),
    "-(2 ** 32) - 1": (-(2**32) - 1, "-4294967297"),
    "1700000000123": (1700000000123, "1700000000123"),
    "Number.MAX_SAFE_INTEGER": (2**53 - 1, "9007199254740991"),
    "Number.MIN_SAFE_INTEGER": (1 - 2**53, "-9007199254740991"),
    # What a number of JavaScript holds comes back as one.
    "5n": (5, "5"),
    "2n ** 32n": (2**32, "4294967296"),
    "2n ** 53n": (2**53, "9007199254740992n"),
    "2n ** 64n": (2**64, "18446744073709551616n"),
    "-(2n ** 63n)": (-(2**63), "-9223372036854775808n"),
    "-(2n ** 70n)": (-(2**70), "-1180591620717411303424n"),
    "''": ("", "''"),
    "'text \\0 ü 😀'": ("text \0 ü 😀", r"'text \x00 ü 😀'"),
    "new Uint8Array([1, 255])": (b"\x01\xff", "Uint8Array(2) [ 1, 255 ]"),
    "new Uint8Array()": (b"", "Uint8Array(0) []"),
    "new ArrayBuffer(2)": (b"\0\0", "Uint8Array(2) [ 0, 0 ]"),
    "[]": ([], "[]"),
    "{}": ({}, "{}"),
    "[1, [2, { a: [null] }]]": ([1, [2, {"a": [None]}]], "[ 1, [ 2, { a: [ null ] } ] ]"),
    "{ a: { b: undefined }, c: [undefined] }": (
        {"a": {}, "c": [None]},
        "{ a: {}, c: [ null ] }",
    ),
    "{ 'a b': 5n, '': new Uint8Array(1) }": (
        {"a b": 5, "": b"\0"},
        "{ 'a b': 5, '': Uint8Array(1) [ 0 ] }",
    ),
    # Lists that look like what encodings write for values that they lack.
    "['$Undefined', 0]": (["$Undefined", 0], "[ '$Undefined', 0 ]"),
    "['$x', ['$$x', 1]]": (["$x", ["$$x", 1]], "[ '$x', [ '$$x', 1 ] ]"),
    # What JSON lacks.
    "new Date(0)": (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000Z"),
    "new Date(1700000000123)": (SENT_AT, "2023-11-14T22:13:20.123Z"),
    "new Date(-1)": (
        datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=1),
        "1969-12-31T23:59:59.999Z",
    ),
    "new Set()": (set(), "Set(0) {}"),
    "new Set([1])": ({1}, "Set(1) { 1 }"),
    "new Set([2 ** 40])": ({2**40}, "Set(1) { 1099511627776 }"),
    "new Map([['a', 1]])": ({"a": 1}, "{ a: 1 }"),
    "new Float64Array([1.5])": ([1.5], "[ 1.5 ]"),
    "new Int16Array([1, -2])": ([1, -2], "[ 1, -2 ]"),
    "NaN": (float("nan"), "NaN"),
    "-Infinity": (float("-inf"), "-Infinity"),
}

CARRIED_IN_JSON: dict[str, tuple[Any, str]] = {
    "new Date(0)": ("1970-01-01T00:00:00.000Z", "'1970-01-01T00:00:00.000Z'"),
    "new Date(1700000000123)": ("2023-11-14T22:13:20.123Z", "'2023-11-14T22:13:20.123Z'"),
    "new Date(-1)": ("1969-12-31T23:59:59.999Z", "'1969-12-31T23:59:59.999Z'"),
    "new Set()": ({}, "{}"),
    "new Set([1])": ({}, "{}"),
    "new Set([2 ** 40])": ({}, "{}"),
    "new Map([['a', 1]])": ({}, "{}"),
    "new Float64Array([1.5])": ({"0": 1.5}, "{ '0': 1.5 }"),
    "new Int16Array([1, -2])": ({"0": 1, "1": -2}, "{ '0': 1, '1': -2 }"),
    "NaN": (None, "null"),
    "-Infinity": (None, "null"),
}


async def test_values_cross_both_ways(javascript: JavaScript) -> None:
    carried = CARRIED | (CARRIED_IN_JSON if javascript.encoding == "json" else {})
    results = await javascript.run("values.crossing", list(carried))
    assert dict(zip(carried, results, strict=True)) == {
        source: {
            # Over a connection and over HTTP.
            "arrived": [repr(value)] * 2,
            # As a result, in an event, as a result over HTTP, in the metadata of an error.
            "returned": [shown] * 4,
        }
        for source, (value, shown) in carried.items()
    }


async def test_inputs_carry_every_value_in_every_encoding(javascript: JavaScript) -> None:
    source = "{ list: [5n, new Uint8Array([1]), 2 ** 40, new Date(1700000000123)] }"
    arrived = repr({"list": [5, b"\x01", 2**40, SENT_AT]})
    assert await javascript.run("values.inputs", source) == [arrived, arrived]


# A parcel as node shows it and as it is written there, but for what JSON has no value for.
WRAPPED = (
    "{{ sentAt: {sent_at}, identity: '12345678-1234-5678-1234-567812345678', price: '12.50', "
    "label: Uint8Array(2) [ 0, 255 ], tags: Set(1) {{ 'fragile' }}, shade: 'dark', "
    "place: [ 2.5, 'left' ], counts: {{ a: 4294967296, b: -9007199254740993n }}, "
    "serial: 18446744073709551616n, weight: 3, inner: null }}"
)
WRITTEN = """{{
    sentAt: new Date("2026-01-02T03:04:05.500Z"), identity: "12345678-1234-5678-1234-567812345678",
    price: "12.50", label: new Uint8Array([0, 255]), tags: {tags}, shade: "dark",
    place: [2.5, "left"], counts: {{ a: 2 ** 32, b: -(2n ** 53n) - 1n }},
    serial: 2n ** 64n, weight: 3, inner: undefined,
}}"""


async def test_typed_values_cross_both_ways(javascript: JavaScript) -> None:
    if javascript.encoding == "json":
        sent_at, tags = "'2026-01-02T03:04:05.500000+00:00'", "['fragile']"
    else:
        sent_at, tags = "2026-01-02T03:04:05.500Z", "new Set(['fragile'])"
    wrapped, unwrapped = await javascript.run("values.typed", WRITTEN.format(tags=tags))
    assert wrapped == WRAPPED.format(sent_at=sent_at)
    assert unwrapped == repr(PARCEL)


@pytest.mark.parametrize("encoding", ["bare", "cbor"])
@pytest.mark.parametrize("source", ["new Map([[1, 2]])", "new Set([{}])"])
async def test_what_no_value_is_fails(javascript: JavaScript, source: str) -> None:
    """Over a connection, a message that cannot be read ends it."""
    call, connected = await javascript.run("values.unreadable", source)
    assert (call["group"], call["code"]) == ("actor", "invalid_request")
    assert (connected["group"], connected["code"]) == ("actor", "invalid_request")
