"""The attacks that end by a deadline, over a network in memory, where it passes at once."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.attacks.attack import Attack
from tests.attacks.corpus import ATTACKS
from tests.attacks.player import play
from tests.attacks.plaza import Board, Gate, Plaza, Stage
from tests.server.serving import serving
from trivet.testing.network import MemoryConnection

BY_DEADLINE = [attack for attack in ATTACKS if attack.patient or attack.mute]


@pytest.mark.parametrize("attack", BY_DEADLINE, ids=lambda attack: attack.name)
async def test_an_attack_gets_its_answer(attack: Attack, autojump_clock: MockClock) -> None:
    async with serving(Plaza, Gate, Board, Stage) as site:
        connection = MemoryConnection("server")
        site.server.serve_stream(connection.server)

        def reset(stream: trio.abc.HalfCloseableStream) -> None:
            connection.cut()

        with trio.fail_after(300):
            answer = await play(attack, connection.client, reset)
        assert answer is not None
        assert attack.answer is not None
        assert attack.answer.fits(answer), answer
        while site.listener.open_connections:
            await trio.testing.wait_all_tasks_blocked()


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) >= 500
