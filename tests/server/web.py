"""An actor that answers raw HTTP and serves raw WebSockets in every way, and reaches of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import attrs
import trio

import trivet
from tests.server.actors import SECRET
from tests.server.serving import Serving, serving
from trivet.client.local import LocalTransport
from trivet.client.network import open_network_transport
from trivet.declare.handle import Client, Handle
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.declare.request import Request, current_request
from trivet.declare.response import Response
from trivet.declare.web_socket import WebSocket
from trivet.ports.storage import Storage
from trivet.testing.network import MemoryConnection

__all__ = ["WAYS", "Door", "Way", "Web", "web"]

Way = Literal["in process", "over a network"]
WAYS: tuple[Way, ...] = ("in process", "over a network")


@attrs.frozen
class Ticket:
    name: str = "nobody"


class Web(trivet.Actor[int, str, Ticket], name="web"):
    """Does what the path says."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.go_on = trio.Event()
        self.at_work = trio.Event()
        self.sockets: list[WebSocket[str]] = []

    async def on_before_connect(self, params: Ticket) -> None:
        if params.name == "banned":
            raise trivet.UserError("You are banned", code="banned")

    async def create_conn_state(self, params: Ticket) -> str:
        self.log.append(f"{params.name} knocks with {current_request().method}")
        return params.name

    async def on_connect(self, conn: Conn[str]) -> None:
        self.log.append(f"{conn.state} comes by {conn.kind}")

    async def on_disconnect(self, conn: Conn[str]) -> None:
        assert conn.id not in self.conns
        self.log.append(f"{conn.state} leaves: {conn.close_cause}")

    async def on_request(self, request: Request) -> Response | None:
        self.state += 1
        match request.path:
            case "/echo":
                return self.echo(request)
            case "/count":
                return Response(str(self.state).encode())
            case "/broken":
                raise ValueError(SECRET)
            case "/refused":
                raise trivet.UserError("No, thank you", code="refused", metadata={"why": "tired"})
            case "/nothing":
                return None
            case "/large":
                return Response(b"x" * int(request.query))
            case "/status":
                return Response(b"body", status=int(request.query))
            case "/headers":
                return Response(headers={"X-One": "1", "vary": "accept", "x-latin": "\xe4"})
            case "/injection":
                return Response(headers={"x-one": "1\r\nset-cookie: stolen=1"})
            case "/envelope":
                return Response.json({}, headers={"x-rivet-error": "actor.not_found"})
            case "/wait":
                self.at_work.set()
                await self.go_on.wait()
                return Response(b"waited")
            case "/sleep":
                await trio.sleep(float(request.query))
                return Response(b"slept")
            case "/stream":
                return Response(self.stream(request.query), headers={"content-type": "text/plain"})
            case "/silence":
                return Response(self.silence())
            case "/leave":
                await self.conn.disconnect("go")
                return Response(b"left")
            case _:
                return Response(status=404)

    def echo(self, request: Request) -> Response:
        return Response.json(
            {
                "method": request.method,
                "url": request.url,
                "path": request.path,
                "query": request.query,
                "headers": dict(request.headers),
                "body": request.body.decode("latin-1"),
                "conn": self.conn.kind,
                "visible": self.conn.id in self.conns,
                "intent": request.intent,
            }
        )

    async def stream(self, how: str) -> AsyncIterator[Any]:  # noqa: ASYNC900  # the actor closes it
        try:
            yield b"one "
            match how:
                case "fail":
                    raise ValueError(SECRET)
                case "text":
                    yield "text"  # the mistake that is tested
                case "wait":
                    self.at_work.set()
                    await self.go_on.wait()
                case "endless":
                    while True:
                        yield b"x" * 10_000
                case _:
                    pass
            yield b""
            yield f"{len(self.conns)} here".encode()
        finally:
            self.log.append(f"stream {how} closed")

    async def silence(self) -> AsyncIterator[bytes]:  # noqa: ASYNC900  # the actor closes it
        await trio.Event().wait()
        yield b""

    async def on_websocket(self, socket: WebSocket[str]) -> None:
        self.sockets.append(socket)
        match socket.request.path:
            case "/echo":
                async for message in socket:
                    socket.send(message)
            case "/return":
                socket.send("last words")
            case "/broken":
                raise ValueError(SECRET)
            case "/refuse":
                raise trivet.UserError("No, thank you", code="refused")
            case "/close":
                code, _, reason = socket.request.query.partition("&")
                await socket.close(int(code), reason)
                self.log.append(f"closed: {socket.conn.id in self.conns}")
            case "/index":
                async for _ in socket:
                    socket.send(f"{socket.message_index} {socket.restored}")
            case "/deaf":
                await self.go_on.wait()
                async for _ in socket:
                    pass
            case "/flood":
                while socket.send("x" * 10_000):
                    await trio.lowlevel.checkpoint()
                async for _ in socket:
                    pass
            case _:
                socket.send(f"{socket.request.path}?{socket.request.query} {socket.conn.kind}")
                async for _ in socket:
                    pass
        self.log.append(f"{socket.conn.state}'s handler ended")

    @trivet.action
    async def kick(self, name: str, reason: str = "out") -> bool:
        conn = self.conns.find(lambda conn: conn.state == name)
        if conn is None:
            return False
        await conn.disconnect(reason)
        return True

    @trivet.action
    def let_go(self) -> None:
        self.go_on.set()

    @trivet.action(readonly=True)
    def told(self) -> list[str]:
        return [line for line in self.log if "call" not in line and "caller" not in line]


class Door(trivet.Actor[None], name="door"):
    """Answers no request and serves no socket."""

    @trivet.action
    def knock(self) -> str:
        return "come in"


@asynccontextmanager
async def web(
    way: Way = "over a network",
    *,
    limits: Limits | None = None,
    storage: Storage | None = None,
    **settings: Any,
) -> AsyncGenerator[tuple[Serving, Client]]:
    """Serve the actors, and reach them over a network in memory, or in this process."""
    async with serving(Web, Door, limits=limits, storage=storage, **settings) as site:
        site.runtime.client = Client(LocalTransport(site.runtime))
        if way == "in process":
            yield site, site.server.client
            return

        async def connect() -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            connection = MemoryConnection("server")
            site.server.serve_stream(connection.server)
            return connection.client

        async with open_network_transport("http://server", connect=connect) as transport:
            yield site, Client(transport)


def actor_of(site: Serving) -> Web:
    """The actor itself, while it is awake."""
    (instance,) = site.runtime.directory.instances
    actor: Web = instance.actor
    return actor


def page(client: Client, name: str | None = None) -> Handle[Web]:
    """A handle with params."""
    handle = client.get_or_create(Web, "a")
    return handle if name is None else handle.with_params(Ticket(name))


async def told(site: Serving) -> list[str]:
    """What the actor has noted, once everybody else waits."""
    await trio.testing.wait_all_tasks_blocked()
    return (
        await site.server.client.get_or_create(Web, "a")
        .with_params(Ticket("caller"))
        .call(Web.told)
    )


async def kick(site: Serving, name: str) -> bool:
    caller: Any = site.server.client.get_or_create(Web, "a").with_params(Ticket("caller"))
    found: bool = await caller.call(Web.kick, name)
    return found
