"""Every cell of the table of failing hooks that the documentation shows."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from trio.testing import MockClock

from tests.hooks.scenes import SCENES, SYNCHRONOUS, WAYS, Cell, play
from tests.meta.sources import ROOT
from trivet.declare.reading import HOOKS

TABLE: dict[str, dict[str, Any]] = tomllib.loads(
    (ROOT / "docs/explanation/failing-hooks.toml").read_text()
)
CELLS = [(hook, way) for hook, cells in TABLE.items() for way in cells]
NOT_YET = {"can_publish"}
"""Hooks of features that are not built."""


@pytest.mark.parametrize(("hook", "way"), CELLS)
async def test_a_cell(hook: str, way: str, autojump_clock: MockClock) -> None:
    assert await play(hook, way) == Cell(*TABLE[hook][way])


def test_no_cell_is_missing() -> None:
    for hook, cells in TABLE.items():
        ways = set(WAYS) - ({"hangs", "stopped"} if hook in SYNCHRONOUS else set())
        assert set(cells) == ways, hook
    assert list(TABLE) == list(SCENES)


def test_no_hook_is_missing() -> None:
    assert set(HOOKS) - NOT_YET <= set(TABLE)
