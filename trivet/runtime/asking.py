"""Asking: the mailbox's entrance for callers that wait for the answer.

A synchronous action of an idle actor runs inline on the caller's own task: nothing can suspend or
cancel it, so this is exact, and it costs no task switch. Everything else queues and runs on the
actor's worker, where a caller that leaves cuts nothing.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from trivet.declare.errors import ConnectionClosed, Error
from trivet.declare.request import Request
from trivet.protocol.faults import error_of, fault_of
from trivet.runtime.answering import tell
from trivet.runtime.call import Ask, InstanceMoved, Submission, deadline_in
from trivet.runtime.hooks import check, enter_alone
from trivet.runtime.passage import Passage
from trivet.runtime.results import copied
from trivet.runtime.subjects import about_connection, about_instance
from trivet.runtime.turn import current_action, current_turn, running_turn
from trivet.runtime.user_code import tamed
from trivet.runtime.waits import waiting_beside, waiting_for, waiting_inside, waiting_link

if TYPE_CHECKING:
    from trivet.declare.definition import Method
    from trivet.runtime.connection import Connection
    from trivet.runtime.instance import Instance

__all__ = ["answer_inline", "ask", "ask_connected", "ask_over", "preflight", "run_inline"]


async def ask(
    instance: Instance, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> Any:
    """Call an action of an awake instance and return its result.

    Args:
        instance: The actor.
        method: Its action.
        args: Positional arguments, checked and copied.
        kwargs: Keyword arguments, checked and copied.

    Raises:
        Error: What the actor's side reports.
        InstanceMoved: If the instance stopped before the call began.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    if not method.may_run_inline or instance.mailbox.holder is not None:
        return await _queue(Ask(instance, method, args, kwargs))
    passage = Passage() if instance.holds_effects else None
    try:
        value, failure = answer_inline(instance, method, args, kwargs, passage), None
    except Error as error:
        value, failure = None, error
    if instance.runtime.checkpoint_is_due():
        await trio.lowlevel.checkpoint()
    if passage is not None:
        await passage.wait()
    if instance.last_words is not None:
        await instance.last_words.heard()
    if failure is not None:
        raise failure
    return value


def answer_inline(
    instance: Instance,
    method: Method,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    passage: Passage | None = None,
) -> Any:
    """Run a synchronous action of an idle actor now; a failure is raised as a fresh exception.

    Args:
        instance: The actor.
        method: Its action.
        args: Positional arguments, checked and copied.
        kwargs: Keyword arguments, checked and copied.
        passage: What the answer waits for, if the actor's effects wait for its saves.
    """
    mailbox, touched = instance.mailbox, method.readonly and instance.state.trust()
    turn = mailbox.holder = instance.runtime.inline_turn
    try:
        if kwargs is None:
            value = instance.run_in_context(method.function, instance.actor, *args)
        else:
            value = instance.run_in_context(method.function, instance.actor, *args, **kwargs)
        if type(value) is method.plain_result:
            return value
        return copied(method.copy_result, value, method.name)
    except (trio.Cancelled, GeneratorExit):
        raise
    except BaseException as error:  # the actor's firewall: the caller gets it
        failure = fault_of(
            tamed(instance.runtime, error),
            where=f"{instance.label}.{method.name}",
            subject=about_instance(instance),
        )
    finally:
        if turn.conn is not None:
            conn, turn.conn = turn.conn, None
            instance.reception.call_ended(conn, turn)
        if method.readonly:
            instance.state.trusted(method.name, touched)
        if passage is not None:
            instance.gate.emit(passage.release, passage.drop)
        if mailbox.queue or mailbox.gate is not None:
            mailbox.advance()
        else:
            mailbox.holder = None
            mailbox.idle_since = instance.runtime.now()
    raise error_of(failure)


