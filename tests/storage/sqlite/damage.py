"""A store's files before and after somebody has damaged them.

Run by hand, it damages them as often as it is told: `python -m tests.storage.sqlite.damage 20000`.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

import attrs

from trivet.declare.interfaces import ConnKind
from trivet.ports.errors import RecordDamaged, StorageError
from trivet.ports.records import ActorRecord, Segment, StoredConnection
from trivet.storage.sqlite.address import Address, address_of, from_text
from trivet.storage.sqlite.database import Creation, Database
from trivet.storage.sqlite.opening import log_of

ACTORS = 240
NAMES = ("room", "counter")

FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files cost nothing: thousands are written, and none has to survive."""

World = dict[str, ActorRecord]
"""The actors that are stored, by their ids."""


@attrs.frozen
class Files:
    """Both files of a store, as a killed process leaves them.

    Attributes:
        file: What is in the file.
        log: What is in its log.
        worlds: What was committed, after each commit that is in the log only; the last is all.
    """

    file: bytes
    log: bytes
    worlds: tuple[World, ...]

    def write(self, path: Path) -> None:
        path.write_bytes(self.file)
        log_of(path).write_bytes(self.log)


def killed_store(folder: Path, seed: int, *, log: bool) -> Files:
    """Run a store for a while and take its files away from under it."""
    random = Random(seed)
    path = folder / "made.db"
    database = Database.open(path)
    world: World = {}
    create(database, world, [record(random, n) for n in range(ACTORS)])
    for _ in range(4):
        change(database, world, random, 60)
    database._empty_log()  # pyright: ignore[reportPrivateUsage]
    worlds = [dict(world)]
    if log:
        for _ in range(8):
            change(database, world, random, 12)
            worlds.append(dict(world))
    files = Files(path.read_bytes(), log_of(path).read_bytes(), tuple(worlds))
    database.close()
    path.unlink()
    return files


def record(random: Random, number: int) -> ActorRecord:
    return ActorRecord(
        id=f"{random.getrandbits(64):016x}",
        name=random.choice(NAMES),
        key=(f"key {number}", *("é" * random.randrange(40),) * random.randrange(3)),
        created_at=float(number),
        state=state(random),
        connections=tuple(connection(random) for _ in range(random.choice([0, 0, 1, 5]))),
    )


def state(random: Random) -> bytes | None:
    size = random.choice([None, 0, 30, 300, 300, 3_000, 20_000])
    return None if size is None else random.randbytes(random.randrange(size + 1))


def connection(random: Random) -> StoredConnection:
    state = None if random.random() < 0.3 else random.randbytes(random.randrange(80))
    kind: ConnKind = random.choice(["connection", "websocket"])
    return StoredConnection(id=f"{random.getrandbits(48):012x}", state=state, kind=kind)


def create(database: Database, world: World, records: Sequence[ActorRecord]) -> None:
    """Create actors, in the world as far as they are in the store."""
    creations = [Creation(one, address(one), "process") for one in records]
    for one, error in zip(records, database.store(creations), strict=True):
        if error is None:
            world[one.id] = one


@lru_cache(None)
def address_at(name: str, key: tuple[str, ...]) -> Address:
    return address_of(name, key)


def address(actor: ActorRecord) -> Address:
    return address_at(actor.name, actor.key)


def change(database: Database, world: World, random: Random, count: int) -> None:
    """Change actors, in the world as far as it happened in the store; all in one commit."""
    segments: list[Segment] = []
    for actor_id in random.sample(sorted(world), count):
        before = world[actor_id]
        ended = random.sample(before.connections, random.randrange(len(before.connections) + 1))
        segments.append(
            Segment(
                actor_id=actor_id,
                generation=1,
                durability="process",
                state=state(random),
                connections=tuple(connection(random) for _ in range(random.choice([0, 0, 2]))),
                ended=tuple(one.id for one in ended),
            )
        )
    for segment, error in zip(segments, database.store(segments), strict=True):
        if error is None:
            world[segment.actor_id] = after(world[segment.actor_id], segment)


def after(before: ActorRecord, segment: Segment) -> ActorRecord:
    """What a segment makes of an actor."""
    connections = {one.id: one for one in before.connections}
    connections |= {one.id: one for one in segment.connections}
    return attrs.evolve(
        before,
        state=before.state if segment.state is None else segment.state,
        connections=tuple(one for one in connections.values() if one.id not in segment.ended),
    )


def damage(random: Random, path: Path) -> str:
    """Damage one sector of a file, or one bit of it."""
    data = bytearray(path.read_bytes())
    sector = random.choice([512, 512, 4096])
    start = random.randrange(len(data)) // sector * sector
    end = min(start + sector, len(data))
    kind = random.choice(["garbage", "zeros", "bit", "bit"])
    if kind == "garbage":
        data[start:end] = random.randbytes(end - start)
    elif kind == "zeros":
        data[start:end] = bytes(end - start)
    else:
        # The beginnings of sectors are where pages say what they have.
        offset = start + random.choice([random.randrange(end - start), random.randrange(24)])
        data[min(offset, len(data) - 1)] ^= 1 << random.randrange(8)
    path.write_bytes(data)
    return f"{kind} at {start} of {path.name}"


