"""However many large states change at once, one pass of the loop encodes few of them."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.runtime.runtimes import awake, call, opened, put_away, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.values import Place, shape_of
from trivet.ports.records import Segment
from trivet.ports.storage import Committed
from trivet.runtime.asking import answer_inline
from trivet.runtime.between_turns import ENCODED_AT_ONCE
from trivet.runtime.passage import Passage

KEYS = "abcdef"
STORED = shape_of(list[str], place=Place.STATE, where="state")


class Scroll(Actor[list[str]]):
    @action
    def write(self, text: str) -> int:
        self.state.append(text)
        return len(self.state)

    @action
    async def write_later(self, text: str) -> int:
        return self.write(text)


class Passes(trio.abc.Instrument):
    """Counts the passes of the loop."""

    count = 0

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1


class CountingStorage(HeldStorage):
    """Takes note of the pass in which each save begins."""

    def __init__(self, passes: Passes) -> None:
        super().__init__()
        self._passes = passes
        self.saves_in: Counter[int] = Counter()

    def commit(self, segment: Segment, done: Committed) -> None:
        self.saves_in[self._passes.count] += 1
        super().commit(segment, done)


@pytest.mark.parametrize("way", [Scroll.write, Scroll.write_later], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("size", "at_once"), [(ENCODED_AT_ONCE, 1), (ENCODED_AT_ONCE // 2, 2), (10, len(KEYS))]
)
async def test_a_pass_encodes_so_many_bytes(
    way: Action[Scroll, ..., int], size: int, at_once: int
) -> None:
    passes = Passes()
    storage = CountingStorage(passes)
    storage.holding = False
    async with opened(Scroll, storage=storage) as runtime:
        for key in KEYS:
            await wake(runtime, Scroll, key)
        await wait_all_tasks_blocked()
        trio.lowlevel.add_instrument(passes)
        storage.saves_in.clear()
        async with trio.open_nursery() as nursery:
            for key in KEYS:
                nursery.start_soon(partial(call, runtime, way, "x" * size, key=key))
        trio.lowlevel.remove_instrument(passes)
        assert storage.saves_in.total() == len(KEYS)
        assert max(storage.saves_in.values()) <= at_once
        for key in KEYS:
            await put_away(runtime, Scroll, key)
            assert await call(runtime, Scroll.write, "", key=key) == 2


async def test_what_waits_for_its_pass_is_one_segment_with_what_comes_meanwhile() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Scroll, storage=storage) as runtime:
        instance = await wake(runtime, Scroll)
        method = instance.definition.method(Scroll.write)
        passages = Passage(), Passage()
        runtime.between_turns.has_encoded(ENCODED_AT_ONCE)
        for passage, text in zip(passages, ("first", "second"), strict=True):
            answer_inline(instance, method, (text,), None, passage)
        assert not storage.saves
        for passage in passages:
            await passage.wait()
        [save] = storage.saves
        assert save.data == STORED.encode(["first", "second"])


async def test_nothing_is_lost_when_an_actor_ends_while_it_waits_for_its_pass() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Scroll, storage=storage) as runtime:
        instance = await wake(runtime, Scroll)
        runtime.between_turns.has_encoded(ENCODED_AT_ONCE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, runtime, Scroll.write, "kept")
            nursery.start_soon(put_away, runtime, Scroll)
        assert instance.stopping
        assert await call(runtime, Scroll.write, "more") == 2
        assert awake(runtime, Scroll) is not None
