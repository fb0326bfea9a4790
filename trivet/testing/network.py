"""A network in memory: listeners by name, connections with bounded buffers, and faults on demand.

``MemoryNetwork`` takes the place of TCP in tests. Let ``network.serve("server", …)`` hand each
connection to a server, and give ``network.opener("server")`` to clients: the real protocol runs
over it, no socket is opened, and under Trio's mock clock no time passes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import trio
from trio.abc import HalfCloseableStream, Listener

from trivet.testing.pipe import Pipe

__all__ = ["MemoryConnection", "MemoryListener", "MemoryNetwork", "MemoryStream"]

BUFFER: Final = 64 * 1024
BACKLOG: Final = 128


class MemoryNetwork:
    """Listeners and connections by name.

    Args:
        buffer: Bytes that one direction of a connection holds before its sender has to wait.
    """

    def __init__(self, *, buffer: int = BUFFER) -> None:
        self._buffer = buffer
        self._listeners: dict[str, MemoryListener] = {}
        self._connections: list[MemoryConnection] = []

    def listen(self, name: str) -> MemoryListener:
        """Begin to listen under a name; until the listener is closed nobody else can.

        Raises:
            OSError: If somebody listens there already.
        """
        if name in self._listeners:
            raise OSError(f"somebody listens at {name!r} already")
        listener = MemoryListener(lambda: self._listeners.pop(name, None))
        self._listeners[name] = listener
        return listener

    async def connect(self, name: str) -> MemoryStream:
        """Connect to a listener; like TCP, this does not wait until it accepts.

        Raises:
            ConnectionRefusedError: If nobody listens there, or too many wait to be accepted.
        """
        await trio.lowlevel.checkpoint()
        listener = self._listeners.get(name)
        connection = MemoryConnection(name, self._buffer)
        if listener is None or not listener.offer(connection):
            raise ConnectionRefusedError(f"nobody accepts connections at {name!r}")
        self._connections = [one for one in self._connections if not one.is_over]
        self._connections.append(connection)
        return connection.client

    def opener(self, name: str) -> Callable[[], Awaitable[MemoryStream]]:
        """Return a function that connects to a name, for ``open_client(..., connect=)``."""
        return lambda: self.connect(name)

    async def serve(
        self,
        name: str,
        handle: Callable[[MemoryStream], object],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> NoReturn:
        """Listen under a name and hand each connection over, until cancelled.

        Args:
            name: The name.
            handle: A plain function, such as ``server.serve_stream``.
            task_status: Told as soon as connections are accepted.

        Raises:
            OSError: If somebody listens there already.
        """
        async with self.listen(name) as listener:
            task_status.started()
            while True:
                handle(await listener.accept())

    @property
    def connections(self) -> tuple[MemoryConnection, ...]:
        """The connections that are not over, oldest first."""
        return tuple(one for one in self._connections if not one.is_over)

    def cut(self) -> None:
        """Cut every connection."""
        for connection in self.connections:
            connection.cut()

    def vanish(self) -> None:
        """Let every connection go silent."""
        for connection in self.connections:
            connection.vanish()


class MemoryConnection:
    """One connection, and what may happen to it.

    Attributes:
        name: Whom the client has asked for.
        client: The client's end.
        server: The server's end.
    """

    def __init__(self, name: str, buffer: int = BUFFER) -> None:
        self.name = name
        self._upward, self._downward = Pipe(buffer), Pipe(buffer)
        self.client = MemoryStream(self._upward, self._downward)
        self.server = MemoryStream(self._downward, self._upward)

    @property
    def is_over(self) -> bool:
        """Whether both ends are closed."""
        return self.client.is_closed and self.server.is_closed

    def cut(self) -> None:
        """Break it for both ends at once, as a reset does; bytes on their way are lost."""
        self._upward.cut()
        self._downward.cut()

    def vanish(self) -> None:
        """Let nothing through any more and tell nobody, as a cable that is pulled."""
        self._upward.vanish()
        self._downward.vanish()

    def stop_reading(self, *, client: bool = False, server: bool = False) -> None:
        """Let one end read nothing, so that the other's buffer fills."""
        if client:
            self._downward.block()
        if server:
            self._upward.block()

    def resume_reading(self) -> None:
        """Let both ends read again."""
        self._upward.unblock()
        self._downward.unblock()

    def delay(self, *, to_server: float | None = None, to_client: float | None = None) -> None:
        """Let what is sent from now on take some seconds; its order stays."""
        if to_server is not None:
            self._upward.delay = to_server
        if to_client is not None:
            self._downward.delay = to_client


class MemoryStream(HalfCloseableStream):
    """One end of a connection in memory."""

    def __init__(self, sending: Pipe, receiving: Pipe) -> None:
        self._sending = sending
        self._receiving = receiving

    @property
    def is_closed(self) -> bool:
        """Whether this end was closed."""
        return self._receiving.reader_closed

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; wait while the buffer is full."""
        await self._sending.write(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room in the buffer."""
        await self._sending.wait_writable()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes; ``b""`` when the other end has sent its last."""
        return await self._receiving.read(max_bytes)

    async def send_eof(self) -> None:
        """Send no more; receiving goes on."""
        await self._sending.finish()

    async def aclose(self) -> None:
        """Close this end: the other reads what was sent, then the end, and can send no more."""
        self._sending.close_writer()
        self._receiving.close_reader()
        await trio.lowlevel.checkpoint()


class MemoryListener(Listener[MemoryStream]):
    """Accepts the connections to one name.

    Args:
        closed: Called when it is closed.
    """

    def __init__(self, closed: Callable[[], object]) -> None:
        self._tell_closed = closed
        self._closed = False
        self._backlog: deque[MemoryConnection] = deque()
        self._arrival = trio.lowlevel.ParkingLot()

    def offer(self, connection: MemoryConnection) -> bool:
        """Put a connection into the backlog, if there is room."""
        if len(self._backlog) == BACKLOG:
            return False
        self._backlog.append(connection)
        self._arrival.unpark()
        return True

    async def accept(self) -> MemoryStream:
        """Wait for the next connection."""
        await trio.lowlevel.checkpoint()
        while not self._backlog:
            if self._closed:
                raise trio.ClosedResourceError
            await self._arrival.park()
        return self._backlog.popleft().server

    async def aclose(self) -> None:
        """Stop listening; connections that nobody has accepted are reset."""
        if not self._closed:
            self._closed = True
            self._tell_closed()
            self._arrival.unpark_all()
            for connection in self._backlog:
                connection.cut()
                await trio.aclose_forcefully(connection.server)
            self._backlog.clear()
        await trio.lowlevel.checkpoint()
