"""Calls over HTTP: three encodings, both gateway forms, hooks, and every error."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
import trio
from trio.testing import MockClock

from tests.server.actors import SECRET, Counter, Room
from tests.server.serving import HttpClient, Reply, Serving, gateway, serving
from trivet.declare.handle import Address
from trivet.declare.options import Limits
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import HttpActionRequest

LOGIN = '{"token":"ann"}'


async def call(
    http: HttpClient, address: str, *args: Any, encoding: str = "json", **headers: Any
) -> Reply:
    body = CODECS[encoding].encode_action_request(HttpActionRequest(list(args)))
    return await http.request("POST", address, body, x_rivet_encoding=encoding, **headers)


@pytest.mark.parametrize("encoding", ["bare", "cbor", "json"])
async def test_an_actor_error_is_in_the_encoding_of_the_call(
    encoding: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        address = gateway(path="/action/refuse")
        reply = await call(site.http(), address, "denied", {"why": [1]}, encoding=encoding)
        error = CODECS[encoding].decode_error(reply.body)
        assert reply.status == 500
        assert (error.group, error.code, error.message) == ("user", "denied", "No, thank you")
        assert error.metadata == {"why": [1]}
        assert error.actor is not None
        assert error.actor.key == "a"
        assert "x-rivet-error" not in reply.headers


async def test_the_answer_names_the_actor(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request(
            "POST", gateway(key="room,é", path="/action/value"), b'{"args":[]}'
        )
        assert reply.headers["x-rivet-actor"]
        assert reply.headers["x-rivet-actor-generation"] == "1"
        assert reply.headers["x-rivet-actor-key"] == "room/%C3%A9"


async def test_the_direct_form_reaches_the_same_actor(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        actor_id = (await http.call("add", 3)).headers["x-rivet-actor"]
        for address in (f"/gateway/{actor_id}", f"/gateway/{actor_id}@token"):
            reply = await call(http, f"{address}/action/add", 1)
            assert reply.headers["x-rivet-actor"] == actor_id
        assert (await http.call("value")).json == {"output": 5}


async def test_the_direct_form_wakes_the_actor(autojump_clock: MockClock) -> None:
    async with serving() as site:
        actor_id = (await site.http().call("add", 3)).headers["x-rivet-actor"]
        definition = site.runtime.registry.find(Counter)
        await site.runtime.put_away(definition, Address(actor_id=actor_id))
        reply = await call(site.http(), f"/gateway/{actor_id}/action/add", 1)
        assert reply.json == {"output": 4}


async def test_an_unknown_id_is_not_found(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await call(site.http(), "/gateway/nobody/action/add", 1, encoding="bare")
        assert (reply.status, reply.error) == (404, "actor.not_found")


async def test_get_does_not_create(autojump_clock: MockClock) -> None:
    async with serving() as site:
        address = gateway(path="/action/value", create=False)
        reply = await call(site.http(), address)
        assert (reply.status, reply.error) == (404, "actor.not_found")
        await site.http().call("add")
        assert (await call(site.http(), address)).json == {"output": 1}


@pytest.mark.parametrize(
    "name", ["nothing", "__class__", "_x", "state", "on_wake", "a.b", "add%20", "%00"]
)
async def test_an_unknown_action_is_not_found_and_wakes_nobody(
    name: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        reply = await call(site.http(), gateway(path=f"/action/{name}"))
        assert (reply.status, reply.error) == (404, "actor.action_not_found")
        assert site.runtime.directory.instances == ()


async def test_an_action_name_must_be_percent_encoded(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await call(site.http(), gateway(path="/action/%zz"))
        assert (reply.status, reply.error) == (400, "actor.invalid_request")


async def test_wrong_arguments_name_their_paths_and_wake_nobody(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await call(site.http(), gateway(path="/action/add"), "five")
        assert (reply.status, reply.error) == (400, "actor.validation_error")
        assert reply.json["metadata"]["paths"]
        assert site.runtime.directory.instances == ()


async def test_a_mistake_of_the_application_is_masked(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await call(site.http(), gateway(path="/action/break_down"))
        assert (reply.status, reply.error) == (500, "rivetkit.internal_error")
        assert SECRET.encode() not in reply.body


async def test_a_result_that_cannot_be_sent_is_a_mistake_of_the_application(
    autojump_clock: MockClock,
) -> None:
    async with serving() as site:
        reply = await call(site.http(), gateway(path="/action/unsendable"))
        assert reply.error == "rivetkit.internal_error"


@pytest.mark.parametrize("encoding", ["bare", "json"])
async def test_error_metadata_that_cannot_be_sent_is_left_out(
    encoding: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        codec = CODECS[encoding]
        reply = await call(site.http(), gateway(path="/action/refuse_oddly"), encoding=encoding)
        error = codec.decode_error(reply.body)
        assert (error.group, error.code, error.message) == ("user", "odd", "half: ?")


async def test_the_deadline_of_the_caller_is_kept(autojump_clock: MockClock) -> None:
    async with serving() as site:
        address = gateway(path="/action/wait")
        started = trio.current_time()
        reply = await call(site.http(), address, 50.0, x_trivet_deadline="2000")
        assert (reply.status, reply.error) == (504, "guard.request_timeout")
        assert trio.current_time() - started == 2


async def test_a_client_that_leaves_does_not_cut_its_call(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        body = b'{"args":[10]}'
        await http.send("POST", gateway(path="/action/wait"), body)
        await trio.sleep(1)
        await http.stream.aclose()
        other = await call(site.http(), gateway(path="/action/wait"), 1.0)
        assert other.json == {"output": "waited"}
        assert trio.current_time() >= 11


# -- hooks ---------------------------------------------------------------------------------------


async def who(site: Serving, **headers: Any) -> Reply:
    return await call(site.http(), gateway("room", path="/action/who", more="&a=b"), **headers)


async def test_params_come_in_a_header(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await who(site, x_rivet_conn_params=LOGIN)
        url = "http://server/action/who?a=b"
        assert reply.json == {"output": f"ann memory {url}"}


async def test_params_are_latin_1_or_utf_8_escapes(autojump_clock: MockClock) -> None:
    async with serving() as site:
        latin = await who(site, x_rivet_conn_params='{"token":"zoë"}'.encode("latin-1"))
        escaped = await who(site, x_rivet_conn_params=json.dumps({"token": "zoë"}))
        assert latin.json == escaped.json
        assert latin.json["output"].startswith("zoë ")


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ("{", "actor.invalid_request"),
        ("[1]", "actor.validation_error"),
        ("{}", "actor.validation_error"),
        ('{"token":"' + "x" * 5000 + '"}', "message.incoming_too_long"),
        ('{"token":"wrong"}', "user.unauthorized"),
        ('{"token":"broken"}', "rivetkit.internal_error"),
    ],
)
async def test_params_that_do_not_let_in(
    params: str, error: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        reply = await who(site, x_rivet_conn_params=params)
        assert reply.error == error
        assert SECRET.encode() not in reply.body


async def test_params_that_are_needed_and_absent(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await who(site)
        assert (reply.status, reply.error) == (400, "actor.validation_error")


async def test_a_call_is_a_short_connection_with_all_its_hooks(autojump_clock: MockClock) -> None:
    async with serving() as site:
        await who(site, x_rivet_conn_params=LOGIN)
        farewells = await call(
            site.http(),
            gateway("room", path="/action/farewells"),
            x_rivet_conn_params='{"token":"bob"}',
        )
        assert farewells.json == {"output": ["ann client"]}


# -- input ---------------------------------------------------------------------------------------


async def test_input_in_the_address_creates(autojump_clock: MockClock) -> None:
    async with serving() as site:
        # {"width": 6, "height": 7} in CBOR, base64url without padding
        more = "&rvt-input=omV3aWR0aAZmaGVpZ2h0Bw"
        reply = await call(site.http(), gateway("board", path="/action/area", more=more))
        assert reply.json == {"output": 42}


async def test_input_that_does_not_fit_creates_nothing(autojump_clock: MockClock) -> None:
    async with serving() as site:
        # {"width": "x"}
        reply = await call(
            site.http(), gateway("board", path="/action/area", more="&rvt-input=oWV3aWR0aGF4")
        )
        assert reply.error == "actor.validation_error"
        missing = await call(site.http(), gateway("board", path="/action/area"))
        assert missing.error == "actor.validation_error"
        assert site.runtime.directory.instances == ()


async def test_a_call_while_the_instance_moves_reaches_the_next(autojump_clock: MockClock) -> None:
    async with serving() as site:
        await site.http().call("add", 5)
        definition = site.runtime.registry.find(Counter)
        replies: list[Reply] = []

        async def ask() -> None:
            replies.append(await call(site.http(), gateway(path="/action/value")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, site.http(), gateway(path="/action/wait"), 3.0)
            await trio.sleep(1)
            nursery.start_soon(ask)
            await trio.sleep(1)
            await site.runtime.put_away(definition, Address(key=("a",)))
        assert replies[0].json == {"output": 5}


class Terse(Room, name="terse", limits=Limits(params=30)):
    """Takes short params only."""


class Verbose(Room, name="verbose", limits=Limits(params=8000)):
    """Takes long ones."""


@pytest.mark.parametrize(("actor", "size", "status"), [("terse", 30, 400), ("verbose", 6000, 200)])
async def test_params_have_the_limit_of_their_class(
    actor: str, size: int, status: int, autojump_clock: MockClock
) -> None:
    long = json.dumps({"token": "x" * size})
    async with serving(Terse, Verbose) as site:
        address = gateway(actor, path="/action/who")
        reply = await site.http().request("POST", address, b"{}", x_rivet_conn_params=long)
        assert reply.status == status
        offered = f"rivet_conn_params.{quote(long, safe='')}"
        async with site.websocket(gateway(actor, path="/connect"), "rivet", offered) as socket:
            assert ("incoming_too_long" in str(await socket.recv())) is (status == 400)
