"""The command line, in process where that shows everything, else as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE, STDOUT
from textwrap import dedent

import attrs
import pytest
import trio
from click.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import connect as connect_websocket
from websockets.typing import Subprotocol

import trivet.cli.main
from tests.server.serving import serving
from trivet.cli.commands import NOT_STORED, trivet as command
from trivet.cli.registry import RegistryNotFoundError, find_registry

ROOT = Path(__file__).parents[2]
APP = """
    import trio, trivet

    class Counter(trivet.Actor[int], name="counter"):
        @trivet.action
        def add(self, n: int = 1) -> int:
            self.state += n
            return self.state

        @trivet.action
        async def wait(self, seconds: float) -> None:
            print("waiting", flush=True)
            await trio.sleep(seconds)

    registry = trivet.Registry(Counter)
    number = 5
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an application, which is the current one."""
    (tmp_path / "played_app.py").write_text(dedent(APP))
    (tmp_path / "broken_app.py").write_text("import no_such_module_at_all")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "played_app", raising=False)
    return tmp_path


@attrs.frozen
class Serving:
    process: trio.Process
    url: str
    lines: trio.abc.ReceiveChannel[str]


async def read_lines(stream: trio.abc.ReceiveStream, lines: trio.abc.SendChannel[str]) -> None:
    buffer = b""
    async with lines:
        async for chunk in stream:
            *complete, buffer = (buffer + chunk).split(b"\n")
            for line in complete:
                await lines.send(line.decode())


async def until(lines: trio.abc.ReceiveChannel[str], text: str) -> str:
    """Return the next line that has a text in it."""
    async for line in lines:
        if text in line:
            return line
    raise AssertionError(f"it ended without {text!r}")


@asynccontextmanager
async def process(folder: Path, *options: str, **environment: str) -> AsyncGenerator[Serving]:
    """Serve the application in a process of its own."""
    line = [sys.executable, "-m", "trivet", "serve", "played_app:registry", "--port", "0", *options]
    send, receive = trio.open_memory_channel[str](100)
    async with trio.open_nursery() as nursery:
        running = await trio.lowlevel.open_process(
            line,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=folder,
            env={"PYTHONPATH": str(ROOT), **environment},
        )
        assert running.stdout is not None
        nursery.start_soon(read_lines, running.stdout, send)
        try:
            first = await until(receive, "trivet serves counter on http://127.0.0.1:")
            yield Serving(running, first.split()[-1], receive)
        finally:
            if running.returncode is None:
                running.kill()


async def run(*arguments: str) -> tuple[int, str, str]:
    done = await trio.run_process(
        [sys.executable, "-m", "trivet", *arguments],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        cwd=ROOT,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.slow
async def test_serve_call_and_stop(folder: Path) -> None:
    async with process(folder) as serving:
        assert "open_client" in await serving.lines.receive()
        assert "createClient" in await serving.lines.receive()
        assert await run("call", serving.url, "counter", "a,b", "add", "5") == (0, "5\n", "")
        assert await run("call", serving.url, "counter", "a,b", "add") == (0, "6\n", "")
        code, _, text = await run("call", serving.url, "counter", "a", "nothing")
        assert (code, "action_not_found" in text) == (1, True)
        serving.process.send_signal(signal.SIGTERM)
        assert await serving.process.wait() == 0


@pytest.mark.slow
async def test_state_outlives_the_process(folder: Path) -> None:
    for result, options in [("5\n", ()), ("10\n", ()), ("5\n", ("--storage", "memory"))]:
        async with process(folder, *options) as serving:
            assert await run("call", serving.url, "counter", "a", "add", "5") == (0, result, "")
            serving.process.send_signal(signal.SIGTERM)
            assert await serving.process.wait() == 0


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("played_app.py", "no SQLite file"),
        ("nowhere/trivet.db", "cannot be opened"),
    ],
)
def test_serve_says_why_its_file_cannot_be_used(folder: Path, path: str, text: str) -> None:
    line = ["serve", "played_app:registry", "--port", "0", "--storage", path]
    result = CliRunner().invoke(command, line)
    assert (result.exit_code, text in result.output) == (1, True)


@pytest.mark.slow
async def test_a_second_signal_ends_it_at_once(folder: Path) -> None:
    async with process(folder, "--verbose") as serving, trio.open_nursery() as nursery:
        nursery.start_soon(run, "call", serving.url, "counter", "a", "wait", "60")
        await until(serving.lines, "waiting")
        serving.process.send_signal(signal.SIGINT)
        await until(serving.lines, "stopping: SIGINT")
        serving.process.send_signal(signal.SIGTERM)
        assert await serving.process.wait() == 1
        nursery.cancel_scope.cancel()


HANGING_DISK = """
    import threading
    from trivet.storage.sqlite.database import Database

    def hang(self, writes):
        if any(getattr(write, "state", None) for write in writes):
            print("the disk hangs", flush=True)
            threading.Event().wait()
        return store(self, writes)

    store, Database.store = Database.store, hang
    registry = trivet.Registry(Counter, limits=trivet.Limits(grace=1.5))
