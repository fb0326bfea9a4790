"""An actor that sleeps while its clients stay: they notice nothing of it."""

from __future__ import annotations

import trio

import trivet


# the actor
class Diary(trivet.Actor[list[str]], sleep_after=60.0, hibernate_websockets=True):
    wrote = trivet.Event[str]()

    async def on_wake(self) -> None:
        print("awake")

    async def on_sleep(self) -> None:
        self.wait_until(self.back_up)
        print("asleep")

    async def back_up(self) -> None:
        print(f"backing up {len(self.state)} lines")

    @trivet.action
    def write(self, line: str) -> int:
        self.state.append(line)
        self.broadcast(Diary.wrote, line)
        return len(self.state)

    @trivet.action
    def print_all(self) -> None:
        self.start_soon(self.print_slowly)

    async def print_slowly(self) -> None:
        async with self.keep_awake():
            await trio.sleep(0.1)  # a printer that takes its time
            print("printed")

    @trivet.action
    def rest(self) -> None:
        self.sleep()  # now, instead of when it has been idle for a minute

    # the handler
    async def on_websocket(self, socket: trivet.WebSocket[None]) -> None:
        if not socket.restored:
            socket.send("what have you done today?")
        async for message in socket:
            async with self.turn():
                self.state.append(str(message))
            socket.send(f"line {socket.message_index} of this socket")

    # end of the handler


# end of the actor


async def main() -> None:
    async with trivet.open_runtime(trivet.Registry(Diary)) as runtime:
        diary = runtime.client.get_or_create(Diary, "ann")
        async with diary.connect() as connection, diary.websocket() as socket:
            lines = connection.events(Diary.wrote)
            await connection.call(Diary.print_all)
            print(await socket.receive())
            await trio.sleep(0.05)
            await connection.call(Diary.rest)  # it sleeps when all is printed
            await trio.sleep(0.3)
            await socket.send("I slept")
            print(await socket.receive())
            print(await connection.call(Diary.write, "and woke"))
            print(await anext(lines))


if __name__ == "__main__":
    trio.run(main)
