"""The chat room inside a Trio program: ``python -m examples.embedded``."""

import trio

import trivet
from examples.chat_room import ChatRoom, Login, registry


async def main() -> None:
    async with trivet.open_runtime(registry) as runtime:
        room = runtime.client.get_or_create(ChatRoom, "lobby")
        async with room.connect(Login("ann-token")) as conn:
            messages = conn.events(ChatRoom.message)
            count = await conn.call(ChatRoom.send, "hello")
            async for message in messages:
                print(f"message {count}: {message.sender} says {message.text}")
                break


if __name__ == "__main__":
    trio.run(main)
