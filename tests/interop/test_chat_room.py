"""The code of ``docs/how-to/javascript.md``, as scenarios of ``chat_room.mjs``."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from examples.chat_room import registry
from tests.interop.node import JavaScript, Node
from trivet.open import serve
from trivet.server.serve import Server

pytestmark = pytest.mark.interop

SPOKEN = {"count": 1, "messages": [{"sender": "ann", "text": "hi"}]}


@pytest.fixture
async def javascript(nursery: trio.Nursery, node: Node) -> JavaScript:
    server: Server = await nursery.start(partial(serve, registry, port=0))
    return JavaScript(node, server.url, "bare")


async def test_talking(javascript: JavaScript) -> None:
    assert await javascript.run("chat_room.talk") == {"printed": ["ann: hi"], **SPOKEN}


async def test_a_refusal(javascript: JavaScript) -> None:
    printed = await javascript.run("chat_room.refused")
    assert set(printed) == {"user.unauthorized", "user.unauthorized: Invalid auth token"}


async def test_the_hook(javascript: JavaScript) -> None:
    assert await javascript.run("chat_room.react") == SPOKEN


async def test_the_hook_takes_a_refusal_for_an_answer(javascript: JavaScript) -> None:
    assert await javascript.run("chat_room.reactRefused") == "unauthorized"
