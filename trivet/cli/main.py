"""What ``trivet`` does when it is called; without the extra ``cli`` it says what is missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    if find_spec("click") is None:
        sys.exit("The command line needs click: pip install 'trivet[cli]'")
    from trivet.cli.commands import trivet

    trivet(prog_name="trivet")
