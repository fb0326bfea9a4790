"""Scenes that lead to the hooks of ``failing``, and what is seen there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.hooks.failing import (
    FUSES,
    Admits,
    Authorizes,
    Checks,
    Connects,
    Creates,
    CreatesState,
    Destroys,
    Disconnects,
    Fuse,
    Migrates,
    Requests,
    Responds,
    Runs,
    Seats,
    Sleeps,
    Sockets,
    Subject,
    Wakes,
    Watches,
)
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import AnyActor, Recorder, awake, handle, opened, put_away
from trivet.declare.handle import Address
from trivet.declare.registry import definition_of
from trivet.declare.request import Request
from trivet.declare.values import plain_of
from trivet.lifecycle.actor import ActorState
from trivet.runtime.instance import Instance
from trivet.runtime.runtime import Runtime
from trivet.server.authorize import Authorizer
from trivet.storage.memory import MemoryStorage


class Cell(NamedTuple):
    """What is seen of one hook that goes wrong in one way.

    Attributes:
        sees: What whoever asked for it sees.
        state: What becomes of what the hook has written.
        then: What becomes of the actor.
    """

    sees: str
    state: str
    then: str


# What leads to the hook, and what whoever does that sees


async def call(runtime: Runtime, actor: AnyActor) -> str:
    return str(await handle(runtime, actor).call_by_name("touch"))


async def write(runtime: Runtime, actor: AnyActor) -> str:
    return await handle(runtime, actor).call(Subject.write)


async def act(runtime: Runtime, actor: AnyActor) -> str:
    return await handle(runtime, actor).call(Subject.act)


async def begin(runtime: Runtime, actor: AnyActor) -> str:
    await handle(runtime, actor).call(Subject.begin)
    return "nothing"


async def drain(runtime: Runtime, actor: AnyActor) -> str:
    await handle(runtime, actor).call(Subject.drain)
    return "nothing"


async def rest(runtime: Runtime, actor: AnyActor) -> str:
    await put_away(runtime, actor)
    return "nothing"


async def destroy(runtime: Runtime, actor: AnyActor) -> str:
    await runtime.destroy(definition_of(actor), Address(key=("a",)))
    return "nothing"


async def connect(runtime: Runtime, actor: AnyActor) -> str:
    link = PlayedLink(runtime)
    link.connect(actor, "a")
    return await seen_by(link)


async def leave(runtime: Runtime, actor: AnyActor) -> str:
    link = PlayedLink(runtime)
    link.connect(actor, "a")
    await link.gets("init")
    link.vanish()
    return "nothing"


async def subscribe(runtime: Runtime, actor: AnyActor) -> str:
    link = PlayedLink(runtime)
    link.connect(actor, "a")
    await link.gets("init")
    link.subscribe("said")
    return await seen_by(link, "never")


async def fetch(runtime: Runtime, actor: AnyActor) -> str:
    response = await handle(runtime, actor).fetch("/")
    return response.body.decode()


async def open_socket(runtime: Runtime, actor: AnyActor) -> str:
    async with handle(runtime, actor).websocket("/") as socket:
        async for _ in socket:
            pass
        return f"close {socket.close_code} {socket.close_reason}".strip()


async def authorize(runtime: Runtime, actor: AnyActor) -> str:
    authorizer = Authorizer(runtime, runtime.observer.count)
    await authorizer.check(definition_of(actor), Request(intent="call"), creates=False)
    return "allowed"


async def seen_by(link: PlayedLink, frame: str = "init") -> str:
    try:
        await link.gets(frame)
    except AssertionError:
        assert link.closing is not None
        return f"close {link.closing[0]} {link.closing[1]}"
    return "let in"


@attrs.frozen
class Scene:
    """How to lead to a hook.

    Attributes:
        actor: Whose it is.
        trigger: What leads to it.
        is_new: Whether the actor must not exist before.
        sleeps: Whether it must be asleep before.
    """

    actor: AnyActor
    trigger: Callable[[Runtime, AnyActor], Awaitable[str]] = call
    is_new: bool = False
    sleeps: bool = False


SCENES = {
    "create_state": Scene(CreatesState, is_new=True),
    "on_create": Scene(Creates, is_new=True),
    "on_migrate": Scene(Migrates, sleeps=True),
    "on_wake": Scene(Wakes, sleeps=True),
    "run": Scene(Runs, sleeps=True),
    "start_soon": Scene(Subject, begin),
    "wait_until": Scene(Subject, drain),
    "on_sleep": Scene(Sleeps, rest),
    "on_destroy": Scene(Destroys, destroy),
    "on_before_connect": Scene(Checks, connect),
    "create_conn_state": Scene(Seats, connect),
    "on_connect": Scene(Connects, connect),
    "on_disconnect": Scene(Disconnects, leave),
    "action": Scene(Subject, act),
    "on_before_action_response": Scene(Responds, write),
    "on_state_change": Scene(Watches, write),
    "can_subscribe": Scene(Admits, subscribe),
    "on_request": Scene(Requests, fetch),
    "on_websocket": Scene(Sockets, open_socket),
    "authorize": Scene(Authorizes, authorize),
}
WAYS = ("raises", "hangs", "stopped", "panics", "group")
SYNCHRONOUS = {"on_state_change", "can_subscribe"}
"""Hooks that cannot wait, so that they neither hang nor are cut."""

PATIENCE = 100.0
"""Seconds after which whatever a hook has led to has happened, but for what never ends."""


async def play(hook: str, way: str) -> Cell:
    """Let a hook go wrong, and tell what is seen of it."""
    scene, fuse = SCENES[hook], Fuse(way)
    FUSES.append(fuse)
    storage, recorder, seen = MemoryStorage(), Recorder(), list[str]()
    over = trio.Event()
    async with trio.open_nursery() as outside:
        async with opened(scene.actor, storage=storage, observer=recorder) as runtime:
            if not scene.is_new:
                await call(runtime, scene.actor)
            if scene.sleeps:
                await put_away(runtime, scene.actor)
            fuse.armed = True

            async def trigger() -> None:
                try:
                    seen.append(await scene.trigger(runtime, scene.actor))
                except errors.Error as error:
                    seen.append(f"{error.group}.{error.code}")
                over.set()

            outside.start_soon(trigger)
            await wait_all_tasks_blocked()
            before = next(iter(runtime.directory.instances), None)
            if way == "stopped":
                await put_away(runtime, scene.actor)  # one that starts is stopped with the runtime
            is_starting = before is not None and before.phase is ActorState.STARTING
            is_starting &= way == "stopped"
            if not is_starting:
                with trio.move_on_after(PATIENCE):
                    await over.wait()
                await trio.sleep(PATIENCE / 10)
            after = awake(runtime, scene.actor)
            seen.append("waits" if not is_starting else "")
            then = "ended" if is_starting else fate(recorder, before, after)
            fuse.armed = is_starting
    record = await storage.find(definition_of(scene.actor).name, ("a",))
    if record is None:
        state = "none"
    else:
        is_kept = record.state is not None and "hook" in plain_of(record.state)
        state = "kept" if is_kept else "as before"
    return Cell(next(filter(None, seen)), state, then)


def fate(recorder: Recorder, before: Instance | None, after: Instance | None) -> str:
    """Tell what has become of the instance whose hook it was, if it was awake."""
    if recorder.counts["actor_crashed"]:
        return "crashed"
    if recorder.counts["start_failed"]:
        return "start failed"
    if after is None:
        return "ended"
    return "goes on" if after is before or before is None else "started anew"
