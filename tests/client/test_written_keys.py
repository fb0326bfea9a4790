"""Keys that are written wrong: the error says how they are written."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

import trivet
from tests.server.serving import serving
from trivet.client.local import LocalTransport
from trivet.client.network import open_network_transport
from trivet.declare.handle import Client


class Shelf(trivet.Actor, name="shelf"):
    @trivet.action
    async def reach(self, key: Any) -> None:
        self.client.get_or_create(Shelf, key)


ONE_BY_ONE = r"part 0 of the key is no text but {}: write its parts one by one, get\(A, {}\)"

WRONG: list[tuple[Any, str]] = [
    (["x"], ONE_BY_ONE.format("list", '"x"')),
    (("x", "y"), ONE_BY_ONE.format("tuple", '"x", "y"')),
    ([], r"part 0 of the key is no text but list: write its parts one by one, get\(A, \.\.\.\)"),
    (5, r"part 0 of the key is no text but int: the parts of a key are texts, str\(5\)"),
    (None, "part 0 of the key is no text but NoneType: the parts of a key are texts"),
    ({}, "part 0 of the key is no text but dict: the parts of a key are texts"),
    (b"x", "part 0 of the key is no text but bytes: the parts of a key are texts"),
]


@pytest.mark.parametrize(("part", "message"), WRONG)
@pytest.mark.parametrize("way", ["in process", "over a network"])
async def test_it_says_how(part: Any, message: str, way: str, autojump_clock: MockClock) -> None:
    async with serving(Shelf) as site, open_network_transport("http://x.test") as transport:
        chosen = LocalTransport(site.runtime) if way == "in process" else transport
        client = Client(chosen)
        with pytest.raises(ValueError, match=message):
            client.get_or_create(Shelf, part)
        with pytest.raises(ValueError, match=message):
            client.get(Shelf, part)
        with pytest.raises(ValueError, match=message):
            await client.create(Shelf, part)


async def test_in_an_actor(autojump_clock: MockClock) -> None:
    async with serving(Shelf) as site:
        site.runtime.client = Client(LocalTransport(site.runtime))
        handle = site.runtime.client.get_or_create(Shelf, "a")
        with pytest.raises(trivet.Error, match="internal_error"):
            await handle.call(Shelf.reach, ["x"])


async def test_what_is_no_key_is_told_apart(autojump_clock: MockClock) -> None:
    wrong: Any = []
    async with serving(Shelf) as site:
        client = Client(LocalTransport(site.runtime))
        with pytest.raises(TypeError):
            client.get_or_create(wrong, "a")
