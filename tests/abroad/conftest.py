"""Where the tests of this folder take place: trivet's own server, and RivetKit's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from functools import partial
from typing import Final
from uuid import uuid4

import attrs
import pytest
import trio

import trivet
from tests.abroad.actors import registry
from tests.abroad.engine import FOLDER, running_engine
from tests.interop.relay import Relay, open_relay

PATIENCE: Final = 60
"""Seconds for one test: many, for the machine may be busy."""


@attrs.frozen
class Place:
    """A server.

    Attributes:
        url: Where clients reach it.
        extended: Whether it speaks ``trivet.1``, and so has close codes and fields of its own.
        masks_logins: Whether a login that breaks down tells nothing of why. RivetKit's server
            sends the text of the exception.
        has_rich_metadata: Whether the metadata of an error hold every value. RivetKit's server
            sends them as JSON.
        key: A key that no other test uses.
    """

    url: str
    extended: bool
    masks_logins: bool
    has_rich_metadata: bool
    key: str = attrs.field(factory=lambda: uuid4().hex)

    @property
    def port(self) -> int:
        """Its port on this machine."""
        return int(self.url.rpartition(":")[2])

    def through(self, relay: Relay) -> str:
        """Return the URL for clients at the other end of a relay."""
        return self.url.replace(f":{self.port}", f":{relay.port}")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    if not (FOLDER / "node_modules" / "rivetkit").exists():
        pytest.fail("packages of npm are missing: `make engine-test` installs them", pytrace=False)
    with running_engine(tmp_path_factory.mktemp("engine")) as url:
        yield url


async def give_up() -> None:
    """End a test that waits for what does not come: two more programs take part in it."""
    await trio.sleep(PATIENCE)
    raise TimeoutError(f"the test has not ended within {PATIENCE} s")


@pytest.fixture(params=["trivet", pytest.param("rivetkit", marks=pytest.mark.system)])
async def place(request: pytest.FixtureRequest, nursery: trio.Nursery) -> Place:
    nursery.start_soon(give_up)
    if request.param == "rivetkit":
        url = request.getfixturevalue("engine")
        return Place(url, extended=False, masks_logins=False, has_rich_metadata=False)
    server = await nursery.start(partial(trivet.serve, registry, port=0))
    return Place(server.url, extended=True, masks_logins=True, has_rich_metadata=True)


@pytest.fixture
async def client(place: Place) -> AsyncGenerator[trivet.Client]:
    async with trivet.open_client(place.url, naming=trivet.camel_case) as client:
        yield client


@pytest.fixture
async def relay(place: Place) -> AsyncGenerator[Relay]:
    """A network between clients and the server, which can be cut."""
    async with open_relay(place.port) as relay:
        yield relay


@pytest.fixture
async def far_client(place: Place, relay: Relay) -> AsyncGenerator[trivet.Client]:
    """A client at the other end of that network."""
    async with trivet.open_client(place.through(relay), naming=trivet.camel_case) as client:
        yield client
