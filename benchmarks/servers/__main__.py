from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import trio

from benchmarks.servers.control import Server, obey
from benchmarks.servers.link import LinkServer, PatientLinkServer
from benchmarks.servers.tcp import TcpServer
from benchmarks.servers.trio_websocket import TrioWebSocketServer

SERVERS: Final[dict[str, Callable[[], Server]]] = {
    "trivet": LinkServer,
    "trivet-patient": PatientLinkServer,
    "tcp": TcpServer,
    "trio-websocket": TrioWebSocketServer,
}

trio.run(obey, SERVERS[sys.argv[1]]())
