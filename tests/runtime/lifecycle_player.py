"""Plays a script in the world of the model, and looks at it when everything is over."""

from __future__ import annotations

import logging
from typing import Any, cast

import attrs
import trio

import trivet.declare.errors as errors
from tests.runtime.lifecycle_checks import check, check_quiet
from tests.runtime.lifecycle_model import WORLDS, Hall, Plan, PlannedError, Step, World, Yard
from tests.runtime.links import Manner, PlayedLink, PlayedSocket
from tests.runtime.runtimes import AnyActor, Recorder, handle, opened, put_away
from trivet.declare.handle import Address
from trivet.declare.options import Limits
from trivet.declare.registry import definition_of

LIMITS = Limits(grace=1000.0)  # so that every hook has its time when an actor stops
QUIET = 2000.0
"""Seconds after which nothing happens any more by itself."""

PLACES: dict[str, AnyActor] = {"hall": Hall, "yard": Yard}


@attrs.define
class Player:
    """Plays a script in a world."""

    world: World
    nursery: trio.Nursery

    async def play(self, step: Step) -> None:
        world = self.world
        match step:
            case ("enter", place, key, plan, manner):
                self.enter(place, key, plan, manner)
            case ("pause", seconds):
                await trio.sleep(seconds)
            case ("ask", place, key, plan, name, args, patience):
                self.nursery.start_soon(self.ask, place, key, plan, name, args, patience)
            case ("put away", place, key):
                self.nursery.start_soon(put_away, world.runtime, PLACES[place], key)
            case ("destroy", place, key):
                self.nursery.start_soon(self.destroy, place, key)
            case ("socket", key, plan, manner, path):
                socket = PlayedSocket(world.runtime, manner=manner)
                world.links.append(socket)
                socket.open(Hall, key, path=path, params=plan)
            case ("says", number, words):
                self.says(number, words)
            case ("kick", number):
                self.kick(number)
            case (what, number, *rest) if world.links:
                link: PlayedLink = world.links[int(number) % len(world.links)]
                getattr(self, what)(link, *rest)
            case _:
                pass  # there is no client yet

    def enter(self, place: str, key: str, plan: Plan, manner: Manner) -> None:
        link = PlayedLink(self.world.runtime, manner=manner)
        self.world.links.append(link)
        link.connect(PLACES[place], key, params=plan if place == "hall" else None)

    def calls(self, link: PlayedLink, calls: list[tuple[str, list[Any]]]) -> None:
        for name, args in calls:
            if not isinstance(link, PlayedSocket):
                link.call(name, *args)

    def says(self, number: int, words: list[str]) -> None:
        sockets = [link for link in self.world.links if isinstance(link, PlayedSocket)]
        for word in words if sockets else ():
            sockets[number % len(sockets)].say(word)

    def subscribe(self, link: PlayedLink, on: bool) -> None:
        if not (link.gone or isinstance(link, PlayedSocket)):
            link.subscribe("said", on=on)

    def leave(self, link: PlayedLink, cause: Any) -> None:
        link.vanish(cause)

    def kick(self, number: int) -> None:
        """Kick somebody from outside of any turn."""
        seen = [(i, conn) for i in self.world.instances for conn in i.conns.all()]
        if seen:
            instance, conn = seen[number % len(seen)]
            self.nursery.start_soon(instance.actor.kick, conn, 10.0)

    async def destroy(self, place: str, key: str) -> None:
        """Destroy an actor from outside, if there is one."""
        definition = definition_of(PLACES[place])
        try:
            await self.world.runtime.destroy(definition, Address(key=(key,)))
        except errors.Error as error:
            self.world.expect(error.code == "not_found", f"destroying failed: {error}")

    async def ask(
        self, place: str, key: str, plan: Plan, name: str, args: list[Any], patience: float
    ) -> None:
        target = handle(self.world.runtime, PLACES[place], key).with_params(plan)
        self.world.held.append(tuple(args))
        with trio.move_on_after(patience):
            try:
                token: Any = getattr(Yard, name)
                self.world.held.append(await target.call(token, *args))
            except errors.Error as error:
                planned = error.code != "internal_error" or "break" in attrs.astuple(plan)
                self.world.expect(planned, f"{name} failed: {error}")


class Watch(logging.Handler):
    """Sees in the log what a firewall has caught: nobody planned it, if it is no error of ours."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self.world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.world.expect(is_planned(error), f"{record.getMessage()}: {error!r}")


def is_planned(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(is_planned(inner) for inner in group.exceptions)
    return error is None or isinstance(error, errors.Error | PlannedError)


async def live(script: list[Step], recorder: Recorder | None = None) -> World:
    """Play a script, end the world, and check what is left of it."""
    recorder = recorder or Recorder()
    async with opened(Hall, Yard, limits=LIMITS, observer=recorder) as runtime:
        world = World(runtime)
        WORLDS.append(world)
        watch = Watch(world)
        logging.getLogger("trivet").addHandler(watch)
        try:
            with trio.fail_after(10_000):
                async with trio.open_nursery() as nursery:
                    player = Player(world, nursery)
                    for step in script:
                        await player.play(step)
                await trio.sleep(QUIET)
                check_quiet(world)
        finally:
            logging.getLogger("trivet").removeHandler(watch)
    check(world, recorder)
    return world
