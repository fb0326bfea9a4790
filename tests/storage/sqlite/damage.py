"""A store's files before and after somebody has damaged them.

Run by hand, it damages them as often as it is told: `python -m tests.storage.sqlite.damage 20000`.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

import attrs

from tests.storage.sqlite.world import (
    NAMES,
    PARENTS,
    SPACES,
    World,
    alarms_in,
    children_in,
    connection,
    listed_in,
    record,
    rows,
    state,
)
from trivet.ports.errors import RecordDamaged, StorageError
from trivet.ports.records import ActorRecord, Segment
from trivet.storage.sqlite.address import Address, address_of, from_text
from trivet.storage.sqlite.database import Creation, Database
from trivet.storage.sqlite.opening import log_of
from trivet.testing.storage_subject import who as who_is

ACTORS = 240
FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files cost nothing: thousands are written, and none has to survive."""


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
    world = World()
    create(database, world, [record(random, n) for n in range(ACTORS)], random)
    for _ in range(4):
        change(database, world, random, 60)
    database._empty_log()  # pyright: ignore[reportPrivateUsage]
    worlds = [world.copied()]
    if log:
        for _ in range(8):
            change(database, world, random, 12)
            worlds.append(world.copied())
    files = Files(path.read_bytes(), log_of(path).read_bytes(), tuple(worlds))
    database.close()
    path.unlink()
    return files


def create(
    database: Database, world: World, records: Sequence[ActorRecord], random: Random
) -> None:
    """Create actors, in the world as far as they are in the store."""
    creations = [Creation(one, address(one), "process", rows(random)) for one in records]
    for one, error in zip(creations, database.store(creations), strict=True):
        if error is None:
            world[one.record.id] = one.record
            world.write(one.record.id, one.rows)


@lru_cache(None)
def address_at(name: str, key: tuple[str, ...]) -> Address:
    return address_of(name, key)


def address(actor: ActorRecord) -> Address:
    return address_at(actor.name, actor.key)


def change(database: Database, world: World, random: Random, count: int) -> None:
    """Change actors, in the world as far as it happened in the store; all in one commit."""
    segments: list[Segment] = []
    for actor_id in random.sample(sorted(world), min(count, len(world))):
        before = world[actor_id]
        ended = random.sample(before.connections, random.randrange(len(before.connections) + 1))
        segments.append(
            Segment(
                actor_id=actor_id,
                generation=before.generation + random.choice([0, 0, 1]),
                durability="process",
                state=state(random),
                connections=tuple(connection(random) for _ in range(random.choice([0, 0, 2]))),
                ended=tuple(one.id for one in ended),
                writes=rows(random),
                alarm=random.choice([None, None, math.inf, random.random()]),
                destroyed=random.random() < 0.03,
            )
        )
    for segment, error in zip(segments, database.store(segments), strict=True):
        if error is None:
            world.apply(segment)


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
    ever = {actor_id: actor for world in worlds for actor_id, actor in world.items()}
    actors = list(ever.values())
    for actor in random.sample(actors, min(most, len(actors))):
        try:
            saw(records.find(address(actor)), actor.id, "found")
        except RecordDamaged:
            damaged += 1
    for actor in random.sample(actors, most // 4):
        bare = who_is(actor)
        try:
            by_id = random.random() < 0.5
            who = (
                records.identify(from_text(actor.id))
                if by_id
                else records.identify_at(address(actor))
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
    damaged += read_rows(database, worlds, random, possible, ever, most)
    damaged += read_lives(database, worlds, possible)
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


def read_rows(
    database: Database,
    worlds: Sequence[World],
    random: Random,
    possible: set[int],
    ever: Iterable[str],
    most: int,
) -> int:
    """Read rows, by their keys and in ranges."""
    damaged = 0
    for actor_id in random.sample(sorted(ever), most // 4):
        encoded, space = from_text(actor_id), random.choice(SPACES)
        start = b"%02d" % random.randrange(30) if random.random() < 0.5 else b""
        end = random.choice([None, start + b"\xff", b"20"])
        limit, reverse = random.choice([None, 1, 4]), random.random() < 0.5
        try:
            seen = database.records.scan(encoded, space, start, end, reverse=reverse, limit=limit)
        except RecordDamaged:
            damaged += 1
        else:
            step = -1 if reverse else 1
            possible &= {
                n
                for n in possible
                if worlds[n].scan(actor_id, space, start, end)[::step][:limit] == seen
            }
            assert possible, f"the rows of {actor_id} from {start!r} to {end!r} are not {seen}"
        keys = [b"%02d" % random.randrange(30) for _ in range(3)]
        try:
            values = database.records.get(encoded, space, keys)
        except RecordDamaged:
            damaged += 1
        else:
            for key in keys:
                possible &= {
                    n
                    for n in possible
                    if worlds[n].rows.get(actor_id, {}).get((space, key)) == values.get(key)
                }
            assert possible, f"of the rows {keys} of {actor_id} it has {values}"
    return damaged


def read_lives(database: Database, worlds: Sequence[World], possible: set[int]) -> int:
    """Read who wants to be woken, and who has parents."""
    damaged = 0
    for limit in (1, 10, 1_000):
        try:
            alarms = database.records.alarms(limit)
        except RecordDamaged:
            damaged += 1
        else:
            possible &= {n for n in possible if alarms_in(worlds[n])[:limit] == alarms}
            assert possible, f"the first {limit} alarms are not {alarms}"
    for parent in (*PARENTS, "nobody"):
        try:
            children = database.records.children(from_text(parent))
        except RecordDamaged:
            damaged += 1
        else:
            possible &= {n for n in possible if children_in(worlds[n], parent) == children}
            assert possible, f"the children of {parent} are not {children}"
    return damaged


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
            world = worlds[max(possible)].copied()
            change(database, world, random, 40)
            create(database, world, [record(random, 1_000 + n) for n in range(20)], random)
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
