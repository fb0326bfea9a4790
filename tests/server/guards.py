"""Actors that ask some who come, and not others."""

from __future__ import annotations

import trivet
from tests.server.actors import SECRET


class Hooked(trivet.Actor, name="hooked", call_hooks=False):
    """Asks who connects, and nobody who calls."""

    async def on_before_connect(self, params: None) -> None:
        raise trivet.Forbidden


class Called(Hooked, name="called", call_hooks=False):
    @trivet.action
    def secret(self) -> str:
        return SECRET


class Asked(Hooked, name="asked", call_hooks=False):
    async def on_request(self, request: trivet.Request) -> trivet.Response:
        return trivet.Response(SECRET.encode())


class Authorized(Called, name="authorized", call_hooks=False):
    @classmethod
    async def authorize(cls, request: trivet.Request) -> bool:
        return False
