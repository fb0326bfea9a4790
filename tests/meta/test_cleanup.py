"""Cleanup that awaits is shielded with a deadline: in `trivet/`, by `bounded_cleanup`.

flake8-async asks the same of tests and examples (ASYNC102), but does not know our context manager.
Without a shield the first await after a cancellation raises again, and the rest is never done.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

import pytest

from tests.meta.sources import shown, sources

CANCELLED = {"BaseException", "Cancelled"}


def last_name(node: ast.expr | None) -> str:
    match node:
        case ast.Call(func=inner):
            return last_name(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def catches_cancelled(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return handler.type is None or any(last_name(name) in CANCELLED for name in caught)


def unshielded(nodes: Iterable[ast.AST]) -> Iterator[int]:
    """The lines that may wait, outside `with bounded_cleanup(...)`."""
    for node in nodes:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                continue
            case ast.With(items=items) if any(
                last_name(item.context_expr) == "bounded_cleanup" for item in items
            ):
                continue
            # trio's law: when they are cancelled, these close at once and do not wait.
            case ast.Await(value=ast.Call(func=ast.Attribute(attr="aclose" | "aclose_forcefully"))):
                continue
            case ast.Await() | ast.AsyncWith() | ast.AsyncFor():
                yield node.lineno
            case _:
                yield from unshielded(ast.iter_child_nodes(node))


def violations(source: str) -> list[int]:
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Try | ast.TryStar):
            found.update(unshielded(node.finalbody))
        elif isinstance(node, ast.ExceptHandler) and catches_cancelled(node):
            found.update(unshielded(node.body))
    return sorted(found)


def test_cleanup_that_awaits_is_shielded() -> None:
    paths = sources("trivet")
    found = [f"{shown(path)}:{line}" for path in paths for line in violations(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "cleanup",
    [
        "finally:\n        await save()",
        "finally:\n        if late:\n            await save()",
        "finally:\n        async with lock: pass",
        "finally:\n        with shorter(): await save()",
        "except BaseException:\n        await save()\n        raise",
        "except trio.Cancelled:\n        await save()\n        raise",
        "except (OSError, trio.Cancelled):\n        await save()\n        raise",
    ],
)
def test_an_unshielded_await_is_found(cleanup: str) -> None:
    assert len(violations(f"async def f():\n    try:\n        await work()\n    {cleanup}")) == 1


@pytest.mark.parametrize(
    "cleanup",
    [
        "finally:\n        with bounded_cleanup(5):\n            await save()",
        "finally:\n        await stream.aclose()",
        "finally:\n        await trio.aclose_forcefully(stream)",
        "finally:\n        async def later(): await save()",
        "except OSError:\n        await save()",
    ],
)
def test_a_shielded_or_harmless_one_is_not(cleanup: str) -> None:
    assert violations(f"async def f():\n    try:\n        await work()\n    {cleanup}") == []
