"""An actor that crashes again and again, over real sockets and onto a real file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

import trivet
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn

pytestmark = pytest.mark.slow

LEFT: list[str | None] = []


class Frail(trivet.Actor[int], name="frail", call_hooks=False):
    said = Event[int]()

    async def on_disconnect(self, conn: Conn[None]) -> None:
        LEFT.append(conn.close_cause)

    async def fall(self) -> None:
        raise ValueError("a task broke")

    @trivet.action
    def crash(self) -> None:
        self.start_soon(self.fall)

    @trivet.action
    def say(self) -> int:
        self.state += 1
        self.broadcast(Frail.said, self.state)
        return self.state


async def test_its_clients_notice_nothing_until_it_is_unavailable_and_then_come_back(
    tmp_path: Path,
) -> None:
    LEFT.clear()
    async with trio.open_nursery() as nursery:
        storage = trivet.SqliteStorage(tmp_path / "trivet.db")
        serve = partial(trivet.serve, trivet.Registry(Frail), port=0, storage=storage)
        server = await nursery.start(serve)
        with trio.fail_after(30):
            async with trivet.open_client(server.url) as client:
                frail = client.get_or_create(Frail, "a")
                async with frail.connect() as conn:
                    said = conn.events(Frail.said)
                    changes = conn.status_changes()
                    assert await conn.call(Frail.say) == 1
                    crashes, codes = 0, set[str]()
                    while conn.status == "connected":
                        try:
                            await frail.call(Frail.crash)
                            crashes += 1
                        except trivet.ActionError as error:
                            codes.add(error.code)
                    assert crashes >= 5
                    assert codes <= {"restarting", "unavailable"}
                    assert await anext(changes) == "disconnected"
                    with pytest.raises(trivet.ActionError) as caught:
                        await frail.call(Frail.say)
                    assert caught.value.code == "unavailable"
                    metadata: Any = caught.value.metadata
                    assert 0 < metadata["retry_after"] <= 2
                    async for status in changes:
                        if status == "connected":
                            break
                    assert await conn.call(Frail.say) == 2
                    assert [await anext(said) for _ in range(2)] == [1, 2]
                    assert LEFT == ["crash"]
        nursery.cancel_scope.cancel()
