"""A chat room: the class is the definition, its attributes are the typed references."""

from __future__ import annotations

import time
from typing import reveal_type

import attrs
import trio

import trivet


@attrs.frozen
class Login:
    auth_token: str


@attrs.define
class Member:
    user_id: str
    role: str = "guest"
    joined_at: float = 0.0


@attrs.frozen
class Message:
    sender: str
    text: str


@attrs.define
class RoomState:
    messages: list[Message] = attrs.Factory(list[Message])


class ChatRoom(trivet.Actor[RoomState, Member, Login], name="chatRoom", sleep_after=30):
    message = trivet.Event[Message]()
    direct_message = trivet.Event[Message]()
    typing = trivet.Event[tuple[str, bool]]()
    topic = trivet.Event[str | None]()

    async def create_conn_state(self, params: Login) -> Member:
        if not params.auth_token:
            raise trivet.UserError("Invalid auth token", code="unauthorized")
        return Member(user_id=params.auth_token)

    async def on_connect(self, conn: trivet.Conn[Member]) -> None:
        conn.state.joined_at = time.time()

    @trivet.action
    def send(self, text: str, *, urgent: bool = False) -> int:
        message = Message(self.conn.state.user_id, text)
        self.state.messages.append(message)
        self.broadcast(ChatRoom.message, message)
        return len(self.state.messages)

    @trivet.action
    def history(self) -> list[Message]:
        return self.state.messages

    @trivet.action(name="sendDirectMessage")
    def send_direct(self, recipient_id: str, text: str) -> None:
        recipient = self.conns.find(lambda conn: conn.state.user_id == recipient_id)
        if recipient is not None:
            recipient.send(ChatRoom.direct_message, Message(self.conn.state.user_id, text))

    @trivet.action
    async def kick(self, user_id: str, reason: str | None = None) -> None:
        for conn in list(self.conns.values()):
            if conn.state.user_id == user_id:
                await conn.disconnect(reason or "Kicked by admin")

    @trivet.action
    async def slow(self, seconds: float) -> bytes:
        await trio.sleep(seconds)
        self.schedule.after(5.0, ChatRoom.kick, "ann", reason="late")
        return b""


class VipRoom(ChatRoom, name="vipRoom"):
    @trivet.action
    def champagne(self, bottles: int) -> None: ...


class Counter(trivet.Actor[int]):
    @trivet.action
    def increment(self, by: int = 1) -> int:
        self.state += by
        return self.state


registry = trivet.Registry(ChatRoom, VipRoom, Counter)


async def good(client: trivet.Client) -> None:
    room = client.get(ChatRoom, "lobby")
    reveal_type(room)  # is Handle[ChatRoom]
    reveal_type(ChatRoom.send)  # is Action[ChatRoom, [text: str, *, urgent: bool =], int]
    reveal_type(await room.call(ChatRoom.history))  # is list[Message]
    async with room.connect(Login("ann")) as conn:
        reveal_type(conn)  # is Connection[ChatRoom]
        messages = conn.events(ChatRoom.message)
        reveal_type(await conn.call(ChatRoom.send, "hi", urgent=True))  # is int
        reveal_type(await conn.call(ChatRoom.slow, 1.0))  # is bytes
        async for m in messages:
            reveal_type(m)  # is Message
            break
        async for t in conn.events(ChatRoom.topic):
            reveal_type(t)  # is str | None
    vip = client.get(VipRoom, "gold")
    n: int = await vip.call(ChatRoom.send, "inherited action")
    await vip.call(VipRoom.champagne, 2)
    async with room.with_params(Login("ann")).connect() as with_params:
        reveal_type(await with_params.call(ChatRoom.send, "hi"))  # is int
    async with client.get(Counter, "c").connect() as c:
        n += await c.call(Counter.increment, by=2)
    async with room.watch() as changes:
        async for change in changes:
            reveal_type(change)  # is Change
            reveal_type(change.actor_id)  # is str | None
            if change.status == "destroyed":
                break
    raw = await room.call_by_name("anything", 1, 2)
    print(raw)


async def main() -> None:
    async with trivet.open_runtime(registry) as runtime:
        await good(runtime.client)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trivet.serve, registry)
        print(server.url)
