"""Connection params and input: errors say which of them does not fit, wherever that is noticed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

import trivet
from tests.server.serving import serving
from trivet.client.local import LocalTransport
from trivet.testing.network import MemoryNetwork


@attrs.frozen
class Login:
    user: str


@attrs.frozen
class Size:
    width: int


class Board(trivet.Actor[int, str, Login, Size], name="board"):
    async def create_state(self, input: Size) -> int:
        return input.width

    async def create_conn_state(self, params: Login) -> str:
        return params.user

    @trivet.action
    def who(self) -> str:
        return f"{self.conn.state} by {self.conn.kind}"

    async def on_request(self, request: trivet.Request) -> trivet.Response:
        return trivet.Response(self.who().encode())


class Plain(trivet.Actor[int], name="plain"):
    @trivet.action
    def add(self) -> int:
        self.state += 1
        return self.state


WAYS = ["in process", "over a network", "over sockets"]


@asynccontextmanager
async def reaching(way: str) -> AsyncGenerator[trivet.Client]:
    """A client of actors, by one of the ways there are."""
    network = MemoryNetwork()
    host = "127.0.0.1" if way == "over sockets" else None
    async with serving(Board, Plain, host=host) as site, trio.open_nursery() as nursery:
        await nursery.start(network.serve, "server", site.server.serve_stream)
        if way == "in process":
            yield trivet.Client(LocalTransport(site.runtime))
        elif way == "over sockets":
            async with trivet.open_client(site.server.url) as client:
                yield client
        else:
            async with trivet.open_client("http://s", connect=network.opener("server")) as client:
                yield client
        nursery.cancel_scope.cancel()


async def fails(doing: Any, *, what: str, path: str) -> None:
    with pytest.raises(trivet.ValidationError) as caught:
        await doing
    said = caught.value
    assert said.metadata == {"paths": [path]}
    assert str(said) == f"actor.validation_error: The {what} do not fit: {path}".replace(
        "The input do", "The input does"
    )


async def entered(opening: Any) -> None:
    async with opening:
        raise AssertionError


@pytest.mark.parametrize("way", WAYS)
async def test_errors_of_params_name_them(way: str) -> None:
    wrong: Any = {"user": "ann"}
    missing = "required field missing @ $.user"
    misfit = "invalid type, expected Login, got dict @ $"
    async with reaching(way) as client:
        board = client.get_or_create(Board, "a", input=Size(1))
        untyped: Any = board
        what = "connection params"
        await fails(board.call(Board.who), what=what, path=missing)
        await fails(entered(untyped.connect()), what=what, path=missing)
        await fails(board.fetch("/"), what=what, path=missing)
        await fails(board.with_params(wrong).call(Board.who), what=what, path=misfit)
        await fails(entered(untyped.connect(wrong)), what=what, path=misfit)


@pytest.mark.parametrize("way", WAYS)
async def test_errors_of_an_input_name_it(way: str) -> None:
    async with reaching(way) as client:
        untyped: Any = client
        misfit = "invalid type, expected Size, got int @ $"
        board = untyped.get_or_create(Board, "a", input=5).with_params(Login("ann"))
        await fails(board.call(Board.who), what="input", path=misfit)
        await fails(untyped.create(Board, "b", input=5), what="input", path=misfit)
        absent = "invalid type, expected Size, got None @ $"
        board = untyped.get_or_create(Board, "a").with_params(Login("ann"))
        await fails(board.call(Board.who), what="input", path=absent)


@pytest.mark.parametrize("way", WAYS)
async def test_a_class_that_takes_no_input_is_given_none(way: str) -> None:
    async with reaching(way) as client:
        untyped: Any = client
        with pytest.raises(TypeError, match="Plain declares no input"):
            untyped.get_or_create(Plain, "a", input=5)
        with pytest.raises(TypeError, match="Plain declares no input"):
            await untyped.create(Plain, "a", input=5)


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_has_the_params_of_its_handle(way: str) -> None:
    async with reaching(way) as client:
        board = client.get_or_create(Board, "a", input=Size(1)).with_params(Login("ann"))
        async with board.connect() as conn:
            assert await conn.call(Board.who) == "ann by connection"
            assert (await conn.fetch("/")).text == "ann by request"
            assert await conn.with_params(Login("bob")).call(Board.who) == "ann by connection"
        async with board.connect(Login("eve")) as conn:
            assert await conn.call(Board.who) == "eve by connection"
        assert await board.call(Board.who) == "ann by call"
        names = iter(["one", "two"])

        async def login() -> Login:
            return Login(next(names))

        board = board.with_params(login)
        for name in ("one", "two"):
            async with board.connect() as conn:
                assert await conn.call(Board.who) == f"{name} by connection"
