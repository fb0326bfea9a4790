"""The directive `failing-hooks` shows a table that tests let happen, so that page and code agree.

In a page: a fenced block with nothing but `{failing-hooks} failing-hooks.toml` at its head, the
file's path from the page.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WAYS = {
    "raises": "raises",
    "group": "raises a group of UserError",
    "panics": "raises no Exception",
    "hangs": "does not return",
    "stopped": "its actor stops meanwhile",
}


class FailingHooksDirective(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.doc2path(self.env.docname)).parent / self.arguments[0]
        self.env.note_dependency(str(path))
        cells = tomllib.loads(path.read_text())
        table = nodes.table()
        group = nodes.tgroup(cols=1 + len(WAYS))
        table += group
        group.extend(nodes.colspec(colwidth=1) for _ in range(1 + len(WAYS)))
        head, body = nodes.thead(), nodes.tbody()
        group += [head, body]
        head += _row(["hook", *WAYS.values()])
        for hook, ways in cells.items():
            shown = ["; ".join(ways[way]) if way in ways else "—" for way in WAYS]
            body += _row([hook, *shown])
        return [table]


def _row(texts: list[str]) -> nodes.row:
    row = nodes.row()
    for text in texts:
        entry = nodes.entry()
        entry += nodes.paragraph(text, text)
        row += entry
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("failing-hooks", FailingHooksDirective)
    return {"parallel_read_safe": True}
