"""The life of one connection, from a client's knock to the end of ``on_disconnect``.

A connection becomes visible in ``conns`` when it enters ``CONNECTING``; from there every way out
leads through ``CLOSING``, and so through ``on_disconnect``, exactly once. When its instance is put
away an open connection is ``PARKED``: its link stays, and the next instance takes it up again.
When a save has failed ``on_disconnect`` could store nothing: it is ``OWED``. The next instance, in
this process or after a kill in the next, begins a life of its own with it: ``TAKE_OVER``.
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
    OWED = "owed"
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
    HAND_OVER = "saving failed: the next instance runs on_disconnect"
    TAKE_OVER = "the store knows that on_disconnect is owed"
    LEAVE = "on_disconnect begins"
    LEFT = "on_disconnect has ended"


CONNECTION: Table[ConnectionState, ConnectionEvent] = Table(
    "connection",
    start=ConnectionState.NEW,
    final=[ConnectionState.CLOSED, ConnectionState.REFUSED, ConnectionState.OWED],
    transitions={
        ConnectionState.NEW: {
            ConnectionEvent.CHECK: ConnectionState.CHECKING,
            ConnectionEvent.TAKE_OVER: ConnectionState.CLOSING,
        },
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
        ConnectionState.CLOSING: {
            ConnectionEvent.LEAVE: ConnectionState.LEAVING,
            ConnectionEvent.HAND_OVER: ConnectionState.OWED,
        },
        ConnectionState.LEAVING: {ConnectionEvent.LEFT: ConnectionState.CLOSED},
    },
)
