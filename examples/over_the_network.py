"""The chat room behind a server, and a client of it: ``python -m examples.over_the_network``."""

from functools import partial

import trio

import trivet
from examples.chat_room import ChatRoom, Login, registry


async def main() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(trivet.serve, registry, port=0))
        async with trivet.open_client(server.url) as client:
            room = client.get_or_create(ChatRoom, "lobby").with_params(Login("ann-token"))
            await room.call(ChatRoom.send, "hello over the network")
            for message in await room.call(ChatRoom.history):
                print(f"{message.sender}: {message.text}")
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
