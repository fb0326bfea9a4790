from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st
from websockets.frames import Frame, Opcode
from websockets.utils import apply_mask as apply_mask_without_extension

from tests.link.peers import MASK, binary, client_frame, goodbye, masked, ping, text
from trivet.link import reader as reader_module
from trivet.link.limits import HARD_LIMIT, LinkLimits
from trivet.link.reader import MessageReader, PeerClose, Pong, Violation

Outcome = str | bytes | Pong | PeerClose

SMALL = LinkLimits(message_size=1000, fragments=8, empty_fragments=3)


def outcomes(reader: MessageReader) -> Iterator[Outcome]:
    while reader.unread:
        outcome = reader.next_message()
        if outcome is not None:
            yield outcome


def read(*pieces: bytes, limits: LinkLimits = SMALL) -> list[Outcome]:
    reader, found = MessageReader(limits), list[Outcome]()
    for piece in pieces:
        reader.feed(piece)
        found += outcomes(reader)
    return found


def bytewise(data: bytes) -> list[bytes]:
    return [data[position : position + 1] for position in range(len(data))]


def violation(*pieces: bytes, limits: LinkLimits = SMALL) -> tuple[int, str]:
    with pytest.raises(Violation) as caught:
        read(*pieces, limits=limits)
    return caught.value.code, caught.value.reason


def first_part(payload: bytes, *, binary: bool = False) -> bytes:
    return client_frame(0x02 if binary else 0x01, payload)


def middle_part(payload: bytes) -> bytes:
    return client_frame(0x00, payload)


def last_part(payload: bytes) -> bytes:
    return client_frame(0x80, payload)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 125, 126, 127, 65535, 65536, 100_000])
def test_messages_of_every_length_arrive(length: int) -> None:
    payload = bytes(position % 251 for position in range(length))
    string = "x" * length
    found = read(binary(payload) + text(string), limits=LinkLimits())
    assert found == [payload, string]


def test_many_messages_in_one_piece() -> None:
    assert read(text("a") + binary(b"b") + text("c")) == ["a", b"b", "c"]


def test_a_message_byte_by_byte() -> None:
    assert read(*bytewise(text("héllo") + binary(b"z" * 300))) == ["héllo", b"z" * 300]


def test_fragments_are_joined() -> None:
    parts = first_part(b"one "), middle_part(b"two "), last_part(b"three")
    assert read(*parts) == ["one two three"]
    assert read(b"".join(parts) + text("next")) == ["one two three", "next"]
    assert read(first_part(b"\xff", binary=True) + last_part(b"\xfe")) == [b"\xff\xfe"]


def test_a_code_point_may_be_split_between_fragments() -> None:
    euro = "€".encode()
    assert read(first_part(euro[:1]) + middle_part(euro[1:2]) + last_part(euro[2:])) == ["€"]


def test_control_frames_may_come_between_fragments() -> None:
    pong = Frame(Opcode.PONG, b"?").serialize(mask=False)
    found = read(first_part(b"a") + ping(b"?") + client_frame(0x8A, b"!") + last_part(b"b"))
    assert found == [Pong(pong), "ab"]


def test_a_client_may_leave_between_fragments() -> None:
    (found,) = read(first_part(b"a") + goodbye(1000, "enough"))
    assert isinstance(found, PeerClose)
    assert (found.code, found.reason) == (1000, "enough")


