"""Key-value entries, line by line of the acceptance list: under the mock clock, and over sockets."""

from __future__ import annotations

from tests.acceptance.lines import Lines
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Client


class Keeper(Actor, name="keeper"):
    @action
    async def put(self, entries: dict[str, bytes]) -> None:
        await self.kv.put_many(entries)

    @action
    async def put_text(self, key: str, text: str) -> None:
        await self.kv.put(key, text.encode())

    @action
    async def text(self, key: str) -> str | None:
        value = await self.kv.get(key)
        return None if value is None else value.decode()

    @action
    async def value(self, key: str) -> bytes | None:
        return await self.kv.get(key)

    @action
    async def keys(self, start: str, end: str) -> list[str]:
        return [key for key, _ in await self.kv.list_range(start, end)]

    @action
    async def delete(self, start: str, end: str) -> None:
        await self.kv.delete_range(start, end)

    @action
    async def everything(self) -> list[str]:
        return [key for key, _ in await self.kv.list()]


line = Lines(Keeper, on_disk=True)


@line
async def test_texts(client: Client) -> None:
    keeper = client.get_or_create(Keeper, "a")
    await keeper.call(Keeper.put_text, "greeting", "grüß Gott 😀")
    assert await keeper.call(Keeper.text, "greeting") == "grüß Gott 😀"
    assert await keeper.call(Keeper.text, "other") is None


@line
async def test_ranges(client: Client) -> None:
    keeper = client.get_or_create(Keeper, "a")
    await keeper.call(Keeper.put, dict.fromkeys("abcde", b""))
    assert await keeper.call(Keeper.keys, "b", "d") == ["b", "c"]
    await keeper.call(Keeper.delete, "b", "d")
    assert await keeper.call(Keeper.everything) == ["a", "d", "e"]


@line
async def test_bytes(client: Client) -> None:
    keeper = client.get_or_create(Keeper, "a")
    every_byte = bytes(range(256))
    await keeper.call(Keeper.put, {"all": every_byte, "none": b""})
    assert await keeper.call(Keeper.value, "all") == every_byte
    assert await keeper.call(Keeper.value, "none") == b""


test_over_sockets = line.over_sockets()
