from __future__ import annotations

import pytest
import trio

from benchmarks.clients import connected
from benchmarks.processes import running

pytestmark = pytest.mark.slow


async def test_a_server_tells_the_time_it_has_used_and_ends_with_the_body() -> None:
    async with running("tcp") as server:
        with connected(server.port, 1, websocket=False) as clients:
            before = await server.cpu_time()
            clients.echo(b"ping", b"ping", 200)
            assert await server.cpu_time() > before
    with pytest.raises(OSError, match="attempts to connect"):
        await trio.open_tcp_stream("127.0.0.1", server.port)


async def test_a_server_broadcasts_to_every_client() -> None:
    async with running("tcp") as server:
        with connected(server.port, 2, websocket=False) as clients:
            clients.echo(b"ping", b"ping", 2)
            await server.command("broadcast 3")
            clients.expect(b"n" * 256 * 3)


async def test_a_server_ends_when_its_control_pipe_does() -> None:
    async with running("tcp") as server:
        await server.hang_up()
        with pytest.raises(EOFError):
            await server.answer()
