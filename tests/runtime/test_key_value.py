"""`self.kv`: text keys in their order, limits told by name, all of a batch or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened, put_away, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import KeyValue
from trivet.declare.options import Limits
from trivet.storage.memory import MemoryStorage


class Keeper(Actor[None], call_hooks=False):
    @action
    async def put(self, values: dict[str, bytes]) -> None:
        await self.kv.put_many(values)

    @action
    async def everything(self) -> list[tuple[str, bytes]]:
        return await self.kv.list()


async def kv_of(runtime: Any) -> KeyValue:
    kv: KeyValue = (await wake(runtime, Keeper)).actor.kv
    return kv


async def test_what_was_put_is_there_until_it_is_deleted(autojump_clock: MockClock) -> None:
    async with opened(Keeper) as runtime:
        kv = await kv_of(runtime)
        await kv.put("a", b"1")
        await kv.put_many({"b": b"", "é": b"\0\xff", "": b"empty"})
        assert (await kv.get("a"), await kv.get("x")) == (b"1", None)
        assert await kv.get_many("b", "x", "é", "b") == {"b": b"", "é": b"\0\xff"}
        await kv.delete("a", "x", "a")
        await kv.delete()
        await kv.put_many({})
        await put_away(runtime, Keeper)
        everything = [("", b"empty"), ("b", b""), ("é", b"\0\xff")]
        assert await call(runtime, Keeper.everything) == everything


KEYS = sorted(
    [
        *("", "a", "a\0", "aé", "a\uffff", "a\U0010ffff", "b", "\x7f", "\x80", "é", "éa", "\ud7ff"),
        *("\uffff", "\U00010000", "\U0010ffff", "\U0010ffff\U0010ffff"),
    ]
)


async def test_prefixes_are_right_for_every_character(autojump_clock: MockClock) -> None:
    async with opened(Keeper) as runtime:
        kv = await kv_of(runtime)
        await kv.put_many({key: key.encode() for key in KEYS})
        for prefix in [*KEYS, "\ue000", "\u07ff", "x"]:
            wanted = [(key, key.encode()) for key in KEYS if key.startswith(prefix)]
            assert await kv.list(prefix) == wanted
            assert await kv.list(prefix, reverse=True, limit=2) == wanted[::-1][:2]


async def test_a_range_ends_before_its_end(autojump_clock: MockClock) -> None:
    async with opened(Keeper) as runtime:
        kv = await kv_of(runtime)
        await kv.put_many(dict.fromkeys("abcde", b""))
        assert await kv.list_range("b", "d") == [("b", b""), ("c", b"")]
        assert await kv.list_range("d", "b") == []
        assert await kv.list_range("a", "z", reverse=True, limit=2) == [("e", b""), ("d", b"")]
        await kv.delete_range("b", "d")
        await kv.delete_range("e", "a")
        assert [key for key, _ in await kv.list()] == ["a", "d", "e"]


Attempt = Callable[[KeyValue], Awaitable[object]]

SMALL = Limits(kv_key=4, kv_value=8, kv_batch_keys=3, kv_batch=20)


REFUSED: list[tuple[Attempt, str, object]] = [
    (lambda kv: kv.put("four5", b""), "key_too_large", {"size": 5, "limit": 4}),
    (lambda kv: kv.get("ééé"), "key_too_large", {"size": 6, "limit": 4}),
    (lambda kv: kv.put("a", b"123456789"), "value_too_large", {"size": 9, "limit": 8}),
    (lambda kv: kv.get_many(*"abcd"), "too_many_keys", {"size": 4, "limit": 3}),
    (lambda kv: kv.delete(*"abcd"), "too_many_keys", {"size": 4, "limit": 3}),
    (
        lambda kv: kv.put_many({"a": b"1", "b": b"12345678", "cccc": b"12345678"}),
        "batch_too_large",
        {"size": 23, "limit": 20},
    ),
    (lambda kv: kv.put_many({"a": b"1", "\ud800": b""}), "invalid_key", None),
    (lambda kv: kv.list("\udfff"), "invalid_key", None),
]


@pytest.mark.parametrize(("attempt", "code", "metadata"), REFUSED)
async def test_what_is_too_large_is_refused_as_a_whole(
    attempt: Attempt,
    code: str,
    metadata: object,
    autojump_clock: MockClock,
) -> None:
    async with opened(Keeper, limits=SMALL) as runtime:
        kv = await kv_of(runtime)
        await kv.put_many(dict.fromkeys("abc", b"12345"))
        before = await kv.list()
        with pytest.raises(errors.ActionError) as caught:
            await attempt(kv)
        error = caught.value
        assert (error.group, error.code, error.metadata) == ("kv", code, metadata)
        assert await kv.list() == before


async def test_a_caller_far_away_reads_what_was_wrong(autojump_clock: MockClock) -> None:
    async with opened(Keeper) as runtime:
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Keeper.put, {"a": b"1" * (128 * 1024 + 1)})
        assert (caught.value.group, caught.value.code) == ("kv", "value_too_large")
        await call(runtime, Keeper.put, {"a": b"1" * (128 * 1024), "k" * 2048: b""})


MISTYPED: list[Callable[[Any], Awaitable[object]]] = [
    lambda kv: kv.put("a", "text"),
    lambda kv: kv.put("a", bytearray(b"1")),
    lambda kv: kv.put(b"a", b"1"),
    lambda kv: kv.list_range("a", 1),
]


@pytest.mark.parametrize("attempt", MISTYPED)
async def test_other_types_are_refused(
    attempt: Callable[[Any], Awaitable[object]], autojump_clock: MockClock
) -> None:
    async with opened(Keeper) as runtime:
        with pytest.raises(TypeError, match="must be"):
            await attempt(await kv_of(runtime))


async def test_a_limit_is_a_number_of_entries(autojump_clock: MockClock) -> None:
    async with opened(Keeper) as runtime:
        kv = await kv_of(runtime)
        await kv.put("a", b"1")
        assert await kv.list(limit=0) == []
        with pytest.raises(ValueError, match="limit"):
            await kv.list(limit=-1)


METHODS: list[Attempt] = [
    lambda kv: kv.get("a"),
    lambda kv: kv.get_many("a"),
    lambda kv: kv.put("b", b"1"),
    lambda kv: kv.put_many({"b": b"1"}),
    lambda kv: kv.delete("a"),
    lambda kv: kv.delete_range("a", "b"),
    lambda kv: kv.list(),
    lambda kv: kv.list_range("a", "b"),
]


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_is_a_checkpoint_and_cancelled_it_has_done_nothing(
    method: Attempt, autojump_clock: MockClock
) -> None:
    async with opened(Keeper) as runtime:
        kv = await kv_of(runtime)
        await kv.put("a", b"1")
        with trio.testing.assert_checkpoints():
            await method(kv)
        await kv.put("a", b"1")
        await kv.delete("b")
        with trio.CancelScope() as scope:
            scope.cancel()
            await method(kv)
        assert scope.cancelled_caught
        assert await kv.list() == [("a", b"1")]


async def test_two_actors_have_two_stores(autojump_clock: MockClock) -> None:
    async with opened(Keeper, storage=MemoryStorage()) as runtime:
        await call(runtime, Keeper.put, {"a": b"1"})
        assert await call(runtime, Keeper.everything, key="b") == []


class Speaker(Actor[list[str]], call_hooks=False):
    said = Event[str]()

    @action
    async def say(self, text: str) -> None:
        self.broadcast(Speaker.said, text)
        self.state.append(text)
        await self.kv.put(text, b"")
        await trio.lowlevel.checkpoint()


async def test_what_was_changed_just_before_is_stored_with_it(autojump_clock: MockClock) -> None:
    """The turn has said something, so its segment may end wherever it waits."""
    storage = HeldStorage()
    storage.holding = False
    async with opened(Speaker, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Speaker, "a")
        await link.gets("init")
        link.subscribe("said")
        await call(runtime, Speaker.say, "hello")
        (both,) = [save.segment for save in storage.saves if save.segment.state is not None]
        assert [write.key for write in both.writes] == [b"hello"]
