"""A chat room: who may enter, what is said, who has to leave."""

import attrs

import trivet

USERS = {"ann-token": "ann", "bob-token": "bob", "eve-token": "eve"}


@attrs.frozen
class Login:
    """What a client sends when it connects."""

    auth_token: str


@attrs.define
class Member:
    """What the room knows of a connection."""

    user_id: str
    role: str = "guest"


@attrs.frozen
class Message:
    sender: str
    text: str


@attrs.define
class RoomState:
    """What the room remembers."""

    messages: list[Message] = attrs.Factory(list[Message])


class ChatRoom(trivet.Actor[RoomState, Member, Login], name="chatRoom"):
    message = trivet.Event[Message]()
    direct_message = trivet.Event[Message](name="directMessage")
    presence = trivet.Event[str]()

    async def create_conn_state(self, params: Login) -> Member:
        if params.auth_token not in USERS:
            raise trivet.UserError("Invalid auth token", code="unauthorized")
        return Member(user_id=USERS[params.auth_token])

    async def on_connect(self, conn: trivet.Conn[Member]) -> None:
        self.broadcast(ChatRoom.presence, f"{conn.state.user_id} came in")

    async def on_disconnect(self, conn: trivet.Conn[Member]) -> None:
        self.broadcast(ChatRoom.presence, f"{conn.state.user_id} is gone")

    @trivet.action
    def send(self, text: str) -> int:
        message = Message(self.conn.state.user_id, text)
        self.state.messages.append(message)
        self.broadcast(ChatRoom.message, message)
        return len(self.state.messages)

    @trivet.action(name="sendDirectMessage")
    def send_direct(self, recipient_id: str, text: str) -> bool:
        recipient = self.conns.find(lambda conn: conn.state.user_id == recipient_id)
        if recipient is None:
            return False
        return recipient.send(ChatRoom.direct_message, Message(self.conn.state.user_id, text))

    @trivet.action
    async def kick(self, user_id: str, reason: str = "Kicked by admin") -> bool:
        target = self.conns.find(lambda conn: conn.state.user_id == user_id)
        if target is None:
            return False
        await target.disconnect(reason, reconnect=False)  # returns once the socket is closed
        return True

    @trivet.action(readonly=True)
    def history(self) -> list[Message]:
        return self.state.messages


registry = trivet.Registry(ChatRoom)
