"""What a holder decides, without a process."""

from __future__ import annotations

import logging
import signal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trivet.holder.decisions import (
    HEALTHY_AFTER,
    LAST_PAUSE,
    MOST_DEATHS,
    Decisions,
    Exit,
    Kill,
    Order,
    Release,
    Say,
    Start,
    Wait,
)

TERM, INT, KILL = signal.SIGTERM, signal.SIGINT, signal.SIGKILL


def told(orders: list[Order]) -> list[Order]:
    """The orders without the lines for the log."""
    return [order for order in orders if not isinstance(order, Say)]


def said(orders: list[Order]) -> str:
    return " ".join(order.text for order in orders if isinstance(order, Say))


def serving() -> Decisions:
    """A holder whose server 1 has served from 0 on."""
    holder = Decisions()
    assert holder.begin() == [Start(1)]
    assert holder.prepared(1) == [Release(1)]
    assert holder.ready(1, 0) == []
    return holder


def test_a_server_that_is_killed_is_started_at_once() -> None:
    holder = serving()
    orders = holder.ended(1, -9, 1)
    assert told(orders) == [Start(2)]
    assert said(orders) == "the server has ended by itself: SIGKILL; starting it again"
    assert holder.prepared(2) == [Release(2)]


def test_one_that_ends_in_peace_is_started_again_as_well() -> None:
    orders = serving().ended(1, 0, 1)
    assert told(orders) == [Start(2)]
    assert "exit status 0" in said(orders)


def test_deaths_in_a_row_are_answered_by_growing_pauses_and_in_the_end_by_giving_up() -> None:
    holder = serving()
    assert told(holder.ended(1, -11, 1)) == [Start(2)]
    pauses: list[float] = []
    for number in range(2, MOST_DEATHS + 1):
        (order,) = told(holder.ended(number, 1, number))
        assert isinstance(order, Wait)
        pauses.append(order.seconds)
        assert holder.waited() == [Start(number + 1)]
    assert pauses[:8] == [0.25, 0.5, 1, 2, 4, 8, 16, LAST_PAUSE]
    assert set(pauses[8:]) == {LAST_PAUSE}
    orders = holder.ended(MOST_DEATHS + 1, 1, 99)
    assert told(orders) == [Exit(1)]
    assert "giving up" in said(orders)


def test_a_server_that_served_for_a_while_is_no_death_in_a_row() -> None:
    holder = serving()
    holder.ended(1, 1, 1)
    holder.ready(2, 10)
    assert told(holder.ended(2, 1, 10 + HEALTHY_AFTER)) == [Start(3)]
    holder.ready(3, 100)
    assert told(holder.ended(3, 1, 99 + HEALTHY_AFTER)) == [Wait(0.25)]


@pytest.mark.parametrize(("status", "exits"), [(2, 2), (0, 0), (-6, 134)])
def test_one_that_never_served_was_called_wrongly(status: int, exits: int) -> None:
    holder = Decisions()
    holder.begin()
    assert holder.ended(1, status, 1) == [Exit(exits)]


def test_a_restart_prepares_the_new_server_before_the_old_one_stops() -> None:
    holder = serving()
    assert told(holder.asked_to_restart()) == [Start(2)]
    assert holder.prepared(2) == [Kill(1, TERM)]
    assert told(holder.ended(1, 0, 5)) == [Release(2)]
    assert told(holder.ended(2, -9, 6)) == [Start(3)]


def test_a_server_that_cannot_be_prepared_changes_nothing() -> None:
    holder = serving()
    holder.asked_to_restart()
    orders = holder.ended(2, 1, 1)
    assert [type(order) for order in orders] == [Say]
    assert said(orders) == "the new server did not start: exit status 1"
    assert told(holder.asked_to_restart()) == [Start(3)]


def test_a_restart_during_a_restart_is_none() -> None:
    holder = serving()
    holder.asked_to_restart()
    orders = holder.asked_to_restart()
    assert told(orders) == []
    assert orders == [Say(logging.WARNING, "a restart is on its way already")]


