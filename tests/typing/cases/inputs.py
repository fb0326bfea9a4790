"""The input that a new actor is created with is typed by the actor's class."""

from __future__ import annotations

from typing import reveal_type

import attrs
from chat import ChatRoom

import trivet


@attrs.frozen
class Setup:
    title: str


class Titled(trivet.Actor[str, None, None, Setup]):
    async def create_state(self, input: Setup) -> str:
        return input.title


async def f(client: trivet.Client) -> None:
    reveal_type(client.get_or_create(Titled, "a", input=Setup("x")))  # is Handle[Titled]
    reveal_type(await client.create(Titled, "a", input=Setup("x")))  # is Handle[Titled]
    reveal_type(client.get_or_create(ChatRoom, "a"))  # is Handle[ChatRoom]
    client.get_or_create(Titled, "a")  # E1
    client.get_or_create(Titled, "a", input="x")  # E2
    await client.create(Titled, "a", input=3)  # E3
    client.get_or_create(ChatRoom, "a", input=Setup("x"))  # E4


class House(trivet.Actor):
    @trivet.action
    async def g(self) -> None:
        reveal_type(await self.create_child(Titled, "a", input=Setup("x")))  # is Handle[Titled]
        reveal_type(await self.create_child(ChatRoom, "a"))  # is Handle[ChatRoom]
        reveal_type(await self.find_children(Titled))  # is list[Handle[Titled]]
        await self.create_child(Titled, "a", input="x")  # E5
        await self.create_child(Titled, "a")  # E6
