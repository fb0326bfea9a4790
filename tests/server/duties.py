"""The duties of a server towards the official clients: a table of data for each, by its section."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

__all__ = ["duties", "in_each_encoding"]

_TABLES: dict[str, Any] = json.loads(Path(__file__).with_name("client_protocol.json").read_text())

in_each_encoding = pytest.mark.parametrize("encoding", ["bare", "cbor", "json"])


def duties(title: str) -> Any:
    """Return the rows of the table whose title begins so."""
    (found,) = [rows for full, rows in _TABLES.items() if full.startswith(title)]
    return found
