from __future__ import annotations

import attrs
import pytest
from hypothesis import given, strategies as st

from trivet.declare.event import Overflow
from trivet.link.outbox import CHUNK, Outbox


class Kernel:
    """A socket that takes what it is told to take."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.taken = b""

    def send_now(self, data: bytes) -> int:
        assert data, "an empty send says nothing"
        taken = data[: self.room]
        self.room -= len(taken)
        self.taken += taken
        return len(taken)


def drain(outbox: Outbox) -> bytes:
    data = b""
    while outbox.size:
        data += outbox.take()
    return data


def small() -> Outbox:
    return Outbox(max_messages=3, max_bytes=30)


def filled(*frames: bytes) -> Outbox:
    outbox = small()
    for frame in frames:
        assert outbox.offer(frame, None, "disconnect")
    return outbox


def test_frames_leave_in_order() -> None:
    assert drain(filled(b"one", b"two", b"three")) == b"onetwothree"


def test_it_holds_so_many_frames() -> None:
    assert not filled(b"a", b"b", b"c").offer(b"d", None, "disconnect")


def test_it_holds_so_many_bytes() -> None:
    assert not filled(b"a" * 20).offer(b"b" * 11, None, "disconnect")
    assert filled(b"a" * 20).offer(b"b" * 10, None, "disconnect")


def test_any_single_frame_fits() -> None:
    outbox = filled(b"a" * 1000)
    assert not outbox.offer(b"b", None, "disconnect")
    assert drain(outbox) == b"a" * 1000


def test_a_partly_written_frame_counts() -> None:
    outbox = filled(b"abc", b"d", b"e")
    assert not outbox.flush(Kernel(room=1).send_now)
    assert not outbox.offer(b"f", None, "disconnect")
    assert outbox.size == 4
    assert not outbox.flush(Kernel(room=2).send_now)
    assert outbox.offer(b"f", None, "disconnect")


def test_everything_leaves_in_one_send() -> None:
    sends: list[bytes] = []

    def send_now(data: bytes) -> int:
        sends.append(data)
        return len(data)

    outbox = filled(b"one", b"two", b"three")
    assert outbox.flush(send_now)
    assert sends == [b"onetwothree"]


def test_one_send_is_no_larger_than_a_chunk_unless_its_only_frame_is() -> None:
    outbox = Outbox(max_messages=100, max_bytes=10 * CHUNK)
    for frame in (b"a" * 2 * CHUNK, b"b" * (CHUNK - 1), b"c", b"d"):
        assert outbox.offer(frame, None, "disconnect")
    assert outbox.take() == b"a" * 2 * CHUNK
    assert outbox.take() == b"b" * (CHUNK - 1) + b"c"
    assert outbox.take() == b"d"


def test_drop_oldest_makes_room_with_the_oldest_of_the_same_event() -> None:
    outbox = small()
    assert outbox.offer(b"x1", "x", "drop_oldest")
    assert outbox.offer(b"y1", "y", "drop_oldest")
    assert outbox.offer(b"y2", "y", "drop_oldest")
    assert outbox.force(b"y3", "y", "drop_oldest")
    assert drain(outbox) == b"x1y2y3"
    assert outbox.dropped == 1


def test_drop_oldest_makes_room_with_another_event_if_need_be() -> None:
    outbox = small()
    for frame in (b"x1", b"x2", b"x3"):
        assert outbox.offer(frame, "x", "drop_oldest")
    assert outbox.force(b"y1", "y", "drop_oldest")
    assert drain(outbox) == b"x2x3y1"


def test_a_reply_makes_room_at_the_expense_of_events() -> None:
    outbox = filled(b"r1", b"r2")
    assert outbox.offer(b"x1", "x", "drop_oldest")
    assert outbox.force(b"r3", None, "disconnect")
    assert drain(outbox) == b"r1r2r3"


def test_a_large_frame_drops_several() -> None:
    outbox = small()
    for number in b"123":
        assert outbox.offer(bytes([number]) * 10, "x", "drop_oldest")
    assert outbox.force(b"4" * 20, "x", "drop_oldest")
    assert drain(outbox) == b"3" * 10 + b"4" * 20


def test_replies_never_give_way() -> None:
    outbox = filled(b"r1", b"r2", b"r3")
    assert not outbox.force(b"r4", None, "disconnect")
    assert not outbox.force(b"z1", "z", "latest")
    assert outbox.force(b"x1", "x", "drop_oldest"), "it gives way itself"
    assert outbox.dropped == 1
    assert drain(outbox) == b"r1r2r3"


def test_latest_keeps_the_newest_of_its_event_alone() -> None:
    outbox = Outbox(max_messages=10, max_bytes=100)
    for frame, event in ((b"x1", "x"), (b"y1", "y"), (b"x2", "x"), (b"x3", "x")):
        assert outbox.offer(frame, event, "latest")
    assert drain(outbox) == b"y1x3"
    assert outbox.dropped == 2


@pytest.mark.parametrize("policy", ["drop_oldest", "latest"])
def test_a_started_frame_is_written_to_its_end(policy: Overflow) -> None:
    outbox, kernel = Outbox(max_messages=2, max_bytes=100), Kernel(room=3)
    assert outbox.offer(b"first", "x", policy)
    assert not outbox.flush(kernel.send_now)
    for number in b"2345":
        assert outbox.force(bytes([number]), "x", policy)
    kernel.room = 100
    assert outbox.flush(kernel.send_now)
    assert kernel.taken == b"first5"


def test_dropping_what_is_not_started_spares_what_is() -> None:
    outbox, kernel = filled(b"first", b"second"), Kernel(room=2)
    outbox.flush(kernel.send_now)
    outbox.drop_unstarted()
    assert drain(outbox) == b"rst"
    outbox = filled(b"first")
    outbox.put_started(b"rest")
    outbox.clear()
    assert outbox.size == 0
    assert outbox.flush(kernel.send_now)


@attrs.frozen
class Push:
    event: str | None
    overflow: Overflow
    length: int


PUSHES = st.one_of(
    st.builds(Push, st.none(), st.just("disconnect"), st.integers(1, 12)),
    st.builds(Push, st.sampled_from("ab"), st.just("drop_oldest"), st.integers(1, 12)),
    st.builds(Push, st.sampled_from("cd"), st.just("latest"), st.integers(1, 12)),
)


@given(st.lists(st.one_of(PUSHES, st.integers(0, 15)), max_size=60))
def test_whatever_happens_order_bounds_and_frames_hold(steps: list[Push | int]) -> None:
    outbox, kernel = Outbox(max_messages=4, max_bytes=24), Kernel()
    accepted: list[tuple[Push, bytes]] = []
    for number, step in enumerate(steps):
        if isinstance(step, int):
            kernel.room = step
            outbox.flush(kernel.send_now)
        else:
            frame = bytes([number]) * step.length
            if not outbox.force(frame, step.event, step.overflow):
                return  # the client is a slow consumer: its link ends
            accepted.append((step, frame))
        assert outbox.size <= 24
    kernel.room = 10**6
    assert outbox.flush(kernel.send_now)
    rest = kernel.taken
    for push, frame in accepted:
        if rest.startswith(frame):
            rest = rest[len(frame) :]
        else:
            assert push.overflow != "disconnect", "a reply was dropped or cut"
    assert rest == b"", "something was cut, or out of order"
    newest = {push.event: frame for push, frame in accepted if push.overflow == "latest"}
    assert all(frame in kernel.taken for frame in newest.values())
