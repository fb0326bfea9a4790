"""One HTTP request on its way to whatever answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs

from trivet.declare.request import Intent, Request
from trivet.protocol.gateway import GatewayTarget
from trivet.runtime.namespaces import DEFAULT
from trivet.server.answers import Answer
from trivet.server.head import Head
from trivet.server.http import ReadBody
from trivet.server.requests import request_of
from trivet.server.service import Service
from trivet.server.targets import named_namespace

__all__ = ["Exchange", "Handler"]


@attrs.frozen(kw_only=True)
class Exchange:
    """A request, as far as it has been understood.

    Attributes:
        service: The server.
        head: What the client sent before the body.
        path: The path that was routed, as it was sent: behind the base path and the gateway's
            prefix.
        query: The query, as it was sent, without the gateway's parameters.
        read: Reads the body, up to a number of bytes.
        target: The actor it is for, if its address names one.
        name: The part of the path that the route leaves open, not decoded.
    """

    service: Service
    head: Head
    path: str
    query: str
    read: ReadBody
    target: GatewayTarget | None = None
    name: str = ""

    def request(self, intent: Intent, namespace: str | None = None) -> Request:
        """Return it as an actor's hooks see it, without its body.

        Args:
            intent: What it wants.
            namespace: Which one it names, if not the address of an actor does.

        Raises:
            ActionError: ``namespace.not_found`` if none can be called as its address says.
        """
        target = self.target
        if target is not None:
            namespace = named_namespace(target, self.head.headers)
        return request_of(
            self.head,
            self.path,
            self.query,
            intent=intent,
            namespace=namespace or DEFAULT,
            secure=self.service.secure,
            token=None if target is None else target.token,
        )


Handler: TypeAlias = Callable[[Exchange], Awaitable[Answer]]
"""Answers a request; a trivet ``Error`` that it raises becomes a JSON error of the server."""
