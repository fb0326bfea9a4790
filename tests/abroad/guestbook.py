"""The code of docs/how-to/use-with-rivetkit-server.md."""

# docs: stubs
import attrs

import trivet


@attrs.frozen
class Login:
    user_name: str


@attrs.frozen
class Member:
    name: str
    visit: int


class Room(trivet.Actor[None, None, Login], name="room"):
    said = trivet.Event[str]()

    @trivet.action
    def say(self, text: str) -> int:
        raise NotImplementedError

    @trivet.action
    def who_am_i(self) -> Member:
        raise NotImplementedError


# docs: end


# docs: client
async def visit(url: str, key: str) -> list[str]:
    async with trivet.open_client(url, naming=trivet.camel_case) as client:
        room = client.get_or_create(Room, key)
        member = await room.with_params(Login("bob")).call(Room.who_am_i)
        async with room.connect(Login("ann")) as connection:
            said = connection.events(Room.said)
            length = await connection.call(Room.say, f"hello {member.name}")
            return [await anext(said), await anext(said), str(length)]


# docs: end
