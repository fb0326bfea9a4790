"""When to come back, and when not."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trivet.client.reconnect import Backoff, is_refusal, repeat_delay
from trivet.client.session import Ending
from trivet.declare.errors import ActionError, Error, Forbidden, UserError, ValidationError


def error(group: str, code: str) -> ActionError:
    return ActionError("text", group=group, code=code)


def test_the_ceiling_doubles_up_to_half_a_minute() -> None:
    backoff = Backoff(lambda: 1.0)
    delays = [backoff.next_delay() for _ in range(10)]
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=2000))
def test_the_jitter_is_full(numbers: list[float]) -> None:
    backoff, ceilings = Backoff(iter(numbers).__next__), Backoff(lambda: 1.0)
    for number in numbers:
        assert backoff.next_delay() == number * ceilings.next_delay()


@pytest.mark.parametrize(("seconds", "delay"), [(29.9, 1), (30, 0.25), (1e6, 0.25)])
def test_half_a_minute_of_health_begins_anew(seconds: float, delay: float) -> None:
    backoff = Backoff(lambda: 1.0)
    for begins_with in (0.25, 0.5):
        backoff.stood(1)
        assert backoff.lost() == begins_with
    backoff.stood(seconds)
    assert backoff.lost() == delay


def test_what_an_outage_took_is_not_carried_into_the_next() -> None:
    backoff = Backoff(lambda: 1.0)
    for begins_with in (0.25, 0.5, 1):
        assert [backoff.next_delay() for _ in range(20)][-1] == 30
        backoff.stood(1)
        assert backoff.lost() == begins_with


def test_losses_in_a_row_begin_ever_slower_up_to_half_a_minute() -> None:
    backoff = Backoff(lambda: 1.0)
    delays: list[float] = []
    for _ in range(10):
        backoff.stood(29)
        delays.append(backoff.lost())
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.next_delay() == 30


def test_who_comes_back_at_once_makes_the_next_outage_no_longer() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(10):
        backoff.stood(1)
    assert backoff.lost() == 0.25


@pytest.mark.parametrize(
    "refusal",
    [
        UserError("no"),
        Forbidden(),
        ValidationError(),
        error("rivetkit", "internal_error"),
        error("actor", "callback_timed_out"),
        error("actor", "call_cycle"),
        error("message", "outgoing_too_long"),
        error("guard", "query_invalid_params"),
        error("guard", "unknown_actor_name"),
        error("namespace", "not_found"),
    ],
)
@pytest.mark.parametrize("creates", [True, False])
def test_an_answer_is_a_refusal(refusal: Error, creates: bool) -> None:
    assert is_refusal(refusal, creates=creates)


@pytest.mark.parametrize(
    "mishap",
    [
        *(error("actor", code) for code in ("starting", "stopping", "stopped", "restarting")),
        *(error("actor", code) for code in ("overloaded", "unavailable", "state_not_saved")),
        *(error("guard", code) for code in ("service_unavailable", "rate_limit", "anything")),
        error("ws", "going_away"),
        error("core", "internal_error"),
        error("connection", "flooding"),
    ],
)
@pytest.mark.parametrize("creates", [True, False])
def test_a_mishap_is_none(mishap: Error, creates: bool) -> None:
    assert not is_refusal(mishap, creates=creates)


@pytest.mark.parametrize(
    "code", ["not_found", "destroying", "destroyed", "destroyed_while_waiting_for_ready"]
)
def test_a_missing_actor_refuses_unless_it_is_created(code: str) -> None:
    assert is_refusal(error("actor", code), creates=False)
    assert not is_refusal(error("actor", code), creates=True)


def delays(failure: Error, *, creates: bool) -> list[float]:
    found: list[float] = []
    while (delay := repeat_delay(failure, len(found) + 1, creates=creates)) is not None:
        found.append(delay)
    return found


def test_what_was_not_delivered_is_sent_five_times() -> None:
    assert delays(error("guard", "service_unavailable"), creates=True) == [0.025, 0.05, 0.1, 0.2]


def test_an_actor_that_is_not_ready_is_asked_again() -> None:
    assert delays(error("actor", "starting"), creates=False) == [0.1] * 23
    assert delays(error("actor", "starting"), creates=True) == [0.1] * 59
    assert delays(error("actor", "not_found"), creates=True) == [0.1] * 59


@pytest.mark.parametrize(
    "failure",
    [
        # It may have run already.
        error("actor", "restarting"),
        error("guard", "tunnel_response_closed"),
        error("guard", "gateway_response_start_timeout"),
        error("actor", "overloaded"),
        error("actor", "not_found"),
        UserError("no"),
    ],
)
def test_nothing_else_is_sent_again(failure: Error) -> None:
    assert delays(failure, creates=False) == []


@pytest.mark.parametrize(
    ("ending", "stated"),
    [
        (Ending(1011, "user.denied"), ("user", "denied")),
        (Ending(1011, "actor.not_found#ray"), ("actor", "not_found")),
        (Ending(1003, "actor.unsupported_websocket_encoding"), ("actor", None)),
        (Ending(1011, "no words"), None),
        (Ending(1011, "Bad thing. Sorry"), None),
        (Ending(1000, "user.denied"), None),
        (Ending(1013, "slow.consumer"), None),
        (Ending(), None),
    ],
)
def test_what_a_close_states(ending: Ending, stated: tuple[str, str | None] | None) -> None:
    found = ending.refusal()
    if stated is None:
        assert found is None
    else:
        assert found is not None
        assert (found.group, stated[1] and found.code) == stated


@pytest.mark.parametrize("code", ["state_corrupt", "state_incompatible", "state_not_loaded"])
def test_an_actor_that_broke_meanwhile_is_waited_for(code: str) -> None:
    broken = error("actor", code)
    assert is_refusal(broken, creates=True)
    assert not is_refusal(broken, creates=True, returning=True)
    assert is_refusal(error("user", code), creates=True, returning=True)


@pytest.mark.parametrize("creates", [True, False])
def test_a_class_that_is_missing_for_a_while_is_waited_for(creates: bool) -> None:
    """A deploy may reach the servers one by one; but a connection that never stood has a mistake."""
    missing = error("guard", "unknown_actor_name")
    assert not is_refusal(missing, creates=creates, returning=True)
    assert is_refusal(missing, creates=creates)