def run_inline(call: Submission) -> None:
    """Run a synchronous call of a link now, on its reader's task."""
    instance, readonly = call.instance, call.method.readonly
    touched = readonly and instance.state.trust()
    instance.mailbox.enter(call)
    call.is_inline = True
    if call.deadline < math.inf:  # else nobody can ask for anything that only the call knows
        instance.context.run(running_turn.set, call)
    try:
        value = instance.context.run(
            call.method.function, instance.actor, *call.args, **call.kwargs
        )
    except (trio.Cancelled, GeneratorExit):
        raise
    except BaseException as error:  # the actor's firewall: the client gets it
        tell(call, partial(call.failed, tamed(instance.runtime, error)))
    else:
        tell(call, partial(call.result, value))
    finally:
        if readonly:
            instance.state.trusted(call.label, touched)
        instance.mailbox.end(call)


async def _queue(call: Ask) -> Any:
    instance, method = call.instance, call.method
    turn = call.caller = current_turn()
    call.deadline = deadline_in(turn)
    link = waiting_link(turn, instance) if method.reentrant else None
    if turn is not None and link is not None:
        with waiting_inside(turn, link) as call.noted:
            link.lend(call)
            return await call.wait()
    waiter = turn or current_action()
    if waiter is None:
        call.queue()
        return await call.wait()
    closes_no_circle = turn is None or (method.concurrent and _needs_no_turn(call))
    noting = waiting_beside(waiter, instance) if closes_no_circle else waiting_for(turn, instance)
    with noting as call.noted:
        call.queue()
        return await call.wait()


def _needs_no_turn(call: Ask) -> bool:
    """Whether a concurrent action begins although somebody else holds its actor."""
    return call.conn is None or "on_connect" not in call.instance.definition.hooks


async def ask_connected(
    instance: Instance,
    method: Method,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    *,
    params: Any,
    request: Request,
) -> Any:
    """Call an action as a short connection, whose hooks run around it.

    Args:
        instance: The actor.
        method: Its action.
        args: Positional arguments, checked and copied.
        kwargs: Keyword arguments, checked and copied.
        params: The caller's connection params, checked.
        request: What the caller sent.

    Raises:
        Error: What the actor's side reports, a refusing hook included.
        InstanceMoved: If the instance stopped before the call began.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    conn = instance.reception.expect_call(request)
    return await ask_over(Ask(instance, method, args, kwargs), conn, params)


async def ask_over(call: Ask, conn: Connection, params: Any) -> Any:
    """Make a call over a short connection, after the hooks that let it in, if any run.

    Raises:
        Error: What the actor's side reports, a refusing hook included.
        InstanceMoved: If the instance stopped before the call began.
    """
    call.conn = conn
    try:
        if call.instance.definition.runs_call_hooks:
            await preflight(conn, params)
        return await _queue(call)
    finally:
        if not call.begun and conn.is_standing:
            conn.close("client", 1000, "")


async def preflight(conn: Connection, params: Any, *, enters: bool = False) -> None:
    """Run the preflight hooks of a call in the actor's nursery; the caller may cancel them.

    Args:
        conn: The connection it comes by.
        params: The caller's connection params, checked.
        enters: Whether ``on_connect`` follows at once, since no action does.

    Raises:
        Error: What they report.
        InstanceMoved: If the instance stopped meanwhile.
    """
    done = trio.Event()
    failure: list[Error] = []
    scope = conn.scope
    assert scope is not None

    async def run() -> None:
        try:
            with scope:
                await check(conn, params)
                if enters:
                    await enter_alone(conn)
        except Exception as error:  # the connection's firewall: the caller gets it
            failure.append(
                error_of(
                    fault_of(
                        error, where=f"{conn.label} was refused", subject=about_connection(conn)
                    )
                )
            )
        finally:
            conn.instance.reception.call_checked(conn)
            done.set()

    conn.instance.nursery.start_soon(run, context=conn.instance.context.copy())
    try:
        await done.wait()
    except BaseException:
        scope.cancel()
        raise
    if failure:
        await conn.instance.gate.stand_behind()
        raise failure[0]
    if conn.instance.stopping:
        raise InstanceMoved
    if not conn.is_standing:
        raise ConnectionClosed
