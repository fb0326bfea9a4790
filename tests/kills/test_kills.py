"""What was said is never taken back: a server that is killed under load, twenty times."""

from __future__ import annotations

import pytest

from tests.kills.room import Book
from tests.kills.rounds import Witness, play


@pytest.mark.slow
async def test_a_killed_server_remembers_what_anybody_was_told() -> None:
    assert await play(rounds=20, seed=1) >= 20


@pytest.mark.parametrize(
    ("book", "problem"),
    [
        (Book(), "lost, though answered: a"),
        (Book(said=["a"]), "lost, though heard: b"),
        (Book(said=["a", "b", "b"]), "2 times: b"),
        (Book(said=["a", "b", "c one"]), "torn: c one"),
        (Book(said=["a", "b"], noted=["b"]), "has no row: b"),
        (Book(said=["a", "b"], kept=["b"]), "has a row alone: b"),
        (Book(said=["a", "b"], came=["ann"]), "never left: ann"),
        (Book(said=["a", "b"], came=["ann"], left=["ann", "ann"]), "left 2 times: ann"),
        (Book(said=["a", "b"], left=["ann"]), "left without having come: ann"),
    ],
)
def test_the_witness_sees_what_is_wrong(book: Book, problem: str) -> None:
    witness = Witness({"a"}, {"b"}, {"ann", "bob"}, {"bob": "bob"})
    assert problem in witness.check(book)
