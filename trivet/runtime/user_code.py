"""User code: what becomes of what it raises that is no ``Exception``.

Rules this file keeps:

1. Cancellation passes, alone or in a group: it is no error.
2. ``KeyboardInterrupt`` and ``SystemExit`` stop the runtime, gracefully; whoever has opened it gets
   them when that is done. Where they were raised they count as any failure.
3. Whatever else ``except Exception`` does not catch (``asyncio.CancelledError``, the panic of an
   extension module) counts as an ``Exception`` there, and nowhere else: a message of a client that
   leads to one must not be worth more than one that leads to a ``ValueError``.

So the firewalls of the runtime catch ``Exception`` and nothing beyond it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

import trio

if TYPE_CHECKING:
    from trivet.runtime.runtime import Runtime

__all__ = ["NoException", "call_user_code", "tamed", "told_apart", "user_code"]

T = TypeVar("T")


class NoException(Exception):
    """Stands for what user code has raised and ``except Exception`` does not catch: its cause."""

    def __init__(self, raised: BaseException) -> None:
        super().__init__(f"user code raised {type(raised).__name__}, which is no Exception")
        self.__cause__ = raised


async def user_code(runtime: Runtime, running: Awaitable[T]) -> T:
    """Await user code.

    Raises:
        Exception: What it has raised, or what stands for that.
    """
    try:
        return await running
    except (Exception, trio.Cancelled, GeneratorExit):
        raise
    except BaseException as error:
        raise tamed(runtime, error) from error


def call_user_code(runtime: Runtime, fn: Callable[[], T]) -> T:
    """Call user code.

    Raises:
        Exception: What it has raised, or what stands for that.
    """
    try:
        return fn()
    except (Exception, trio.Cancelled, GeneratorExit):
        raise
    except BaseException as error:
        raise tamed(runtime, error) from error


def tamed(runtime: Runtime, error: BaseException) -> BaseException:
    """Return what is to be raised instead of what user code has raised: an ``Exception``.

    Of a group with cancellations in it these stay what they are.
    """
    cancelled, raised = told_apart(runtime, error)
    if cancelled is None or raised is None:
        return cancelled or raised or error
    return BaseExceptionGroup("user code failed while it was cut", [cancelled, raised])


def told_apart(
    runtime: Runtime, error: BaseException
) -> tuple[BaseException | None, Exception | None]:
    """Return what of an error is cancellation, and the ``Exception`` that the rest counts as."""
    cancelled: BaseException | None = None
    raised: BaseException | None = error
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        cancelled, raised = group.split(trio.Cancelled)
    elif isinstance(error, trio.Cancelled):
        cancelled, raised = error, None
    if raised is None or isinstance(raised, Exception):
        return cancelled, raised
    interrupt = _interrupt_in(raised)
    if interrupt is not None:
        runtime.interrupt(interrupt)
    return cancelled, NoException(raised)


def _interrupt_in(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        found = (_interrupt_in(inner) for inner in group.exceptions)
        return next((one for one in found if one is not None), None)
    return error if isinstance(error, KeyboardInterrupt | SystemExit) else None