def test_a_server_that_dies_while_the_next_prepares_has_its_place_taken() -> None:
    holder = serving()
    holder.asked_to_restart()
    assert told(holder.ended(1, -9, 1)) == []
    assert holder.prepared(2) == [Release(2)]


def test_a_new_server_that_dies_when_the_old_one_was_told_to_stop_is_replaced() -> None:
    holder = serving()
    holder.asked_to_restart()
    holder.prepared(2)
    assert told(holder.ended(2, -9, 1)) == []
    assert told(holder.ended(1, 0, 2)) == [Start(3)]


def test_a_restart_during_a_pause_starts_at_once() -> None:
    holder = serving()
    holder.ended(1, 1, 1)
    assert told(holder.ended(2, 1, 2)) == [Wait(0.25)]
    assert holder.asked_to_restart() == [Start(3)]
    assert holder.waited() == []


@pytest.mark.parametrize("number", [TERM, INT])
def test_a_signal_is_passed_on_and_the_status_is_the_servers(number: signal.Signals) -> None:
    holder = serving()
    assert holder.asked_to_stop(number) == [Kill(1, number)]
    assert holder.asked_to_restart() == []
    assert holder.ended(1, 3, 1) == [Exit(3)]


def test_a_second_signal_ends_it_at_once() -> None:
    holder = serving()
    holder.asked_to_stop(TERM)
    assert holder.asked_to_stop(INT) == [Exit(1)]


def test_a_stop_during_a_restart_tells_the_old_server_once() -> None:
    """A second signal would end it at once, with turns that run."""
    holder = serving()
    holder.asked_to_restart()
    assert holder.asked_to_stop(TERM) == [Kill(2, KILL), Kill(1, TERM)]
    holder = serving()
    holder.asked_to_restart()
    holder.prepared(2)
    assert holder.asked_to_stop(TERM) == [Kill(2, KILL)]
    assert told(holder.ended(2, -9, 1)) == []
    assert holder.ended(1, 0, 1) == [Exit(0)]


def test_a_stop_during_a_pause_is_the_end() -> None:
    holder = serving()
    holder.ended(1, 1, 1)
    holder.ended(2, 1, 1)
    assert holder.asked_to_stop(TERM) == [Exit(0)]
    assert holder.waited() == []


EVENTS = ["prepared", "ready", "ended", "waited", "restart", "stop"]


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 1), st.sampled_from([0, 1, -9]))))
def test_no_two_servers_are_released_at_a_time_and_it_never_waits_in_vain(
    events: list[tuple[str, int, int]],
) -> None:
    holder = Decisions()
    alive: dict[int, str] = {}  # what each server does
    waiting = over = False
    status: int

    def obey(orders: list[Order]) -> None:
        nonlocal waiting, over
        for order in orders:
            match order:
                case Start(number):
                    alive[number] = "starting"
                case Release(number):
                    assert alive[number] == "prepared"
                    assert "released" not in alive.values()
                    alive[number] = "released"
                case Wait():
                    waiting = True
                case Exit():
                    over = True
                case _:
                    pass

    obey(holder.begin())
    for kind, which, status in events:
        if over:
            return
        servers = sorted(alive)
        server: Any = servers[min(which, len(servers) - 1)] if servers else None
        match kind:
            case "prepared" if server and alive[server] == "starting":
                alive[server] = "prepared"
                obey(holder.prepared(server))
            case "ready" if server and alive[server] == "released":
                obey(holder.ready(server, 0))
            case "ended" if server:
                del alive[server]
                obey(holder.ended(server, status, 0))
            case "waited" if waiting:
                waiting = False
                obey(holder.waited())
            case "restart":
                obey(holder.asked_to_restart())
            case "stop":
                obey(holder.asked_to_stop(TERM))
            case _:
                pass
        assert over or waiting or alive
