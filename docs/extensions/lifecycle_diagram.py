"""The directive `lifecycle` draws a table of `trivet.lifecycle`, so that picture and code agree.

In a page: a fenced block with nothing but `{lifecycle} trivet.lifecycle.actor.ACTOR` at its head.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sphinx.util.docutils import SphinxDirective
from sphinxcontrib.mermaid import mermaid

from trivet.lifecycle.table import Table

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx


class LifecycleDirective(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].rpartition(".")
        table = getattr(import_module(module), name)
        if not isinstance(table, Table):
            raise self.error(f"{module}.{name} is no lifecycle table")
        self.env.note_dependency(import_module(module).__file__ or "")
        return [mermaid(code=table.mermaid(), options={"alt": f"Lifecycle: {table.name}"})]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("lifecycle", LifecycleDirective)
    return {"parallel_read_safe": True}
