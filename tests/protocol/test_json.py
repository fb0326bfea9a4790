from __future__ import annotations

import json as standard
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.protocol.wire_values import alike, values
from trivet.protocol import json
from trivet.protocol.cbor_scan import MAX_NODES
from trivet.protocol.errors import DecodingError, EncodingError
from trivet.protocol.messages import UNDEFINED


@given(values(dates=False))
def test_values_survive(value: object) -> None:
    assert alike(value, json.decode(json.encode(value)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (UNDEFINED, '["$Undefined",0]'),
        (2**53 - 1, "9007199254740991"),
        (2**53, '["$BigInt","9007199254740992"]'),
        (-(2**53), '["$BigInt","-9007199254740992"]'),
        (b"\x00\xff", '["$Uint8Array","AP8="]'),
        ({"a"}, '["$Set",["a"]]'),
        (["$x", 1], '["$$x",1]'),
        (["$$x", 1], '["$$$x",1]'),
        (["$x"], '["$x"]'),
        (["$x", 1, 2], '["$x",1,2]'),
        ([1, "$x"], '[1,"$x"]'),
        ("$x", '"$x"'),
        ("ü\u2028", '"ü\u2028"'),
        (datetime(2020, 1, 2, tzinfo=UTC), '"2020-01-02T00:00:00+00:00"'),
        (
            datetime(2020, 1, 2, 3, 4, 5, 6, timezone(timedelta(hours=-1))),
            '"2020-01-02T03:04:05.000006-01:00"',
        ),
    ],
)
def test_forms(value: object, text: str) -> None:
    assert json.encode(value).decode() == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('["$ArrayBuffer","AP8="]', b"\x00\xff"),
        ('["$BigInt","-12"]', -12),
        ('["$Unknown",1]', ["$Unknown", 1]),
        ('["\\u0024Undefined",0]', UNDEFINED),
        ('[["$Undefined",0]]', [UNDEFINED]),
        # The elements of a set are no list of their own, and two texts are no tag.
        ('["$Set",["$BigInt","1"]]', {"$BigInt", "1"}),
        ('["$Set",[["$BigInt","1"],"$x"]]', {1, "$x"}),
        (' {"a" : [ ] } ', {"a": []}),
        ("1e2", 100.0),
    ],
)
def test_reading(text: str, value: object) -> None:
    assert alike(value, json.decode(text.encode()))


def test_a_text_without_an_end_is_looked_through_once() -> None:
    # Else every quote in it would begin one more look, and 64 KiB of them would take a second.
    structure_of = json._structure  # pyright: ignore[reportPrivateUsage]
    for end in (b"", b'\\"' * 100, b'\\"' * 100 + b"\\", b"[[" * 100):
        assert structure_of(b'["a", "' + end).rstrip(b"\\") == b'[","'
        with pytest.raises(DecodingError, match="malformed"):
            json.decode(b'["a", "' + end)


REFUSED = {
    "nothing": "",
    "two texts": "1 2",
    "NaN": "NaN",
    "infinity": "[Infinity]",
    "minus infinity": "-Infinity",
    "a number beyond float": "1e999",
    "a comma too many": "[1,]",
    "a zero too many": "01",
    "a comment": "1//",
    "a key without quotes": "{a:1}",
    "a number as key": "{1:1}",
    "a key twice": '{"a":1,"a":2}',
    "a key twice, deep": '[{"b":[{"a":1,"c":2,"a":3}]}]',
    "a key twice, escaped": '{"a":1,"\\u0061":2}',
    "a key twice behind a hidden colon": '{"a":1,"a":"\\u003a"}',
    "a key twice between hidden colons": '{"a":"\\u003A","a":":","b":"\\u003a"}',
    "half a surrogate pair": '"\\ud800"',
    "the other half": '"\\udc00"',
    "halves in the wrong order": '"\\udc00\\ud800"',
    "a line in a string": '"a\nb"',
    "an unknown escape": '"\\x41"',
    "an open string": '"abc',
    "an open list": "[[1]",
    "a mark at the start": "\ufeff1",
    "a huge integer": "1" * 1235,
    "a huge negative integer": "-" + "1" * 1235,
    "far too many digits": "1" * 5000,
    "a bad BigInt": '["$BigInt","1.5"]',
    "a BigInt of other digits": '["$BigInt","\u0663"]',
    "a huge BigInt": f'["$BigInt","{"1" * 1235}"]',
    "a bad Uint8Array": '["$Uint8Array","a"]',
    "a Uint8Array in lines": '["$Uint8Array","AP8=\\n"]',
    "a Uint8Array with a space": '["$Uint8Array","A P8="]',
    "two Uint8Arrays": '["$Uint8Array","AP8=AP8="]',
    "a Uint8Array of numbers": '["$Uint8Array",[1]]',
    "a set of lists": '["$Set",[[]]]',
    "a set of no list": '["$Set",{}]',
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_not_strict_is_refused(text: str) -> None:
    with pytest.raises(DecodingError):
        json.decode(text.encode())


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b"\xff\xfe1\x00"])
def test_only_utf_8_is_read(data: bytes) -> None:
    with pytest.raises(DecodingError):
        json.decode(data)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (float("nan"), "a number that is not finite @ $"),
        ([1, float("inf")], "a number that is not finite @ $[1]"),
        (datetime(2020, 1, 1), "a datetime without a timezone @ $"),
    ],
)
def test_what_json_lacks_cannot_be_sent(value: object, what: str) -> None:
    with pytest.raises(EncodingError) as caught:
        json.encode(value)
    assert what in caught.value.message


