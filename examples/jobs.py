"""A worker with a queue of jobs: they are stored, done one after the other, and never lost."""

from __future__ import annotations

import attrs
import trio

import trivet


# the declaration
@attrs.frozen
class Picture:
    name: str
    width: int


@attrs.frozen
class Thumbnail:
    name: str


class Studio(trivet.Actor[int], name="studio"):
    pictures = trivet.Queue[Picture, Thumbnail]()
    remarks = trivet.Queue[str]()
    # end of the declaration

    # the worker
    async def run(self) -> None:
        while True:
            async with self.receive(Studio.pictures) as delivery:
                thumbnail = await shrink(delivery.body)
                async with self.turn():
                    self.state += 1
                    delivery.complete(thumbnail)

    # end of the worker

    # in an action
    @trivet.action
    def remark(self, text: str) -> None:
        self.enqueue(Studio.remarks, text)

    @trivet.action
    async def read_remarks(self) -> list[str]:
        remarks: list[str] = []
        while True:
            async with self.try_receive(Studio.remarks) as delivery:
                if delivery is None:
                    return remarks
                remarks.append(delivery.body)

    # end of the actions

    @trivet.action(readonly=True)
    def done(self) -> int:
        return self.state


async def shrink(picture: Picture) -> Thumbnail:
    await trio.sleep(0.01)
    return Thumbnail(f"{picture.name}-{min(picture.width, 120)}.webp")


# the senders
async def send(client: trivet.Client) -> None:
    studio = client.get_or_create(Studio, "paris")
    await studio.send(Studio.pictures, Picture("tower", 4000))
    with trio.fail_after(10):
        thumbnail = await studio.send_and_wait(Studio.pictures, Picture("bridge", 3000))
    print(thumbnail.name, await studio.call(Studio.done))


# end of the senders


async def main() -> None:
    async with trivet.open_runtime(trivet.Registry(Studio)) as runtime:
        await send(runtime.client)
        studio = runtime.client.get_or_create(Studio, "paris")
        await studio.call(Studio.remark, "lovely")
        print(await studio.call(Studio.read_remarks))


if __name__ == "__main__":
    trio.run(main)