"""


@pytest.mark.slow
async def test_a_disk_that_hangs_does_not_keep_the_process(folder: Path) -> None:
    (folder / "played_app.py").write_text(dedent(APP) + dedent(HANGING_DISK))
    async with process(folder) as serving, trio.open_nursery() as nursery:
        answers: list[tuple[int, str, str]] = []

        async def call() -> None:
            answers.append(await run("call", serving.url, "counter", "a", "add", "5"))

        nursery.start_soon(call)
        await until(serving.lines, "the disk hangs")
        serving.process.send_signal(signal.SIGTERM)
        lost = await until(serving.lines, "trivet.db does not answer")
        assert "saves=1" in lost
        assert "actors=1" in lost
        await until(serving.lines, "Error: the disk of trivet.db does not answer")
        assert await serving.process.wait() == NOT_STORED
    [(code, _, text)] = answers
    assert code == 1
    assert "restarting" in text


@pytest.mark.slow
async def test_a_signal_finishes_what_runs_and_tells_every_client(folder: Path) -> None:
    """The call is answered, its connection and the others hear 1012, and the exit is clean."""
    async with process(folder) as serving, trio.open_nursery() as nursery:
        address = "/gateway/counter/connect?rvt-namespace=default&rvt-method=getOrCreate"
        url = f"ws{serving.url.removeprefix('http')}{address}&rvt-runner=default"
        closes: list[tuple[int, str]] = []
        opened = trio.Event()

        async def connected() -> None:
            async with connect_websocket(
                url, subprotocols=[Subprotocol("rivet")], proxy=None, ping_interval=None
            ) as socket:
                await socket.recv()
                opened.set()
                with suppress(ConnectionClosed):
                    await socket.recv()
                assert socket.protocol.close_rcvd is not None
                closes.append((socket.protocol.close_rcvd.code, socket.protocol.close_rcvd.reason))

        answers: list[tuple[int, str, str]] = []

        async def call() -> None:
            answers.append(await run("call", serving.url, "counter", "b", "wait", "0.5"))

        nursery.start_soon(call)
        await until(serving.lines, "waiting")
        nursery.start_soon(connected)
        await opened.wait()
        serving.process.send_signal(signal.SIGTERM)
        assert await serving.process.wait() == 0
    assert closes == [(1012, "")]
    assert answers == [(0, "null\n", "")]


@pytest.mark.slow
async def test_the_admin_token_comes_from_the_environment(folder: Path) -> None:
    token = "a-token-of-the-operator"
    async with process(folder, TRIVET_ADMIN_TOKEN=token) as serving:
        port = int(serving.url.rpartition(":")[2])
        for header, status in [("", b" 403 "), (f"x-rivet-token: {token}\r\n", b" 200 ")]:
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                request = f"GET /actors?name=counter HTTP/1.1\r\nhost: x\r\n{header}\r\n"
                await stream.send_all(request.encode())
                assert status in bytes(await stream.receive_some())
        serving.process.send_signal(signal.SIGTERM)
        assert await serving.process.wait() == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--admin-token", "short"], "admin_token must have 16"),
        (["--trusted-proxy", "example.com"], "trusted_proxies has 'example.com'"),
        (["--origin", "foo"], "an origin is like https://example.com, not 'foo'"),
        (["--storage", "nowhere/a.db"], "there is no folder"),
    ],
)
def test_an_option_that_is_wrong_is_named(folder: Path, options: list[str], text: str) -> None:
    result = CliRunner().invoke(command, ["serve", "played_app:registry", "--port", "0", *options])
    assert result.exit_code == 1
    assert text in result.output
    assert result.output.count("\n") == 1


def test_a_port_that_is_none_or_taken_is_named(folder: Path) -> None:
    line = ["serve", "played_app:registry", "--storage", "memory", "--port"]
    result = CliRunner().invoke(command, [*line, "99999"])
    assert (result.exit_code, "0<=x<=65535" in result.output) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for more in ([], ["--hold"]):
            result = CliRunner().invoke(command, [*line, str(port), *more])
            said = f"cannot listen on 127.0.0.1 port {port}: Address already in use\n"
            assert result.exit_code == 1
            assert result.output.endswith(said)


def test_serve_says_why_it_does_not_start(folder: Path) -> None:
    result = CliRunner().invoke(command, ["serve", "played_app:registry", "--host", "0.0.0.0"])
    assert result.exit_code == 1
    assert "Counter lets everybody in" in result.output


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("played_app", "module:attribute"),
        (":registry", "module:attribute"),
        ("nowhere_app:registry", "no module 'nowhere_app'"),
        ("played_app.inner:registry", "no module 'played_app.inner'"),
        ("played_app:nothing", "no 'nothing'"),
        ("played_app:number", "is no registry, but a int"),
    ],
)
def test_a_registry_that_is_not_there(folder: Path, name: str, text: str) -> None:
    result = CliRunner().invoke(command, ["serve", name])
    assert result.exit_code == 2
    assert text in result.output


def test_a_module_that_cannot_be_imported_shows_its_own_error(folder: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        find_registry("broken_app:registry")


def test_a_registry_is_found_in_the_current_folder(folder: Path) -> None:
    assert [definition.name for definition in find_registry("played_app:registry")] == ["counter"]
    with pytest.raises(RegistryNotFoundError):
        find_registry("played_app:registry.nothing")


@pytest.mark.parametrize("name", ["dev", "inspect", "engine"])
def test_what_is_not_built_says_so(name: str) -> None:
    result = CliRunner().invoke(command, [name, "app:registry", "--port", "1"])
    assert result.exit_code == 1
    assert f"no `trivet {name}` yet" in result.output


def test_arguments_must_be_json() -> None:
    line = ["call", "http://localhost:1", "counter", "a", "add", "{"]
    result = CliRunner().invoke(command, line)
    assert result.exit_code == 2
    assert "is no JSON" in result.output


async def test_call_answers_in_json() -> None:
    async with serving(host="127.0.0.1") as site:
        code, text, _ = await run(
            "call", site.server.url, "room", "a", "who", "--params", '{"token": "zoë"}'
        )
        assert code == 0
        assert json.loads(text).startswith("zoë 127.0.0.1 ")
        code, text, _ = await run("call", site.server.url, "counter", "", "echo", '{"é": [1.5]}')
        assert (code, text) == (0, '{"é": [1.5]}\n')


def test_without_click_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit, match=r"pip install 'trivet\[cli\]'"):
        trivet.cli.main.main()