def test_depth() -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b'"]"' + b"]" * depth

    json.decode(nested(64))
    json.decode(b'{"a":' * 64 + b"{}" + b"}" * 64)
    json.decode(b"[" * 65 + b"]" * 65)  # the innermost is empty
    json.decode(nested(67), levels=3)
    for data in (nested(65), b'{"a":' * 65 + b"0" + b"}" * 65, nested(100_000)):
        with pytest.raises(DecodingError):
            json.decode(data)
    with pytest.raises(DecodingError):
        json.decode(nested(68), levels=3)


def test_many_brackets_are_not_deep() -> None:
    value: dict[str, Any] = {"text": "[" * 100, "list": [[[]] * 100, '"[{' * 30]}
    assert json.decode(standard.dumps(value).encode()) == value


@pytest.mark.parametrize("unit", ["0", "[]", "{}", '","', '"[,:"'])
def test_the_number_of_values_is_limited(unit: str) -> None:
    def items(count: int) -> bytes:
        return f"[{','.join([unit] * count)}]".encode()

    json.decode(items(MAX_NODES - 1))
    with pytest.raises(DecodingError, match="16384 values"):
        json.decode(items(MAX_NODES))
    json.decode(items(MAX_NODES), counted=False)


def test_keys_count_too() -> None:
    def members(count: int) -> bytes:
        return standard.dumps({str(number): 0 for number in range(count)}).encode()

    json.decode(members(MAX_NODES // 2 - 1))
    with pytest.raises(DecodingError, match="16384 values"):
        json.decode(members(MAX_NODES // 2))


def test_long_texts_keep_their_numbers() -> None:
    value = [1e300, -5e-324, 1.5, "9" * 3000, 10**1233] + ["x"] * 500
    data = standard.dumps(value).encode()
    assert alike(value, json.decode(data))
    with pytest.raises(DecodingError, match="out of range"):
        json.decode(data.replace(b"1e+300", b"1e+999"))


def spoiled(value: object, position: int, text: str) -> str:
    """A JSON text with something put into it."""
    written = standard.dumps(value)
    return written[:position] + text + written[position:]


TEXTS = st.text(alphabet='{}[]":,\\u0123456789aedE+-. \n\x00$tfn', max_size=30) | st.builds(
    spoiled,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    ),
    st.integers(0, 30),
    st.sampled_from(["", '"', "\\", "\\u", "{", "]", ",", ":", "\\ud800", '"":0,']),
)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key twice")
    return result


def refuse(constant: str) -> None:
    raise ValueError(constant)


@given(TEXTS)
def test_the_verdict_is_that_of_the_standard_library_made_strict(text: str) -> None:
    try:
        expected = standard.loads(text, object_pairs_hook=unique, parse_constant=refuse)
        standard.dumps(expected, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        with pytest.raises(DecodingError):
            json.parse(text.encode())
    else:
        assert alike(expected, json.parse(text.encode()))
