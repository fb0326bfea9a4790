"""What clients see that are thrown out: one is back at once, one stays away."""

from __future__ import annotations

import trio

import trivet


class Stage(trivet.Actor[None, str, str], name="stage"):
    line = trivet.Event[str]()

    async def create_conn_state(self, params: str) -> str:
        return params

    @trivet.action
    def say(self, text: str) -> None:
        self.broadcast(Stage.line, text)

    @trivet.action
    async def kick(self, name: str, reason: str, *, for_good: bool) -> None:
        target = self.conns.find(lambda conn: conn.state == name)
        if target is not None:
            await target.disconnect(reason, reconnect=not for_good)


# the client
async def listen(conn: trivet.Connection[Stage], lines: trivet.Subscription[str]) -> None:
    async for line in lines:  # goes on over a kick, and stops when the client has to stay away
        print(f"heard {line}")
    try:
        await conn.call(Stage.say, "one more thing")
    except trivet.ConnectionClosed as closed:
        print(f"{conn.status}: {closed.reason}")


# end of the client


async def main() -> None:
    async with trivet.open_runtime(trivet.Registry(Stage)) as runtime:
        stage = runtime.client.get_or_create(Stage, "main")
        async with (
            stage.connect("ann") as ann,
            stage.connect("eve") as eve,
            trio.open_nursery() as nursery,
        ):
            statuses = eve.status_changes()
            nursery.start_soon(listen, eve, eve.events(Stage.line))
            await ann.call(Stage.kick, "eve", "a short break", for_good=False)
            print(await anext(statuses), await anext(statuses))
            await eve.call(Stage.say, "I am back")
            await ann.call(Stage.kick, "eve", "no advertising", for_good=True)


if __name__ == "__main__":
    trio.run(main)
