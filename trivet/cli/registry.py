"""Finding the registry that a command names: ``package.module:attribute``."""

from __future__ import annotations

import importlib
import sys
from functools import reduce
from pathlib import Path

from trivet.declare.registry import Registry

__all__ = ["RegistryNotFoundError", "find_registry"]


class RegistryNotFoundError(Exception):
    """The command line names no registry; the text says what is wrong with it."""


def find_registry(name: str) -> Registry:
    """Import the registry that is named ``module:attribute``; the current folder counts.

    Raises:
        RegistryNotFoundError: If there is no such module or attribute, or it is no registry.
    """
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise RegistryNotFoundError(f"{name!r} is not of the form module:attribute")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if not f"{module_name}.".startswith(f"{missing}."):
            raise
        raise RegistryNotFoundError(f"there is no module {missing!r} here") from None
    try:
        found: object = reduce(getattr, path.split("."), module)
    except AttributeError:
        raise RegistryNotFoundError(f"{module_name!r} has no {path!r}") from None
    if not isinstance(found, Registry):
        raise RegistryNotFoundError(f"{name!r} is no registry, but a {type(found).__name__}")
    return found
