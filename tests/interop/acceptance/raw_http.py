"""Actors that answer raw HTTP: one by a table of its own, one not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from typing import Any, cast

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.request import Request
from trivet.declare.response import Response

__all__ = ["Deaf", "Site"]

Handler = Callable[[Request], Response | None]


class Site(Actor[int], name="site"):
    """Answers by path: a table of handlers, made for each instance, is router enough."""

    def __init__(self) -> None:
        self.pages: dict[str, Handler] = {
            "/hello": self.greet,
            "/echo": self.echo,
            "/count": self.count,
            "/form": self.read_form,
            "/nothing": lambda request: None,
        }

    async def on_request(self, request: Request) -> Response | None:
        if request.path.startswith("/describe") or request.path == "/":
            return self.describe(request)
        page = self.pages.get(request.path)
        return page(request) if page else Response(b"no such page", status=404)

    def describe(self, request: Request) -> Response:
        """Tell everything about a request."""
        return Response.json(
            {
                "method": request.method,
                "url": request.url,
                "path": request.path,
                "query": request.query,
                "headers": dict(request.headers),
                "body": request.body.decode("latin-1"),
            }
        )

    def greet(self, request: Request) -> Response:
        return Response.json({"message": "hello", "method": request.method})

    def echo(self, request: Request) -> Response:
        """Send the body back, with its type."""
        content_type = request.headers.get("content-type", "none")
        return Response(request.body, status=201, headers={"x-type": content_type})

    def count(self, request: Request) -> Response:
        self.state += json.loads(request.body) if request.body else 0
        return Response.json(self.state)

    def read_form(self, request: Request) -> Response:
        """Read a form with the standard library."""
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        form = message_from_bytes(head + request.body)
        parts = cast("list[Message]", form.get_payload())
        fields: dict[str, Any] = {}
        for part in parts:
            data = cast("bytes", part.get_payload(decode=True)).decode("latin-1")
            name = str(part.get_param("name", header="content-disposition"))
            fields[name] = [part.get_filename(), data] if part.get_filename() else data
        return Response.json(fields)

    @action
    def counted(self) -> int:
        return self.state


class Deaf(Actor, name="deaf"):
    """Answers no raw HTTP."""

    @action
    def greet(self) -> str:
        return "hello"
