"""A project whose tasks are actors of their own: when it is destroyed, so are they."""

from __future__ import annotations

import trio

import trivet


# the actors
class Project(trivet.Actor):
    @trivet.action
    async def begin(self, title: str) -> None:
        await self.create_child(Task, *self.key, title, input=title)

    @trivet.action
    async def titles(self) -> list[str]:
        tasks = await self.find_children(Task)  # oldest first
        return [await task.call(Task.title) for task in tasks]

    @trivet.action
    def close(self) -> None:
        self.destroy()

    async def on_destroy(self) -> None:
        print("the project is closed")


class Task(trivet.Actor[str, None, None, str]):
    async def create_state(self, input: str) -> str:
        return input

    async def on_destroy(self) -> None:
        print(f"{self.state} is put away")

    @trivet.action
    def title(self) -> str:
        return self.state


# end of the actors


async def main() -> None:
    async with trivet.open_runtime(trivet.Registry(Project, Task)) as runtime:
        bridge = runtime.client.get_or_create(Project, "bridge")
        await bridge.call(Project.begin, "pillars")
        print(await bridge.call(Project.titles))
        await bridge.call(Project.close)
        try:
            await runtime.client.get(Task, "bridge", "pillars").call(Task.title)
        except trivet.ActionError as error:
            print(f"{error.group}.{error.code}")


if __name__ == "__main__":
    trio.run(main)
