from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from trivet.protocol.percent import unquote


@given(st.text())
def test_what_is_quoted_is_read(text: str) -> None:
    assert unquote(quote(text, safe="")) == text


@pytest.mark.parametrize("text", ["%", "a%", "%4", "%zz", "%%41", "%ff", "%ed%a0%80", "%c0%80"])
def test_what_is_malformed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"percent sign|utf-8"):
        unquote(text)


def test_a_plus_is_a_plus() -> None:
    assert unquote("a+b%2Bc") == "a+b+c"
