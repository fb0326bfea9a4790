"""Serving: the listener, its clients and the runtime in the one order in which they can stop.

From the outside in: the tasks of clients, then the runtime, then what accepts. So leaving, also by
cancellation, is the graceful stop. First nothing is accepted and idle connections end; then the
runtime closes its connections, whose links are still there to say goodbye; then what is left is
closed; and last the listening sockets, so that clients who come back meanwhile wait in them rather
than be refused (client protocol, 7.4).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import trio

from trivet.declare.registry import Registry
from trivet.runtime.cleanup import Shelter
from trivet.runtime.nursery import open_service_nursery
from trivet.runtime.runtime import Runtime
from trivet.server.listener import Listener, bind_sockets
from trivet.server.origins import is_loopback
from trivet.server.service import Service
from trivet.server.settings import ServerSettings
from trivet.server.signals import watch_signals

if TYPE_CHECKING:
    from trivet.declare.handle import Client

__all__ = ["Server", "run_server"]

logger = logging.getLogger(__name__)

GUARDS: Final = frozenset({"authorize", "on_before_connect", "create_conn_state"})
BACKLOG: Final = 1024
PATIENCE: Final = 1.0
"""Seconds that clients get to close beyond what each link takes at most."""


class Server:
    """A server that runs.

    Attributes:
        url: Where clients reach it.
        port: Its TCP port, 0 if it has none.
    """

    def __init__(self, runtime: Runtime, listener: Listener, url: str, port: int) -> None:
        self._runtime = runtime
        self._listener = listener
        self.url = url
        self.port = port

    @property
    def client(self) -> Client:
        """A client in this process, which needs no network."""
        return self._runtime.client

    def serve_stream(self, stream: trio.abc.Stream, peer: str = "memory") -> None:
        """Serve a client over any stream, which is closed in the end.

        Args:
            stream: The client's connection.
            peer: What to call its address.
        """
        self._listener.serve_stream(stream, peer)


async def run_server(
    opening: AbstractAsyncContextManager[Runtime],
    settings: ServerSettings,
    *,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a runtime until cancelled; cancelling is the graceful stop.

    Args:
        opening: Opens the runtime.
        settings: How it is reached.
        task_status: Gets the server once clients can reach it.

    Raises:
        OSError: If it cannot listen.
        ValueError: If it would be reached from other machines, and an actor lets everybody in.
    """
    ending = _Ending()
    watch = settings.handle_signals
    async with _open_clients(ending, watch=watch) as clients:
        with ending.running:
            async with opening as runtime:
                ending.close_time = runtime.limits.close_time + PATIENCE
                ending.sockets = await _open_sockets(runtime.registry, settings)
                await _accept(runtime, settings, ending, clients, task_status)


class _Ending:
    """What ends the server, and what has to be closed then."""

    def __init__(self) -> None:
        self.running = trio.CancelScope()
        self.service: Service | None = None
        self.sockets: list[trio.socket.SocketType] = []
        self.close_time = PATIENCE

    def say_goodbye(self) -> None:
        if self.service is not None:
            self.service.say_goodbye()


async def _accept(
    runtime: Runtime,
    settings: ServerSettings,
    ending: _Ending,
    clients: trio.Nursery,
    task_status: trio.TaskStatus[Server],
) -> None:
    loopback = all(is_loopback(_address_of(bound)[0]) for bound in ending.sockets)
    service = ending.service = Service(runtime=runtime, settings=settings, loopback=loopback)
    listener = Listener(service, clients)
    try:
        async with open_service_nursery() as nursery:
            nursery.start_soon(service.keepalive.run)
            for listening in ending.sockets:
                nursery.start_soon(listener.accept, listening)
            task_status.started(_describe(runtime, listener, settings, ending.sockets))
            await trio.sleep_forever()
    finally:
        service.stopping.begin()


@asynccontextmanager
async def _open_clients(ending: _Ending, *, watch: bool) -> AsyncGenerator[trio.Nursery]:
    """Open the nursery of clients, which outer cancellation does not reach.

    Args:
        ending: Told what to close.
        watch: Whether to obey signals, to the very end.
    """
    shelter = Shelter()
    async with open_service_nursery() as outer:

        async def live(task_status: trio.TaskStatus[trio.Nursery]) -> None:
            try:
                with shelter:
                    async with trio.open_nursery() as around:
                        if watch:
                            await around.start(watch_signals, ending.running)
                        async with trio.open_nursery() as nursery:
                            task_status.started(nursery)
                            await shelter.wait_told()
                            ending.say_goodbye()
                        around.cancel_scope.cancel()
            finally:
                for listening in ending.sockets:
                    listening.close()

        clients: trio.Nursery = await outer.start(live)
        try:
            yield clients
        finally:
            shelter.end_within(ending.close_time)


async def _open_sockets(
    registry: Registry, settings: ServerSettings
) -> list[trio.socket.SocketType]:
    if settings.host is None and settings.listening is None:
        return []
    if settings.listening is not None:
        sockets = [trio.socket.from_stdlib_socket(settings.listening)]
    else:
        sockets = await bind_sockets(settings.host or "", settings.port)
    try:
        for bound in sockets:
            _check_guarded(registry, settings, _address_of(bound)[0])
            if settings.listening is None:
                bound.listen(BACKLOG)
    except BaseException:
        for bound in sockets:
            bound.close()
        raise
    return sockets


def _check_guarded(registry: Registry, settings: ServerSettings, host: str) -> None:
    """Refuse to show actors that let everybody in to other machines.

    Raises:
        ValueError: Naming the class and what can be done.
    """
    if settings.public or is_loopback(host):
        return
    for definition in registry:
        if not definition.hooks & GUARDS:
            raise ValueError(
                f"{definition.actor.__name__} lets everybody in, and {host} can be reached from "
                "other machines: override on_before_connect or create_conn_state, or say public=True"
            )


def _address_of(bound: trio.socket.SocketType) -> tuple[str, int]:
    """Return host and port of a socket; one in the file system is this machine's own."""
    address: Any = bound.getsockname()
    match address:
        case (str(host), int(port), *_):
            return host, port
        case _:
            return "localhost", 0


def _describe(
    runtime: Runtime,
    listener: Listener,
    settings: ServerSettings,
    sockets: list[trio.socket.SocketType],
) -> Server:
    scheme = "http" if settings.ssl_context is None else "https"
    host, port = _address_of(sockets[0]) if sockets else ("localhost", 0)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{shown}:{port}" if port else f"{scheme}://{shown}"
    logger.info("serving %s on %s", ", ".join(runtime.registry.definitions), url)
    return Server(runtime, listener, url, port)
