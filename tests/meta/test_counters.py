"""Every counter is listed with its meaning in the reference, and every name of that list is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.meta.sources import ROOT, shown, sources

NAME = re.compile(r"[a-z]+(_[a-z]+)+")
LISTED = re.compile(r"^\| `([a-z_]+)` \| .+ \|$", re.MULTILINE)


def counted(source: str) -> Iterator[str]:
    """The names that a module counts."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="count" | "_count") | ast.Name(id="count"),
                args=[first, *_],
            ):
                for inner in ast.walk(first):
                    if (
                        isinstance(inner, ast.Constant)
                        and isinstance(inner.value, str)
                        and NAME.fullmatch(inner.value)
                    ):
                        yield inner.value
            case _:
                pass


@pytest.mark.parametrize(("heading", "of_client"), [("runtime", False), ("client", True)])
def test_the_reference_lists_every_counter(heading: str, of_client: bool) -> None:
    used = {
        name
        for path in sources("trivet")
        if shown(path).startswith("trivet/client/") is of_client
        for name in counted(path.read_text())
    }
    page = (ROOT / "docs/reference/counters.md").read_text()
    (section,) = re.findall(rf"^## Of a {heading}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    listed = LISTED.findall(section)
    assert listed == sorted(listed)
    assert len(listed) == len(set(listed))
    assert set(listed) == used


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('self._count("address_full")', ["address_full"]),
        ('runtime.observer.count("frame_dropped", 3)', ["frame_dropped"]),
        ('count("a_b" if late else "c_d")', ["a_b", "c_d"]),
        ('text.count("x")', []),
        ('data.count(b"a_b")', []),
    ],
)
def test_a_count_is_found(source: str, names: list[str]) -> None:
    assert list(counted(source)) == names
