"""What callers see of an action that fails."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import awake, call, opened
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor

SECRET = "the password is swordfish"


def _anything(value: object) -> Any:
    """Hide a value's type from the type checkers, as careless code does."""
    return value


class Custom(errors.UserError):
    group, code = "game", "over"


FAILURES: dict[str, Callable[[], BaseException]] = {
    "user": lambda: errors.UserError("told you", code="no", metadata={"a": 1}),
    "custom": lambda: Custom("it is over"),
    "plain": lambda: ValueError(SECRET),
    "group of one": lambda: ExceptionGroup("", [errors.UserError("told you", code="no")]),
    "nested group": lambda: ExceptionGroup(
        "", [ExceptionGroup("", [errors.UserError("told you", code="no")])]
    ),
    "mixed group": lambda: ExceptionGroup(
        SECRET, [errors.UserError("told you", code="no"), ValueError(SECRET)]
    ),
    "stop": lambda: StopAsyncIteration(SECRET),
    "runtime": lambda: errors.NotInTurnError(),
    "no text": lambda: errors.UserError(_anything(ValueError(SECRET))),
    "no code": lambda: errors.UserError(SECRET, code=_anything(5)),
}
SEEN = {
    "user": ("user", "no"),
    "custom": ("game", "over"),
    "plain": ("rivetkit", "internal_error"),
    "group of one": ("user", "no"),
    "nested group": ("user", "no"),
    "mixed group": ("rivetkit", "internal_error"),
    "stop": ("rivetkit", "internal_error"),
    "runtime": ("actor", "not_in_turn"),
    "no text": ("rivetkit", "internal_error"),
    "no code": ("rivetkit", "internal_error"),
}


class Clumsy(Actor[list[str]]):
    metadata: object = None

    @action
    def explain(self) -> None:
        raise errors.UserError("because", code="why", metadata=self.metadata)

    @action
    def fail(self, how: str) -> None:
        self.state.append(how)
        raise FAILURES[how]()

    @action
    async def fail_later(self, how: str) -> None:
        await trio.lowlevel.checkpoint()
        self.fail(how)

    @action
    def wrong(self) -> int:
        wrong: Any = SECRET
        return wrong  # type: ignore[no-any-return]  # that is what is tested

    @action
    async def wrong_later(self) -> list[int]:
        wrong: Any = [SECRET]
        return wrong  # type: ignore[no-any-return]  # that is what is tested

    @action
    async def nap(self) -> None:
        await trio.sleep(1)

    @action
    async def crowd(self) -> None:
        """One child fails; its sibling is cancelled, and says something while it goes."""

        async def sibling() -> None:
            try:
                await trio.sleep_forever()
            finally:
                self.state.append("sibling gone")

        async def failing() -> None:
            raise errors.UserError("told you", code="no")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sibling)
            await wait_all_tasks_blocked()
            nursery.start_soon(failing)

    @action
    def get(self) -> list[str]:
        return self.state


async def failure_of(runtime: Any, action: Action[Any, ..., Any], *args: Any) -> errors.Error:
    with pytest.raises(errors.ActionError) as caught:
        await call(runtime, action, *args)
    return caught.value


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("action", [Clumsy.fail, Clumsy.fail_later])
async def test_only_what_was_raised_on_purpose_is_told(
    action: Action[Any, ..., Any], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Clumsy) as runtime:
        error = await failure_of(runtime, action, how)
        assert (error.group, error.code) == SEEN[how]
        assert "swordfish" not in f"{error} {error.metadata}"
        if error.code == "internal_error":
            metadata: Any = error.metadata
            assert metadata["error_id"] in caplog.text  # the log has the whole
            assert "swordfish" in caplog.text
        assert await call(runtime, Clumsy.get) == [how]  # what it wrote is kept


async def test_metadata_and_class_arrive() -> None:
    async with opened(Clumsy) as runtime:
        error = await failure_of(runtime, Clumsy.fail, "user")
        assert isinstance(error, errors.UserError)
        assert (error.message, error.metadata) == ("told you", {"a": 1})


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"tags": (1, 2)}, {"tags": [1, 2]}),
        ({"when": {3}}, {"when": {3}}),
        ({1: 2}, None),
        (object(), None),
    ],
)
async def test_metadata_is_what_the_network_would_make_of_it(given: Any, seen: Any) -> None:
    async with opened(Clumsy) as runtime:
        Clumsy.metadata = given
        error = await failure_of(runtime, Clumsy.explain)
        assert (error.code, error.metadata) == ("why", seen)


async def test_metadata_is_the_callers_own() -> None:
    async with opened(Clumsy) as runtime:
        Clumsy.metadata = given = {"tags": [1]}
        error = await failure_of(runtime, Clumsy.explain)
        given["tags"].append(2)
        assert error.metadata == {"tags": [1]}


@pytest.mark.parametrize("action", [Clumsy.fail, Clumsy.fail_later])
async def test_every_caller_gets_an_exception_of_his_own(
    action: Action[Any, ..., Any],
) -> None:
    async with opened(Clumsy) as runtime:
        first = await failure_of(runtime, action, "user")
        second = await failure_of(runtime, action, "user")
        assert first is not second
        for error in (first, second):
            assert error.__cause__ is None
            assert error.__context__ is None
            assert "raise FAILURES" not in _traceback(error)


async def test_a_queued_call_that_fails_keeps_nothing_of_the_actor_either(
    autojump_clock: MockClock,
) -> None:
    async with opened(Clumsy) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Clumsy.nap)
        await wait_all_tasks_blocked()
        error = await failure_of(runtime, Clumsy.fail, "plain")
        assert error.__context__ is None
        assert "raise FAILURES" not in _traceback(error)


@pytest.mark.parametrize("action", [Clumsy.wrong, Clumsy.wrong_later])
async def test_a_result_of_another_type_is_the_actors_mistake(
    action: Action[Any, ..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Clumsy) as runtime:
        error = await failure_of(runtime, action)
        assert (error.group, error.code) == ("rivetkit", "internal_error")
        assert "does not fit its type" in caplog.text


async def test_arguments_that_do_not_fit_never_reach_the_actor() -> None:
    async with opened(Clumsy) as runtime:
        with pytest.raises(errors.ValidationError):
            await call(runtime, Clumsy.fail, 1)
        assert await call(runtime, Clumsy.get) == []


async def test_the_failure_in_a_crowd_counts(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Clumsy) as runtime:
        error = await failure_of(runtime, Clumsy.crowd)
        assert (error.group, error.code) == ("user", "no")
        assert await call(runtime, Clumsy.get) == ["sibling gone"]
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("name", ["in_turn", "beside"])
async def test_an_action_that_fails_while_it_is_cut_hurts_nobody(
    name: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail_at_the_end() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("something broke")

    class Frail(Actor):
        @action(timeout=1)
        async def in_turn(self) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                nursery.start_soon(fail_at_the_end)

        @action(timeout=1, concurrent=True)
        async def beside(self) -> None:
            await self.in_turn()

        @action
        async def say(self) -> str:
            return "still here"

    async with opened(Frail) as runtime:
        with pytest.raises(errors.ActionError, match="action_timed_out"):
            await call(runtime, getattr(Frail, name))
        instance = awake(runtime, Frail)
        await wait_all_tasks_blocked()
        (record,) = [one for one in caplog.records if "failed while it was cut" in one.message]
        assert record.exc_info is not None
        assert "something broke" in caplog.text
        assert record.__dict__["actor"] == "Frail"
        assert await call(runtime, Frail.say) == "still here"
        assert awake(runtime, Frail) is instance
