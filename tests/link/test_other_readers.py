"""What a stream of frames means to our reader, to `websockets` and to trio-websocket's `wsproto`.

The messages and pings before the first broken rule are the same, and so is whether there is one.
Only the close code may differ where RFC 6455 names none; and what our limits refuse is not asked.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import example, given, strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import RemoteProtocolError

from tests.link.peers import client_frame
from trivet.link.limits import LinkLimits
from trivet.link.reader import MessageReader, PeerClose, Pong, Violation

# Nothing generated here comes near these.
LIMITS: Final = LinkLimits(fragments=1000, empty_fragments=1000)

BROKEN: Final = "broken"
NO_TEXT: Final = "no UTF-8"
Event = tuple[str, object]


def ours(data: bytes) -> list[Event]:
    events: list[Event] = []
    reader = MessageReader(LIMITS)
    reader.feed(data)
    try:
        while reader.unread:
            match reader.next_message():
                case str(text):
                    events.append(("text", text))
                case bytes(payload):
                    events.append(("binary", payload))
                case Pong(frame):
                    events.append(("ping", frame[2:]))
                case PeerClose(code, reason):
                    return [*events, ("close", (code, reason))]
                case None:
                    pass
    except Violation:
        events.append((BROKEN, None))
    return events


def of_websockets(data: bytes) -> list[Event]:
    """Its core hands out frames; putting fragments together is a line each."""
    events: list[Event] = []
    protocol = ServerProtocol(state=OPEN, max_size=None)
    protocol.receive_data(data)
    kind, parts = "text", b""
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        payload = bytes(event.data)
        if event.opcode is Opcode.PING:
            events.append(("ping", payload))
        elif event.opcode is Opcode.CLOSE:
            close = Close.parse(payload)
            return [*events, ("close", (int(close.code), close.reason))]
        elif event.opcode is not Opcode.PONG:
            if event.opcode is not Opcode.CONT:
                kind, parts = "text" if event.opcode is Opcode.TEXT else "binary", b""
            parts += payload
            if event.fin:
                try:
                    events.append((kind, parts.decode() if kind == "text" else parts))
                except UnicodeDecodeError:
                    return [*events, (BROKEN, None)]
    if protocol.parser_exc is not None:
        events.append((BROKEN, None))
    return events


def of_wsproto(data: bytes) -> list[Event]:
    events: list[Event] = []
    connection = Connection(ConnectionType.SERVER)
    whole: str | bytes | None = None
    try:
        connection.receive_data(data)
        for event in connection.events():
            match event:
                case TextMessage(data=piece) | BytesMessage(data=piece):
                    part: str | bytes = piece if isinstance(piece, str) else bytes(piece)
                    whole = part if whole is None else joined(whole, part)
                    if event.message_finished:
                        events.append(("text" if isinstance(whole, str) else "binary", whole))
                        whole = None
                case Ping(payload=payload):
                    events.append(("ping", bytes(payload)))
                case CloseConnection(code=code) if connection.state is ConnectionState.OPEN:
                    # Its own, for what it could not read.
                    return [
                        *events,
                        (
                            NO_TEXT if code == CloseReason.INVALID_FRAME_PAYLOAD_DATA else BROKEN,
                            None,
                        ),
                    ]
                case CloseConnection(code=code, reason=reason):
                    return [*events, ("close", (int(code), reason or ""))]
                case _:
                    pass
    except RemoteProtocolError:
        events.append((BROKEN, None))
    return events


def joined(whole: str | bytes, part: str | bytes) -> str | bytes:
    if isinstance(whole, str) and isinstance(part, str):
        return whole + part
    assert isinstance(whole, bytes)
    assert isinstance(part, bytes)
    return whole + part


def goodbye_of(code: int, reason: bytes) -> bytes:
    return code.to_bytes(2) + reason


PAYLOADS: Final = st.binary(max_size=8) | st.text(max_size=8).map(str.encode)
LONG: Final = st.sampled_from([b"x" * 125, b"x" * 126, b"\xc3\xbc" * 40_000])
CLOSES: Final = st.builds(
    goodbye_of,
    st.sampled_from([1000, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1016, 3000, 4999, 5000]),
    st.text(max_size=8).map(str.encode) | st.just(b"\xff"),
)
MESSAGES: Final = st.builds(
    client_frame, st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80]), PAYLOADS | LONG
)
CONTROLS: Final = st.builds(client_frame, st.sampled_from([0x89, 0x8A]), PAYLOADS)
GOODBYES: Final = st.builds(client_frame, st.just(0x88), CLOSES | st.just(b"") | st.just(b"\x03"))
ODD: Final = st.builds(client_frame, st.integers(0, 255), PAYLOADS | LONG)
STREAMS: Final = st.lists(MESSAGES | MESSAGES | CONTROLS | ODD | GOODBYES, max_size=8).map(b"".join)


@given(STREAMS)
@example(client_frame(0x01, b"a") + client_frame(0x89, b"?") + client_frame(0x80, b"b"))
def test_websockets_reads_the_same(data: bytes) -> None:
    mine, theirs = ours(data), of_websockets(data)
    if is_goodbye_between_fragments(mine, theirs):
        return
    assert mine == theirs


@given(STREAMS)
@example(client_frame(0x01, b"a") + client_frame(0x88))
def test_wsproto_reads_the_same(data: bytes) -> None:
    mine, theirs = ours(data), of_wsproto(data)
    if theirs and theirs[-1][0] == NO_TEXT:
        # It refuses a text as soon as that cannot become UTF-8 any more, and we do at its end.
        before = len(theirs) - 1
        assert mine[:before] == theirs[:before]
        assert not {"text", "binary"} & {kind for kind, _ in mine[before:]}
    else:
        assert mine == theirs


def is_goodbye_between_fragments(mine: list[Event], theirs: list[Event]) -> bool:
    """`websockets` refuses it, which RFC 6455 (5.4) does not."""
    return (
        mine[:-1] == theirs[:-1]
        and mine[-1:] != theirs[-1:]
        and mine[-1][0] == "close"
        and theirs[-1][0] == BROKEN
    )


@pytest.mark.parametrize("read", [ours, of_websockets, of_wsproto])
def test_each_reads_all_there_is(read: object) -> None:
    assert callable(read)
    stream = (
        client_frame(0x81, b"a")
        + client_frame(0x02, b"b")
        + client_frame(0x89, b"p")
        + client_frame(0x80, b"c")
        + client_frame(0x8A)
        + client_frame(0x88, b"\x0f\xa1bye")
        + client_frame(0x81, b"never")
    )
    assert read(stream) == [
        ("text", "a"),
        ("ping", b"p"),
        ("binary", b"bc"),
        ("close", (4001, "bye")),
    ]
