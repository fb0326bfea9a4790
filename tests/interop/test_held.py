"""Restarts of a held server, as a hundred official clients see them: they do not."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.holder.held import Holder, held_server
from tests.interop.node import JavaScript, Node

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CLIENTS = 100
MEANWHILE = {"connecting", "connected", "disconnected"}

Restart = Callable[[Holder], Awaitable[None]]


async def kill(holder: Holder) -> None:
    holder.tell_server(signal.SIGKILL)
    await holder.line("ended by itself: SIGKILL; starting it again")
    await holder.serves()


async def stop(holder: Holder) -> None:
    holder.tell_server(signal.SIGTERM)
    await holder.line("ended by itself: exit status 0; starting it again")
    await holder.serves()


async def reload(holder: Holder) -> None:
    holder.tell(signal.SIGHUP)
    await holder.line("the old server has ended: exit status 0")
    await holder.serves()


async def play(node: Node, path: Path, restarts: Sequence[Restart], staying: int) -> int:
    """Let clients live through restarts; how many of their calls were cut.

    Args:
        staying: How many clients are in calls that end with the server only.
    """
    async with held_server("tests.holder.ledger:registry", "--storage", str(path)) as holder:
        await holder.serves()
        playing = JavaScript(node, holder.url, "bare").start(
            "held.rounds", CLIENTS, staying, len(restarts)
        )
        async with playing as scenario:
            for restart in restarts:
                await scenario.told()
                await restart(holder)
            peers: list[dict[str, Any]] = await scenario.result()
        holder.tell(signal.SIGTERM)
        assert await holder.process.wait() == 0
    assert len(peers) == CLIENTS
    for peer in peers:
        check(peer)
    return sum(len(peer["failed"]) for peer in peers)


def check(peer: dict[str, Any]) -> None:
    counts, answered, failed = peer["counts"], peer["answered"], peer["failed"]
    assert set(peer["seen"]) == MEANWHILE
    assert peer["lostWhileQueued"] == []
    assert [call for call in answered if counts.get(call) != 1] == []
    assert [call for call in failed if counts.get(call, 0) > 1] == []
    assert set(counts) <= {*answered, *failed}


async def test_a_server_that_is_killed(node: Node, tmp_path: Path) -> None:
    """All come back, queued calls arrive, what was answered ran once and what was not, at most."""
    cut = await play(node, tmp_path / "ledger.db", [kill], staying=CLIENTS // 2)
    assert cut >= CLIENTS // 2


async def test_a_server_that_is_told_to_restart(node: Node, tmp_path: Path) -> None:
    """By its holder or by itself, with the same promise: nobody stays away."""
    await play(node, tmp_path / "ledger.db", [reload, stop, reload], staying=0)
