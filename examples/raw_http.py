"""A page, a form and a stream of one actor, over plain HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import trio

import trivet


# the actor
class Guestbook(trivet.Actor[list[str]], name="guestbook"):
    async def on_request(self, request: trivet.Request) -> trivet.Response:
        match request.method, request.path:
            case "GET", "/entries":
                return trivet.Response.json(self.state)
            case "POST", "/entries":
                self.state.append(request.body.decode())
                return trivet.Response(status=201)
            case "GET", "/countdown":
                return trivet.Response(self.count_down(), headers={"content-type": "text/plain"})
            case _:
                return trivet.Response(b"no such page", status=404)

    async def count_down(self) -> AsyncIterator[bytes]:  # noqa: ASYNC900  # the actor closes it
        for number in (3, 2, 1):
            yield f"{number}\n".encode()
            await trio.lowlevel.checkpoint()


# end of the actor


# the client
async def write_and_read(client: trivet.Client) -> None:
    book = client.get_or_create(Guestbook, "front-desk")
    await book.fetch("/entries", method="POST", body=b"lovely place")
    response = await book.fetch("/entries")
    print(response.status, response.json())
    async with book.fetch("/countdown") as streamed:
        async for piece in streamed:
            print(piece.decode().strip())


# end of the client


async def main() -> None:
    async with trio.open_nursery() as nursery:
        registry = trivet.Registry(Guestbook)
        server: trivet.Server = await nursery.start(partial(trivet.serve, registry, port=0))
        async with trivet.open_client(server.url) as client:
            await write_and_read(client)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
