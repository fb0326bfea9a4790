"""What every test of this folder has: a server of its own, and the scenarios of its group."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any, Protocol

import pytest
import trio

from tests.interop.acceptance.registry import registry
from tests.interop.node import Encoding, JavaScript, Node
from trivet.open import serve
from trivet.server.serve import Server


class Run(Protocol):
    """Runs a scenario of the file that goes with the test's: ``actions.mjs`` for
    ``test_actions.py``."""

    def __call__(self, scenario: str, /, *given: object) -> Awaitable[Any]: ...


@pytest.fixture
async def server(nursery: trio.Nursery) -> Server:
    server: Server = await nursery.start(partial(serve, registry, port=0))
    return server


@pytest.fixture
def javascript(node: Node, server: Server, encoding: Encoding) -> JavaScript:
    return JavaScript(node, server.url, encoding)


@pytest.fixture
def run(request: pytest.FixtureRequest, javascript: JavaScript) -> Run:
    group = request.path.stem.removeprefix("test_")

    async def run_scenario(scenario: str, /, *given: object) -> Any:
        return await javascript.run(f"acceptance/{group}.{scenario}", *given)

    return run_scenario