def read(
    database: Database, worlds: Sequence[World], random: Random, most: int = ACTORS
) -> tuple[set[int], int]:
    """Read everything there may be; with fewer than all actors, some of them and seldom a list.

    Returns:
        Which of the worlds agree with all that was read, and how much was reported as damaged.
    """
    possible = set(range(len(worlds)))
    damaged = 0

    def saw(seen: ActorRecord | None, actor_id: str, how: str) -> None:
        agreeing = {n for n in possible if worlds[n].get(actor_id) == seen}
        assert agreeing, f"{how} {actor_id}: {seen} is not what was committed"
        possible.intersection_update(agreeing)

    records = database.records
    actors = list(worlds[-1].values())
    for actor in random.sample(actors, min(most, len(actors))):
        try:
            saw(records.find(address(actor)), actor.id, "found")
        except RecordDamaged:
            damaged += 1
    for actor in random.sample(actors, most // 4):
        bare = attrs.evolve(actor, state=None, connections=())
        try:
            who = random.choice(
                [records.identify(from_text(actor.id)), records.identify_at(address(actor))]
            )
        except RecordDamaged:
            damaged += 1
        else:
            # Who an actor is never changes: only whether it is there yet.
            agreeing = {n for n in possible if (actor.id in worlds[n]) == (who is not None)}
            assert who in {None, bare}, f"{actor.id} is taken for {who}"
            assert agreeing, f"{actor.id} is there, or is not, in none of the worlds"
            possible &= agreeing
    for actor in random.sample(actors, most // 4):
        try:
            saw(records.load(from_text(actor.id)), actor.id, "loaded")
        except RecordDamaged:
            damaged += 1
    for name in (*NAMES, "nothing")[: 3 if random.random() < most / ACTORS else 0]:
        try:
            listed = records.list(from_text(name))
        except RecordDamaged:
            damaged += 1
        else:
            possible &= {n for n in possible if listed == listed_in(worlds[n], name)}
            assert possible, f"the list of {name} is not what was committed"
    for missing in range(most // 8):
        try:
            assert records.find(address_of("room", (f"nobody {missing}",))) is None
            unknown = b"%016x" % random.getrandbits(64)
            assert records.load(unknown) is None, unknown
        except RecordDamaged:
            damaged += 1
    return possible, damaged


def listed_in(world: World, name: str) -> list[ActorRecord]:
    found = [attrs.evolve(one, state=None, connections=()) for one in world.values()]
    return sorted((one for one in found if one.name == name), key=lambda one: one.created_at)


def damage_and_read(
    files: Files, path: Path, random: Random, *, which: Path, most: int = ACTORS
) -> str:
    """Damage a file, read everything, and sometimes go on writing.

    Returns:
        What became of it: `refused`, `reported`, `shortened` or `harmless`.
    """
    files.write(path)
    where = damage(random, which)
    in_log = which != path
    try:
        database = Database.open(path)
    except StorageError:
        return "refused"
    try:
        # A damaged log may cost its last commits; a damaged file costs nothing but what it says.
        worlds = files.worlds if in_log else files.worlds[-1:]
        possible, damaged = read(database, worlds, random, most)
        if random.random() < 0.08:
            possible, damaged = read(database, worlds, random)
            world = dict(worlds[max(possible)])
            change(database, world, random, 40)
            create(database, world, [record(random, 1_000 + n) for n in range(20)])
            database._empty_log()  # pyright: ignore[reportPrivateUsage]
            damaged += read(database, [world], random)[1]
        if damaged:
            return "reported"
        return "harmless" if len(worlds) - 1 in possible else "shortened"
    except AssertionError as error:
        error.add_note(where)
        raise
    finally:
        database.close()


def rounds(folder: Path, count: int, seed: int, *, log: bool, most: int = ACTORS) -> Counter[str]:
    """Damage the log, or the file, that many times."""
    random = Random(seed)
    files = killed_store(folder, seed + 1_000_000, log=log)
    path = folder / "damaged.db"
    which = log_of(path) if log else path
    return Counter(
        damage_and_read(files, path, random, which=which, most=most) for _ in range(count)
    )


def main() -> None:
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for n in range(seed, seed + max(1, count // 1_000)):
        for log in (False, True):
            with tempfile.TemporaryDirectory(dir=FAST) as folder:
                seen = rounds(Path(folder), min(500, count // 2), n, log=log)
            print("log " if log else "file", n, dict(seen), flush=True)


if __name__ == "__main__":
    main()
