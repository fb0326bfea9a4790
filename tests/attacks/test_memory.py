"""What a hostile message says, however it is made, takes a bounded amount of memory to refuse."""

from __future__ import annotations

import pytest

from benchmarks.hostile import memory
from benchmarks.hostile_messages import SIZE
from tests.attacks.encoded import message_with
from tests.attacks.on_messages import BOMBS
from trivet.protocol.messages import EncodingName

MOST = 4 * 1024 * 1024

ENCODINGS: tuple[EncodingName, ...] = ("bare", "cbor", "json")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_takes_a_bounded_amount_of_memory(encoding: EncodingName, bomb: str) -> None:
    message = message_with(encoding, BOMBS[bomb][encoding == "json"])
    assert memory(encoding, message[:SIZE]) <= MOST


# As many texts as fit, refused at different places: the dearest that is known.
TEXTS = [b'["",', b'"" ', b'""0', b'{"":', b'"']


@pytest.mark.parametrize("unit", TEXTS)
def test_texts_without_end_take_a_bounded_amount_of_memory(unit: bytes) -> None:
    assert memory("json", unit * (SIZE // len(unit))) <= MOST
