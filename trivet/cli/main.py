"""What ``trivet`` does when it is called; without the extra ``cli`` it says what is missing."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        import click  # noqa: F401  # asked for before anything needs it
    except ModuleNotFoundError:
        sys.exit("The command line needs click: pip install 'trivet[cli]'")
    from trivet.cli.commands import trivet

    trivet(prog_name="trivet")
