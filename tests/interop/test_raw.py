"""Raw HTTP and raw WebSockets, as scenarios of ``raw.mjs``."""

from __future__ import annotations

import pytest

from tests.interop.node import JavaScript

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("encoding", ["bare"])]


async def test_fetch(javascript: JavaScript) -> None:
    status, seen, original = await javascript.run("raw.fetchTwice")
    assert status == 200
    assert (seen["method"], seen["body"]) == ("POST", "hello")
    assert seen["url"].endswith("/echo?x=%20")
    assert original == "https://example.com/echo"


async def test_websocket(javascript: JavaScript) -> None:
    closed, heard = await javascript.run("raw.speak")
    assert heard == ["/talk?x=1", "text", [1, 255]]
    assert closed == {"code": 4001, "reason": "bye"}
