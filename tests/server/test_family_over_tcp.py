"""A family over real sockets: the operator destroys the parent, and the clients of all hear so."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

import trivet
from tests.server.serving import HttpClient, serving
from trivet.client.local import LocalTransport
from trivet.declare.handle import Client
from trivet.declare.registry import definition_of


class House(trivet.Actor, name="house"):
    @trivet.action
    async def let(self, name: str) -> str:
        return await (await self.create_child(Flat, name)).resolve()


class Flat(trivet.Actor[int], name="flat"):
    @trivet.action
    def enter(self) -> int:
        self.state += 1
        return self.state


class Broken(trivet.Actor[int], name="flat"):
    async def on_wake(self) -> None:
        raise RuntimeError("no")


async def test_the_operator_destroys_a_family(tmp_path: Path) -> None:
    storage = trivet.SqliteStorage(tmp_path / "a.db")
    async with serving(House, Flat, storage=storage, host="127.0.0.1") as site:
        site.runtime.client = Client(LocalTransport(site.runtime))
        house = await site.runtime.create(definition_of(House), ("h",), None)
        async with trivet.open_client(f"http://127.0.0.1:{site.server.port}") as client:
            await client.get(House, "h").call(House.let, "left")
            async with client.get(Flat, "left").connect() as flat:
                assert await flat.call(Flat.enter) == 1
                stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
                http = HttpClient(stream)
                reply = await http.request("DELETE", f"/actors/{house}?namespace=default")
                assert (reply.status, reply.json) == (200, {})
                assert await site.runtime.storage.list("house") == []
                assert await site.runtime.storage.list("flat") == []
                async for status in flat.status_changes():
                    if status == "closed":
                        break
                with pytest.raises(trivet.Error):
                    await client.get(Flat, "left").call(Flat.enter)
                await stream.aclose()


async def test_the_operator_destroys_what_cannot_start(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with serving(Flat, storage=trivet.SqliteStorage(path)) as site:
        flat = await site.runtime.create(definition_of(Flat), ("f",), None)
    async with serving(Broken, storage=trivet.SqliteStorage(path), host="127.0.0.1") as site:
        stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
        reply = await HttpClient(stream).request("DELETE", f"/actors/{flat}?namespace=default")
        assert (reply.status, reply.json) == (200, {})
        assert await site.runtime.storage.identify(flat) is None
        await stream.aclose()
