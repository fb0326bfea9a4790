from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest

from tests.declare.values.shapes import state
from trivet.declare.values.nodes import (
    is_immutable,
    is_nullable,
    is_unbounded,
    name_of,
    python_types,
    wire_types,
)


@attrs.frozen
class Leaf:
    x: int | None


@attrs.frozen
class Tree:
    children: tuple[Tree, ...]


@attrs.define
class Holder:
    tree: Tree


@pytest.mark.parametrize(
    ("annotation", "name", "on_the_wire", "in_python"),
    [
        (None, "None", {type(None)}, {type(None)}),
        (int, "int", {int, float}, {int}),
        (float, "float", {int, float}, {int, float}),
        (datetime, "datetime", {datetime, str}, {datetime}),
        (UUID, "UUID", {str}, {UUID}),
        (Decimal, "Decimal", {str}, {Decimal}),
        (list[int], "list", {list}, {list}),
        (tuple[int], "tuple", {list}, {tuple}),
        (tuple[int, ...], "tuple", {list}, {tuple}),
        (set[int], "set", {list, set}, {set}),
        (frozenset[int], "frozenset", {list, set}, {frozenset}),
        (dict[str, int], "dict", {dict}, {dict}),
        (Leaf, "Leaf", {dict}, {Leaf}),
        (Leaf | bool, "Leaf | bool", {dict, bool}, {Leaf, bool}),
    ],
)
def test_names_and_classes(
    annotation: Any, name: str, on_the_wire: set[type], in_python: set[type]
) -> None:
    node = state(annotation).node
    assert name_of(node) == name
    assert wire_types(node) == on_the_wire
    assert python_types(node) == in_python


def test_anything_is_what_the_wire_can_carry() -> None:
    node = state(Any).node
    scalars = {type(None), bool, int, float, str, bytes, datetime}
    assert wire_types(node) == python_types(node) == {*scalars, list, set, dict}
    assert name_of(node) == "Any"


@pytest.mark.parametrize(
    ("annotation", "immutable", "unbounded", "nullable"),
    [
        (Leaf, True, False, False),
        (Tree, True, True, False),
        (Holder, False, True, False),
        (Any, False, True, True),
        (list[Any], False, True, False),
        (tuple[Leaf | None, ...], True, False, False),
        (frozenset[int] | None, True, False, True),
        (set[int], False, False, False),
        (dict[str, int], False, False, False),
    ],
)
def test_what_is_known_of_a_type(
    annotation: Any, immutable: bool, unbounded: bool, nullable: bool
) -> None:
    node = state(annotation).node
    assert is_immutable(node) == immutable
    assert is_unbounded(node) == unbounded
    assert is_nullable(node) == nullable
