"""Serving: the listener, its clients and the runtime in the one order in which they can stop.

From the outside in: the tasks of clients, then the runtime, then what accepts. So leaving, also by
cancellation, is the graceful stop. First nothing is accepted and idle connections end; then the
runtime closes its connections, whose links are still there to say goodbye; then what is left is
closed; and last the listening sockets, so that clients who come back meanwhile wait in them rather
than be refused (client protocol, 7.4).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from trivet.runtime.cleanup import Shelter
from trivet.runtime.nursery import open_service_nursery
from trivet.runtime.runtime import Runtime
from trivet.server.listener import Listener
from trivet.server.peers import is_loopback
from trivet.server.service import Service
from trivet.server.settings import ServerSettings
from trivet.server.signals import watch_signals
from trivet.server.sockets import address_of, open_sockets

if TYPE_CHECKING:
    from trivet.declare.handle import Client

__all__ = ["Server", "run_server"]

logger = logging.getLogger(__name__)

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
    def runtime(self) -> Runtime:
        """The runtime that it serves: its counters, and a snapshot of what it does."""
        return self._runtime

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
    loop_problem: Callable[[], str | None] = lambda: None,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a runtime until cancelled; cancelling is the graceful stop.

    Args:
        opening: Opens the runtime.
        settings: How it is reached.
        loop_problem: What is wrong with the event loop, ``None`` if nothing is.
        task_status: Gets the server once clients can reach it.

    Raises:
        OSError: If it cannot listen.
        ValueError: If it would be reached from other machines, and an actor lets everybody in.
    """
    ending = _Ending()
    async with _open_clients(ending, watch=settings.handle_signals) as clients:
        with ending.running:
            async with (
                opening as runtime,
                _accepting(runtime, settings, ending, clients, loop_problem) as server,
            ):
                task_status.started(server)
                await trio.sleep_forever()


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


@asynccontextmanager
async def _accepting(
    runtime: Runtime,
    settings: ServerSettings,
    ending: _Ending,
    clients: trio.Nursery,
    loop_problem: Callable[[], str | None],
) -> AsyncGenerator[Server]:
    """Accept clients while the body runs."""
    ending.close_time = runtime.limits.close_time + PATIENCE
    sockets = ending.sockets = await open_sockets(runtime.registry, settings)
    loopback = not settings.embedded and all(is_loopback(address_of(bound)[0]) for bound in sockets)
    service = ending.service = Service(
        runtime=runtime, settings=settings, loopback=loopback, loop_problem=loop_problem
    )
    listener = Listener(service, clients)
    clients.start_soon(service.farewells.run)
    try:
        async with open_service_nursery() as nursery:
            nursery.start_soon(service.keepalive.run)
            for listening in sockets:
                nursery.start_soon(listener.accept, listening)
            yield _describe(runtime, listener, settings, sockets)
    finally:
        listener.close()
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


def _describe(
    runtime: Runtime,
    listener: Listener,
    settings: ServerSettings,
    sockets: list[trio.socket.SocketType],
) -> Server:
    scheme = "http" if settings.ssl_context is None else "https"
    host, port = address_of(sockets[0]) if sockets else ("localhost", 0)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{shown}:{port}" if port else f"{scheme}://{shown}"
    logger.info("serving %s on %s", ", ".join(runtime.registry.definitions), url)
    return Server(runtime, listener, url, port)
