from __future__ import annotations

import select
import socket
from collections.abc import Generator

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from benchmarks import clients
from benchmarks.clients import PONG, Clients, masked, unmasked
from benchmarks.payloads import MESSAGE, NEWS
from trivet.link.frames import text_frame


class Played:
    """Two clients of a server that is played by the test."""

    def __init__(self, epoll: select.epoll) -> None:
        pairs = [socket.socketpair() for _ in range(2)]
        self.near = [near for near, _ in pairs]
        self.far = [far for _, far in pairs]
        self.clients = Clients(self.near, epoll, sign_of_life=b"here")

    def close(self) -> None:
        for end in (*self.near, *self.far):
            end.close()


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Generator[Played]:
    monkeypatch.setattr(clients, "PATIENCE", 0.01)
    with select.epoll() as epoll:
        made = Played(epoll)
        yield made
        made.close()


def test_every_exchange_is_a_message_and_its_reply(played: Played) -> None:
    for far in played.far:
        far.sendall(b"pong")
    played.clients.echo(b"ping", b"pong", 2)
    assert [far.recv(100) for far in played.far] == [b"ping", b"ping"]


def test_a_wrong_reply_is_noticed(played: Played) -> None:
    played.far[0].sendall(b"poof")
    with pytest.raises(AssertionError):
        played.clients.echo(b"ping", b"pong", 2)


def test_what_is_expected_may_come_in_pieces(played: Played) -> None:
    data = b"news" * 25_000  # more than one read takes
    for far in played.far:
        far.sendall(data)
    played.clients.expect(data)


def test_what_does_not_come_is_noticed(played: Played) -> None:
    played.far[0].sendall(b"news")
    with pytest.raises(TimeoutError):
        played.clients.expect(b"news")


def test_what_is_not_expected_is_noticed(played: Played) -> None:
    played.far[1].sendall(b"newt")
    with pytest.raises(AssertionError):
        played.clients.expect(b"news")


def test_a_server_that_is_gone_is_noticed(played: Played) -> None:
    played.far[1].close()
    with pytest.raises(AssertionError):
        played.clients.expect(b"news")


def test_a_sign_of_life_goes_out_on_each_connection(played: Played) -> None:
    played.clients.give_sign_of_life()
    assert [far.recv(100) for far in played.far] == [b"here", b"here"]


def test_client_frames_are_what_a_server_reads() -> None:
    protocol = ServerProtocol(state=OPEN)
    protocol.receive_data(masked(MESSAGE) + PONG)
    message, pong = protocol.events_received()
    assert isinstance(message, Frame)
    assert isinstance(pong, Frame)
    assert (message.opcode, bytes(message.data).decode()) == (Opcode.TEXT, MESSAGE)
    assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"")


@pytest.mark.parametrize("text", [MESSAGE, NEWS])
def test_server_frames_are_what_our_links_write(text: str) -> None:
    assert unmasked(text) == text_frame(text.encode())
