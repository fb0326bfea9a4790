"""Every example runs, and what README and docs show is a part of one."""

from __future__ import annotations

import os
import re
import runpy
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

import trivet
from examples.chat_room import ChatRoom, Login, Message, registry
from trivet.testing.state import check_state

ROOT = Path(__file__).parents[1]
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


# a test of a room
async def test_everybody_hears_what_is_said() -> None:
    async with trivet.open_runtime(registry) as runtime:
        room = runtime.client.get_or_create(ChatRoom, "test")
        async with (
            room.connect(Login("ann-token")) as ann,
            room.connect(Login("bob-token")) as bob,
        ):
            heard = bob.events(ChatRoom.message)
            await ann.call(ChatRoom.send, "hello")
            assert await anext(heard) == Message("ann", "hello")


# end of the test


# a test that checks states
async def test_states_change_in_turns_only() -> None:
    async with trivet.open_runtime(registry) as runtime:
        with check_state(runtime):
            room = runtime.client.get_or_create(ChatRoom, "test")
            async with room.connect(Login("ann-token")) as ann:
                await ann.call(ChatRoom.send, "hello")


# end of the checked test


@pytest.mark.parametrize(
    ("module", "shown"),
    [
        ("examples.counter", "1\n11\nchanged to 12\n"),
        ("examples.embedded", "message 1: ann says hello\n"),
        (
            "examples.guarded",
            "note 1\nauth.forbidden: Forbidden\nauth.forbidden: Forbidden\n"
            "[('notes', ['ann'], 'awake')]\n",
        ),
        ("examples.watched", "absent\nawake\ncrashed\nawake\ndestroyed\n"),
        (
            "examples.kitchen",
            "1 order waits\nsoup, dish 1\nauth.forbidden: Forbidden\n",
        ),
        ("examples.kicked", "disconnected connected\nheard I am back\nclosed: no advertising\n"),
        (
            "examples.sleeping",
            "awake\nwhat have you done today?\nprinted\nasleep\nbacking up 0 lines\n"
            "awake\nline 1 of this socket\n2\nand woke\nasleep\nbacking up 2 lines\n",
        ),
        (
            "examples.family",
            "['pillars']\nthe project is closed\npillars is put away\nactor.not_found\n",
        ),
        ("examples.reminders", "['the milk']\n"),
        ("examples.namespaces", "blue 1\ngreen 1\nblue 2\ndefault 1\n"),
        ("examples.jobs", "bridge-120.webp 2\n['lovely']\n"),
        ("examples.raw_http", "200 ['lovely place']\n3\n2\n1\n"),
        (
            "examples.raw_websocket",
            "/clock is at 0\n1\nb'\\x02\\x01'\n4000 unknown word\n",
        ),
        ("examples.over_the_network", "ann: hello over the network\n"),
    ],
)
def test_an_example_shows_what_it_should(
    module: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runpy.run_module(module, run_name="__main__")
    assert capsys.readouterr().out == shown


def test_what_is_stored_outlives_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        runpy.run_module("examples.durable", run_name="__main__")
    assert capsys.readouterr().out == "1 visit to paris\n2 visits to paris\n"


async def test_what_is_below_each_curl_is_what_it_shows(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """Wherever curl is missing, too: what stands in for it knows the options of the example."""
    server: trivet.Server = await nursery.start(partial(trivet.serve, registry, port=0))
    curl = tmp_path / "curl"
    curl.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "tests/curl.py"} "$@"\n')
    curl.chmod(0o700)
    script = ROOT / "examples/with_curl.sh"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    ran = await trio.run_process(
        ["sh", str(script), server.url], capture_stdout=True, env={**os.environ, "PATH": path}
    )
    shown = [line[2:] for line in script.read_text().splitlines() if line.startswith("# {")]
    assert ran.stdout.decode().splitlines() == shown
    assert len(shown) == script.read_text().count("curl ")


def test_the_readme_shows_parts_of_examples() -> None:
    examples = [path.read_text() for path in (ROOT / "examples").glob("*.py")]
    blocks = PYTHON_BLOCK.findall((ROOT / "README.md").read_text())
    assert blocks
    for block in blocks:
        assert any(block in example for example in examples), block
