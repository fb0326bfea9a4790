"""An actor that speaks a protocol of its own over WebSockets."""

from __future__ import annotations

from functools import partial

import trio

import trivet


# the actor
class Ticker(trivet.Actor[int], name="ticker"):
    async def on_websocket(self, socket: trivet.WebSocket[None]) -> None:
        socket.send(f"{socket.request.path} is at {self.state}")
        async for message in socket:
            match message:
                case "tick":
                    async with self.turn():
                        self.state += 1
                    socket.send(str(self.state))
                case bytes():
                    socket.send(message[::-1])
                case _:
                    await socket.close(4000, "unknown word")


# end of the actor


# the client
async def tick(client: trivet.Client) -> None:
    async with client.get_or_create(Ticker, "tower").websocket("/clock") as socket:
        print(await socket.receive())
        await socket.send("tick")
        await socket.send(b"\x01\x02")
        await socket.send("tock")
        async for message in socket:
            print(message)
        print(socket.close_code, socket.close_reason)


# end of the client


async def main() -> None:
    async with trio.open_nursery() as nursery:
        registry = trivet.Registry(Ticker)
        server: trivet.Server = await nursery.start(partial(trivet.serve, registry, port=0))
        async with trivet.open_client(server.url) as client:
            await tick(client)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
