"""Messages and bodies of one encoding, in both directions: what its three targets share.

Property: bytes are decoded or refused with `DecodingError`. What was decoded can be encoded again
and is then the same; only numbers and texts that the encoding's other direction has no form for
are refused, with `EncodingError`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.fuzz.sameness import same
from tests.protocol.coding import Message, decode, encode
from tests.protocol.vectors import VECTORS
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import DecodingError, EncodingError

# One message of each kind, in a fixed order: the first byte of an input chooses the kind.
KINDS = list({type(vector.message): vector.message for vector in VECTORS.values()}.values())


def target(name: str) -> Callable[[bytes], None]:
    """Return the target for one encoding; its first byte says what the others shall be."""
    return partial(_check, CODECS[name])


def _check(codec: Codec, data: bytes) -> None:
    if not data:
        return
    like = KINDS[data[0] % len(KINDS)]
    try:
        message = decode(codec, like, data[1:])
    except DecodingError:
        return
    _check_round_trip(codec, message)


def _check_round_trip(codec: Codec, message: Message) -> None:
    try:
        encoded = encode(codec, message)
    except EncodingError:
        return
    assert same(decode(codec, message, encoded), message)
