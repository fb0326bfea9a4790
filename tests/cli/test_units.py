"""The systemd units that the documentation shows."""

from __future__ import annotations

import shlex
from configparser import RawConfigParser
from pathlib import Path

import pytest

from trivet.cli.commands import serve
from trivet.cli.registry import find_registry

UNITS = Path(__file__).parents[2] / "examples" / "systemd"


class Unit(RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr  # systemd's names have case


def unit(name: str) -> Unit:
    parser = Unit()
    parser.read_string((UNITS / name).read_text())
    return parser


@pytest.mark.parametrize(("name", "held"), [("chat.service", False), ("chat-held.service", True)])
def test_a_service_starts_the_server(name: str, held: bool) -> None:
    program, command, *arguments = shlex.split(unit(name)["Service"]["ExecStart"])
    assert (Path(program).name, command) == ("trivet", "serve")
    options = serve.make_context("serve", arguments).params
    assert options["hold"] is held
    assert find_registry(options["name"]).definitions


def test_a_holder_gets_each_signal_once() -> None:
    service = unit("chat-held.service")["Service"]
    assert service["KillMode"] == "mixed"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_the_socket_is_that_of_the_service() -> None:
    assert unit("chat.service")["Unit"]["Requires"] == "chat.socket"
    assert unit("chat.socket")["Socket"]["ListenStream"].endswith(":6420")
