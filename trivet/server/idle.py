"""The connections that wait for a request: they end as soon as the server begins to stop."""

from __future__ import annotations

import trio

__all__ = ["IdleScopes"]


class IdleScopes:
    """The cancel scopes of waiting connections.

    Attributes:
        stopping: Whether the server has begun to stop.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._scopes: set[trio.CancelScope] = set()

    def add(self, scope: trio.CancelScope) -> None:
        """Let the stop cancel a scope."""
        self._scopes.add(scope)
        if self.stopping:
            scope.cancel()

    def discard(self, scope: trio.CancelScope) -> None:
        """Keep the stop from cancelling a scope."""
        self._scopes.discard(scope)

    def stop(self) -> None:
        """End every wait, now and from now on."""
        self.stopping = True
        for scope in self._scopes:
            scope.cancel()
