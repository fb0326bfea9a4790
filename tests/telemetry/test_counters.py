"""Lifecycle steps in the log: who they are about stands in fields."""

from __future__ import annotations

import logging

import pytest

from trivet.lifecycle.actor import ActorEvent
from trivet.lifecycle.connection import ConnectionEvent
from trivet.telemetry.counters import Counters


def test_steps_name_the_actor_and_its_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "trivet.lifecycle")
    counters = Counters()
    counters.actor_step("auction/vase/blue", "17", ActorEvent.START)
    counters.connection_step("auction/vase/blue", "c1", ConnectionEvent.OPEN)
    fields = [
        {name: vars(record).get(name) for name in ("actor", "key", "actor_id", "conn")}
        for record in caplog.records
    ]
    assert fields == [
        {"actor": "auction", "key": "vase/blue", "actor_id": "17", "conn": None},
        {"actor": "auction", "key": "vase/blue", "actor_id": None, "conn": "c1"},
    ]
