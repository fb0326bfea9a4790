"""The fuzz targets in the normal suite: every input of the corpus, and some more like them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.fuzz.catalogue import CORPUS, TARGETS, corpus
from tests.fuzz.inputs import SEEDS, any_bytes, nearly_well_formed

every_target = pytest.mark.parametrize("name", TARGETS)
FILES = [(name, path) for name in TARGETS for path in corpus(name)]


@pytest.mark.parametrize(("name", "path"), FILES, ids=[f"{n}-{p.name}" for n, p in FILES])
def test_the_corpus_holds(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


@pytest.mark.slow
@every_target
@given(data=st.data())
def test_what_is_nearly_well_formed(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(nearly_well_formed(name)))


@every_target
@given(data=any_bytes())
def test_any_bytes(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_every_folder_of_the_corpus_has_its_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


def test_every_target_does_something_with_its_seeds() -> None:
    assert all(SEEDS.values())
