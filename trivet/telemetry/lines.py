"""Log lines: one record, its fields behind it, and nothing that could forge another line."""

from __future__ import annotations

import logging
from typing import Final

__all__ = ["LineFormatter"]

FIELDS: Final = ("actor", "key", "actor_id", "conn", "peer", "error_id")

_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"
}


class LineFormatter(logging.Formatter):
    """Formats for people: the time, the level, the message, the fields as ``name=value``.

    A traceback follows on lines of its own, indented; control characters are escaped everywhere,
    for an exception's text may have come from a client.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        given = vars(record)
        fields = "".join(f" {name}={given[name]}" for name in FIELDS if name in given)
        first, *others = super().format(record).translate(_CONTROLS).split("\n")
        return "\n    ".join((first + fields.translate(_CONTROLS).replace("\n", " "), *others))
