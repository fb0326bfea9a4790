"""Imports point one way: a module sees its own package and the layers before it in `LAYERS`.

Imports for typing only obey the same order, so they are not told apart.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.meta.sources import ROOT, shown, sources

# Each is a package or a module of trivet; those in one row do not see each other.
LAYERS = [
    ["logs"],
    ["declare"],
    ["protocol"],
    ["lifecycle"],
    ["ports"],
    ["runtime"],
    ["storage", "link"],
    ["server"],
    ["client"],
    ["telemetry"],
    ["testing"],
    ["open"],
    ["holder"],
    ["cli"],
    ["__init__"],
    ["__main__"],
]

RANK = {layer: rank for rank, row in enumerate(LAYERS) for layer in row}


def layer_of(imported: str) -> str:
    """The layer that an imported name is in; what is no layer is an attribute of `trivet`."""
    _, *parts = imported.split(".")
    return parts[0] if parts and parts[0] in RANK else "__init__"


def imports(module: str, source: str, *, is_package: bool) -> Iterator[tuple[int, str]]:
    """The line and the dotted name of everything of trivet that a module imports."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "trivet":
                yield node.lineno, name


def violations(module: str, source: str, *, is_package: bool = False) -> list[str]:
    layer = [*module.split("."), "__init__"][1]
    if layer not in RANK:
        return [f"1: {layer} has no place in LAYERS"]
    return [
        f"{line}: {layer} must not import {name}"
        for line, name in imports(module, source, is_package=is_package)
        if layer_of(name) != layer and RANK[layer_of(name)] >= RANK[layer]
    ]


def test_imports_point_one_way() -> None:
    found: list[str] = []
    for path in sources("trivet"):
        is_package = path.name == "__init__.py"
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if is_package else parts)
        wrong = violations(module, path.read_text(), is_package=is_package)
        found += [f"{shown(path)}:{message}" for message in wrong]
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("trivet.declare.actor", "import trivet.runtime.turn"),
        ("trivet.declare.actor", "from trivet.protocol import bare"),
        ("trivet.declare.actor", "from ..protocol.bare import encode"),
        ("trivet.declare.actor", "from trivet import ports"),
        ("trivet.declare.actor", "from trivet import Actor"),
        ("trivet.declare.actor", "import trivet"),
        ("trivet.runtime.turn", "if TYPE_CHECKING:\n    from trivet.storage import memory"),
        ("trivet.runtime.turn", "def late() -> None:\n    import trivet.server.http"),
        ("trivet.link.socket", "from trivet.storage import memory"),
        ("trivet.open", "from trivet import Actor"),
        ("trivet.nowhere.thing", "import trio"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("trivet.declare.actor", "from trivet.declare.event import Event\nimport trio"),
        ("trivet.declare.actor", "from .event import Event\nfrom . import queue"),
        ("trivet.runtime.turn", "from trivet import ports\nfrom trivet.ports import Storage"),
        ("trivet.testing.network", "from trivet.link import stream"),
        ("trivet.open", "from trivet.server.listener import serve"),
        ("trivet.__main__", "from trivet.cli.main import main\nimport trivet"),
    ],
)
def test_a_right_import_is_not(module: str, source: str) -> None:
    assert violations(module, source) == []
