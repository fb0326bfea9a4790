"""The fuzz targets in the normal suite: every input of the corpus, and some more like them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.fuzz.catalogue import CORPUS, TARGETS, corpus

every_target = pytest.mark.parametrize("name", TARGETS)
FILES = [(name, path) for name in TARGETS for path in corpus(name)]
SEEDS = {name: [path.read_bytes() for path in corpus(name)] for name in TARGETS}

Edit = tuple[int, int, bytes]


def edited(seed: bytes, edits: list[Edit]) -> bytes:
    """A copy in which some places, each a position and a length, hold other bytes."""
    data = bytearray(seed)
    for position, length, piece in edits:
        start = position % (len(data) + 1)
        data[start : start + length] = piece
    return bytes(data)


@pytest.mark.parametrize(("name", "path"), FILES, ids=[f"{n}-{p.name}" for n, p in FILES])
def test_the_corpus_holds(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


@pytest.mark.slow
@every_target
@given(data=st.data())
def test_what_is_nearly_well_formed(name: str, data: st.DataObject) -> None:
    edit = st.tuples(st.integers(0, 4096), st.integers(0, 4), st.binary(max_size=4))
    seed = data.draw(st.sampled_from(SEEDS[name]))
    TARGETS[name](edited(seed, data.draw(st.lists(edit, max_size=6))))


@every_target
@given(data=st.binary(max_size=200))
def test_any_bytes(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_every_folder_of_the_corpus_has_its_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


def test_every_target_does_something_with_its_seeds() -> None:
    assert all(SEEDS.values())
