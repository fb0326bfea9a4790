"""A holder and its servers, as processes."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE

import pytest
import trio

import trivet
from tests.holder.held import ROOT, Holder, held_server
from tests.holder.ledger import Ledger

pytestmark = pytest.mark.slow

APP = "tests.holder.ledger:registry"
VERSIONED = """
import trivet

class Teller(trivet.Actor, name="teller"):
    @trivet.action
    def version(self) -> int:
        return {version}

registry = trivet.Registry(Teller)
"""


class Teller(trivet.Actor, name="teller"):
    @trivet.action
    def version(self) -> int:
        raise NotImplementedError


@asynccontextmanager
async def serving(*options: str, folder: Path = ROOT) -> AsyncGenerator[Holder]:
    async with held_server(*options, folder=folder) as holder:
        await holder.serves()
        yield holder


async def counted(holder: Holder) -> dict[str, int]:
    async with trivet.open_client(holder.url) as client:
        ledger = client.get_or_create(Ledger, "a")
        await ledger.call(Ledger.note, "again")
        return await ledger.call(Ledger.counts)


async def test_a_killed_server_is_back_with_what_it_stored(tmp_path: Path) -> None:
    async with serving(APP, "--storage", str(tmp_path / "a.db")) as holder:
        assert await counted(holder) == {"again": 1}
        killed = holder.server
        holder.tell_server(signal.SIGKILL)
        # The socket stands: this call waits in it, whatever is there now.
        assert await counted(holder) == {"again": 2}
        await holder.line("ended by itself: SIGKILL; starting it again")
        await holder.serves()
        assert holder.server != killed
        holder.tell(signal.SIGTERM)
        assert await holder.process.wait() == 0


async def test_new_code_is_loaded_if_it_can_be(tmp_path: Path) -> None:
    code = tmp_path / "teller_app.py"

    async def version() -> int:
        async with trivet.open_client(holder.url) as client:
            return await client.get_or_create(Teller, "a").call(Teller.version)

    code.write_text(VERSIONED.format(version=1))
    async with serving("teller_app:registry", folder=tmp_path) as holder:
        first = holder.server
        code.write_text("this is no Python")
        holder.tell(signal.SIGHUP)
        await holder.line("the new server did not start: exit status 1")
        assert await version() == 1
        code.write_text(VERSIONED.format(version=2))
        holder.tell(signal.SIGHUP)
        await holder.line("the old server has ended: exit status 0")
        await holder.serves()
        assert await version() == 2
        assert holder.server != first
        holder.tell(signal.SIGINT)
        assert await holder.process.wait() == 0


async def test_a_server_ends_with_its_holder(tmp_path: Path) -> None:
    """Gracefully: nobody would start another, and the next holder needs its port and its store."""
    async with serving(APP, "--storage", str(tmp_path / "a.db")) as holder:
        holder.process.kill()
        await holder.process.wait()
        await holder.rest()
        with pytest.raises(OSError, match="connect"):
            await trio.open_tcp_stream("127.0.0.1", int(holder.url.rpartition(":")[2]))
    async with trivet.SqliteStorage(tmp_path / "a.db").open():
        pass


async def test_a_second_signal_ends_both_at_once() -> None:
    async with held_server(APP, "--storage", "memory", "--verbose") as holder:
        await holder.line("actors live in memory: each restart, at SIGHUP too, loses them all")
        await holder.serves()

        async def stay() -> None:
            with pytest.raises(trivet.ConnectionLost):
                await connection.call(Ledger.stay, "forever")

        async with (
            trivet.open_client(holder.url) as client,
            client.get_or_create(Ledger, "a").connect() as connection,
            trio.open_nursery() as nursery,
        ):
            staying = connection.events(Ledger.staying)
            nursery.start_soon(stay)
            assert await anext(staying) == "forever"
            holder.tell(signal.SIGTERM)
            await holder.line("stopping: SIGTERM")
            holder.tell(signal.SIGTERM)
            assert await holder.process.wait() == 1
            await holder.rest()


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        (["nowhere_app:registry"], 2, "no module 'nowhere_app'"),
        ([APP, "--storage", "nowhere/a.db"], 1, "cannot be opened"),
        ([APP, "--host", "0.0.0.0"], 1, "Ledger lets everybody in"),
        ([APP, "--host", "192.0.2.1"], 1, "192.0.2.1 port 0: Cannot assign requested address"),
    ],
)
async def test_what_cannot_serve_is_not_tried_again(
    options: list[str], status: int, text: str
) -> None:
    async with held_server(*options) as holder:
        assert text in await holder.rest()
        assert await holder.process.wait() == status


ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.executable, [sys.executable, "-m", "trivet", "serve", *sys.argv[2:]])
"""


@pytest.mark.parametrize("more", [[], ["--hold"]])
async def test_a_socket_of_the_supervisor_is_served(more: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        file = listening.fileno()
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", ACTIVATE, str(file), APP, "--storage", "memory", *more],
            pass_fds=[file],
            stderr=PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            async with trivet.open_client(f"http://127.0.0.1:{port}") as client:
                ledger = client.get_or_create(Ledger, "a")
                assert await ledger.call(Ledger.process) > 0
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        finally:
            process.kill()
