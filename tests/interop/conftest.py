"""What every test of this folder has: a server of its own, and JavaScript that talks to it."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import cast

import pytest
import trio

from tests.interop.actors import registry
from tests.interop.node import FOLDER, Encoding, JavaScript, Node
from trivet.open import serve
from trivet.server.serve import Server


@pytest.fixture(scope="session")
def node() -> Generator[Node]:
    if not (FOLDER / "node_modules" / "rivetkit").exists():
        pytest.fail("the packages of npm are missing: `make test` installs them", pytrace=False)
    node = Node()
    yield node
    node.close()


@pytest.fixture(params=["bare", "cbor", "json"])
def encoding(request: pytest.FixtureRequest) -> Encoding:
    return cast("Encoding", request.param)


@pytest.fixture
async def server(nursery: trio.Nursery) -> Server:
    server: Server = await nursery.start(partial(serve, registry, port=0))
    return server


@pytest.fixture
def javascript(node: Node, server: Server, encoding: Encoding) -> JavaScript:
    return JavaScript(node, server.url, encoding)
