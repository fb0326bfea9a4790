"""The whole corpus over real sockets against one server, in the middle of a conversation.

Nobody who talks there may notice anything: every call is answered, every event comes, in order,
and no connection is lost. Afterwards the server has as many tasks and descriptors as before.
"""

from __future__ import annotations

import os
import socket
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet
from tests.attacks.attack import Attack
from tests.attacks.corpus import ATTACKS
from tests.attacks.honest import PLAZAS, Conversation, conversation
from tests.attacks.player import play
from tests.attacks.plaza import REGISTRY, Gate, Plaza, Stage, Ticket

HONEST = 50
AT_ONCE = 64
"""Attackers at a time."""

LIMITS = trivet.Limits(close_time=1.0, frame_rate=1.0)
"""So that nobody waits for long, and a flood is one however slow this machine is."""


def resources() -> tuple[int, int]:
    """The tasks and the descriptors of this process."""
    return trio.lowlevel.current_statistics().tasks_living, len(os.listdir("/proc/self/fd"))


def reset(stream: trio.abc.HalfCloseableStream) -> None:
    assert isinstance(stream, trio.SocketStream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + bytes(7))
    stream.socket.close()


async def rest(server: trivet.Server) -> None:
    """Wait until the server has closed all connections."""
    listener = server._listener  # pyright: ignore[reportPrivateUsage] - tests look inside
    while listener.open_connections:
        await wait_all_tasks_blocked(0.01)
    await wait_all_tasks_blocked(0.01)


async def warm_up(url: str) -> None:
    """Wake every actor, with all the tasks that it keeps."""
    async with trivet.open_client(url) as client:
        for key in (*PLAZAS, "quiet"):
            await client.get_or_create(Plaza, key).call(Plaza.answer_later)
        async with client.get_or_create(Gate, "a").connect(Ticket("valid")) as conn:
            await conn.call(Gate.pass_through)
        await client.get_or_create(Stage, "a").fetch("/")


class Battle:
    """Attackers, some at a time, and what came of them."""

    def __init__(self, server: trivet.Server, talk: Conversation) -> None:
        self.port = server.port
        self.talk = talk
        self.failures: list[str] = []
        self.over = False
        self.room = trio.CapacityLimiter(AT_ONCE)
        self.fallen = trio.lowlevel.ParkingLot()

    async def attack(self, attack: Attack) -> None:
        async with self.room:
            stream = await trio.open_tcp_stream("127.0.0.1", self.port)
            answer = await play(attack, stream, reset)
        fits = (
            answer is None if attack.answer is None else bool(answer and attack.answer.fits(answer))
        )
        if not fits:
            self.failures.append(f"{attack.name}: {answer} instead of {attack.answer}")
        self.fallen.unpark_all()

    async def rage(self, attacks: list[Attack]) -> None:
        """Attack, while somebody says something whenever an attacker has fallen."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._talk_on)
            async with trio.open_nursery() as attackers:
                for attack in attacks:
                    attackers.start_soon(self.attack, attack)
            self.over = True
            self.fallen.unpark_all()

    async def _talk_on(self) -> None:
        rounds = 0
        while not self.over:
            await self.talk.go_on(rounds)
            rounds += 1
            if not self.over:
                await self.fallen.park()


@pytest.mark.slow
async def test_nobody_who_talks_notices_an_attack(caplog: pytest.LogCaptureFixture) -> None:
    async with trio.open_nursery() as nursery:
        server: trivet.Server = await nursery.start(
            partial(trivet.serve, REGISTRY, port=0, limits=LIMITS)
        )
        await warm_up(server.url)
        await rest(server)
        before = resources()
        async with conversation(server.url, size=HONEST) as talk:
            battle = Battle(server, talk)
            await battle.rage([attack for attack in ATTACKS if not attack.patient])
            await talk.go_on(0)
            talk.check()
        assert not battle.failures, "\n".join(battle.failures)
        await rest(server)
        assert resources() == before
        nursery.cancel_scope.cancel()
    unplanned = [record for record in caplog.records if record.message.startswith("a connection")]
    assert not unplanned
