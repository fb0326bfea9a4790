"""Counter, game lobby, job worker, rate limiter and gateway: right but for the marked lines."""

from __future__ import annotations

from typing import reveal_type

import attrs
import trio

import trivet


# ---- counter
class Counter(trivet.Actor[int], name="counter"):
    changed = trivet.Event[int]()

    @trivet.action
    def increment(self, by: int = 1) -> int:
        self.state += by
        self.broadcast(Counter.changed, self.state)
        return self.state

    @trivet.action(readonly=True)
    def value(self) -> int:
        return self.state


# ---- game lobby, ticks in run
@attrs.define
class Player:
    name: str
    x: float = 0.0
    velocity: float = 0.0


@attrs.frozen
class Join:
    name: str


@attrs.frozen
class Frame:
    tick: int
    positions: dict[str, float]


@attrs.define
class World:
    tick: int = 0
    running: bool = False
    scores: dict[str, int] = attrs.Factory(dict[str, int])


class Lobby(trivet.Actor[World, Player, Join], name="lobby"):
    frame = trivet.Event[Frame]()
    left = trivet.Event[str]()

    async def create_conn_state(self, params: Join) -> Player:
        return Player(params.name)

    async def on_disconnect(self, conn: trivet.Conn[Player]) -> None:
        self.broadcast(Lobby.left, conn.state.name)

    @trivet.action
    def steer(self, velocity: float) -> None:
        self.conn.state.velocity = velocity

    @trivet.action
    def start(self) -> None:
        self.state.running = True

    def _advance(self) -> Frame:
        self.state.tick += 1
        for conn in self.conns.values():
            conn.state.x += conn.state.velocity
        return Frame(self.state.tick, {c.state.name: c.state.x for c in self.conns.values()})

    async def run(self) -> None:
        while True:
            await trio.sleep(1 / 60)
            async with self.turn():
                if self.state.running:
                    self.broadcast(Lobby.frame, self._advance())


# ---- job queue worker
@attrs.frozen
class Job:
    url: str


@attrs.frozen
class Result:
    status: int


@attrs.define
class Stats:
    done: int = 0


class Worker(trivet.Actor[Stats], name="worker"):
    jobs = trivet.Queue[Job, Result]()
    pings = trivet.Queue[str]()

    async def run(self) -> None:
        while True:
            async with self.receive(Worker.jobs) as delivery:
                status = await fetch(delivery.body.url)
                async with self.turn():
                    self.state.done += 1
                delivery.complete(Result(status))

    @trivet.action(readonly=True)
    def stats(self) -> Stats:
        return self.state


async def fetch(url: str) -> int:
    return 200


# ---- rate limiter, schedule and actor to actor
@attrs.define
class BucketState:
    tokens: float = 10.0


class Bucket(trivet.Actor[BucketState], name="bucket"):
    @trivet.action
    def take(self, count: int = 1) -> bool:
        if self.state.tokens < count:
            return False
        self.state.tokens -= count
        return True

    @trivet.action
    def refill(self) -> None:
        self.state.tokens = min(10.0, self.state.tokens + 1)

    async def on_create(self, input: None) -> None:
        self.schedule.every(5.0, Bucket.refill)


class Api(trivet.Actor[int], name="api"):
    @trivet.action(timeout=5)
    async def request(self, user: str, path: str) -> str:
        if not await self.client.get_or_create(Bucket, user).call(Bucket.take):
            raise trivet.UserError("slow down", code="rate_limited")
        self.state += 1
        return path


async def use(client: trivet.Client) -> None:
    async with client.get_or_create(Lobby, "1").connect(Join("ann")) as conn:
        async for update in conn.events(Lobby.frame, Lobby.left):
            reveal_type(update)  # is Frame | str
    w = client.get_or_create(Worker, "w")
    await w.send(Worker.jobs, Job("u"))
    r: Result = await w.send_and_wait(Worker.jobs, Job("u"))
    await w.send(Worker.jobs, "x")  # X1 wrong body
    await w.send(Lobby.frame, Job("u"))  # X2 an event is not a queue
    await client.get(Api, "a").call(Bucket.take)  # X3
    reveal_type(Counter.increment)  # is Action[Counter, [by: int =], int]


class Wrong(trivet.Actor[int]):
    @trivet.action(cancel_with_caller=True)  # X4 only async actions can be cancelled
    def f(self) -> None: ...
