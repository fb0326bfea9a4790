"""Where the layers are put together: a runtime to embed, a client to connect with."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from trivet.client.local import LocalTransport
from trivet.declare.handle import Client
from trivet.declare.options import Limits
from trivet.declare.registry import Registry
from trivet.ports import Storage
from trivet.runtime.runtime import Runtime, run_runtime
from trivet.storage.memory import MemoryStorage
from trivet.telemetry.counters import Counters

__all__ = ["open_runtime"]

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_runtime(
    registry: Registry, *, storage: Storage | None = None, limits: Limits | None = None
) -> AsyncGenerator[Runtime]:
    """Run actors inside this program, for as long as the body runs.

    Leaving the body stops every actor gracefully, also when it is left by cancellation.

    Args:
        registry: The actor classes.
        storage: Where actors live; memory by default, which says so once in the log.
        limits: Bounds for every class that sets none of its own.
    """
    if storage is None:
        logger.info("actors live in memory only and end with this process")
        storage = MemoryStorage()
    async with run_runtime(registry, storage, Counters(), limits or Limits()) as runtime:
        runtime.client = Client(LocalTransport(runtime))
        yield runtime
