"""Every kind of value that Python and JavaScript both know, by every way that values go."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

import trivet
from tests.abroad.actors import Echo
from tests.abroad.conftest import Place

JSON_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    23,
    24,
    255,
    256,
    65_536,
    2**31,
    2**32 - 1,
    2**32,
    -(2**32) - 1,
    1_700_000_000_123,
    2**53 - 1,
    1 - 2**53,
    0.5,
    -1.5,
    1e300,
    5e-324,
    math.pi,
    "",
    "text \0 ü 😀",
    "x" * 300,
    [],
    {},
    [1, [2, {"a": [None]}]],
    {"a b": 5, "": [True], "deep": {"er": {"est": "x"}}},
    list(range(1000)),
    {f"key {number}": number for number in range(300)},
]

VALUES: list[Any] = [
    *JSON_VALUES,
    # A BigInt in JavaScript.
    2**53 + 1,
    2**64,
    -(2**63),
    -(2**70),
    b"",
    b"\x00\xff" * 200,
    {1, 2, 3},
    set[int](),
    datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC),
    datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC),
    datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
    # Lists that look like what encodings write for values that they lack.
    ["$Undefined", 0],
    ["$x", ["$$x", 1]],
    ["$BigInt", "5"],
]


async def test_values_cross_over_http(client: trivet.Client, place: Place) -> None:
    echo = client.get_or_create(Echo, place.key)
    for value in VALUES:
        assert same(await echo.call(Echo.echo, value), value)


async def test_values_cross_over_a_connection(client: trivet.Client, place: Place) -> None:
    echo = client.get_or_create(Echo, place.key)
    async with echo.connect() as connection, connection.events(Echo.heard) as heard:
        for value in VALUES:
            assert same(await connection.call(Echo.echo, value), value)
            assert same(await anext(heard), value)


@pytest.mark.parametrize("connected", [False, True])
async def test_values_in_the_metadata_of_errors(
    client: trivet.Client, place: Place, connected: bool
) -> None:
    handle = client.get_or_create(Echo, place.key)
    async with handle.connect() as connection:
        echo = connection if connected else handle
        for value in VALUES if place.has_rich_metadata else JSON_VALUES:
            with pytest.raises(trivet.UserError) as caught:
                await echo.call(Echo.complain, [value])
            assert same(caught.value.metadata, [value])


async def test_values_as_input(client: trivet.Client, place: Place) -> None:
    echo = client.get_or_create(Echo, place.key, input=VALUES)
    born = await echo.call(Echo.born_with)
    assert all(same(one, other) for one, other in zip(born, VALUES, strict=True))


async def test_input_that_only_a_body_can_carry(client: trivet.Client, place: Place) -> None:
    """A URL has room for four KiB of it."""
    text = "ü" * 10_000
    echo = client.get_or_create(Echo, place.key, input=text)
    assert await echo.call(Echo.born_with) == text
    created = await client.create(Echo, place.key, "created", input=text)
    assert await created.call(Echo.born_with) == text


def same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other
