"""The holder as a process: it has the sockets, starts servers and hears what becomes of them.

Between the holder and each server there is one socket. The server writes a byte when it is prepared
and another when it is ready, and gets one when it is released. The end of that socket tells a server
that its holder is gone: then nobody would start another in its place, so it stops.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Final

import attrs
import trio

from trivet.holder.decisions import Decisions, Exit, Kill, Order, Release, Say, Start, Wait
from trivet.runtime.cleanup import bounded_cleanup

__all__ = ["CONTROL", "PREPARED", "READY", "RELEASED", "hold"]

logger = logging.getLogger(__name__)

CONTROL: Final = "TRIVET_HOLDER"
"""Tells a server that it is held: the numbers of its files, that of the holder first."""

PREPARED: Final = b"p"
READY: Final = b"r"
RELEASED: Final = b"g"

REAPING: Final = 5.0
"""Seconds for the system to end a process that was killed."""

Event = Callable[[], list[Order]]
"""Tells the decisions what has happened."""


async def hold(command: Sequence[str], sockets: Sequence[socket.socket]) -> int:
    """Keep servers running on sockets until told to stop by a signal.

    Args:
        command: Starts a server, which takes part as ``trivet.holder.child`` says.
        sockets: What servers accept clients from; they listen.

    Returns:
        The exit status.
    """
    send, receive = trio.open_memory_channel[Event](100)
    status: int | None = None
    decisions = Decisions()
    async with trio.open_nursery() as nursery:
        holder = _Holder(command, sockets, decisions, nursery, send)
        await nursery.start(holder.watch_signals)
        orders = decisions.begin()
        try:
            while (status := await holder.obey(orders)) is None:
                orders = (await receive.receive())()
        finally:
            with bounded_cleanup(REAPING):
                await holder.kill_all()
        nursery.cancel_scope.cancel()
    assert status is not None  # that is what ended it
    return status


@attrs.define(eq=False)
class _Holder:
    command: Sequence[str]
    sockets: Sequence[socket.socket]
    decisions: Decisions
    nursery: trio.Nursery
    happened: trio.MemorySendChannel[Event]
    servers: dict[int, _Server] = attrs.Factory(dict[int, "_Server"])

    async def obey(self, orders: Sequence[Order]) -> int | None:
        """Do what was decided; the exit status, if that is the end."""
        for order in orders:
            match order:
                case Start(number):
                    await self.start(number)
                case Release(number) if number in self.servers:
                    await self.servers[number].release()
                case Kill(number, which) if number in self.servers:
                    self.servers[number].process.send_signal(which)
                case Wait(seconds):
                    self.nursery.start_soon(self.wait, seconds)
                case Say(level, text):
                    logger.log(level, "%s", text)
                case Exit(status):
                    return status
                case _:
                    pass  # for a server that has ended already, which is reported, too
        return None

    async def start(self, number: int) -> None:
        """Start a server; that it cannot be started is reported as its end."""
        ours, theirs = socket.socketpair()
        with theirs:
            files = [theirs.fileno(), *(one.fileno() for one in self.sockets)]
            try:
                process = await trio.lowlevel.open_process(
                    self.command,
                    env={**os.environ, CONTROL: ",".join(map(str, files))},
                    pass_fds=files,
                    # A terminal's signals are for the holder alone, which passes them on.
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                logger.error("a server cannot be started: %s", error)
                self.nursery.start_soon(self.report_end, number, os.EX_OSERR)
                return
        control = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        server = self.servers[number] = _Server(process, control)
        logger.info("started a server, process %d", process.pid)
        self.nursery.start_soon(self.follow, number, server)

    async def follow(self, number: int, server: _Server) -> None:
        """Report what a server says, and its end."""
        async with server.control:
            try:
                while said := await server.control.receive_some(1):
                    await self.happened.send(self.said(number, bytes(said)))
            except trio.BrokenResourceError:
                pass  # it was killed while it said something
            status = await server.process.wait()
        self.servers.pop(number, None)
        await self.report_end(number, status)

    async def report_end(self, number: int, status: int) -> None:
        now = trio.current_time()
        await self.happened.send(lambda: self.decisions.ended(number, status, now))

    def said(self, number: int, what: bytes) -> Event:
        now = trio.current_time()
        if what == PREPARED:
            return lambda: self.decisions.prepared(number)
        return lambda: self.decisions.ready(number, now)

    async def wait(self, seconds: float) -> None:
        await trio.sleep(seconds)
        await self.happened.send(self.decisions.waited)

    async def watch_signals(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        watched = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        with trio.open_signal_receiver(*watched) as received:
            task_status.started()
            async for number in received:
                await self.happened.send(self.asked(signal.Signals(number)))

    def asked(self, number: signal.Signals) -> Event:
        if number == signal.SIGHUP:
            return self.decisions.asked_to_restart
        return lambda: self.decisions.asked_to_stop(number)

    async def kill_all(self) -> None:
        """Leave no server behind."""
        for server in tuple(self.servers.values()):
            server.process.kill()
            await server.process.wait()


@attrs.frozen(eq=False)
class _Server:
    process: trio.Process
    control: trio.SocketStream

    async def release(self) -> None:
        try:
            await self.control.send_all(RELEASED)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # it has ended, which is reported, too
