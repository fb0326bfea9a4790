"""Every error and every close code that trivet makes stands in the reference, and no other does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

import trivet
from tests.meta.sources import ROOT, sources
from trivet.declare.errors import Error
from trivet.protocol.close import CloseCode

PAGE = (ROOT / "docs/reference/errors.md").read_text()
LISTED = re.compile(
    r"`((?:actor|api|auth|client|connection|guard|kv|message|namespace|queue|rivetkit|schedule"
    r"|validation)\.[a-z0-9_]+)`"
)
CODE = re.compile(r"^\| (\d{4}) \|", re.MULTILINE)
NAME = re.compile(r"[a-z0-9_]+")
REASON = re.compile(r"(?:actor|connection|message)\.[a-z0-9_]+")
# Where an error is given by its code alone, or by a first argument.
FIRST = {"GatewayError": "guard", "_bound": "kv"}
GROUPS = {"RequestError": "api", "Unreadable": "api", "UserError": "user"}


def text(node: ast.expr | None) -> str | None:
    match node:
        case ast.Constant(value=str(value)) if NAME.fullmatch(value):
            return value
        case _:
            return None


def made(source: str) -> Iterator[str]:
    """The errors that a module makes, as ``group.code``."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(
                targets=[ast.Tuple(elts=[ast.Name(id="group"), ast.Name(id="code")])],
                value=ast.Tuple(elts=[group, code]),
            ):
                pair = text(group), text(code)
            case ast.Call(func=ast.Name(id="Fault"), args=[group, code, *_]):
                pair = text(group), text(code)
            case ast.Call(func=ast.Name(id=name), args=[code, *_]) if name in FIRST:
                pair = FIRST[name], text(code)
            case ast.Call(func=ast.Name(id=name), keywords=keywords):
                given = {keyword.arg: keyword.value for keyword in keywords}
                pair = text(given.get("group")) or GROUPS.get(name), text(given.get("code"))
            case ast.Constant(value=str(value)) if REASON.fullmatch(value):
                yield value
                continue
            case _:
                continue
        if None not in pair:
            yield ".".join(map(str, pair))


def test_the_reference_lists_every_error() -> None:
    found = {error for path in sources("trivet") for error in made(path.read_text())}
    listed = set(LISTED.findall(PAGE))
    missing, unknown = sorted(found - listed), sorted(listed - found)
    assert (missing, unknown) == ([], [])


def test_the_reference_lists_every_error_class() -> None:
    public = {
        name
        for name in trivet.__all__
        if isinstance(one := getattr(trivet, name), type) and issubclass(one, Error)
    }
    assert set(re.findall(r"autoexception:: trivet\.(\w+)", PAGE)) == public


def test_the_reference_lists_every_close_code() -> None:
    codes = CODE.findall(PAGE)
    assert codes == sorted(set(codes))
    # 1002 is for broken frames alone, and sent where frames are read.
    assert set(codes) == {"1002", *(str(code.value) for code in CloseCode)}


@pytest.mark.parametrize(
    ("source", "errors"),
    [
        ("class A:\n  group, code = 'actor', 'lost'", ["actor.lost"]),
        ("Fault('a', 'b', text)", ["a.b"]),
        ("ActionError(text, group='a', code='b', metadata={})", ["a.b"]),
        ("RequestError('text', code='bad_request')", ["api.bad_request"]),
        ("GatewayError('query_invalid', text)", ["guard.query_invalid"]),
        ("link.close(1008, 'connection.flooding')", ["connection.flooding"]),
        ("Fault(group, code, text)", []),
    ],
)
def test_an_error_is_found(source: str, errors: list[str]) -> None:
    assert list(made(source)) == errors
