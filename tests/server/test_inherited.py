"""Sockets that a supervisor has opened for the process."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager

import pytest
import trio

import trivet
from tests.server.serving import HttpClient, serving
from trivet.server import inherited
from trivet.server.inherited import inherited_sockets

ME = str(os.getpid())


@contextmanager
def passed(monkeypatch: pytest.MonkeyPatch, *sockets: socket.socket) -> Generator[None]:
    """Have the sockets where a supervisor puts them, but for the number of the first."""
    spare = [os.dup(sockets[0].fileno()) for _ in sockets]
    first = max(spare) + 1
    for number, one in enumerate(sockets):
        os.dup2(one.fileno(), first + number)
    monkeypatch.setattr(inherited, "FIRST", first)
    try:
        yield
    finally:
        for file in (*spare, *(first + number for number in range(len(sockets)))):
            os.close(file)


def test_the_sockets_come_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        with passed(monkeypatch, a, b):
            given = {"LISTEN_PID": ME, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:more"}
            every, more = (
                inherited_sockets(environment=given),
                inherited_sockets("more", environment=given),
            )
            assert [one.getsockname() for one in every] == [a.getsockname(), b.getsockname()]
            assert [one.getsockname() for one in more] == [b.getsockname()]
            assert inherited_sockets("none", environment=given) == []
            assert not any(one.get_inheritable() for one in every)
            for one in (*every, *more):
                one.close()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": f"{ME}0"},
        {"LISTEN_FDS": "0", "LISTEN_PID": ME},
    ],
)
def test_what_is_meant_for_another_process_is_left_alone(environment: dict[str, str]) -> None:
    assert inherited_sockets(environment=environment) == []


@pytest.mark.parametrize("count", ["", "x", "-1", "\u0661"])
def test_a_count_that_is_none(count: str) -> None:
    with pytest.raises(ValueError, match="LISTEN_FDS is no number"):
        inherited_sockets(environment={"LISTEN_PID": ME, "LISTEN_FDS": count})


def test_a_file_that_is_no_listening_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"LISTEN_PID": ME, "LISTEN_FDS": "1"}
    with socket.socket() as idle, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        for one in (idle, datagrams):
            with passed(monkeypatch, one), pytest.raises(ValueError, match="does not listen"):
                inherited_sockets(environment=environment)
    reading, writing = os.pipe()
    monkeypatch.setattr(inherited, "FIRST", reading)
    with pytest.raises(ValueError, match=f"file {reading}, which is no socket"):
        inherited_sockets(environment=environment)
    os.close(reading)
    os.close(writing)


async def test_several_sockets_are_served() -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [one.getsockname() for one in sockets]
    async with serving(listening=sockets) as site:
        assert site.server.port == addresses[0][1]
        for number, address in enumerate(addresses):
            async with await trio.open_tcp_stream(*address) as stream:
                assert (await HttpClient(stream).call("add", 1)).json == {"output": number + 1}


async def test_without_any_host_and_port_count() -> None:
    async with serving(listening=trivet.inherited_sockets(), host="127.0.0.1") as site:
        assert site.server.port > 0
