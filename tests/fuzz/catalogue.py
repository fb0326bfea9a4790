"""The targets of the fuzzers: each is one file, with its property, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.fuzz.targets import (
    bare,
    cbor,
    frames,
    handshake,
    http,
    json,
    keys,
    stored,
    urls,
)

__all__ = ["CORPUS", "TARGETS", "corpus"]

TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "handshake": handshake.check,
    "http": http.check,
    "frames": frames.check,
    "json": json.check,
    "cbor": cbor.check,
    "bare": bare.check,
    "keys": keys.check,
    "urls": urls.check,
    "stored": stored.check,
}

CORPUS: Final = Path(__file__).with_name("corpus")
"""One folder for each target: inputs to begin with, and all that ever broke a property."""


def corpus(name: str) -> list[Path]:
    """Return a target's files, in a fixed order."""
    return sorted(path for path in (CORPUS / name).iterdir() if path.is_file())
