from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from trivet.protocol.close import MAX_REASON, CloseCode, CloseReason, fit_reason, parse_reason

WORDS = st.text(alphabet="abc_", min_size=1, max_size=20)


@given(WORDS, WORDS, st.none() | WORDS)
def test_a_structured_reason_survives(group: str, code: str, ray: str | None) -> None:
    reason = CloseReason(group, code, ray)
    assert parse_reason(str(reason)) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("actor.not_found#RAY", CloseReason("actor", "not_found", "RAY")),
        ("actor.not_found#", CloseReason("actor", "not_found", "")),
        ("test.disconnect", CloseReason("test", "disconnect")),
        ("a.b.c", CloseReason("a", "b.c")),
        ("", None),
        ("Disposed", None),
        ("Disposed#a.b", None),
        (".code", None),
        ("group.", None),
    ],
)
def test_only_a_dot_makes_a_reason_structured(text: str, reason: CloseReason | None) -> None:
    assert parse_reason(text) == reason


@example("\u00fc" * 100)
@example("a" + "\u20ac" * 50)
@given(st.text(alphabet="a\u00fc\u20ac\U0001f600", max_size=150))
def test_a_reason_is_cut_at_a_character(text: str) -> None:
    fitted = fit_reason(text)
    assert text.startswith(fitted)
    size = len(fitted.encode())
    assert size <= MAX_REASON
    assert fitted == text or size + len(text[len(fitted)].encode()) > MAX_REASON


def test_a_broken_text_is_a_reason_all_the_same() -> None:
    assert fit_reason("a\ud800") == "a?"


def test_codes_are_numbers() -> None:
    assert [int(CloseCode.STAY_AWAY), int(CloseCode.DESTROYED)] == [4001, 4002]
    assert CloseCode(1013) is CloseCode.TRY_AGAIN_LATER
