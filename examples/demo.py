"""The chat room between processes: ``python -m examples.demo``.

A server and its clients run as processes of their own; this program types for the clients and
prints what each of them shows. The server is killed in mid-conversation and comes back with
everything; a peer attacks it and nobody notices. It ends with status 0 if all went as it should.
"""

import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

BOLD, DIM, RESET = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")
PATIENCE = 30


def scene(text: str) -> None:
    print(f"\n{BOLD}{text}{RESET}", flush=True)


class Program:
    """A process, typed to by line, and the lines it shows."""

    def __init__(self, name: str, process: trio.Process) -> None:
        self.name = name
        self.process = process
        self._lines: deque[str] = deque()
        self._news = trio.Event()

    async def read(self) -> None:
        assert self.process.stdout is not None
        buffer = b""
        async for chunk in self.process.stdout:
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                self._lines.append(line.decode())
                print(f"  {self.name:>6} {DIM}|{RESET} {line.decode()}", flush=True)
            self._news.set()

    async def type(self, line: str) -> None:
        assert self.process.stdin is not None
        print(f"  {self.name:>6} {DIM}>{RESET} {line}", flush=True)
        await self.process.stdin.send_all(line.encode() + b"\n")

    async def shows(self, text: str) -> str:
        """Wait for a line that holds a text; lines before it are passed over."""
        with trio.move_on_after(PATIENCE):
            while True:
                while self._lines:
                    line = self._lines.popleft()
                    if text in line:
                        return line
                self._news = trio.Event()
                await self._news.wait()
        sys.exit(f"{self.name} did not show {text!r} within {PATIENCE} s")


class Stage:
    """Starts programs and ends them."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    async def start(self, name: str, *arguments: str) -> Program:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        program = Program(name, process)
        self._nursery.start_soon(program.read)
        self._nursery.start_soon(self._end, process)
        return program

    async def client(self, name: str, url: str, token: str) -> Program:
        return await self.start(name, "examples.chat_client", url, token)

    async def server(self, port: int, path: str) -> Program:
        where = ("--port", str(port), "--storage", path)
        program = await self.start(
            "server", "trivet", "serve", "examples.chat_room:registry", *where
        )
        await program.shows(f":{port}")
        return program

    async def _end(self, process: trio.Process) -> None:
        try:
            await process.wait()
        finally:
            if process.poll() is None:
                process.terminate()


class Network:
    """A wire between a client and the server that can be cut and mended."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._scope = trio.CancelScope()
        self._up = trio.Event()
        self._up.set()

    async def serve(self, task_status: trio.TaskStatus[int]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port: int = listeners[0].socket.getsockname()[1]
        task_status.started(port)
        await trio.serve_listeners(self._relay, listeners)

    def cut(self) -> None:
        self._up = trio.Event()
        self._scope.cancel()

    def mend(self) -> None:
        self._up.set()

    async def _relay(self, client: trio.SocketStream) -> None:
        if not self._up.is_set():
            await trio.aclose_forcefully(client)
            return
        with trio.CancelScope() as self._scope:
            try:
                server = await trio.open_tcp_stream("127.0.0.1", self._target)
            except OSError:
                await trio.aclose_forcefully(client)
                return
            async with server, client, trio.open_nursery() as nursery:
                nursery.start_soon(self._copy, client, server)
                await self._copy(server, client)
                nursery.cancel_scope.cancel()

    async def _copy(self, source: trio.SocketStream, target: trio.SocketStream) -> None:
        try:
            async for chunk in source:
                await target.send_all(chunk)
            await target.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def open_stage() -> AsyncGenerator[tuple[Stage, trio.Nursery]]:
    async with trio.open_nursery() as nursery:
        yield Stage(nursery), nursery
        nursery.cancel_scope.cancel()


async def play(folder: str) -> None:
    async with open_stage() as (stage, nursery):
        port, path = free_port(), f"{folder}/rooms.db"
        url = f"http://127.0.0.1:{port}"
        scene("The server starts.")
        server = await stage.server(port, path)

        scene("Ann and Bob come in; Bob's network is a shaky one.")
        network = Network(port)
        shaky = await nursery.start(network.serve)
        ann = await stage.client("ann", url, "ann-token")
        await ann.shows("connected")
        bob = await stage.client("bob", f"http://127.0.0.1:{shaky}", "bob-token")
        await bob.shows("connected")
        await ann.shows("bob came in")

        scene("They talk, and Ann whispers.")
        await ann.type("hello, everybody")
        await bob.shows("<ann> hello, everybody")
        await ann.type("/to bob just between us")
        await bob.shows("just between us")

        scene("A stranger knocks with a bad token, and is refused.")
        stranger = await stage.client("mallory", url, "stolen-token")
        await stranger.shows("Invalid auth token")

        scene("Eve comes in, misbehaves, and is kicked: when it is said, her socket is closed.")
        eve = await stage.client("eve", url, "eve-token")
        await eve.shows("connected")
        await eve.type("BUY MY COINS")
        await ann.shows("<eve> BUY MY COINS")
        await ann.type("/kick eve no advertising")
        await ann.shows("eve was kicked")
        await eve.shows("closed: no advertising")

        scene("Bob loses his network. What he says meanwhile waits; then he is back.")
        network.cut()
        await bob.shows("disconnected")
        await ann.shows("bob is gone")
        await bob.type("did I miss anything?")
        network.mend()
        await bob.shows("-- connected")
        await ann.shows("<bob> did I miss anything?")

        scene("A hostile peer is let loose on the server. Ann and Bob do not notice.")
        hostile = await stage.start("peer", "examples.hostile_peer", url)
        for remark in ("is anything wrong?", "no, why?", "just asking"):
            await ann.type(remark)
            await bob.shows(f"<ann> {remark}")
        await hostile.shows("that was all")
        await bob.type("all quiet")
        await ann.shows("<bob> all quiet")

        scene("The server is killed in mid-conversation, with SIGKILL.")
        await ann.type("remember this")
        await bob.shows("<ann> remember this")
        server.process.kill()
        await ann.shows("disconnected")
        await ann.type("is anybody there?")

        scene("It starts again. Both are back by themselves, and nothing is forgotten.")
        server = await stage.server(port, path)
        await bob.shows("-- connected")
        await ann.shows("<ann> is anybody there?")
        await bob.type("/history")
        for remark in ("did I miss anything?", "remember this", "is anybody there?"):
            await bob.shows(f"> {remark}")

        scene("They leave, and the server stops.")
        for client in (ann, bob):
            await client.type("/quit")
            await client.process.wait()
        server.process.terminate()
        with trio.fail_after(PATIENCE):
            status = await server.process.wait()
        scene(f"Done: the server ended with status {status}.")
        if status != 0:
            sys.exit(1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        trio.run(play, scratch)
