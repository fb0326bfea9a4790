"""Pages that say nothing of the machine they were built on.

The default of a parameter is printed with its signature, and one that is the environment, or an
object without a name, would print that. So the environment gets a mark before anything of trivet
is imported, and no page may have it, nor what Python prints of a function.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

MARK = secrets.token_hex(16)
OBJECT = re.compile(r" at 0x[0-9a-f]{6,}|&lt;(?:built-in )?function ")


def check_pages(app: Sphinx, error: Exception | None) -> None:
    """Refuse a build of which a page shows the environment or an object without a name."""
    if error is not None:
        return
    shown = [path.name for path in Path(app.outdir).rglob("*.html") if is_telling(path)]
    if shown:
        raise ExtensionError(f"pages show what was around when they were built: {sorted(shown)}")


def is_telling(page: Path) -> bool:
    """Return whether a page shows what a reader of it cannot use."""
    text = page.read_text()
    return MARK in text or OBJECT.search(text) is not None


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the check known to Sphinx."""
    os.environ["TRIVET_DOCS_MARK"] = MARK
    app.connect("build-finished", check_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
