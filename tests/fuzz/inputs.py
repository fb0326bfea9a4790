"""What Hypothesis tries on a target: bytes, and inputs of its corpus with places changed."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.catalogue import TARGETS, corpus

__all__ = ["SEEDS", "any_bytes", "nearly_well_formed"]

SEEDS = {name: [path.read_bytes() for path in corpus(name)] for name in TARGETS}

Edit = tuple[int, int, bytes]

_EDITS = st.lists(
    st.tuples(st.integers(0, 4096), st.integers(0, 4), st.binary(max_size=4)), max_size=6
)


def any_bytes() -> st.SearchStrategy[bytes]:
    """Short inputs of every kind."""
    return st.binary(max_size=200)


def nearly_well_formed(name: str) -> st.SearchStrategy[bytes]:
    """Inputs of the target's corpus in which up to six places hold other bytes."""
    return st.builds(_edited, st.sampled_from(SEEDS[name]), _EDITS)


def _edited(seed: bytes, edits: list[Edit]) -> bytes:
    """A copy in which some places, each a position and a length, hold other bytes."""
    data = bytearray(seed)
    for position, length, piece in edits:
        start = position % (len(data) + 1)
        data[start : start + length] = piece
    return bytes(data)
