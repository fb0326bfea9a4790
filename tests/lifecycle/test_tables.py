"""The lifecycle tables are complete, deterministic, and leave nobody stuck."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from trivet.lifecycle.actor import ACTOR, ActorEvent, ActorState
from trivet.lifecycle.connection import CONNECTION, ConnectionEvent, ConnectionState
from trivet.lifecycle.table import IllegalTransition, Table

TABLES: list[tuple[Table[Any, Any], type[Enum], type[Enum]]] = [
    (ACTOR, ActorState, ActorEvent),
    (CONNECTION, ConnectionState, ConnectionEvent),
]


def reachable(table: Table[Any, Any], start: Any) -> set[Any]:
    found, pending = {start}, [start]
    while pending:
        for target in table.transitions.get(pending.pop(), {}).values():
            if target not in found:
                found.add(target)
                pending.append(target)
    return found


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_every_state_and_event_is_used(
    table: Table[Any, Any], states: type[Enum], events: type[Enum]
) -> None:
    assert reachable(table, table.start) == set(states)
    assert {event for leads in table.transitions.values() for event in leads} == set(events)


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_an_end_is_reachable_from_everywhere(
    table: Table[Any, Any], states: type[Enum], events: type[Enum]
) -> None:
    for state in states:
        assert reachable(table, state) & table.final


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_nothing_leaves_an_end(
    table: Table[Any, Any], states: type[Enum], events: type[Enum]
) -> None:
    for state in table.final:
        assert not table.transitions.get(state)


def test_a_visible_connection_ends_through_on_disconnect_only() -> None:
    """Take LEAVE away, and what was admitted can end only by owing its hook."""
    without = {
        state: {event: to for event, to in leads.items() if event is not ConnectionEvent.LEAVE}
        for state, leads in CONNECTION.transitions.items()
    }
    table = Table("cut", start=CONNECTION.start, final=CONNECTION.final, transitions=without)
    ends = reachable(table, ConnectionState.CONNECTING) & table.final
    assert ends == {ConnectionState.OWED}


def test_an_owed_hook_is_taken_over() -> None:
    event = ConnectionEvent
    assert CONNECTION.accepts([event.CHECK, event.ADMIT, event.OPEN, event.CLOSE, event.HAND_OVER])
    assert CONNECTION.accepts([event.TAKE_OVER, event.LEAVE, event.LEFT])


def test_a_refused_connection_never_leaves() -> None:
    assert ConnectionState.LEAVING not in reachable(CONNECTION, ConnectionState.REFUSED)


def test_traces() -> None:
    event = ConnectionEvent
    assert CONNECTION.accepts(
        [event.CHECK, event.ADMIT, event.OPEN, event.CLOSE, event.LEAVE, event.LEFT]
    )
    assert CONNECTION.accepts([event.CHECK, event.REFUSE])
    assert not CONNECTION.accepts([event.CHECK, event.ADMIT, event.OPEN])
    assert not CONNECTION.accepts(
        [event.CHECK, event.ADMIT, event.CLOSE, event.LEAVE, event.LEFT, event.LEAVE]
    )


def test_an_unknown_step_names_table_event_and_state() -> None:
    with pytest.raises(IllegalTransition, match="actor: READY in NEW"):
        ACTOR.step(ActorState.NEW, ActorEvent.READY)


def test_the_drawing_holds_every_arrow() -> None:
    drawing = CONNECTION.mermaid()
    arrows = sum(len(leads) for leads in CONNECTION.transitions.values())
    assert drawing.count("-->") == arrows + 1 + len(CONNECTION.final)
