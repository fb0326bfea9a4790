"""The life of one connection, from a client's knock to the end of ``on_disconnect``.

A connection becomes visible in ``conns`` when it enters ``CONNECTING``; from there every way out
leads through ``CLOSING``, and so through ``on_disconnect``, exactly once. When its instance is put
away an open connection is ``PARKED``: its link stays, and the next instance takes it up again.
"""

from __future__ import annotations

from enum import Enum

from trivet.lifecycle.table import Table

__all__ = ["CONNECTION", "ConnectionEvent", "ConnectionState"]


class ConnectionState(Enum):
    """Where a connection stands."""

    NEW = "new"
    CHECKING = "checking"
    CONNECTING = "connecting"
    OPEN = "open"
    PARKED = "parked"
    CLOSING = "closing"
    LEAVING = "leaving"
    CLOSED = "closed"
    REFUSED = "refused"


class ConnectionEvent(Enum):
    """What happens to a connection."""

    CHECK = "on_before_connect, create_conn_state begin"
    REFUSE = "a preflight hook refused, or the client left"
    ADMIT = "preflight done, visible in conns"
    OPEN = "on_connect done, Init sent"
    PARK = "the instance is put away"
    RESTORE = "the next instance takes it up"
    CLOSE = "anybody ends it"
    LEAVE = "on_disconnect begins"
    LEFT = "on_disconnect has ended"


CONNECTION: Table[ConnectionState, ConnectionEvent] = Table(
    "connection",
    start=ConnectionState.NEW,
    final=[ConnectionState.CLOSED, ConnectionState.REFUSED],
    transitions={
        ConnectionState.NEW: {ConnectionEvent.CHECK: ConnectionState.CHECKING},
        ConnectionState.CHECKING: {
            ConnectionEvent.REFUSE: ConnectionState.REFUSED,
            ConnectionEvent.ADMIT: ConnectionState.CONNECTING,
        },
        ConnectionState.CONNECTING: {
            ConnectionEvent.OPEN: ConnectionState.OPEN,
            ConnectionEvent.CLOSE: ConnectionState.CLOSING,
        },
        ConnectionState.OPEN: {
            ConnectionEvent.PARK: ConnectionState.PARKED,
            ConnectionEvent.CLOSE: ConnectionState.CLOSING,
        },
        ConnectionState.PARKED: {
            ConnectionEvent.RESTORE: ConnectionState.OPEN,
            ConnectionEvent.CLOSE: ConnectionState.CLOSING,
        },
        ConnectionState.CLOSING: {ConnectionEvent.LEAVE: ConnectionState.LEAVING},
        ConnectionState.LEAVING: {ConnectionEvent.LEFT: ConnectionState.CLOSED},
    },
)
