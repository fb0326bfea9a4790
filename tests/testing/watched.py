"""Actors whose states are watched by ``check_state``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest

from tests.runtime.runtimes import opened
from tests.runtime.stores import HeldStorage
from trivet.ports.storage import Storage
from trivet.runtime.runtime import Runtime
from trivet.storage.memory import MemoryStorage
from trivet.testing.state import check_state


def failed(findings: list[str]) -> str:
    """The only finding."""
    (finding,) = findings
    return finding


@asynccontextmanager
async def checked(
    *actors: Any, storage: Storage | None = None
) -> AsyncGenerator[tuple[Runtime, list[str]]]:
    """A runtime whose actors are watched, and what was found when the body is over."""
    findings: list[str] = []
    async with opened(*actors, storage=storage) as runtime:
        with ExitStack() as checking:
            checking.enter_context(check_state(runtime))
            yield runtime, findings
            try:
                checking.close()
            except AssertionError as error:
                findings += str(error).split("\n")


STORES: list[Callable[[], Storage]] = [MemoryStorage, HeldStorage]
ON_EVERY_STORE = pytest.mark.parametrize("store", STORES)


def let_go(storage: Storage) -> Storage:
    if isinstance(storage, HeldStorage):
        storage.holding = False
    return storage
