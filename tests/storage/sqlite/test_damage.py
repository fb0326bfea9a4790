"""Damaged files: what is read is what was committed, or a named error."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.sqlite import damage


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=damage.FAST) as name:
        yield Path(name)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_is_never_read_silently(folder: Path, seed: int) -> None:
    seen = damage.rounds(folder, 100, seed, log=False, most=60)
    assert set(seen) <= {"reported", "refused", "harmless"}
    assert seen["reported"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_log_costs_its_last_commits_at_most(folder: Path, seed: int) -> None:
    seen = damage.rounds(folder, 100, seed, log=True, most=60)
    assert set(seen) <= {"shortened", "reported", "refused", "harmless"}
    assert seen["shortened"] > 10
