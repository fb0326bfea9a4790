"""A server for tests, and clients that speak HTTP and WebSocket to it over memory or TCP."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

import attrs
import h11
import trio
from trio.testing import memory_stream_pair
from websockets.trio.client import ClientConnection, connect as connect_websocket
from websockets.typing import Origin, Subprotocol

from tests.server.actors import Board, Counter, Room
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.declare.registry import Registry
from trivet.ports.storage import Storage
from trivet.runtime.runtime import Runtime, run_runtime
from trivet.server.listener import Listener
from trivet.server.serve import Server, run_server
from trivet.server.service import Service
from trivet.server.settings import ServerSettings
from trivet.storage.memory import MemoryStorage
from trivet.telemetry.counters import Counters

ACTORS: tuple[type[Actor[Any, Any, Any, Any]], ...] = (Counter, Room, Board)


@attrs.frozen
class Serving:
    """A running server."""

    server: Server
    counters: Counters
    stop: trio.CancelScope
    runtime: Runtime

    @property
    def listener(self) -> Listener:
        return self.server._listener  # pyright: ignore[reportPrivateUsage] - tests look inside

    @property
    def service(self) -> Service:
        return self.listener.service

    def dial(self, peer: str = "memory") -> trio.abc.Stream:
        """Connect over memory."""
        ours, theirs = memory_stream_pair()
        self.server.serve_stream(theirs, peer)
        return ours

    def http(self) -> HttpClient:
        return HttpClient(self.dial())

    def websocket(
        self,
        address: str,
        *subprotocols: str,
        origin: str | None = None,
        stream: trio.abc.Stream | None = None,
    ) -> AbstractAsyncContextManager[ClientConnection]:
        return connect_websocket(
            f"ws://server{address}",
            stream=stream or self.dial(),
            subprotocols=[Subprotocol(text) for text in subprotocols] or None,
            origin=None if origin is None else Origin(origin),
            compression=None,
            proxy=None,
            ping_interval=None,
            open_timeout=None,
            close_timeout=None,
        )


@asynccontextmanager
async def serving(
    *actors: type[Actor[Any, Any, Any, Any]],
    limits: Limits | None = None,
    storage: Storage | None = None,
    **settings: Any,
) -> AsyncGenerator[Serving]:
    """Serve actors in memory, or on a socket if the settings name a host."""
    counters = Counters()
    registry = Registry(*(actors or ACTORS))
    runtimes: list[Runtime] = []

    @asynccontextmanager
    async def opening() -> AsyncGenerator[Runtime]:
        async with run_runtime(
            registry, storage or MemoryStorage(), counters, limits or Limits()
        ) as runtime:
            runtimes.append(runtime)
            yield runtime

    chosen: dict[str, Any] = {"host": None, "port": 0, **settings}
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(
            partial(run_server, opening(), ServerSettings(**chosen))
        )
        yield Serving(server, counters, nursery.cancel_scope, runtimes[0])
        nursery.cancel_scope.cancel()


def gateway(
    name: str = "counter", key: str = "a", path: str = "/", *, create: bool = True, more: str = ""
) -> str:
    """The query form of an actor's address."""
    method = "getOrCreate&rvt-runner=default" if create else "get"
    query = f"rvt-namespace=default&rvt-method={method}&rvt-key={quote(key)}{more}"
    return f"/gateway/{name}{path}?{query}"


@attrs.frozen
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return f"{self.json['group']}.{self.json['code']}"


class HttpClient:
    """One HTTP/1.1 connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)

    async def request(
        self,
        method: str,
        address: str,
        body: bytes | Iterable[bytes] = b"",
        **headers: str | bytes,
    ) -> Reply:
        """Send a request, chunked if the body comes in pieces, and read the answer."""
        await self.send(method, address, body, **headers)
        return await self.reply()

    async def send(
        self,
        method: str,
        address: str,
        body: bytes | Iterable[bytes] = b"",
        **headers: str | bytes,
    ) -> None:
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        pieces = [body] if isinstance(body, bytes) else list(body)
        framing = (
            (b"content-length", str(len(body)).encode())
            if isinstance(body, bytes)
            else (b"transfer-encoding", b"chunked")
        )
        given = [
            (
                name.replace("_", "-").encode(),
                value if isinstance(value, bytes) else value.encode("latin-1"),
            )
            for name, value in headers.items()
        ]
        events: list[h11.Event] = [
            h11.Request(
                method=method, target=address, headers=[(b"host", b"server"), framing, *given]
            ),
            *(h11.Data(data=piece) for piece in pieces if piece),
            h11.EndOfMessage(),
        ]
        data = b"".join(self._http.send(event) or b"" for event in events)
        await self.stream.send_all(data)

    async def reply(self) -> Reply:
        response: h11.Response | None = None
        body = b""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(bytes(await self.stream.receive_some()))
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                raise AssertionError(f"no answer but {event!r}")
        assert response is not None
        headers = {name.decode(): value.decode("latin-1") for name, value in response.headers}
        return Reply(response.status_code, headers, body)

    async def call(self, action: str, *args: Any, **options: Any) -> Reply:
        """Call an action of the counter, in JSON."""
        body = json.dumps({"args": args}).encode()
        return await self.request("POST", gateway(path=f"/action/{action}"), body, **options)


async def raw(stream: trio.abc.Stream, data: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    await stream.send_all(data)
    return await rest(stream)


async def rest(stream: trio.abc.Stream) -> bytes:
    """Return all that comes until the server closes."""
    answer = b""
    while received := await stream.receive_some():
        answer += received
    return answer
