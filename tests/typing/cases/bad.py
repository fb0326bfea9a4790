"""Every marked line must be an error."""

from __future__ import annotations

from chat import ChatRoom, Counter, Login, Message, VipRoom

import trivet


async def bad(client: trivet.Client) -> None:
    room = client.get(ChatRoom, "lobby")
    await room.call(ChatRoom.send, 42)  # E1 wrong argument type
    await room.call(ChatRoom.send)  # E2 missing argument
    await room.call(ChatRoom.send, "hi", "there")  # E3 too many arguments
    await room.call(ChatRoom.send, "hi", loud=True)  # E4 unknown keyword
    x: str = await room.call(ChatRoom.send, "hi")  # E5 wrong result type
    await room.call(Counter.increment, 1)  # E6 another actor's action
    await room.call(VipRoom.champagne, 1)  # E7 a subclass's action on a base handle
    await room.call(ChatRoom.on_wake)  # E8 a hook is not an action
    room.connect("token")  # E9 wrong params type
    room.connect()  # E10 params missing
    client.get(Counter, "c").connect(Login("x"))  # E11 no params expected
    async with room.connect(Login("t")) as conn:
        async for m in conn.events(ChatRoom.message):
            m.nope  # E12 payload attribute
        conn.events("message")  # E13 untyped event name
    room.call(ChatRoom.typo, "hi")  # E14 no such action
    client.get(int, "c")  # E15 not an actor
    print(x)


class Bad(ChatRoom):
    @trivet.action
    def shout(self, text: str) -> None:
        self.broadcast(ChatRoom.message, text)  # E16 payload type
        self.conn.state.userid  # E17 conn-state attribute
        self.state.messages.append("x")  # E18 state type
        self.schedule.after(1, ChatRoom.send, 3)  # E19 scheduled arguments
        for c in self.conns.values():
            c.send(ChatRoom.direct_message, Message("a"))  # E20 payload constructor

    async def create_conn_state(self, params: Login) -> str:  # E21 hook result type
        return ""


class Impossible(trivet.Actor[int]):
    @trivet.action(concurrent=True)  # E22 only async actions run beside the turns
    def beside(self) -> None: ...

    @trivet.action(reentrant=True)  # E23 only async actions can be let in
    def again(self) -> None: ...

    @trivet.action(concurrent=True)
    async def fine(self) -> None: ...

    def on_state_change(self) -> None: ...
