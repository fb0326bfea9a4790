"""Namespaces: actors of one class and one key that have nothing to do with each other.

A store knows nothing of them. In its records the name of an actor stands behind its namespace, but
in the default one it stands alone, so that stores without namespaces are as they were. No name has
the mark in it (``Registry`` refuses that), and so what is stored reads in one way only.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DEFAULT", "is_namespace", "name_of", "namespace_of", "stored_name"]

DEFAULT: Final = "default"
"""The namespace of whoever names none."""

MARK: Final = "\0"

_is_namespace = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch


def is_namespace(text: str) -> bool:
    """Whether a namespace may be called so: letters, digits, and ``._-`` behind the first."""
    return _is_namespace(text) is not None


def stored_name(namespace: str, name: str) -> str:
    """Return what a store calls the actors of a name in a namespace."""
    return name if namespace == DEFAULT else f"{MARK}{namespace}{MARK}{name}"


def namespace_of(stored: str) -> str:
    """Return the namespace of actors that a store calls so."""
    return stored.split(MARK, 2)[1] if stored.startswith(MARK) else DEFAULT


def name_of(stored: str) -> str:
    """Return the name on the wire of actors that a store calls so."""
    return stored.split(MARK, 2)[-1] if stored.startswith(MARK) else stored
