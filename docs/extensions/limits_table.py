"""The directive `limits` makes a table of `trivet.Limits`: names, defaults, and what they bound.

A field's entry in the docstring is two parts, apart by the first full stop: what is counted,
which begins with its unit, and what happens beyond it.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import attrs
from sphinx.util.docutils import SphinxDirective

import trivet
from trivet.declare import options

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

ENTRY = re.compile(r"^    (\w+): ((?:.+\n)(?:^ {8}.+\n)*)", re.MULTILINE)
SIZES = ((1024 * 1024, "MiB"), (1024, "KiB"))


def written(default: Any, unit: str) -> str:
    """Write a default as people do."""
    if unit == "Seconds":
        return f"{default:g} s"
    if unit == "Bytes":
        for size, name in SIZES:
            if default >= size:
                return f"{default // size} {name}"
    return f"{default:,.0f}"


class LimitsDirective(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(inspect.getfile(options))
        entries = dict(ENTRY.findall(inspect.getdoc(trivet.Limits) or ""))
        rows = ["| name | default | bounds | beyond it |", "|---|---|---|---|"]
        for field in attrs.fields(trivet.Limits):
            if field.name not in entries:
                raise self.error(f"trivet.Limits says nothing of {field.name}")
            what, _, beyond = " ".join(entries[field.name].split()).partition(". ")
            default = written(field.default, what.split()[0])
            rows.append(f"| `{field.name}` | {default} | {what} | {beyond.rstrip('.')} |")
        return self.parse_text_to_nodes("\n".join(rows))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("limits", LimitsDirective)
    return {"parallel_read_safe": True}