def test_pongs_are_ignored() -> None:
    assert read(client_frame(0x8A, b"unasked") + text("x")) == ["x"]


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        (goodbye(1000, "Disposed"), 1000, "Disposed"),
        (goodbye(4001, ""), 4001, ""),
        (client_frame(0x88), 1005, ""),
    ],
)
def test_a_goodbye_is_echoed(frame: bytes, code: int, reason: str) -> None:
    (found,) = read(frame)
    assert isinstance(found, PeerClose)
    assert (found.code, found.reason) == (code, reason)
    assert found.echo == bytes((frame[0], frame[1] & 0x7F)) + masked(frame[6:])


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\x81\x05hello", id="not masked"),
        pytest.param(b"\x81\x7e\x01\x00", id="not masked, longer"),
        pytest.param(b"\x89\x00", id="ping not masked"),
        pytest.param(client_frame(0xC1, b"x"), id="first reserved bit"),
        pytest.param(client_frame(0xA2, b"x"), id="second reserved bit"),
        pytest.param(client_frame(0x91, b"x"), id="third reserved bit"),
        pytest.param(client_frame(0x83, b"x"), id="reserved opcode"),
        pytest.param(client_frame(0x8B, b"x"), id="reserved control opcode"),
        pytest.param(client_frame(0x09, b"x"), id="fragmented ping"),
        pytest.param(client_frame(0x08), id="fragmented close"),
        pytest.param(client_frame(0x89, b"x" * 126), id="long ping"),
        pytest.param(middle_part(b"x"), id="continuation of nothing"),
        pytest.param(last_part(b"x"), id="end of nothing"),
        pytest.param(first_part(b"a") + text("b"), id="message within a message"),
        pytest.param(first_part(b"a") + first_part(b"b"), id="fragments within a message"),
        pytest.param(client_frame(0x88, b"\x03"), id="half a close code"),
        pytest.param(client_frame(0x88, b"\x03\xed"), id="close code 1005"),
        pytest.param(client_frame(0x88, b"\x00\x01"), id="close code 1"),
    ],
)
def test_broken_rules_are_protocol_errors(frame: bytes) -> None:
    code, reason = violation(text("before") + frame)
    assert code == 1002
    assert 0 < len(reason) < 124
    assert violation(*bytewise(frame))[0] == 1002


@pytest.mark.parametrize(
    "payload",
    [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"ok\x80"],
)
def test_text_must_be_utf8(payload: bytes) -> None:
    expected = (1007, "message.invalid_utf8")
    assert violation(client_frame(0x81, payload)) == expected
    assert violation(first_part(payload) + last_part(b"")) == expected
    assert read(client_frame(0x82, payload)) == [payload]


def test_a_close_reason_must_be_utf8() -> None:
    assert violation(client_frame(0x88, b"\x03\xe8\xff"))[0] == 1007


def test_what_came_before_a_broken_rule_was_read() -> None:
    reader = MessageReader(SMALL)
    reader.feed(text("good") + b"\x81\x00" + text("never"))
    assert reader.next_message() == "good"
    with pytest.raises(Violation):
        reader.next_message()


def header_only(length: int, first: int = 0x82) -> bytes:
    return bytes((first, 0xFF)) + length.to_bytes(8, "big") + MASK


@pytest.mark.parametrize("length", [HARD_LIMIT + 1, 2**40, 2**63, 2**64 - 1])
def test_the_hard_limit_is_checked_on_the_declared_length(length: int) -> None:
    assert violation(header_only(length))[0] == 1009
    assert violation(header_only(length), limits=LinkLimits())[0] == 1009


def test_the_message_limit_is_checked_on_the_declared_length() -> None:
    expected = (1011, "message.incoming_too_long")
    assert violation(header_only(1001)) == expected
    assert violation(binary(b"x" * 1001)) == expected
    assert read(binary(b"x" * 1000)) == [b"x" * 1000]
    assert violation(binary(b"x" * 6), limits=LinkLimits(message_size=5)) == expected


def test_fragments_add_up_to_the_limits() -> None:
    exact = first_part(b"x" * 600, binary=True) + last_part(b"x" * 400)
    assert read(exact) == [b"x" * 1000]
    over = first_part(b"x" * 600, binary=True) + header_only(401, first=0x80)
    assert violation(over) == (1011, "message.incoming_too_long")
    hard = first_part(b"x" * 600, binary=True) + header_only(HARD_LIMIT - 599, first=0x80)
    assert violation(hard)[0] == 1009


def test_control_frames_do_not_add_up_to_a_message() -> None:
    parts = first_part(b"x" * 990, binary=True), ping(b"p" * 125), last_part(b"x" * 10)
    assert read(b"".join(parts))[-1] == b"x" * 1000


def test_a_frame_that_is_arriving_is_looked_at_only_when_it_is_complete() -> None:
    reader, frame = MessageReader(SMALL), binary(b"x" * 500)
    reader.feed(frame[:100])
    assert list(outcomes(reader)) == []
    for position in range(100, len(frame) - 1):
        reader.feed(frame[position : position + 1])
        assert reader.unread == b""
    reader.feed(frame[-1:])
    assert list(outcomes(reader)) == [b"x" * 500]


def test_a_long_control_frame_is_refused_before_it_arrives() -> None:
    assert violation(header_only(1000, first=0x89)) == (1002, "control frame too long")


def test_fragments_are_counted() -> None:
    parts = first_part(b"a") + middle_part(b"b") * 6
    assert read(parts + last_part(b"c")) == ["a" + "b" * 6 + "c"]
    code, reason = violation(parts + middle_part(b"b"))
    assert (code, reason) == (1009, "message.too_many_fragments")


