"""How the documentation is built: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "trivet"
author = "The trivet authors"
project_copyright = f"2026, {author}"

extensions = [
    "anonymous_pages",
    "lifecycle_diagram",
    "limits_table",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.mermaid",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# A word in single backquotes is code, as in our docstrings.
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "trivet"

# Classes that trivet makes, so that what their constructors take says nothing to a user.
MADE_BY_TRIVET = {
    f"trivet.{name}" for name in ("Client", "Connection", "Handle", "Runtime", "Server")
}


def hide_constructor(_app: Sphinx, _kind: str, name: str, *_: object) -> tuple[str, None] | None:
    return ("", None) if name in MADE_BY_TRIVET else None


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-signature", hide_constructor)
