"""Handles and connections within the process, against the real runtime."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from trivet.client.local import LocalTransport
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import (
    ActionError,
    ConnectionClosed,
    Error,
    UserError,
    ValidationError,
)
from trivet.declare.event import Event
from trivet.declare.handle import Address, Client, Handle
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.declare.registry import Registry, definition_of
from trivet.runtime.runtime import Runtime, run_runtime
from trivet.storage.memory import MemoryStorage
from trivet.telemetry.counters import Counters


@attrs.frozen
class Login:
    name: str
    welcome: bool = True


@attrs.define
class Member:
    name: str


@attrs.define
class Note:
    tags: list[str]


class Room(Actor[None, Member, Login]):
    said = Event[str]()
    noted = Event[Note]()
    moved = Event[tuple[str, int]]()

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.log: list[str] = []
        self.gate = trio.Event()

    async def create_conn_state(self, params: Login) -> Member:
        if not params.welcome:
            raise UserError("not you", code="denied")
        return Member(params.name)

    async def on_connect(self, conn: Conn[Member]) -> None:
        conn.send(Room.said, f"welcome, {conn.state.name}")

    async def on_disconnect(self, conn: Conn[Member]) -> None:
        self.log.append(f"{conn.state.name} left: {conn.close_cause}")

    @action
    def whoami(self) -> str:
        return self.conn.state.name

    @action
    def note(self, note: Note) -> Note:
        self.notes.append(note)
        self.broadcast(Room.noted, note)
        note.tags.append("changed after it was sent")
        return self.notes[0]

    @action
    def move(self, who: str, steps: int = 1, *, back: bool = False) -> int:
        self.broadcast(Room.moved, (who, -steps if back else steps))
        return steps

    @action
    async def slowly(self, text: str) -> str:
        await self.gate.wait()
        return text

    @action
    async def kick(self, name: str, reconnect: bool = True) -> None:
        target = self.conns.find(lambda conn: conn.state.name == name)
        assert target is not None
        await target.disconnect("Kicked", reconnect=reconnect)

    @action
    def history(self) -> list[str]:
        return self.log

    @action
    def fail(self) -> None:
        raise UserError("on purpose", code="mine", metadata={"a": 1})


class Plain(Actor):
    ticked = Event[int]()

    @action
    def tick(self) -> int:
        self.broadcast(Plain.ticked, 1)
        return 1


@asynccontextmanager
async def running(limits: Limits | None = None) -> AsyncGenerator[tuple[Client, Runtime]]:
    registry = Registry(Room, Plain)
    async with run_runtime(registry, MemoryStorage(), Counters(), limits or Limits()) as runtime:
        runtime.client = Client(LocalTransport(runtime))
        yield runtime.client, runtime


ANN = Login("ann")


async def test_calls_over_a_connection_know_their_connection() -> None:
    async with running() as (client, _):
        room = client.get_or_create(Room, "a")
        async with room.connect(ANN) as ann, room.connect(Login("bob")) as bob:
            assert await ann.call(Room.whoami) == "ann"
            assert await bob.call(Room.whoami) == "bob"


async def test_what_on_connect_sends_arrives() -> None:
    async with running() as (client, _):
        async with client.get_or_create(Room, "a").connect(ANN) as conn:
            assert await anext(conn.events(Room.said)) == "welcome, ann"


async def test_values_never_alias() -> None:
    async with running() as (client, _):
        room = client.get_or_create(Room, "a")
        async with room.connect(ANN) as ann, room.connect(Login("bob")) as bob:
            mine, twice, theirs = (
                ann.events(Room.noted),
                ann.events(Room.noted),
                bob.events(Room.noted),
            )
            given = Note(["first"])
            result = await ann.call(Room.note, given)
            got = [await anext(feed) for feed in (mine, twice, theirs)]
            assert given == Note(["first"])
            assert result == Note(["first", "changed after it was sent"])
            assert got == [Note(["first"])] * 3
            got[0].tags.append("mine")
            result.tags.clear()
            assert got[1:] == [Note(["first"])] * 2
            assert (await ann.call(Room.note, Note([]))).tags[0] == "first"


async def test_immutable_values_pass_as_they_are() -> None:
    async with running() as (client, _):
        async with client.get_or_create(Room, "a").connect(ANN) as conn:
            moved = conn.events(Room.moved)
            assert await conn.call(Room.move, "ann", back=True) == 1
            assert await anext(moved) == ("ann", -1)


async def test_by_name_everything_is_a_wire_value() -> None:
    async with running() as (client, _):
        room = client.get_or_create(Room, "a").with_params(ANN)
        async with room.connect(ANN) as conn:
            noted, moved = conn.events_by_name("noted"), conn.events_by_name("moved")
            for handle in (room, conn):
                result = await handle.call_by_name("note", {"tags": ["x"]})
                assert result == {"tags": ["x", "changed after it was sent"]}
                assert await anext(noted) == {"tags": ["x"]}
                assert await handle.call_by_name("move", "ann", 2, {"back": True}) == 2
                assert await anext(moved) == ["ann", -2]
                with pytest.raises(ActionError, match="action_not_found"):
                    await handle.call_by_name("nothing")
                with pytest.raises(ValidationError):
                    await handle.call_by_name("move", 3)


async def test_errors_are_those_of_the_network() -> None:
    async with running() as (client, _):
        room = client.get_or_create(Room, "a").with_params(ANN)
        async with room.connect(ANN) as conn:
            for handle in (room, conn):
                with pytest.raises(UserError) as caught:
                    await handle.call(Room.fail)
                assert (caught.value.code, caught.value.metadata) == ("mine", {"a": 1})


async def test_a_refused_connection() -> None:
    async with running() as (client, _):
        with pytest.raises(UserError, match="not you"):
            async with client.get_or_create(Room, "a").connect(Login("eve", welcome=False)):
                pass
        with pytest.raises(ActionError, match="not_found"):
            async with client.get(Room, "nowhere").connect(ANN):
                pass
        wrong: Any = 42
        with pytest.raises(ValidationError):
            async with client.get_or_create(Room, "a").connect(wrong):
                pass


async def test_leaving_is_told_to_the_actor() -> None:
    async with running() as (client, _):
        room = client.get_or_create(Room, "a").with_params(Login("bob"))
        async with room.connect(ANN):
            pass
        assert "ann left: client" in await room.call(Room.history)


async def test_who_is_kicked_comes_back_as_a_new_connection() -> None:
    async with running() as (client, _):
        async with client.get_or_create(Room, "a").connect(ANN) as conn:
            said = conn.events(Room.said)
            assert await anext(said) == "welcome, ann"
            with pytest.raises(ConnectionClosed, match="Kicked"):
                await conn.call(Room.kick, "ann")
            assert await anext(said) == "welcome, ann"
            assert await conn.call(Room.history) == ["ann left: kick"]


async def kick_ann(room: Handle[Room]) -> None:
    await room.with_params(Login("bob")).call(Room.kick, "ann")


async def test_what_on_connect_sends_comes_before_all_that_follows() -> None:
    async with running() as (client, _):
        room = client.get_or_create(Room, "a")
        async with room.connect(ANN) as conn, trio.open_nursery() as nursery:
            events = conn.events(Room.said, Room.moved)
            assert await anext(events) == "welcome, ann"
            changes = conn.status_changes()
            nursery.start_soon(kick_ann, room)
            assert await anext(changes) == "disconnected"
            await conn.call(Room.move, "ann")  # waits for the next session
            assert await anext(events) == "welcome, ann"
            assert await anext(events) == ("ann", 1)


async def test_who_shall_stay_away_does() -> None:
    async with running() as (client, _):
        room = client.get_or_create(Room, "a")
        async with room.connect(ANN) as ann, room.connect(Login("bob")) as bob:
            await bob.call(Room.kick, "ann", False)
            await wait_all_tasks_blocked()
            assert ann.status == "closed"
            with pytest.raises(ConnectionClosed, match="Kicked"):
                await ann.call(Room.whoami)
            assert await bob.call(Room.history) == ["ann left: kick"]


async def test_a_runtime_that_stops_closes_for_good() -> None:
    closed: list[str] = []
    connected = trio.Event()

    async def stay(client: Client) -> None:
        async with client.get_or_create(Room, "a").connect(ANN) as conn:
            connected.set()
            closed.extend([status async for status in conn.status_changes()])
            with pytest.raises(ConnectionClosed, match="runtime"):
                await conn.call(Room.whoami)

    async with trio.open_nursery() as outside:
        async with running() as (client, _):
            outside.start_soon(stay, client)
            await connected.wait()
    assert closed == ["closed"]


async def test_more_calls_at_once_than_an_inbox_holds() -> None:
    async with running() as (client, runtime):
        async with client.get_or_create(Room, "a").connect(ANN) as conn:
            answers: list[str] = []

            async def ask(number: int) -> None:
                answers.append(await conn.call(Room.slowly, str(number)))

            async with trio.open_nursery() as nursery:
                for number in range(1500):
                    nursery.start_soon(ask, number)
                await wait_all_tasks_blocked()
                # The actor is busy with the first of them, so the gate opens from outside.
                instance = runtime.directory.awake_now(definition_of(Room), Address(key=("a",)))
                assert instance is not None
                instance.actor.gate.set()
            assert len(answers) == 1500
            assert conn.status == "connected"


async def test_calls_on_their_way_fail_when_the_actor_restarts() -> None:
    async with running(Limits(grace=0.001)) as (client, runtime):
        async with client.get_or_create(Room, "a").connect(ANN) as conn:
            failures: list[Error] = []

            async def ask() -> None:
                try:
                    await conn.call(Room.slowly, "x")
                except Error as error:
                    failures.append(error)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await wait_all_tasks_blocked()
                await runtime.put_away(definition_of(Room), Address(key=("a",)))
            assert [failure.code for failure in failures] == ["restarting"]
            assert conn.status == "connected"
            assert await conn.call(Room.whoami) == "ann"


async def test_params_are_asked_for_anew_for_every_call() -> None:
    names = iter(["first", "second"])

    async def login() -> Login:
        await trio.lowlevel.checkpoint()
        return Login(next(names))

    async with running() as (client, _):
        room = client.get_or_create(Room, "a").with_params(login)
        assert [await room.call(Room.whoami), await room.call(Room.whoami)] == ["first", "second"]


async def test_what_a_handle_refuses_at_once() -> None:
    wrong: Any = int
    async with running() as (client, _):
        with pytest.raises(ValueError, match="key"):
            client.get(Room, "x" * 129)
        with pytest.raises(TypeError):
            client.get(wrong, "a")

        class Unknown(Actor):
            pass

        with pytest.raises(LookupError, match="Unknown"):
            client.get(Unknown, "a")
        with pytest.raises(LookupError, match="Plain"):
            await client.get_or_create(Plain, "a").call(wrong)


async def test_ids_lead_to_the_same_actor() -> None:
    async with running() as (client, _):
        made = await client.create(Plain, "a")
        actor_id = await made.resolve()
        assert await client.get(Plain, "a").resolve() == actor_id
        assert await client.get_by_id(Plain, actor_id).call(Plain.tick) == 1
        with pytest.raises(ActionError, match="duplicate_key"):
            await client.create(Plain, "a")
        with pytest.raises(ActionError, match="not_found"):
            await client.get(Plain, "b").call(Plain.tick)


async def test_a_call_into_a_session_that_is_over_waits_for_the_next(
    autojump_clock: MockClock,
) -> None:
    async with running() as (client, runtime):
        async with client.get_or_create(Plain, "a").connect() as conn:
            ticks = conn.events(Plain.ticked)
            instance = runtime.directory.awake_now(definition_of(Plain), Address(key=("a",)))
            assert instance is not None
            [server_side] = instance.reception.connections
            assert server_side.inbox is not None
            server_side.inbox.link.abort()
            assert await conn.call(Plain.tick) == 1
            assert await anext(ticks) == 1


async def test_finding_and_creating_an_actor_let_others_run() -> None:
    async with running() as (client, _):
        plain = client.get_or_create(Plain, "a")
        for _ in range(2):
            with assert_checkpoints():
                await plain.resolve()
        with assert_checkpoints():
            await client.create(Plain, "b")
