"""trivet: structured-concurrency actors for Trio.

An actor is a class with state, actions and events; ``open_runtime`` runs actors inside a Trio
program, ``serve`` offers them to the network, ``open_client`` reaches them from elsewhere.
"""

from __future__ import annotations

from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.errors import (
    ActionError,
    AlreadyInTurnError,
    AtomicTurnError,
    CallCycleError,
    ConnectionClosed,
    ConnectionLost,
    ConnStateNotEnabled,
    Error,
    Forbidden,
    NoConnectionError,
    NotInTurnError,
    StateNotEnabled,
    SubscriptionOverflow,
    UserError,
    ValidationError,
    WouldDeadlockError,
)
from trivet.declare.event import Event
from trivet.declare.fetching import Fetch, FetchedResponse, StreamedResponse
from trivet.declare.handle import (
    Client,
    Connection,
    Handle,
    Subscription,
)
from trivet.declare.headers import Headers
from trivet.declare.interfaces import (
    Conn,
    ConnMap,
    KeyValue,
)
from trivet.declare.options import Limits
from trivet.declare.queue import Delivery, Queue
from trivet.declare.registry import Registry
from trivet.declare.request import Request, current_request
from trivet.declare.response import Response
from trivet.declare.schedule import Cron, Schedule, ScheduledCall, ScheduledRun
from trivet.declare.web_socket import ClientWebSocket, WebSocket
from trivet.declare.wire_names import camel_case
from trivet.open import asgi_app, open_client, open_runtime, serve
from trivet.runtime.call import current_deadline
from trivet.runtime.runtime import Runtime
from trivet.server.inherited import inherited_sockets
from trivet.server.serve import Server
from trivet.storage.memory import MemoryStorage
from trivet.storage.sqlite.storage import SqliteStorage

__all__ = [
    "Action",
    "ActionError",
    "Actor",
    "AlreadyInTurnError",
    "AtomicTurnError",
    "CallCycleError",
    "Client",
    "ClientWebSocket",
    "Conn",
    "ConnMap",
    "ConnStateNotEnabled",
    "Connection",
    "ConnectionClosed",
    "ConnectionLost",
    "Cron",
    "Delivery",
    "Error",
    "Event",
    "Fetch",
    "FetchedResponse",
    "Forbidden",
    "Handle",
    "Headers",
    "KeyValue",
    "Limits",
    "MemoryStorage",
    "NoConnectionError",
    "NotInTurnError",
    "Queue",
    "Registry",
    "Request",
    "Response",
    "Runtime",
    "Schedule",
    "ScheduledCall",
    "ScheduledRun",
    "Server",
    "SqliteStorage",
    "StateNotEnabled",
    "StreamedResponse",
    "Subscription",
    "SubscriptionOverflow",
    "UserError",
    "ValidationError",
    "WebSocket",
    "WouldDeadlockError",
    "action",
    "asgi_app",
    "camel_case",
    "current_deadline",
    "current_request",
    "inherited_sockets",
    "open_client",
    "open_runtime",
    "serve",
]

__version__ = "0.1.0"
