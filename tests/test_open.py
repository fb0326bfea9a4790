"""The ways in, where the program runs on another event loop."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

import trivet


class Counter(trivet.Actor[int]): ...


REGISTRY = trivet.Registry(Counter)


@pytest.mark.parametrize(
    "opening", [lambda: trivet.open_runtime(REGISTRY), lambda: trivet.open_client("http://server")]
)
def test_another_event_loop_is_told_that_trio_is_wanted(opening: Any) -> None:
    async def enter(entered: AbstractAsyncContextManager[object]) -> None:
        async with entered:
            raise AssertionError

    with pytest.raises(RuntimeError, match=r"trio\.run, not asyncio\.run"):
        asyncio.run(enter(opening()))


def test_a_server_on_another_event_loop() -> None:
    with pytest.raises(RuntimeError, match=r"trio\.run, not asyncio\.run"):
        asyncio.run(trivet.serve(REGISTRY, port=0))
