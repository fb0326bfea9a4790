"""What a connection is, sentence by sentence, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked
from trio_websocket import ConnectionClosed as SocketClosed, wrap_client_stream

import trivet

LOG: list[str] = []


@attrs.frozen
class Login:
    auth_token: str


@attrs.define
class Member:
    user_id: str
    role: str = "player"


class GameRoom(trivet.Actor[list[str], Member, Login], name="gameRoom"):
    direct_message = trivet.Event[str](name="directMessage")
    left = trivet.Event[str]()

    async def on_before_connect(self, params: Login) -> None:
        LOG.append("on_before_connect")

    async def create_conn_state(self, params: Login) -> Member:
        LOG.append("create_conn_state")
        if not params.auth_token.endswith("-token"):
            raise trivet.UserError("Invalid auth token", code="unauthorized", metadata={"try": 1})
        return Member(params.auth_token.removesuffix("-token"))

    async def on_connect(self, conn: trivet.Conn[Member]) -> None:
        LOG.append(f"on_connect {conn.state.user_id}")

    async def on_disconnect(self, conn: trivet.Conn[Member]) -> None:
        await trio.lowlevel.checkpoint()
        LOG.append(f"on_disconnect {conn.state.user_id} {conn.close_cause}")
        self.broadcast(GameRoom.left, conn.state.user_id)

    @trivet.action
    def who_am_i(self) -> Member:
        return self.conn.state

    @trivet.action
    def everybody(self) -> list[str]:
        return [conn.state.user_id for conn in self.conns.values()]

    @trivet.action
    def remember(self, text: str) -> list[str]:
        self.state.append(text)
        return self.state

    @trivet.action(name="sendDirectMessage")
    def send_direct(self, recipient_id: str, message: str) -> bool:
        recipient = self.conns.find(lambda conn: conn.state.user_id == recipient_id)
        return recipient is not None and recipient.send(GameRoom.direct_message, message)

    @trivet.action(name="kickUser")
    async def kick(self, user_id: str, reason: str = "Kicked by admin") -> list[str]:
        target = self.conns.find(lambda conn: conn.state.user_id == user_id)
        assert target is not None
        await target.disconnect(reason)
        return [*LOG]

    @trivet.action
    async def leave_me_alone(self) -> None:
        await self.conn.disconnect("Too many requests", reconnect=False)


@attrs.define
class Visitor:
    role: str = "guest"
    joined_at: int = 0


class ChatRoom(trivet.Actor[None, Visitor], name="chatRoom"):
    async def on_connect(self, conn: trivet.Conn[Visitor]) -> None:
        conn.state.joined_at = 42

    @trivet.action
    def visitor(self) -> Visitor:
        return self.conn.state

    @trivet.action
    def promote(self) -> None:
        self.conn.state.role = "host"


registry = trivet.Registry(GameRoom, ChatRoom)


@asynccontextmanager
async def served(port: int = 0) -> AsyncGenerator[trivet.Server]:
    LOG.clear()
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partial(trivet.serve, registry, port=port))
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def room(token: str = "ann-token") -> AsyncGenerator[trivet.Connection[GameRoom]]:
    async with (
        served() as server,
        trivet.open_client(server.url) as client,
        client.get_or_create(GameRoom, "r").connect(Login(token)) as conn,
    ):
        yield conn


async def test_clients_can_pass_connection_parameters() -> None:
    async with room("bob-token") as conn:
        assert await conn.call(GameRoom.who_am_i) == Member("bob", "player")


async def test_an_invalid_token_rejects_the_connection_with_code_and_metadata() -> None:
    async with served() as server, trivet.open_client(server.url) as client:
        with pytest.raises(trivet.UserError) as refused:
            async with client.get_or_create(GameRoom, "r").connect(Login("stolen")):
                raise AssertionError("it was let in")
    assert (refused.value.group, refused.value.code) == ("user", "unauthorized")
    assert refused.value.message == "Invalid auth token"
    assert refused.value.metadata == {"try": 1}
    assert LOG == ["on_before_connect", "create_conn_state"]


async def test_connection_state_as_a_constant() -> None:
    async with served() as server, trivet.open_client(server.url) as client:
        handle = client.get_or_create(ChatRoom, "r")
        async with handle.connect() as one, handle.connect() as two:
            await one.call(ChatRoom.promote)
            assert await one.call(ChatRoom.visitor) == Visitor("host", 42)
            assert await two.call(ChatRoom.visitor) == Visitor("guest", 42)


async def test_the_connection_has_several_hooks() -> None:
    async with room() as conn:
        await conn.call(GameRoom.everybody)
    assert LOG == [
        "on_before_connect",
        "create_conn_state",
        "on_connect ann",
        "on_disconnect ann client",
    ]


async def test_all_active_connections_can_be_accessed() -> None:
    async with served() as server, trivet.open_client(server.url) as client:
        handle = client.get_or_create(GameRoom, "r")
        async with handle.connect(Login("ann-token")) as ann:
            async with handle.connect(Login("bob-token")):
                assert await ann.call(GameRoom.everybody) == ["ann", "bob"]
                gone = ann.events(GameRoom.left)
            assert await anext(gone) == "bob"
            assert await ann.call(GameRoom.everybody) == ["ann"]


async def test_send_messages_directly_to_one_client() -> None:
    async with served() as server, trivet.open_client(server.url) as client:
        handle = client.get_or_create(GameRoom, "r")
        async with (
            handle.connect(Login("ann-token")) as ann,
            handle.connect(Login("bob-token")) as bob,
        ):
            for_bob = bob.events(GameRoom.direct_message)
            for_ann = ann.events(GameRoom.direct_message)
            assert await ann.call(GameRoom.send_direct, "bob", "psst")
            assert not await ann.call(GameRoom.send_direct, "eve", "psst")
            assert await anext(for_bob) == "psst"
            assert await bob.call(GameRoom.send_direct, "ann", "me too")
            assert await anext(for_ann) == "me too"


async def test_disconnect_with_a_reason_from_within_an_action() -> None:
    """The kicked client's socket is closed, seen from its own end, when the action goes on."""
    async with served() as server, trivet.open_client(server.url) as client:
        query = "rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=r"
        async with (
            await trio.open_tcp_stream("127.0.0.1", server.port) as stream,
            trio.open_nursery() as nursery,
            client.get_or_create(GameRoom, "r").connect(Login("ann-token")) as ann,
        ):
            bob = await wrap_client_stream(
                nursery,
                stream,
                f"127.0.0.1:{server.port}",
                f"/gateway/gameRoom/connect?{query}",
                subprotocols=[
                    "rivet",
                    "rivet_encoding.json",
                    "rivet_conn_params.%7B%22auth_token%22%3A%22bob-token%22%7D",
                ],
            )
            assert '"Init"' in str(await bob.get_message())
            log = await ann.call(GameRoom.kick, "bob", "no cheating")
            with pytest.raises(SocketClosed) as closed:
                await bob.get_message()
            assert closed.value.reason is not None
            assert (closed.value.reason.code, closed.value.reason.reason) == (1000, "no cheating")
            assert log[-1] == "on_disconnect bob kick"


