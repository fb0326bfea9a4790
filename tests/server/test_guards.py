"""Who counts as guarded: a class that says who may reach it, by whatever it answers."""

from __future__ import annotations

from functools import partial

import pytest
import trio

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


async def test_hooks_that_no_call_meets_guard_none() -> None:
    for actor in (Called, Asked):
        with pytest.raises(ValueError, match="lets every call in, for call_hooks=False"):
            await trivet.serve(trivet.Registry(actor), host="0.0.0.0", port=0, watch_loop=False)
    async with trio.open_nursery() as nursery:
        registry = trivet.Registry(Hooked, Authorized)
        serve = partial(trivet.serve, registry, host="0.0.0.0", port=0, watch_loop=False)
        await nursery.start(serve)
        nursery.cancel_scope.cancel()
