"""The public names of `trivet` are those of `public_names.txt`: a change of one is seen in a review."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import ModuleType

import trivet
from tests.meta.sources import ROOT

PINNED = Path(__file__).with_name("public_names.txt")


def pinned() -> list[str]:
    lines = (line.partition("#")[0].strip() for line in PINNED.read_text().splitlines())
    return [line for line in lines if line]


def exported() -> list[str]:
    """The names in `trivet.__all__`, read from its source as the type checkers do.

    They know a literal list that is assigned once, and what plain imports bind; so that is asked
    for here, and neither a star nor `__getattr__` hides a name from them.
    """
    tree = ast.parse((ROOT / "trivet" / "__init__.py").read_text())
    lists: list[list[str]] = []
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                lists.append(ast.literal_eval(value))
            case ast.ImportFrom(names=names):
                assert "*" not in [alias.name for alias in names], f"line {node.lineno}: import *"
            case ast.FunctionDef(name=name):
                assert name != "__getattr__", f"line {node.lineno}: names made at run time"
            case _:
                pass
    assert len(lists) <= 1
    return lists[0] if lists else []


def reading_order(name: str) -> tuple[int, str]:
    """Constants, classes, functions, as the linter sorts them."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name


def test_the_public_names_are_the_pinned_ones() -> None:
    assert sorted(exported()) == sorted(pinned())


def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    assert exported() == sorted(set(exported()), key=reading_order)


def test_the_list_is_complete() -> None:
    public = {
        name
        for name, value in vars(trivet).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "annotations"
    }
    assert public == {name for name in exported() if not name.startswith("_")}


def test_every_public_class_and_function_is_documented() -> None:
    documented = {
        # A class would inherit the text of its parent.
        name: vars(value)["__doc__"] if inspect.isclass(value) else value.__doc__
        for name, value in ((name, getattr(trivet, name)) for name in exported())
        if inspect.isclass(value) or inspect.isfunction(value)
    }
    assert [name for name, text in documented.items() if not text] == []
