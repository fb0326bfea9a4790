"""The code of ``docs/how-to/without-a-client.md``, as scenarios of ``plain.mjs``."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from examples.chat_room import registry
from tests.interop.node import JavaScript, Node
from trivet.open import serve
from trivet.server.serve import Server

pytestmark = pytest.mark.interop


@pytest.fixture
async def javascript(nursery: trio.Nursery, node: Node) -> JavaScript:
    server: Server = await nursery.start(partial(serve, registry, port=0))
    return JavaScript(node, server.url, "json")


async def test_a_call_by_fetch(javascript: JavaScript) -> None:
    assert await javascript.run("plain.call") == {
        "count": 1,
        "wrong": "actor.validation_error: Validation failed",
    }


async def test_a_connection_by_a_web_socket(javascript: JavaScript) -> None:
    message = {"sender": "ann", "text": "hello"}
    assert await javascript.run("plain.listen") == [
        ["Event", {"name": "message", "args": [message]}],
        ["ActionResponse", {"id": ["$BigInt", "0"], "output": 1}],
    ]


async def test_a_refused_connection(javascript: JavaScript) -> None:
    error = {"group": "user", "code": "unauthorized", "message": "Invalid auth token"}
    assert await javascript.run("plain.refused") == {
        "all": [["Error", {**error, "actionId": None}]],
        "code": 1011,
        "reason": "user.unauthorized",
    }
