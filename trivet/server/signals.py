"""Signals: the first asks the server to stop, the second ends the process at once."""

from __future__ import annotations

import logging
import os
import signal

import trio

__all__ = ["watch_signals"]

logger = logging.getLogger(__name__)


async def watch_signals(
    running: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Cancel a scope at the first SIGTERM or SIGINT; exit with status 1 at the second.

    Args:
        running: What the first signal ends.
        task_status: Told when signals are being watched.
    """
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            if running.cancel_called:
                os._exit(1)
            logger.info("stopping: %s", signal.Signals(number).name)
            running.cancel()
