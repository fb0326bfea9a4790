from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from trivet.declare.keys import (
    InvalidKeyError,
    Key,
    check_key,
    check_name,
    key_from_query,
    key_to_query,
    parse_key,
    serialize_key,
)

AWKWARD = st.text(alphabet="/\\0,a. \x00\u00fc", max_size=8)
KEYS = st.lists(AWKWARD | st.text(max_size=20), max_size=5).map(tuple)


@given(KEYS)
def test_a_key_survives(key: Key) -> None:
    assert parse_key(serialize_key(key)) == key


@given(KEYS, KEYS)
def test_no_two_keys_are_written_alike(one: Key, other: Key) -> None:
    assert (serialize_key(one) == serialize_key(other)) is (one == other)


@given(st.text(alphabet="/\\0a", max_size=10))
def test_no_two_texts_are_the_same_key(text: str) -> None:
    try:
        key = parse_key(text)
    except InvalidKeyError:
        return
    assert serialize_key(key) == text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ((), "/"),
        (("",), "\\0"),
        (("a",), "a"),
        (("room", "json"), "room/json"),
        (("a", ""), "a/\\0"),
        (("", ""), "\\0/\\0"),
        (("a/b", "c\\d"), "a\\/b/c\\\\d"),
        (("/",), "\\/"),
        (("\\0",), "\\\\0"),
        (("0",), "0"),
        (("../../etc/passwd", "%2e", "\x00"), "..\\/..\\/etc\\/passwd/%2e/\x00"),
    ],
)
def test_the_managers_form(key: Key, text: str) -> None:
    assert serialize_key(key) == text
    assert parse_key(text) == key


@pytest.mark.parametrize(
    "text", ["", "//", "/a", "a/", "a//b", "\\", "a\\", "\\x", "\\0a", "a\\0", "a/\\"]
)
def test_other_texts_are_no_keys(text: str) -> None:
    with pytest.raises(InvalidKeyError, match="serialized key"):
        parse_key(text)


@given(st.lists(AWKWARD.filter(lambda part: part and "," not in part), max_size=5).map(tuple))
def test_a_key_survives_a_url(key: Key) -> None:
    assert key_from_query(key_to_query(key)) == key


@pytest.mark.parametrize(
    ("text", "key"), [("", ()), ("a", ("a",)), ("a,", ("a", "")), (",", ("", ""))]
)
def test_every_comma_parts(text: str, key: Key) -> None:
    assert key_from_query(text) == key


@pytest.mark.parametrize(
    ("key", "reason"),
    [(("a,b",), "part 0 of the key has a comma"), (("a", ""), "part 1 of the key is empty")],
)
def test_a_url_cannot_carry_every_key(key: Key, reason: str) -> None:
    with pytest.raises(InvalidKeyError, match=reason):
        key_to_query(key)


def test_limits() -> None:
    check_key(["a" * 128, "\u00fc" * 64])
    for part in ("a" * 129, "\u00fc" * 65):
        with pytest.raises(InvalidKeyError, match="part 1 of the key is longer than 128 bytes"):
            check_key(["a", part])
    # Seven parts of 128 and one of 121 make 1,024 with the marks between them.
    longest = ["a" * 128] * 7 + ["a" * 121]
    assert len(serialize_key(check_key(longest))) == 1024
    for key in ([*longest[:-1], "a" * 122], [""] * 342, ["/" * 128] * 4):
        with pytest.raises(InvalidKeyError, match="the key is longer than 1024 bytes"):
            check_key(key)
    for read, text in ((parse_key, "a" * 129), (key_from_query, "a" * 129)):
        with pytest.raises(InvalidKeyError):
            read(text)


@pytest.mark.parametrize("part", [1, None, b"a", ["a"], True])
def test_parts_are_text(part: Any) -> None:
    with pytest.raises(InvalidKeyError, match="part 1 of the key is no text"):
        check_key(["a", part])


def test_parts_and_names_are_unicode() -> None:
    with pytest.raises(InvalidKeyError, match="half of a surrogate pair"):
        check_key(["\ud800"])
    with pytest.raises(InvalidKeyError, match="half of a surrogate pair"):
        check_name("\ud800")


def test_names() -> None:
    assert check_name("a" * 64) == "a" * 64
    for name in ("", "a" * 65):
        with pytest.raises(InvalidKeyError, match="the actor's name is"):
            check_name(name)
