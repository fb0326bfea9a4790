"""Messages for queues over HTTP: three encodings, waiting, refusals, and trivet's own client."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.server.serving import HttpClient, Reply, Serving, gateway, serving
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.declare.queue import Queue
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import UNDEFINED, HttpQueueSendRequest, HttpQueueSendResponse

ENCODINGS = pytest.mark.parametrize("encoding", ["bare", "cbor", "json"])


class Worker(Actor[list[Any]], name="worker"):
    """Does each job for as many seconds as it says."""

    jobs = Queue[float, str](name="new jobs")
    notes = Queue[Any]()
    answers = Queue[Any, Any]()
    gates: ClassVar[dict[str, trio.Event]] = {}

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.work)
            nursery.start_soon(self.answer)

    async def work(self) -> None:
        while True:
            async with self.receive(Worker.jobs) as delivery:
                await trio.sleep(delivery.body)
                async with self.turn():
                    self.state.append(delivery.body)
                delivery.complete(f"{delivery.body:g} s")

    async def answer(self) -> None:
        while True:
            async with self.receive(Worker.answers) as delivery:
                delivery.complete(delivery.body)

    @action
    async def read(self) -> Any:
        async with self.try_receive(Worker.notes) as delivery:
            return "nothing" if delivery is None else delivery.body

    @action
    def done(self) -> list[Any]:
        return self.state

    @action
    def die(self) -> None:
        self.destroy()


class Club(Actor[None, str, str], name="club"):
    news = Queue[str]()
    orders = Queue[str]()

    async def create_conn_state(self, params: str) -> str:
        if params == "banned":
            raise errors.UserError("You are banned", code="banned")
        return params

    def can_publish(self, queue: Queue[Any, Any], conn: Conn[str]) -> bool:
        return queue is Club.news or conn.state == "ann"


async def send(
    http: HttpClient,
    queue: str,
    body: Any,
    *,
    encoding: str = "json",
    wait: bool | None = None,
    patience: int | None = None,
    actor: str = "worker",
    headers: dict[str, str] | None = None,
) -> Reply:
    request = HttpQueueSendRequest(body, queue, wait, patience)
    data = CODECS[encoding].encode_queue_request(request)
    address = gateway(actor, path=f"/queue/{queue.replace(' ', '%20')}")
    return await http.request("POST", address, data, x_rivet_encoding=encoding, **(headers or {}))


def answer(reply: Reply, encoding: str = "json") -> HttpQueueSendResponse:
    assert reply.status == 200, reply.body
    return CODECS[encoding].decode_queue_response(reply.body)


async def call(site: Serving, action: str) -> Any:
    reply = await site.http().request("POST", gateway("worker", path=f"/action/{action}"), b"{}")
    return reply.json["output"]


@ENCODINGS
async def test_a_message_in_each_encoding(encoding: str, autojump_clock: MockClock) -> None:
    async with serving(Worker) as site:
        body = {"a": [1, None, "é"], "b": b"\x00\xff"}
        reply = await send(site.http(), "notes", body, encoding=encoding)
        assert answer(reply, encoding) == HttpQueueSendResponse("completed", UNDEFINED)
        assert reply.headers["content-type"] == CODECS[encoding].content_type
        assert reply.headers["x-rivet-actor-key"] == "a"
        actor: Worker = site.runtime.directory.instances[0].actor
        async with actor.receive(Worker.notes) as delivery:
            assert delivery.body == body


@ENCODINGS
async def test_who_waits_gets_the_result(encoding: str, autojump_clock: MockClock) -> None:
    async with serving(Worker) as site:
        http = site.http()
        reply = await send(http, "new jobs", 5, encoding=encoding, wait=True)
        assert answer(reply, encoding) == HttpQueueSendResponse("completed", "5 s")
        reply = await send(http, "answers", {"x": [1]}, encoding=encoding, wait=True, patience=10)
        assert answer(reply, encoding) == HttpQueueSendResponse("completed", {"x": [1]})


@ENCODINGS
async def test_a_wait_has_the_time_that_it_says(encoding: str, autojump_clock: MockClock) -> None:
    async with serving(Worker) as site:
        began = trio.current_time()
        reply = await send(site.http(), "new jobs", 5, encoding=encoding, wait=True, patience=2000)
        assert answer(reply, encoding) == HttpQueueSendResponse("timedOut", UNDEFINED)
        assert trio.current_time() - began == 2
        await trio.sleep(4)
        assert await call(site, "done") == [5]  # it was done all the same


async def test_the_golden_vectors(autojump_clock: MockClock) -> None:
    class Hi(Actor[None], name="hi"):
        hi = Queue[Any]()

    async with serving(Hi) as site:
        request = bytes.fromhex("04000d826a24556e646566696e65640001026869010000")
        reply = await site.http().request(
            "POST", gateway("hi", path="/queue/hi"), request, x_rivet_encoding="bare"
        )
        assert reply.body.hex() == "040009636f6d706c6574656400"


async def test_a_queue_that_is_not_declared_swallows(autojump_clock: MockClock) -> None:
    async with serving(Worker) as site:
        for wait in (None, True):
            reply = await send(site.http(), "nothing", 1, wait=wait)
            assert answer(reply) == HttpQueueSendResponse("completed", UNDEFINED)
        assert site.runtime.directory.instances == ()  # nobody was woken for it
        assert site.counters.counts["message_unknown"] == 2


@pytest.mark.parametrize(
    ("queue", "body", "error"),
    [
        ("new jobs", "no number", "actor.validation_error"),
        ("notes", "x" * 70_000, "queue.message_too_large"),
        ("notes", "x" * 140_000, "message.incoming_too_long"),
    ],
)
async def test_what_cannot_go_in_is_refused(
    queue: str, body: Any, error: str, autojump_clock: MockClock
) -> None:
    async with serving(Worker) as site:
        reply = await send(site.http(), queue, body)
        assert (reply.status, reply.error) == (400, error)


async def test_a_full_queue(autojump_clock: MockClock) -> None:
    async with serving(Worker, limits=Limits(queue_messages=2)) as site:
        http = site.http()
        for number in range(2):
            await send(http, "notes", number)
        reply = await send(http, "notes", 3)
        assert (reply.status, reply.error) == (400, "queue.full")
        assert reply.json["metadata"] == {"limit": 2}
        assert reply.json["actor"]


async def test_malformed_requests(autojump_clock: MockClock) -> None:
    async with serving(Worker) as site:
        for path, body in (("/queue/notes", b"{"), ("/queue/%zz", b"{}")):
            reply = await site.http().request("POST", gateway("worker", path=path), body)
            assert (reply.status, reply.error) == (400, "actor.invalid_request")
        reply = await site.http().request("GET", gateway("worker", path="/queue/notes"))
        assert reply.error == "actor.method_not_allowed"


@ENCODINGS
async def test_who_may_publish(encoding: str, autojump_clock: MockClock) -> None:
    async with serving(Club) as site:

        async def attempt(who: str, queue: str) -> str:
            headers = {"x_rivet_conn_params": json.dumps(who)}
            reply = await send(
                site.http(), queue, "x", encoding=encoding, actor="club", headers=headers
            )
            if reply.status == 200:
                return "ok"
            error = CODECS[encoding].decode_error(reply.body)
            return f"{reply.status} {error.group}.{error.code}"

        assert await attempt("ann", "orders") == "ok"
        assert await attempt("bob", "news") == "ok"
        assert await attempt("bob", "orders") == "403 auth.forbidden"
        assert await attempt("banned", "news") == "500 user.banned"
        assert site.counters.counts["message_refused"] == 1


async def test_a_client_that_leaves_takes_nothing_back(autojump_clock: MockClock) -> None:
    async with serving(Worker) as site:
        http = site.http()
        body = b'{"body":5,"wait":true}'
        await http.send("POST", gateway("worker", path="/queue/new%20jobs"), body)
        await trio.sleep(1)
        await http.stream.aclose()
        await wait_all_tasks_blocked()
        [instance] = site.runtime.directory.instances
        assert not site.runtime.completions.are_awaited(instance.actor_id)
        await trio.sleep(5)
        assert await call(site, "done") == [5]


async def test_who_waits_when_the_server_stops_hears_of_it(autojump_clock: MockClock) -> None:
    replies: list[Reply] = []
    async with trio.open_nursery() as nursery:
        async with serving(Worker) as site:

            async def ask() -> None:
                replies.append(await send(http, "new jobs", 500, wait=True))

            http = site.http()
            nursery.start_soon(ask)
            await trio.sleep(1)
        await wait_all_tasks_blocked()
    # A code after which no client sends the message again.
    assert [reply.error for reply in replies] == ["actor.restarting"]
