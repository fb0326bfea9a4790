from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from trivet.protocol.bare import Reader, blob, flag, optional, text, uint, uint64
from trivet.protocol.errors import DecodingError, EncodingError

UINTS = st.integers(0, 2**64 - 1) | st.integers(0, 300)


@given(UINTS, UINTS, st.booleans(), st.binary(), st.text(), st.none() | st.text())
def test_values_survive_one_after_another(
    number: int, fixed: int, yes: bool, data: bytes, words: str, perhaps: str | None
) -> None:
    written = uint(number) + uint64(fixed) + flag(yes) + blob(data) + text(words)
    reader = Reader(written + optional(text, perhaps))
    assert (reader.uint(), reader.uint64(), reader.flag()) == (number, fixed, yes)
    assert (reader.blob(), reader.text(), reader.optional(reader.text)) == (data, words, perhaps)
    reader.end()


@pytest.mark.parametrize(
    ("number", "digits"),
    [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**64 - 1, "ff" * 9 + "01")],
)
def test_integers_take_seven_bits_a_byte(number: int, digits: str) -> None:
    assert uint(number).hex() == digits
    assert Reader(bytes.fromhex(digits)).uint() == number


@pytest.mark.parametrize(
    ("digits", "reason"),
    [
        ("", "cut off"),
        ("80", "cut off"),
        ("8000", "longer than it must be"),
        ("ff00", "longer than it must be"),
        ("80" * 9 + "00", "longer than it must be"),
        ("ff" * 9 + "02", "longer than"),
        ("ff" * 9 + "7f", "longer than"),
        ("80" * 10 + "01", "longer than 64 bits"),
        ("ff" * 100, "longer than 64 bits"),
    ],
)
def test_other_integers_are_refused(digits: str, reason: str) -> None:
    with pytest.raises(DecodingError, match=reason):
        Reader(bytes.fromhex(digits)).uint()


READS: list[tuple[Callable[[Reader], object], bytes]] = [
    (Reader.flag, b"\x02"),
    (Reader.flag, b""),
    (Reader.uint64, bytes(7)),
    (Reader.blob, b"\x02a"),
    (Reader.blob, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    (Reader.text, b"\x01\xff"),
    (Reader.text, b"\x03\xed\xa0\x80"),
    (lambda reader: reader.optional(reader.uint), b"\x02\x00"),
    (lambda reader: reader.optional(reader.uint), b"\x01"),
    (Reader.end, b"\x00"),
]


@pytest.mark.parametrize(("read", "data"), READS)
def test_bounds_are_exact(read: Callable[[Reader], object], data: bytes) -> None:
    with pytest.raises(DecodingError):
        read(Reader(data))


def test_what_does_not_fit_cannot_be_written() -> None:
    for write in (uint, uint64):
        for number in (-1, 2**64):
            with pytest.raises(EncodingError, match="64 bits"):
                write(number)
    with pytest.raises(EncodingError, match="surrogate"):
        text("\ud800")
