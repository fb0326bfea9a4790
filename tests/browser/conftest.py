"""What every test of this folder has: the fixtures of ``tests/interop``, but for the machine."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.interop.conftest import encoding, javascript, server
from tests.interop.node import Node

__all__ = ["encoding", "javascript", "node", "server"]

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def node() -> Generator[Node]:
    """The driver of a browser takes the place of node's own."""
    if not (FOLDER / "node_modules" / "playwright-core").exists():
        pytest.fail("packages of npm are missing: `make test-system` installs them", pytrace=False)
    if not Path("/usr/bin/chromium").exists():
        pytest.fail("the Debian package `chromium` is missing", pytrace=False)
    node = Node(FOLDER)
    yield node
    node.close()
