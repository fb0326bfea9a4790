"""A stand-in for an ASGI server: it calls an application and keeps what that sends."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio

from tests.server.actors import Counter, Room
from trivet.declare.registry import Registry
from trivet.open import asgi_app
from trivet.server.asgi.application import Application
from trivet.server.asgi.messages import Message, Scope

HTTP: Scope = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.5"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"server")],
    "client": ("127.0.0.1", 50000),
}


def application(*actors: Any, **options: Any) -> Application:
    registry = Registry(*(actors or (Counter, Room)))
    chosen: dict[str, Any] = {"public": True, "watch_loop": False, **options}
    return asgi_app(registry, **chosen)


def scope_of(address: str, *, headers: dict[str, str] | None = None, **changes: Any) -> Scope:
    """The scope of a request for an address."""
    path, _, query = address.partition("?")
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    return {
        **HTTP,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"server"), *pairs],
        **changes,
    }


def websocket_scope(address: str, *subprotocols: str, **changes: Any) -> Scope:
    return scope_of(address, type="websocket", subprotocols=list(subprotocols), **changes)


class Call:
    """One connection's events, both ways."""

    def __init__(self) -> None:
        self._to_app, self._app_receives = trio.open_memory_channel[Message](100)
        self._app_sends, self._from_app = trio.open_memory_channel[Message](0)
        self.ended = trio.Event()

    def say(self, kind: str, **more: Any) -> None:
        """Let the client do something."""
        self._to_app.send_nowait({"type": kind, **more})

    async def hear(self) -> Message:
        """Wait for what the application sends next."""
        return await self._from_app.receive()

    async def run(self, application: Application, scope: Scope) -> None:
        try:
            await application(scope, self._app_receives.receive, self._app_sends.send)
        finally:
            self.ended.set()


@asynccontextmanager
async def calling(application: Application, scope: Scope) -> AsyncGenerator[Call]:
    """Call an application as long as the body runs."""
    call = Call()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call.run, application, scope)
        yield call
        nursery.cancel_scope.cancel()


async def request(
    application: Application, scope: Scope, *parts: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Make a request with a body in parts; return status, headers and body of the answer."""
    async with calling(application, scope) as call:
        for part in parts[:-1]:
            call.say("http.request", body=part, more_body=True)
        call.say("http.request", body=parts[-1] if parts else b"")
        start = await call.hear()
        assert start["type"] == "http.response.start"
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        body = b""
        more = True
        while more:
            message = await call.hear()
            assert message["type"] == "http.response.body"
            body += message["body"]
            more = message["more_body"]
        await call.ended.wait()
        return start["status"], headers, body
    raise AssertionError
