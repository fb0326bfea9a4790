from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st
from websockets.frames import Close, Frame, Opcode

from trivet.link.frames import PING, binary_frame, close_frame, text_frame


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_a_frame_is_what_the_library_would_write(length: int) -> None:
    payload = b"x" * length
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


def test_a_ping_is_empty() -> None:
    assert Frame(Opcode.PING, b"").serialize(mask=False) == PING


def test_a_close_frame_carries_code_and_reason() -> None:
    payload = Close(1011, "actor.starting").serialize()
    expected = Frame(Opcode.CLOSE, payload).serialize(mask=False)
    assert close_frame(1011, "actor.starting") == expected


@given(st.text(max_size=10).map(lambda text: text * 20))
@example("x" * 123)
@example("x" * 124)
@example("é" * 62)
@example("€" * 42)
def test_a_reason_is_cut_between_two_characters(reason: str) -> None:
    frame = close_frame(1000, reason)
    assert len(frame) == 2 + frame[1]
    assert len(frame) <= 2 + 125
    sent = Close.parse(frame[2:]).reason
    assert reason.startswith(sent)
    assert sent == reason or len(sent.encode()) > 123 - 4


def test_a_reason_that_is_no_text_is_replaced() -> None:
    assert Close.parse(close_frame(1000, "a\ud800b")[2:]).reason == "a?b"


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4001, 4999])
def test_codes_that_may_be_sent(code: int) -> None:
    assert Close.parse(close_frame(code, "")[2:]).code == code


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
def test_codes_that_must_not_be_sent(code: int) -> None:
    with pytest.raises(ValueError, match=f"close code {code} must not be sent"):
        close_frame(code, "")
