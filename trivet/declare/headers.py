"""The headers of raw HTTP: by name for nearly all of them, line by line for those that repeat.

They are checked where they are made, so that a mistake has the traceback of whoever made it: what
could end a head early, or say anything about how long a body is, never gets as far as a socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

__all__ = ["GivenHeaders", "Headers", "checked_headers", "is_token"]

GivenHeaders: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Latin-1 is what a header can carry; of its control characters only the tab.
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Headers(Mapping[str, str]):
    """Headers by lower-case name; a name that repeats has its values joined by ``", "``.

    Of ``Set-Cookie`` no one can take them apart again: ``get_all`` has each value by itself.

    Args:
        pairs: Name and value of each line, names in lower case.

    Attributes:
        pairs: As given.
    """

    __slots__ = ("_joined", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs = tuple(pairs)
        self._joined: dict[str, str] = {}
        for name, value in self.pairs:
            before = self._joined.get(name)
            self._joined[name] = value if before is None else f"{before}, {value}"

    def get_all(self, name: str, /) -> tuple[str, ...]:
        """Return every value of a header, in the order of its lines; none if there is no such."""
        lower = name.lower()
        return tuple(value for each, value in self.pairs if each == lower)

    @property
    def repeated(self) -> dict[str, tuple[str, ...]]:
        """The values of the names that repeat."""
        if len(self._joined) == len(self.pairs):
            return {}
        values = {name: self.get_all(name) for name in self._joined}
        return {name: each for name, each in values.items() if len(each) > 1}

    def __getitem__(self, name: str, /) -> str:
        return self._joined[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, each once."""
        return iter(self._joined)

    def __len__(self) -> int:
        return len(self._joined)

    def __repr__(self) -> str:
        return f"Headers({list(self.pairs)!r})"


def is_token(text: str) -> bool:
    """Whether a text may be a method or the name of a header."""
    return _TOKEN.fullmatch(text) is not None


def checked_headers(given: GivenHeaders | None) -> Headers:
    """Check headers.

    Args:
        given: A mapping, which has each name once, or pairs of name and value.

    Raises:
        TypeError: If a name or value is no text.
        ValueError: If one cannot be sent, or is about the connection or the length of the body.
    """
    if isinstance(given, Mapping) and not isinstance(given, Headers):
        named = cast("Mapping[str, str]", given)
        checked = _checked(named.items())
        if len(checked) < len(named):
            raise ValueError(f"the header {', '.join(checked.repeated)} is given twice")
        return checked
    return _checked(given.pairs if isinstance(given, Headers) else given or ())


def _checked(pairs: Iterable[tuple[str, str]]) -> Headers:
    checked: list[tuple[str, str]] = []
    for name, value in pairs:
        _check(name, value)
        checked.append((name.lower(), value))
    return Headers(checked)


def _check(name: Any, value: Any) -> None:
    for text in (name, value):
        if not isinstance(text, str):
            raise TypeError(f"names and values of headers are texts, not {text!r}")
    if not is_token(name):
        raise ValueError(f"{name!r} is no name of a header")
    if name.lower() in _FRAMING:
        raise ValueError(f"the header {name} is the server's: it says where a body ends")
    if _VALUE.fullmatch(value) is None or value != value.strip():
        raise ValueError(
            f"the value of the header {name} has line breaks, control characters, characters "
            "beyond Latin-1, or white space at an end"
        )
