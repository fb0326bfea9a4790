"""Connections, as scenarios of ``connections.mjs``."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio

from tests.interop.actors import SECRET, registry
from tests.interop.node import Encoding, JavaScript, Node
from tests.interop.relay import open_relay
from trivet.declare.options import Limits
from trivet.open import serve
from trivet.ports.storage import Storage
from trivet.server.serve import Server
from trivet.storage.memory import MemoryStorage

pytestmark = pytest.mark.interop

# What a client goes through that is thrown out, or loses its network, and comes back at once.
RETURNING = ["disconnected", "connecting", "connected"]


async def test_params_make_the_connection_state(javascript: JavaScript) -> None:
    assert await javascript.run("connections.params") == {
        "who": {"name": "ann", "visit": 3},
        "seen": ["connected"],
        "status": "connected",
    }


async def test_events(javascript: JavaScript) -> None:
    """Broadcasts precede the reply, tuples are several arguments, messages go to one alone."""
    assert await javascript.run("connections.events") == {
        "heard": [["said", "hello"], ["reply", 2], ["moved", 3, -4], ["knocked"], ["said", "psst"]],
        "whispered": [True, True],
    }


async def test_listening_once_and_no_longer(javascript: JavaScript) -> None:
    heard = await javascript.run("connections.listeners")
    assert heard == ["once 1", "on 1", "on 2", "once 4", "on 6"]


async def test_every_call_gets_its_own_reply(javascript: JavaScript) -> None:
    assert await javascript.run("connections.manyCalls", 200) == 200


async def test_a_refused_login(javascript: JavaScript) -> None:
    result = await javascript.run("connections.refused", "eve")
    assert result == {
        "call": {
            "group": "user",
            "code": "unwelcome",
            "message": "Nobody knows you",
            "metadata": {"name": "eve"},
        },
        "seen": ["user.unwelcome", "idle"],
    }


async def test_a_login_that_breaks_down_tells_nothing(javascript: JavaScript) -> None:
    result = await javascript.run("connections.refused", "broken")
    assert result["call"]["message"] == "An internal error occurred"
    assert result["seen"] == ["rivetkit.internal_error", "idle"]
    assert SECRET not in str(result)


@pytest.mark.parametrize("more", [[], [{"reconnect": False}]])
async def test_a_kicked_client_comes_back_at_once(javascript: JavaScript, more: list[Any]) -> None:
    """As a new connection with its old subscriptions, even if it is asked to stay away."""
    assert await javascript.run("connections.kicked", more) == {
        "gone": True,
        "seen": RETURNING,
        "same": False,
        "heard": ["welcome back"],
        "left": ["bob: kick"],
    }


async def test_a_client_that_kicks_itself_loses_the_reply(javascript: JavaScript) -> None:
    assert await javascript.run("connections.kickedByOneself") == {
        "call": {"message": "Connection closed (code: 1000, reason: bye)"},
        "seen": ["connected", *RETURNING],
        "left": ["ann: kick"],
    }


async def test_a_hook_keeps_a_kicked_client_out(javascript: JavaScript) -> None:
    """It passes through `idle`, stays `disconnected`, and does not come back for a call."""
    assert await javascript.run("connections.banned") == {
        "seen": ["disconnected", "connecting", "user.banned", "idle", "disconnected"],
        "status": "disconnected",
        "call": "waits",
    }


async def test_a_client_that_leaves(javascript: JavaScript) -> None:
    assert await javascript.run("connections.disposed") == {
        "status": "idle",
        "call": {"message": "Attempting to interact with a disposed actor connection."},
        "left": ["bob: client"],
    }


async def test_params_that_are_made_anew(javascript: JavaScript) -> None:
    """They failed once, and the client tries again."""
    assert await javascript.run("connections.failingParams") == {
        "who": {"name": "ann", "visit": 2},
        "seen": ["client.get_params_failed", "connected"],
    }


async def test_messages_that_are_too_long(javascript: JavaScript) -> None:
    """A result fails its call, a request the whole connection."""
    incoming, outgoing = Limits().message_in, Limits().message_out
    result = await javascript.run("connections.tooLong", incoming, outgoing)
    assert result["reply"]["code"] == "outgoing_too_long"
    assert (result["other"], result["kept"]) == ("y", "connected")
    assert result["request"] == {
        "group": "message",
        "code": "incoming_too_long",
        "message": "Connection closed: message.incoming_too_long",
    }
    assert result["later"] == 1
    lost, *returned = RETURNING
    assert result["seen"] == ["connected", lost, "message.incoming_too_long", *returned]


async def test_a_network_that_is_cut(node: Node, server: Server, encoding: Encoding) -> None:
    async with open_relay(server.port) as relay:
        async with JavaScript(node, relay.url, encoding).start("connections.lost") as scenario:
            assert await scenario.told() == "connected"
            relay.cut()
            assert await scenario.result() == {
                "visits": [1, 2],
                "seen": RETURNING,
                "waiting": {"message": "Connection lost (code: 1006, reason: )"},
                "heard": ["here again"],
                "left": ["ann: network"],
            }


async def test_a_server_that_restarts(node: Node, encoding: Encoding) -> None:
    """Clients wait in a socket that stays open; the state is where it was."""
    storage = MemoryStorage()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with JavaScript(node, url, encoding).start("connections.lost") as scenario:
            async with serving(listening, storage):
                assert await scenario.told() == "connected"
            async with serving(listening, storage):
                result = await scenario.result()
    assert result.pop("waiting")["code"] == "restarting"
    assert result == {
        "visits": [1, 2],
        "seen": RETURNING,
        "heard": ["here again"],
        "left": ["ann: stop"],
    }


@pytest.mark.parametrize("encoding", ["bare"])
async def test_a_server_that_is_gone(node: Node, encoding: Encoding) -> None:
    """The client gives up when nothing listens any more, and stays idle."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with JavaScript(node, url, encoding).start("connections.abandoned") as scenario:
        async with serving(listening, MemoryStorage()):
            assert await scenario.told() == "connected"
            listening.close()
        seen = await scenario.result()
    assert seen == [*RETURNING[:2], "disconnected", "client.connection_open_failed", "idle"]


@asynccontextmanager
async def serving(listening: socket.socket, storage: Storage) -> AsyncGenerator[None]:
    """Serve on a socket that stays open, and wait briefly for turns in the end."""
    limits = Limits(grace=0.2)
    async with trio.open_nursery() as nursery:
        await nursery.start(
            partial(serve, registry, listening=listening.dup(), storage=storage, limits=limits)
        )
        yield
        nursery.cancel_scope.cancel()
