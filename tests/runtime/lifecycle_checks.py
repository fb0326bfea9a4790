"""What has to hold when a world is quiet, and when it is over."""

from __future__ import annotations

from tests.runtime.lifecycle_model import World
from tests.runtime.links import PlayedLink, PlayedSocket
from tests.runtime.runtimes import Recorder
from tests.runtime.sharing import mutable_parts
from trivet.lifecycle.connection import ConnectionEvent
from trivet.runtime.instance import Instance

ANSWERS = {"reply", "failure"}


def check(world: World, recorder: Recorder) -> None:
    """Check what has to hold when everything is over."""
    for conn_id, trace in recorder.connections.items():
        seen = world.hooks[conn_id]
        if recorder.owners[conn_id].startswith("Hall/"):
            visible = ConnectionEvent.ADMIT in trace
            world.expect(seen.count("disconnect") == visible, f"on_disconnect: {seen}, {trace}")
            world.expect(seen in (["connect", "disconnect"], ["disconnect"], []), f"hooks: {seen}")
        else:
            world.expect(seen == [], f"hooks of a class that has none: {seen}")
    for link in world.links:
        check_link(world, link)
    for instance in world.instances:
        check_instance(world, instance)
    check_removed(world)
    check_reading(world)
    check_sharing(world)
    assert not world.problems, "\n".join(world.problems)


def check_quiet(world: World) -> None:
    """Check what has to hold while actors are awake, but nothing happens."""
    for instance in world.runtime.directory.instances:
        for conn in instance.reception.connections:
            gone = conn.inbox is None or conn.inbox.closed.is_set()
            world.expect(conn.is_standing and not gone, f"a connection stays in {conn.phase}")
        visible, kept = set(instance.conns.all()), set(instance.reception.connections)
        world.expect(visible == kept, "visible is not what is kept")
        world.expect(instance.mailbox.holder is None, "an actor is still held")
    for inbox in world.runtime.directory.parked_links:
        world.expect(not inbox.closed.is_set(), "a lost link is still parked")
    for link in world.links:
        if not link.gone and link.closing is None:
            if isinstance(link, PlayedSocket):
                missing = set(link.answers) != set(range(1, link.calls + 1))
                world.expect(not missing, f"not every message was answered: {link.answers}")
                continue
            missing = len(answers(link)) != link.calls
            world.expect(not missing, f"not every call was answered: {link.frames}")


def answers(link: PlayedLink) -> list[int]:
    """The calls that were answered, in the order of the answers."""
    return [frame[1] for frame in link.frames if frame[0] in ANSWERS and frame[1] is not None]


def check_removed(world: World) -> None:
    """An actor that was destroyed never comes back."""
    removed: set[str] = set()
    for instance in world.instances:
        world.expect(instance.actor_id not in removed, "a destroyed actor came back")
        if instance.is_removed:
            removed.add(instance.actor_id)


def check_reading(world: World) -> None:
    """Handlers get messages in order, and none anew that one of them was done with."""
    for numbers in world.read.values():
        steps = zip([0, *numbers], numbers, strict=False)
        world.expect(all(after - before in {0, 1} for before, after in steps), f"read: {numbers}")
    world.expect(not any(world.serving.values()), "a handler still runs")


def check_link(world: World, link: PlayedLink) -> None:
    frames = [frame for frame in link.frames if frame[0] != "failure" or frame[1] is not None]
    kinds = [frame[0] for frame in frames]
    if isinstance(link, PlayedSocket):
        first = list(dict.fromkeys(link.answers))
        world.expect(first == sorted(first), f"messages were answered out of order: {link.answers}")
    world.expect(kinds.count("init") == (1 if kinds else 0), "not exactly one Init")
    world.expect(not kinds or kinds[0] == "init", "something came before Init")
    # Those that were dropped, or refused before they began, are answered out of their turn.
    dropped = {frame[1] for frame in frames if frame[-1] == "actor.overloaded"}
    answered = [number for number in answers(link) if number not in dropped]
    world.expect(answered == sorted(set(answered)), f"calls were answered out of order: {answered}")
    world.expect(not link.aborted or link.manner == "silent", "a link was aborted for nothing")
    world.expect(link.gone or link.closing is not None, "a link is still open")


def check_instance(world: World, instance: Instance) -> None:
    mailbox = instance.mailbox
    world.expect(not instance.conns, "a connection is still visible")
    world.expect(not instance.reception.connections, "a connection is still kept")
    world.expect(mailbox.holder is None, f"{mailbox.holder} still holds its actor")
    world.expect(not mailbox.queue and not mailbox.requests, "turns still wait")
    nursery = instance.nursery
    world.expect(nursery.ended is None or nursery.is_closed, "a nursery is still open")
    for words in instance.state.value:
        whose = words[0] if words else instance.label
        world.expect("/" not in whose or whose == instance.label, f"{whose} in {instance.label}")


def check_sharing(world: World) -> None:
    owners: dict[int, str] = {}
    things = [(f"caller {number}", value) for number, value in enumerate(world.held)]
    things += [(f"{id(one)} {one.label}", one.state.value) for one in world.instances]
    for owner, thing in things:
        for part in mutable_parts(thing):
            world.expect(owners.setdefault(id(part), owner) == owner, f"{owner} shares {part!r}")
