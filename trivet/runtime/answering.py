"""Answering: from a call that was granted to its result, on whatever task it runs."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from trivet.declare.interfaces import SHORT_KINDS
from trivet.logs import Throttled
from trivet.runtime.atomic import all_or_nothing
from trivet.runtime.call import Call
from trivet.runtime.cut_errors import restarting
from trivet.runtime.hooks import enter_beside, enter_call
from trivet.runtime.mailbox import overloaded
from trivet.runtime.results import copied
from trivet.runtime.state_watch import one_segment
from trivet.runtime.subjects import about_instance
from trivet.runtime.turn import running_action

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["answer", "failed_while_cut", "tell"]

throttled = Throttled(logging.getLogger(__name__))


async def answer(call: Call) -> None:
    """Run a call and give its result, or its error, to whoever asked."""
    call.ends = math.inf  # it has waited long enough not to be given up any more
    try:
        if call.unwanted or call.deadline < math.inf:
            _check_wanted(call)
        if call.conn is not None and call.conn.kind in SHORT_KINDS:
            call.since = trio.current_time()
            await (enter_beside if call.method.concurrent else enter_call)(call, call.conn)
        if call.method.concurrent:
            running_action.set(call)
        call.begins()
        value = await _invoke(call)
    except Exception as error:  # the actor's firewall: the caller gets it
        call.is_over = True
        tell(call, partial(call.failed, error))
    except BaseException:
        call.is_over = True
        call.failed(call.cut_error())
        raise
    else:
        call.is_over = True
        tell(call, partial(call.result, value))


def tell(call: Call, answer: Callable[[], None]) -> None:
    """Answer; whoever has destroyed the actor hears of it when that is gone."""
    last_words = call.instance.last_words
    if last_words is None:
        answer()
    else:
        last_words.keep(answer)


def failed_while_cut(instance: Instance, error: Exception) -> None:
    """Report what a cut call raised besides its cancellation; it was answered already."""
    throttled.error(
        "cut",
        "%s: a call failed while it was cut",
        instance.label,
        extra=about_instance(instance),
        error=error,
    )


def _check_wanted(call: Call) -> None:
    if call.unwanted:
        raise restarting()  # nobody hears it
    if call.deadline <= trio.current_time():
        call.instance.runtime.observer.count("request_expired")
        raise overloaded(call.instance.limits.mailbox)


async def _invoke(call: Call) -> Any:
    instance = call.instance
    if call.method.atomic:
        with all_or_nothing(instance, call), one_segment(instance, call.where):
            return copied(call.method.copy_result, await _run_method(call), call.where)
    if call.method.readonly and instance.definition.has_concurrent_actions:
        # Who may change the state while a readonly action waits is not known: none is trusted.
        return await _run_method(call)
    if not call.method.readonly:
        if instance.state_watch is None:
            return await _run_method(call)
        with one_segment(instance, call.where):
            return await _run_method(call)
    touched = instance.state.trust()
    try:
        return await _run_method(call)
    finally:
        if not call.has_lent:  # hooks that borrow it are not trusted
            instance.state.trusted(call.label, touched)


async def _run_method(call: Call) -> Any:
    instance, method, now = call.instance, call.method, trio.current_time()
    if now < call.since:
        call.since = now
    if not method.may_run_inline:
        ends = now + method.timeout
        if method.cancel_with_caller:
            ends = min(ends, call.deadline)
        if ends < math.inf:
            call.end_by(ends)
    value = method.function(instance.actor, *call.args, **call.kwargs)
    if method.is_async:
        value = await value
    if method.looks_at_result:
        value = await instance.actor.on_before_action_response(method.token, call.args, value)
    return value
