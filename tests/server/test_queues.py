"""Messages for queues over HTTP: three encodings, waiting, refusals, and trivet's own client."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.server.serving import HttpClient, Reply, Serving, gateway, serving
from trivet.client.network import open_network_transport
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Address, Client
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.declare.queue import Queue
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import UNDEFINED, HttpQueueSendRequest, HttpQueueSendResponse
from trivet.testing.network import MemoryConnection

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
    timeout: int | None = None,
    actor: str = "worker",
    **headers: Any,
) -> Reply:
    request = HttpQueueSendRequest(body, queue, wait, timeout)
    data = CODECS[encoding].encode_queue_request(request)
    address = gateway(actor, path=f"/queue/{queue.replace(' ', '%20')}")
    return await http.request("POST", address, data, x_rivet_encoding=encoding, **headers)


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
        reply = await send(http, "answers", {"x": [1]}, encoding=encoding, wait=True, timeout=10)
        assert answer(reply, encoding) == HttpQueueSendResponse("completed", {"x": [1]})


@ENCODINGS
async def test_a_wait_has_the_time_that_it_says(encoding: str, autojump_clock: MockClock) -> None:
    async with serving(Worker) as site:
        began = trio.current_time()
        reply = await send(site.http(), "new jobs", 5, encoding=encoding, wait=True, timeout=2000)
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
            reply = await send(site.http(), queue, "x", encoding=encoding, actor="club", **headers)
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


# trivet's own client


class Net:
    """A way to a server that a test can cut."""

    def __init__(self, site: Serving) -> None:
        self.site = site
        self.down = False
        self.connections: list[MemoryConnection] = []

    async def connect(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if self.down:
            raise OSError("no route")
        connection = MemoryConnection("server")
        self.connections.append(connection)
        self.site.server.serve_stream(connection.server)
        return connection.client

    def cut(self) -> None:
        for connection in self.connections:
            connection.cut()
        self.connections.clear()


@asynccontextmanager
async def client_of(site: Serving) -> AsyncGenerator[tuple[Client, Net]]:
    net = Net(site)
    async with open_network_transport("http://server", connect=net.connect) as transport:
        yield Client(transport), net


async def test_a_handle_and_a_connection_send(autojump_clock: MockClock) -> None:
    async with serving(Worker) as site, client_of(site) as (client, _):
        worker = client.get_or_create(Worker, "a")
        await worker.send(Worker.notes, {"a": 1})
        assert await worker.call(Worker.read) == {"a": 1}
        assert await worker.send_and_wait(Worker.jobs, 5) == "5 s"
        async with worker.connect() as conn:
            await conn.send(Worker.notes, 2)
            assert await conn.call(Worker.read) == 2
            assert await conn.send_and_wait(Worker.answers, [1]) == [1]
            assert await conn.send_and_wait(Worker.answers, None) is None
        with pytest.raises(errors.ValidationError):
            wrong: Any = "x"
            await worker.send(Worker.jobs, wrong)
        with pytest.raises(LookupError):
            await worker.send(Club.news, "x")


async def test_a_connection_sends_with_its_params(autojump_clock: MockClock) -> None:
    async with serving(Club) as site, client_of(site) as (client, _):
        club = client.get_or_create(Club, "a")
        async with club.connect("ann") as ann, club.connect("bob") as bob:
            await ann.send(Club.orders, "x")
            with pytest.raises(errors.Forbidden):
                await bob.send(Club.orders, "x")


async def test_a_long_wait_comes_in_rounds_and_puts_in_once(autojump_clock: MockClock) -> None:
    async with serving(Worker) as site, client_of(site) as (client, _):
        worker = client.get_or_create(Worker, "a")
        assert await worker.send_and_wait(Worker.jobs, 100) == "100 s"
        assert await worker.call(Worker.done) == [100]
        assert len(site.service.waits) == 1
        await trio.sleep(61)
        assert await worker.send_and_wait(Worker.jobs, 1) == "1 s"
        assert len(site.service.waits) == 1  # what was waited for before is let go of


@pytest.mark.parametrize("after", [1, 40, 95])
async def test_who_waits_survives_a_cut(after: float, autojump_clock: MockClock) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, net),
        trio.open_nursery() as nursery,
    ):
        results: list[str] = []

        async def ask() -> None:
            worker = client.get_or_create(Worker, "a")
            results.append(await worker.send_and_wait(Worker.jobs, 100))

        nursery.start_soon(ask)
        await trio.sleep(after)
        net.down = True
        net.cut()
        await trio.sleep(0.5)
        net.down = False
        await trio.sleep(100)
        assert results == ["100 s"]
        assert await call(site, "done") == [100]


async def test_who_waits_gives_up_when_the_network_stays_away(autojump_clock: MockClock) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, net),
        trio.open_nursery() as nursery,
    ):

        async def ask() -> None:
            with pytest.raises(errors.ConnectionLost):
                await client.get_or_create(Worker, "a").send_and_wait(Worker.jobs, 10)

        nursery.start_soon(ask)
        await trio.sleep(1)
        net.down = True
        net.cut()


async def test_another_server_behind_the_address_does_not_do_it_twice(
    autojump_clock: MockClock,
) -> None:
    """As after a restart: it does not know what is waited for, and gets no message."""
    async with (
        serving(Worker) as site,
        serving(Worker) as other,
        client_of(site) as (client, net),
        trio.open_nursery() as nursery,
    ):
        caught: list[errors.Error] = []

        async def ask() -> None:
            try:
                await client.get_or_create(Worker, "a").send_and_wait(Worker.jobs, 10)
            except errors.Error as error:
                caught.append(error)

        nursery.start_soon(ask)
        await trio.sleep(1)
        net.site = other
        net.cut()
        await trio.sleep(5)
        assert [type(error) for error in caught] == [errors.ConnectionLost]
        assert other.runtime.directory.instances == ()


async def test_nobody_asks_for_the_messages_of_others(autojump_clock: MockClock) -> None:
    async with serving(Worker) as site:
        http = site.http()
        renewal = {"x_trivet_renew": "1", "x_trivet_call": "secret"}
        reply = await send(http, "answers", 5, wait=True, x_trivet_call="secret")
        assert reply.headers["x-trivet-call"] == "secret"
        assert answer(await send(http, "answers", None, **renewal)).response == 5
        other = gateway("worker", "b", path="/queue/answers")
        for headers in (renewal | {"x_trivet_call": "guess"}, {"x_trivet_renew": "1"}):
            assert (await send(http, "answers", None, **headers)).error == "actor.restarting"
        reply = await http.request("POST", other, b"", **renewal)
        assert reply.error == "actor.restarting"


async def test_who_waits_hears_that_the_actor_is_destroyed(autojump_clock: MockClock) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, _),
        trio.open_nursery() as nursery,
    ):
        caught: list[str] = []
        worker = client.get_or_create(Worker, "a")

        async def ask() -> None:
            try:
                await worker.send_and_wait(Worker.jobs, 100)
            except errors.ActionError as error:
                caught.append(f"{error.group}.{error.code}")

        nursery.start_soon(ask)
        await trio.sleep(1)
        await worker.call(Worker.die)
        await trio.sleep(1)
        assert caught == ["actor.destroyed"]
        assert await worker.call(Worker.done) == []


async def test_a_message_while_the_instance_moves_reaches_the_next(
    autojump_clock: MockClock,
) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, _),
        trio.open_nursery() as nursery,
    ):
        worker = client.get_or_create(Worker, "a")
        await worker.send(Worker.jobs, 1)
        nursery.start_soon(worker.send_and_wait, Worker.jobs, 3)
        await trio.sleep(0.5)
        definition = site.runtime.registry.find(Worker)
        nursery.start_soon(site.runtime.put_away, definition, Address(key=("a",)))
        assert await worker.send_and_wait(Worker.jobs, 2) == "2 s"
        assert await worker.call(Worker.done) == [1, 3, 2]


async def test_waits_do_not_keep_calls_out(autojump_clock: MockClock) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, _),
        trio.open_nursery() as nursery,
    ):
        worker = client.get_or_create(Worker, "a")
        for _ in range(130):
            nursery.start_soon(worker.send_and_wait, Worker.jobs, 100)
        await trio.sleep(1)
        with trio.fail_after(1):
            assert await worker.call(Worker.done) == []
        nursery.cancel_scope.cancel()