def test_the_default_is_1024_fragments() -> None:
    parts = first_part(b"") + middle_part(b"x") * 1022
    assert read(parts + last_part(b"x"), limits=LinkLimits()) == ["x" * 1023]
    assert violation(parts + middle_part(b"x"), limits=LinkLimits())[0] == 1009


def test_empty_fragments_in_a_row_are_few() -> None:
    assert read(first_part(b"a") + middle_part(b"") * 3 + last_part(b"")) == ["a"]
    code, reason = violation(first_part(b"a") + middle_part(b"") * 4)
    assert (code, reason) == (1009, "message.too_many_fragments")
    assert read(first_part(b""), *[middle_part(b""), middle_part(b"x")] * 3, last_part(b"")) == [
        "xxx"
    ]


def test_it_knows_what_is_unfinished() -> None:
    reader = MessageReader(SMALL)

    def after(data: bytes) -> int:
        reader.feed(data)
        assert list(outcomes(reader)) is not None
        return reader.unfinished

    assert after(text("a")) == 0
    partial = text("abc")
    assert after(partial[:1]) == 2, "the second frame began"
    assert after(partial[1:5]) == 2, "and is still arriving"
    assert after(partial[5:] + partial[:2]) == 3, "it is complete, and the third began"
    assert after(partial[2:]) == 0
    assert after(first_part(b"x")) == 4, "a fragmented message began"
    assert after(ping() + partial[:0]) == 4
    assert after(ping()[:3]) == 4
    assert after(ping()[3:] + last_part(b"y")) == 0


def test_nothing_is_kept_of_what_was_read() -> None:
    reader = MessageReader(SMALL)
    reader.feed(text("a") * 3)
    assert list(outcomes(reader)) == ["a", "a", "a"]
    assert reader.unread == b""


@given(st.binary(max_size=40))
def test_unmasking_does_not_need_the_extension(payload: bytes) -> None:
    assert apply_mask_without_extension(payload, MASK) == masked(payload)


def test_the_reader_works_without_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "apply_mask", apply_mask_without_extension)
    assert read(text("héllo") + binary(b"") + binary(b"12345")) == ["héllo", b"", b"12345"]


# A conversation: what is sent, and what must come out.
MESSAGES = st.one_of(st.text(max_size=200), st.binary(max_size=400))
PINGS = st.binary(max_size=125).map(Pong)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Outcome]]:
    data, expected = b"", list[Outcome]()
    for item in draw(st.lists(st.one_of(MESSAGES, PINGS), max_size=8)):
        if isinstance(item, Pong):
            data += ping(item.frame)
            expected.append(Pong(Frame(Opcode.PONG, item.frame).serialize(mask=False)))
            continue
        first = 0x01 if isinstance(item, str) else 0x02
        payload = item.encode() if isinstance(item, str) else item
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
        bounds = [0, *cuts, len(payload)]
        for index, (begin, end) in enumerate(pairwise(bounds)):
            opcode = first if index == 0 else 0x00
            final = 0x80 if index == len(bounds) - 2 else 0x00
            data += client_frame(opcode | final, payload[begin:end])
        expected.append(item)
    return data, expected


@given(conversations(), st.data())
def test_however_bytes_are_cut_the_messages_are_the_same(
    conversation: tuple[bytes, list[Outcome]], data: st.DataObject
) -> None:
    sent, expected = conversation
    limits = LinkLimits(empty_fragments=1024)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=30)))
    bounds = [0, *cuts, len(sent)]
    pieces = [sent[begin:end] for begin, end in pairwise(bounds)]
    assert read(*[piece for piece in pieces if piece], limits=limits) == expected
    assert read(*bytewise(sent), limits=limits) == expected


def code_of_violation(*pieces: bytes) -> int | None:
    try:
        read(*pieces)
    except Violation as broken:
        return broken.code
    return None


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=20))
def test_no_bytes_raise_anything_but_a_violation(pieces: list[bytes]) -> None:
    assert code_of_violation(*pieces) in {None, 1002, 1007, 1009, 1011}


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=130)), max_size=6))
def test_no_frames_raise_anything_but_a_violation(frames: list[tuple[int, bytes]]) -> None:
    sent = b"".join(client_frame(first, payload) for first, payload in frames)
    assert code_of_violation(sent) in {None, 1002, 1007, 1009, 1011}
