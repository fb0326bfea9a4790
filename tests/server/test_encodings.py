"""Section 5 of the client protocol, row by row: what is sent to a server, and what comes back.

`tests/protocol` asks more of each encoding; here its bytes go through the server, both ways.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import cbor2
import pytest
from trio.testing import MockClock
from websockets.trio.client import ClientConnection

import trivet
from tests.protocol.vectors import VECTORS
from tests.server.duties import duties
from tests.server.official import OFFICIAL
from tests.server.serving import Serving, gateway, serving
from tests.server.sessions import CONNECT, Client, params
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import HttpActionRequest, Init

ID = {"bare": "00", "cbor": "1b0000000000000000", "json": '["$BigInt","0"]'}
ECHO = gateway(path="/action/echo")


def as_sent(encoding: str, data: bytes) -> str | bytes:
    """A message as a WebSocket takes it."""
    return data.decode() if encoding == "json" else data


async def asked(socket: ClientConnection, encoding: str, data: bytes) -> bytes:
    """Send a message, and return what comes next."""
    await socket.send(as_sent(encoding, data))
    answer = await socket.recv()
    return answer.encode() if isinstance(answer, str) else answer


def connected(site: Serving, encoding: str) -> Any:
    return site.websocket(CONNECT, "rivet", f"rivet_encoding.{encoding}")


# -- which encoding ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "encoding", "content_type"), duties("5: the encoding of a call")
)
async def test_the_encoding_of_a_call(
    header: str | None, encoding: str, content_type: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        codec = CODECS[encoding]
        body = codec.encode_action_request(HttpActionRequest([5]))
        headers = {} if header is None else {"x_rivet_encoding": header}
        reply = await site.http().request("POST", gateway(path="/action/add"), body, **headers)
        assert reply.status == 200
        assert reply.headers["content-type"] == content_type
        assert codec.decode_action_response(reply.body).output == 5


@pytest.mark.parametrize(("offered", "encoding"), duties("5: the encoding of a connection"))
async def test_the_encoding_of_a_connection(
    offered: list[str], encoding: str, autojump_clock: MockClock
) -> None:
    """The client of these tests also sees that only json comes as text."""
    async with serving() as site, site.websocket(CONNECT, *offered) as socket:
        assert isinstance(await Client(socket, encoding).receive(), Init)


# -- values, numbers and ids ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "encoding", "given", "returned"),
    [*duties("5.1: values"), *duties("5.2: numbers")],
)
async def test_a_value_comes_back(
    what: str, encoding: str, given: str, returned: str, autojump_clock: MockClock
) -> None:
    official = OFFICIAL[encoding]
    async with serving() as site, connected(site, encoding) as socket:
        body = official.http_request(given)
        reply = await site.http().request("POST", ECHO, body, x_rivet_encoding=encoding)
        assert reply.body == official.http_response(returned)
        await socket.recv()
        request = official.socket_request(ID[encoding], "echo", given)
        response = official.socket_response(ID[encoding], returned)
        assert await asked(socket, encoding, request) == response


@pytest.mark.parametrize(("what", "encoding", "given"), duties("5.2: refused"))
async def test_a_value_that_no_client_sends(
    what: str, encoding: str, given: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        body = OFFICIAL[encoding].http_request(given)
        reply = await site.http().request("POST", ECHO, body, x_rivet_encoding=encoding)
        error = CODECS[encoding].decode_error(reply.body)
        assert (reply.status, error.group, error.code) == (400, "actor", "invalid_request")


@pytest.mark.parametrize(("encoding", "given", "returned"), duties("5.2: ids"))
async def test_an_id_comes_back_in_the_form_that_clients_wait_for(
    encoding: str, given: str, returned: str, autojump_clock: MockClock
) -> None:
    official = OFFICIAL[encoding]
    value = "5" if encoding == "json" else "05"
    async with serving() as site, connected(site, encoding) as socket:
        await socket.recv()
        request = official.socket_request(given, "echo", value)
        assert await asked(socket, encoding, request) == official.socket_response(returned, value)
        failing = official.socket_request(given, "nothing", value)
        wanted = returned.encode() if encoding == "json" else bytes.fromhex(returned)
        assert wanted in await asked(socket, encoding, failing)


# -- versions and shapes -------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "rest", "status"), duties("5.3: versions of bodies"))
async def test_a_version_of_bare(
    head: str, rest: str, status: int, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        body = bytes.fromhex(head) + OFFICIAL["bare"].http_request("05")[2:] + bytes.fromhex(rest)
        reply = await site.http().request("POST", ECHO, body, x_rivet_encoding="bare")
        assert reply.status == status
        assert reply.body.startswith(b"\x04\x00")


@pytest.mark.parametrize(("head", "rest", "answer"), duties("5.3: versions of messages"))
async def test_a_version_of_a_message(
    head: str, rest: str, answer: str, autojump_clock: MockClock
) -> None:
    message = OFFICIAL["bare"].socket_request("00", "echo", "05")
    async with serving() as site, connected(site, "bare") as socket:
        await socket.recv()
        await socket.send(bytes.fromhex(head) + message[2:] + bytes.fromhex(rest))
        if answer:
            assert await socket.recv() == bytes.fromhex(answer)
        else:
            assert await Client(socket, "bare").closed() == (1011, "actor.invalid_request")


@pytest.mark.parametrize(("encoding", "body", "output"), duties("5.4: arguments"))
async def test_arguments_may_be_missing_or_no_list(
    encoding: str, body: str, output: int, autojump_clock: MockClock
) -> None:
    data = body.encode() if encoding == "json" else bytes.fromhex(body)
    async with serving() as site:
        address = gateway(path="/action/add")
        reply = await site.http().request("POST", address, data, x_rivet_encoding=encoding)
        assert CODECS[encoding].decode_action_response(reply.body).output == output


@pytest.mark.parametrize("encoding", ["cbor", "json"])
async def test_the_members_of_an_error(encoding: str, autojump_clock: MockClock) -> None:
    """Clients take an id that is missing, and a member that is null, for no error at all."""
    members = duties("5.4: members of errors")
    refuse = CODECS[encoding].encode_action_request(HttpActionRequest(["no"]))
    async with serving() as site:
        address = gateway(path="/action/refuse")
        reply = await site.http().request("POST", address, refuse, x_rivet_encoding=encoding)
        error = tree_of(encoding, reply.body)
        assert sorted(error) == members["over HTTP"]
        assert sorted(error["actor"]) == members["of an actor"]
        async with connected(site, encoding) as socket:
            await socket.recv()
            official = OFFICIAL[encoding]
            value = '"no"' if encoding == "json" else "626e6f"
            request = official.socket_request(ID[encoding], "refuse", value)
            sent = tree_of(encoding, await asked(socket, encoding, request))["body"]
            assert (sent["tag"], sorted(sent["val"])) == ("Error", members["of a call"])
        async with site.websocket("/nothing", "rivet", f"rivet_encoding.{encoding}") as socket:
            answer = await socket.recv()
            data = answer.encode() if isinstance(answer, str) else answer
            sent = tree_of(encoding, data)["body"]
            assert (sent["tag"], sorted(sent["val"])) == ("Error", members["of a connection"])
            assert sent["val"]["actionId"] is None


def tree_of(encoding: str, data: bytes) -> Any:
    return json.loads(data) if encoding == "json" else cbor2.loads(data)


# -- golden vectors ------------------------------------------------------------------------------


@attrs.frozen
class Pass:
    token: str = "good"


class Chat(trivet.Actor[None, None, Pass], name="chat"):
    """Says what the official parties have said while they were listened to."""

    private = trivet.Event[Any]()

    async def on_before_connect(self, params: Pass) -> None:
        if params.token == "bad":
            raise trivet.UserError("nope", code="denied", metadata={"why": "bad token"})

    @trivet.action
    def nothing(self) -> None:
        pass

    @trivet.action
    def say(self, text: str) -> int:
        assert text == "over ws"
        return 2


@pytest.mark.parametrize(("asked_with", "answered_with"), duties("5.5: golden vectors of calls"))
async def test_a_golden_call(
    asked_with: str, answered_with: str, autojump_clock: MockClock
) -> None:
    request, response = VECTORS[asked_with], VECTORS[answered_with]
    async with serving(Chat) as site:
        reply = await site.http().request(
            "POST",
            gateway("chat", path="/action/nothing"),
            request.data,
            x_rivet_encoding=request.encoding,
        )
        assert reply.body == response.data


@pytest.mark.parametrize(
    ("asked_with", "answered_with"), duties("5.5: golden vectors of connections")
)
async def test_a_golden_conversation(
    asked_with: str, answered_with: str, autojump_clock: MockClock
) -> None:
    request, response = VECTORS[asked_with], VECTORS[answered_with]
    address = gateway("chat", path="/connect")
    offered = ("rivet", f"rivet_encoding.{request.encoding}")
    async with serving(Chat) as site, site.websocket(address, *offered) as socket:
        await socket.recv()
        assert await asked(socket, request.encoding, request.data) == response.data


@pytest.mark.parametrize("name", duties("5.5: golden vectors of refusals"))
async def test_a_golden_refusal(name: str, autojump_clock: MockClock) -> None:
    vector = VECTORS[name]
    address = gateway("chat", path="/connect")
    offered = ("rivet", f"rivet_encoding.{vector.encoding}", params('{"token":"bad"}'))
    async with serving(Chat) as site, site.websocket(address, *offered) as socket:
        answer = await socket.recv()
        assert (answer.encode() if isinstance(answer, str) else answer) == vector.data
