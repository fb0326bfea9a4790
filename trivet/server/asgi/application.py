"""The application: trivet's server behind an ASGI server that runs on Trio.

Each request and each WebSocket becomes a stream in memory to the one server there is, in the
protocol that it speaks on sockets. So whatever is true of that server, its limits, deadlines and
refusals, is true here.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import trio
from trio.testing import lockstep_stream_pair

from trivet.logs import about
from trivet.runtime.nursery import open_service_nursery
from trivet.server.asgi.http import bridge_request
from trivet.server.asgi.messages import Receive, Scope, Send, peer_of
from trivet.server.asgi.websocket import bridge_websocket
from trivet.server.serve import Server

__all__ = ["Application"]

logger = logging.getLogger(__name__)

NOT_TRIO: Final = (
    "trivet needs an ASGI server that runs on Trio: hypercorn does, with its trio worker"
)
NOT_RUNNING: Final = (
    "the actors do not run: pass the lifespan of ASGI on to their application, or enter its "
    "running() in the lifespan of yours"
)


class Application:
    """Actors as an ASGI application, as ``trivet.asgi_app`` makes it.

    Its server runs from the start to the shutdown of the ASGI lifespan or, where another
    application has the lifespan, inside of ``running()``.

    Args:
        serve: Runs a server that has no sockets of its own until it is cancelled, and reports it
            when it has started; called anew for each run.
    """

    def __init__(self, serve: Callable[..., Awaitable[Any]]) -> None:
        self._serve = serve
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """The server, with a client that needs no network, while it runs.

        Raises:
            RuntimeError: If it does not run.
        """
        if self._server is None:
            raise RuntimeError(NOT_RUNNING if trio.lowlevel.in_trio_run() else NOT_TRIO)
        return self._server

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Serve as long as the body runs; leaving it is the graceful stop.

        Raises:
            RuntimeError: If it runs already, or if this is not Trio.
            ValueError: If an actor lets everybody in, and nobody said that it may be public.
        """
        if not trio.lowlevel.in_trio_run():
            raise RuntimeError(NOT_TRIO)
        if self._server is not None:
            raise RuntimeError("this application runs already")
        async with open_service_nursery() as nursery:
            self._server = await nursery.start(self._serve)
            try:
                yield
            finally:
                self._server = None
                nursery.cancel_scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what an ASGI server has accepted.

        Raises:
            RuntimeError: If it does not run.
            ValueError: If it is nothing that this application knows.
        """
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        server = self.server
        match scope["type"]:
            case "http":
                bridge = bridge_request
            case "websocket":
                bridge = bridge_websocket
            case other:
                raise ValueError(f"trivet serves no {other!r} of ASGI")
        ours, theirs = lockstep_stream_pair()
        server.serve_stream(theirs, peer_of(scope))
        try:
            await bridge(scope, receive, send, ours)
        except OSError:
            pass  # what ASGI has servers raise when there is nobody left to send to

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # "lifespan.startup"
        step = "startup"
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                step = "shutdown"
                await receive()  # "lifespan.shutdown"
        except Exception as error:  # the process's firewall: the ASGI server ends it
            logger.exception("the %s of the actors failed", step, extra=about())
            await send({"type": f"lifespan.{step}.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})