async def test_await_disconnect_ensures_that_the_connection_is_closed_before_continuing() -> None:
    async with room() as conn:
        with pytest.raises(trivet.ConnectionClosed, match="Too many requests"):
            await conn.call(GameRoom.leave_me_alone)
        with pytest.raises(trivet.ConnectionClosed, match="Too many requests"):
            await conn.call(GameRoom.who_am_i)
        assert conn.status == "closed"
        assert LOG[-1] == "on_disconnect ann kick"


async def serve_for_a_while(
    port: int, *, task_status: trio.TaskStatus[tuple[trio.CancelScope, trio.Event]]
) -> None:
    ended = trio.Event()
    with trio.CancelScope() as scope:
        async with served(port):
            task_status.started((scope, ended))
            await trio.sleep_forever()
    ended.set()


async def turn_away(port: int, *, times: int) -> None:
    """Be a server that hangs up on whoever comes."""
    listening = trio.socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    await listening.bind(("127.0.0.1", port))
    listening.listen()
    with listening:
        for _ in range(times):
            client, _ = await listening.accept()
            client.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_auto_reconnection_restores_subscriptions_and_queued_calls() -> None:
    """The server is away for the first retries; what was said meanwhile waits, in order."""
    port = free_port()
    results: list[list[str]] = []
    async with (
        trio.open_nursery() as nursery,
        trivet.open_client(f"http://127.0.0.1:{port}") as client,
    ):
        running, ended = await nursery.start(serve_for_a_while, port)
        async with client.get_or_create(GameRoom, "r").connect(Login("ann-token")) as conn:
            statuses = conn.status_changes()
            private = conn.events(GameRoom.direct_message)
            await conn.call(GameRoom.remember, "before")
            running.cancel()
            await ended.wait()
            assert await anext(statuses) == "disconnected"

            async def remember(text: str) -> None:
                results.append(await conn.call(GameRoom.remember, text))

            async with trio.open_nursery() as calls:
                calls.start_soon(remember, "one")
                await wait_all_tasks_blocked()
                calls.start_soon(remember, "two")
                await turn_away(port, times=3)
                running, ended = await nursery.start(serve_for_a_while, port)
            assert results == [["one"], ["one", "two"]]
            assert await conn.call(GameRoom.send_direct, "ann", "still here")
            assert await anext(private) == "still here"
            assert conn.status == "connected"
        running.cancel()
