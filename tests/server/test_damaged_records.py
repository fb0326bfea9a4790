"""Damaged records of a real store, as clients hear of them: they fail one actor, and betray none."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.server.serving import Serving, gateway, serving
from tests.server.sessions import Client
from trivet.client.local import LocalTransport
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Client as Caller
from trivet.declare.request import Request
from trivet.logs import BURST
from trivet.protocol.messages import ErrorMessage
from trivet.storage.sqlite.checksums import number_of
from trivet.storage.sqlite.storage import SqliteStorage


class Open(Actor[int], name="open"):
    """Asks nobody."""

    @action
    def add(self, n: int = 1) -> int:
        self.state += n
        return self.state


class Closed(Open, name="closed"):
    """Lets nobody in."""

    @classmethod
    async def authorize(cls, request: Request) -> bool:
        return False


STATE = "update states set state = x'37' where number = :number"
IDENTITY = "update actors set created_at = 7 where id = :id"


async def damaged_store(folder: Path, damage: str) -> tuple[SqliteStorage, dict[str, str]]:
    """A store whose actors of the key ``damaged`` are others than were stored; and every id."""
    path = folder / "actors.db"
    ids: dict[str, str] = {}
    async with serving(Open, Closed, storage=SqliteStorage(path)) as site:
        client = Caller(LocalTransport(site.runtime))
        for actor in (Open, Closed):
            for key in ("damaged", "sound"):
                name = f"{key} {actor.__name__.lower()}"
                ids[name] = await client.get_or_create(actor, key).resolve()
    connection = sqlite3.connect(path)
    for name, actor_id in ids.items():
        if name.startswith("damaged"):
            number = number_of(actor_id.encode())
            row = {"id": actor_id.encode(), "number": number}
            assert connection.execute(damage, row).rowcount == 1
    connection.commit()
    connection.close()
    return SqliteStorage(path), ids


async def ask(site: Serving, method: str, address: str, body: bytes = b"") -> str:
    """Send a request; return the error, or the keys of the actors that are found."""
    reply = await site.http().request(method, address, body)
    if reply.status == 200 and "actors" in reply.json:
        return " ".join(actor["key"] for actor in reply.json["actors"])
    return reply.error if reply.status >= 400 else str(reply.json["output"])


@pytest.mark.parametrize("damage", [STATE, IDENTITY])
@pytest.mark.parametrize("encoding", ["json", "cbor", "bare"])
async def test_a_damaged_actor_fails_alone(encoding: str, damage: str, tmp_path: Path) -> None:
    storage, ids = await damaged_store(tmp_path, damage)
    async with serving(Open, storage=storage) as site:
        damaged = ids["damaged open"]
        wanted = json.dumps({"name": "open", "key": "damaged"}).encode()
        for method, address, body in [
            ("POST", gateway("open", "damaged", "/action/add"), b"{}"),
            ("POST", f"/gateway/{damaged}/action/add", b"{}"),
            ("PUT", "/actors", wanted),
            ("POST", "/actors", wanted),
        ]:
            assert await ask(site, method, address, body) == "actor.state_corrupt"
        # Who it is does not rest on its state.
        heard = "damaged" if damage is STATE else "actor.state_corrupt"
        assert await ask(site, "GET", "/actors?name=open&key=damaged") == heard
        assert await ask(site, "GET", f"/actors?actor_ids={damaged}") == heard
        for address in (
            gateway("open", "damaged", "/connect"),
            f"/gateway/{damaged}/connect",
        ):
            async with site.websocket(address, "rivet", f"rivet_encoding.{encoding}") as socket:
                client = Client(socket, encoding)
                error = await client.receive()
                assert isinstance(error, ErrorMessage)
                assert (error.group, error.code) == ("actor", "state_corrupt")
                assert await client.closed() == (1011, "actor.state_corrupt")
        assert not site.runtime.directory.instances
        assert await ask(site, "POST", gateway("open", "sound", "/action/add"), b"{}") == "1"


@pytest.mark.parametrize("damage", [STATE, IDENTITY])
async def test_who_is_refused_does_not_hear_that_a_record_is_damaged(
    damage: str, tmp_path: Path
) -> None:
    storage, ids = await damaged_store(tmp_path, damage)
    async with serving(Open, Closed, storage=storage) as site:
        for actor_id in (ids["damaged closed"], ids["sound closed"], "0" * 32):
            call = f"/gateway/{actor_id}/action/add"
            assert await ask(site, "POST", call, b"{}") == "auth.forbidden"
            assert await ask(site, "DELETE", f"/actors/{actor_id}") == "auth.forbidden"
            assert await ask(site, "GET", f"/actors?actor_ids={actor_id}") == ""
            assert await ask(site, "GET", f"/actors?name=open&actor_ids={actor_id}") == ""
        every = ",".join(ids.values())
        # Of what does not say whose it is, nobody is told anything.
        heard = "damaged sound" if damage is STATE else "sound"
        assert await ask(site, "GET", f"/actors?actor_ids={every}") == heard


async def test_asking_for_a_damaged_actor_does_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage, ids = await damaged_store(tmp_path, IDENTITY)
    caplog.clear()
    async with serving(Open, storage=storage) as site:
        for _ in range(BURST + 5):
            damaged = f"/actors?actor_ids={ids['damaged open']}"
            assert await ask(site, "GET", damaged) == "actor.state_corrupt"
    assert sum("cannot be read" in record.message for record in caplog.records) == BURST
