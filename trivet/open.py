"""Where the layers are put together: a runtime to embed, a server, a client to connect with."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio

from trivet.client.endpoint import StreamOpener
from trivet.client.local import LocalTransport
from trivet.client.network import open_network_transport
from trivet.declare.handle import Client
from trivet.declare.options import Limits
from trivet.declare.registry import Registry
from trivet.declare.wire_names import Naming
from trivet.ports.storage import Storage
from trivet.runtime.runtime import Runtime, run_runtime
from trivet.server.asgi.application import Application
from trivet.server.serve import Server, run_server
from trivet.server.settings import ServerSettings
from trivet.storage.memory import MemoryStorage
from trivet.telemetry.counters import Counters
from trivet.telemetry.watchdog import watching_loop

__all__ = ["asgi_app", "open_client", "open_runtime", "serve"]

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_runtime(
    registry: Registry,
    *,
    storage: Storage | None = None,
    limits: Limits | None = None,
    watch_loop: bool = False,
) -> AsyncGenerator[Runtime]:
    """Run actors inside this program, for as long as the body runs.

    Leaving the body stops every actor gracefully, also when it is left by cancellation.

    Args:
        registry: The actor classes.
        storage: Where actors live; memory by default, which says so once in the log.
        limits: Bounds for every class that sets none of its own.
        watch_loop: Whether a thread watches that the event loop does not stand still.

    Raises:
        RuntimeError: If the program does not run on Trio.
    """
    _check_trio()
    if storage is None:
        logger.info("actors live in memory only and end with this process")
        storage = MemoryStorage()
    async with (
        watching_loop(start=watch_loop),
        run_runtime(registry, storage, Counters(), limits or Limits()) as runtime,
    ):
        runtime.client = Client(LocalTransport(runtime))
        yield runtime


@asynccontextmanager
async def open_client(
    url: str,
    *,
    naming: Naming | None = None,
    ssl_context: ssl.SSLContext | None = None,
    connect: StreamOpener | None = None,
) -> AsyncGenerator[Client]:
    """Reach the actors of a server, for as long as the body runs.

    Nothing is sent before it is needed, so the server may start later.

    Args:
        url: ``http`` or ``https``, host and port, optionally a base path, and a namespace and a
            token as ``namespace:token@`` before the host.
        naming: The server's rule for names on the wire, as its registry has it.
        ssl_context: For ``https``; by default the system's certificates count.
        connect: Opens a stream to the server instead of TCP, for tests and tunnels.

    Raises:
        RuntimeError: If the program does not run on Trio.
        ValueError: If the URL is no server's.
    """
    _check_trio()
    opening = open_network_transport(url, connect=connect, ssl_context=ssl_context, naming=naming)
    async with opening as transport:
        yield Client(transport)


async def serve(  # noqa: ASYNC128  # run_server reports the start
    registry: Registry,
    *,
    host: str | None = "127.0.0.1",
    port: int = 6420,
    listening: socket.socket | Sequence[socket.socket] | None = None,
    storage: Storage | None = None,
    limits: Limits | None = None,
    ssl_context: ssl.SSLContext | None = None,
    public: bool = False,
    origins: Collection[str] = (),
    client_endpoint: str | None = None,
    base_path: str = "",
    admin_token: str | None = None,
    trusted_proxies: Collection[str] = (),
    watch_loop: bool = True,
    handle_signals: bool = False,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve actors to the network until cancelled; cancelling is the graceful stop.

    Args:
        registry: The actor classes.
        host: The address or name to listen on; ``None`` opens no socket at all.
        port: The TCP port; 0 picks a free one.
        listening: A socket that listens already, or several, instead of host and port; see
            ``inherited_sockets``. With none of them host and port count.
        storage: Where actors live; memory by default, which says so once in the log.
        limits: Bounds for every class that sets none of its own.
        ssl_context: Serve HTTPS with it.
        public: Whether actors that let everybody in may be reached from other machines.
        origins: Web pages that may use the server beside its own; ``"*"`` lets every page.
        client_endpoint: Where official clients go on, if that is not where they came to: they
            learn it from their first request.
        base_path: A path under which everything is served as well, like ``/api/rivet``.
        admin_token: What a client must show to delete actors, put them to sleep or list them;
            without one only this machine may.
        trusted_proxies: Addresses and networks of proxies, or ``"unix"``: their
            ``X-Forwarded-For`` says who the client is.
        watch_loop: Whether a thread watches that the event loop does not stand still.
        handle_signals: Whether SIGTERM and SIGINT stop it, a second one at once; in the main
            thread only.
        task_status: Gets the ``Server`` once clients can reach it.

    Raises:
        OSError: If it cannot listen.
        RuntimeError: If the program does not run on Trio.
        ValueError: If it would be reached from other machines, and an actor lets everybody in.
    """
    _check_trio()
    settings = ServerSettings(
        host=host,
        port=port,
        listening=listening,
        ssl_context=ssl_context,
        public=public,
        origins=origins,
        client_endpoint=client_endpoint,
        base_path=base_path,
        admin_token=admin_token,
        trusted_proxies=trusted_proxies,
        handle_signals=handle_signals,
    )
    await _serve(
        registry, settings, storage, limits, watch_loop=watch_loop, task_status=task_status
    )


def asgi_app(
    registry: Registry,
    *,
    storage: Storage | None = None,
    limits: Limits | None = None,
    public: bool = False,
    origins: Collection[str] = (),
    admin_token: str | None = None,
    trusted_proxies: Collection[str] = (),
    watch_loop: bool = True,
) -> Application:
    """Make an ASGI application of actors, to be mounted beside others.

    It wants an ASGI server that runs on Trio, like hypercorn with its trio worker. Where it is
    mounted is the address that clients are given.

    Args:
        registry: The actor classes.
        storage: Where actors live; memory by default, which says so once in the log.
        limits: Bounds for every class that sets none of its own.
        public: Whether actors that let everybody in may be reached: the ASGI server decides from
            where.
        origins: Web pages that may use the actors beside its own; ``"*"`` lets every page.
        admin_token: What a client must show to delete actors, put them to sleep or list them;
            without one nobody may.
        trusted_proxies: Addresses and networks of proxies, or ``"unix"``: their
            ``X-Forwarded-For`` says who the client is.
        watch_loop: Whether a thread watches that the event loop does not stand still.
    """
    settings = ServerSettings(
        host=None,
        embedded=True,
        public=public,
        origins=origins,
        admin_token=admin_token,
        trusted_proxies=trusted_proxies,
    )
    return Application(partial(_serve, registry, settings, storage, limits, watch_loop=watch_loop))


async def _serve(  # noqa: ASYNC128  # run_server reports the start
    registry: Registry,
    settings: ServerSettings,
    storage: Storage | None,
    limits: Limits | None,
    *,
    watch_loop: bool,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    opening = open_runtime(registry, storage=storage, limits=limits)
    async with watching_loop(start=watch_loop) as watchdog:
        await run_server(
            opening, settings, loop_problem=lambda: watchdog.problem, task_status=task_status
        )


def _check_trio() -> None:
    """Refuse another event loop by a text that says which one is wanted.

    Raises:
        RuntimeError: If this is not Trio.
    """
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError("trivet runs on Trio: start the program with trio.run, not asyncio.run")
