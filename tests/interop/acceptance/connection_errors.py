"""An actor that refuses clients in either hook, and fails in an action."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import UserError
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn

__all__ = ["Gate", "GateError", "Ticket"]

Place: TypeAlias = Literal["nowhere", "on_before_connect", "create_conn_state"]


class GateError(UserError):
    """An error with a group of its own."""

    group = "gate"
    code = "closed"


@attrs.frozen
class Ticket:
    refused_in: Place = "nowhere"


class Gate(Actor[None, Ticket, Ticket], name="gate"):
    left = Event[str]()

    def __init__(self) -> None:
        self.departures: list[str] = []

    async def on_before_connect(self, params: Ticket) -> None:
        self.refuse(params, "on_before_connect")

    async def create_conn_state(self, params: Ticket) -> Ticket:
        self.refuse(params, "create_conn_state")
        return params

    def refuse(self, params: Ticket, place: Place) -> None:
        if params.refused_in == place:
            raise GateError("The gate is closed", metadata={"place": place})

    async def on_disconnect(self, conn: Conn[Ticket]) -> None:
        self.departures.append(conn.state.refused_in)
        self.broadcast(Gate.left, conn.state.refused_in)

    @action
    def seen(self) -> list[str]:
        return self.departures

    @action
    def complain(self, metadata: Any) -> None:
        raise UserError("This one is detailed", code="detailed", metadata=metadata)
