"""The client's encoders and decoders against ours, over generated values."""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from math import inf, nan
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.interop.node import Encoding, JavaScript, Node
from tests.interop.twins import Twin, Twins, received, sent
from tests.protocol.wire_values import alike
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import DecodingError, EncodingError
from trivet.protocol.messages import (
    UNDEFINED,
    ActionRequest,
    ActionResponse,
    EventMessage,
    HttpActionResponse,
    HttpResponseError,
    Init,
)

pytestmark = pytest.mark.interop

SEED: Final = int(os.environ.get("CODEC_SEED", "20260101"))
"""Where the values come from; a failure prints it."""
COUNT: Final = int(os.environ.get("CODEC_COUNT", "200"))
"""How many values one call of node gets."""

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "values.md"
FROM_JAVASCRIPT: Final = "From JavaScript to Python"
FROM_PYTHON: Final = "From Python to JavaScript"
FEW: Final = 5
"""How many differences are shown."""


@pytest.fixture
def codec(encoding: Encoding) -> Codec:
    return CODECS[encoding]


@pytest.fixture
def javascript(node: Node, encoding: Encoding) -> JavaScript:
    return JavaScript(node, "http://127.0.0.1:9", encoding)


def batch(twins: Twins) -> list[Twin]:
    """Some hundred different values, small ones first."""
    print(f"CODEC_SEED={SEED} CODEC_COUNT={COUNT}")
    found: dict[str, Twin] = {}

    @seed(SEED)
    @settings(
        max_examples=COUNT,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(twins)
    def collect(twin: Twin) -> None:
        found.setdefault(twin.source, twin)

    collect()
    return sorted(found.values(), key=lambda twin: len(twin.source))


def to_text(data: bytes) -> str:
    return b64encode(data).decode()


def init(codec: Codec) -> str:
    return to_text(codec.encode_to_client(Init("actor", "connection")))


async def encode(javascript: JavaScript, codec: Codec, sources: list[str]) -> list[Any]:
    """What each value is that the client sends as an argument: over a connection, over HTTP."""
    arrived: list[Any] = []
    for frames in await javascript.run("codec.encoded", init(codec), sources):
        connected, called = map(b64decode, frames)
        request = codec.decode_to_server(connected)
        assert isinstance(request, ActionRequest)
        arrived.append([request.args[0], codec.decode_action_request(called).args[0]])
    return arrived


@pytest.mark.slow
async def test_what_the_client_writes(javascript: JavaScript, codec: Codec) -> None:
    twins = batch(sent(javascript.encoding))
    arrived = await encode(javascript, codec, [twin.source for twin in twins])
    wrong = [
        (twin.source, twin.value, values)
        for twin, values in zip(twins, arrived, strict=True)
        if not all(alike(twin.value, value) for value in values)
    ]
    assert wrong[:FEW] == []


@pytest.mark.slow
async def test_what_the_client_reads(javascript: JavaScript, codec: Codec) -> None:
    twins = batch(received(javascript.encoding))
    assert (await differences(javascript, codec, twins))[:FEW] == []


async def differences(
    javascript: JavaScript, codec: Codec, twins: list[Twin]
) -> list[tuple[str, list[str | None]]]:
    """What the client reads wrongly: as event, reply, reply over HTTP, metadata of an error."""
    messages = [
        {
            "source": twin.source,
            "event": to_text(codec.encode_to_client(EventMessage("heard", [twin.value]))),
            "reply": to_text(codec.encode_to_client(ActionResponse(number, twin.value))),
            "response": to_text(codec.encode_action_response(HttpActionResponse(twin.value))),
            "error": to_text(codec.encode_error(HttpResponseError("user", "x", "", twin.value))),
        }
        for number, twin in enumerate(twins)
    ]
    found = await javascript.run("codec.decoded", init(codec), messages)
    return [
        (twin.source, different)
        for twin, different in zip(twins, found, strict=True)
        if different != [None] * 4
    ]


def rows(direction: str) -> list[tuple[str, dict[str, str]]]:
    """The rows of a table of the page about values: what is sent, and what it is by encoding."""
    section = PAGE.read_text().split(f"## {direction}\n")[1].split("\n## ")[0]
    cells = [re.findall(r"\| (?:`(.+?)`|(\w[\w ]+))(?= \|)", row) for row in section.splitlines()]
    table = [["".join(cell) for cell in row] for row in cells if len(row) == 4][1:]
    assert len(table) == section.count("\n| `")
    return [(sent, dict(zip(CODECS, arrives, strict=True))) for sent, *arrives in table]


async def test_the_page_about_values_from_javascript(javascript: JavaScript, codec: Codec) -> None:
    table = [(source, arrives[javascript.encoding]) for source, arrives in rows(FROM_JAVASCRIPT)]
    sources = [source for source, _ in table]
    sent_frames = await javascript.run("codec.encoded", init(codec), sources)
    found: list[tuple[str, str]] = []
    for source, frames in zip(sources, sent_frames, strict=True):
        try:
            shown = shown_argument(codec, frames) if frames else "not sent"
        except DecodingError:
            shown = "refused"
        found.append((source, shown))
    assert found == table


def shown_argument(codec: Codec, frames: list[str]) -> str:
    """Return the argument of both frames, as the page writes it."""
    called = codec.decode_action_request(b64decode(frames[1])).args[0]
    connected = codec.decode_to_server(b64decode(frames[0]))
    assert isinstance(connected, ActionRequest)
    assert alike(called, connected.args[0])
    return repr(called).replace(repr(UNDEFINED), "absent")


async def test_the_page_about_values_from_python(javascript: JavaScript, codec: Codec) -> None:
    names = {"datetime": datetime, "UTC": UTC, "nan": nan, "inf": inf, "absent": UNDEFINED}
    twins: list[Twin] = []
    for source, arrives in rows(FROM_PYTHON):
        twin = Twin(arrives[javascript.encoding], eval(source, names))
        if twin.source != "refused":
            twins.append(twin)
            continue
        with pytest.raises(EncodingError):
            codec.encode_to_client(EventMessage("heard", [twin.value]))
    assert await differences(javascript, codec, twins) == []
