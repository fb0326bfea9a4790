"""Whatever is saved, in whatever batches, the file has what a dictionary would have."""

from __future__ import annotations

import math
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, get_args

import attrs
import pytest
from hypothesis import given, strategies as st

from tests.storage.sqlite import damage
from tests.storage.sqlite.stores import FaultyStorage, Hiding, actor
from tests.storage.sqlite.world import SPACES, World, alarms_in, children_in, listed_in
from trivet.declare.interfaces import ConnKind
from trivet.ports.errors import KeyTaken, RecordDamaged, StorageError
from trivet.ports.records import ActorRecord, Segment, StoredConnection, Write
from trivet.storage.sqlite.address import address_of, from_text
from trivet.storage.sqlite.database import Creation, Database, Write as Saved
from trivet.storage.sqlite.opening import open_file
from trivet.storage.sqlite.storage import SqliteStorage
from trivet.testing.storage_subject import who

REOPEN = "close it and open it again"

IDS_THERE_MAY_BE = ["a", "b", "c", "d", "é"]
IDS = st.sampled_from(IDS_THERE_MAY_BE)
NAMES = st.sampled_from(["room", "hall"])
KEYS = st.sampled_from([(), ("a",), ("a", ""), ("a/",), ("é",)])
STATES = st.none() | st.binary(max_size=20) | st.just(bytes(10_000))
CONNECTIONS = st.lists(
    st.builds(
        StoredConnection,
        id=st.sampled_from("uvwxyz"),
        state=st.none() | st.binary(),
        kind=st.sampled_from(get_args(ConnKind)),
    ),
    max_size=4,
    unique_by=lambda connection: connection.id,
).map(tuple)
LEVELS = st.sampled_from(["power", "process", "interval", "none"])
GENERATIONS = st.integers(1, 3)
ALARMS = st.just(math.inf) | st.floats(allow_nan=False, allow_infinity=False)
WRITES = st.lists(
    st.builds(
        Write,
        st.sampled_from(SPACES),
        st.binary(max_size=2) | st.sampled_from([b"a", b"b"]),
        st.none() | st.binary(max_size=9),
    ),
    max_size=5,
    unique_by=lambda write: write[:2],
).map(tuple)
ACTORS = st.builds(
    ActorRecord,
    id=IDS,
    name=NAMES,
    key=KEYS,
    created_at=st.floats(allow_nan=False, allow_infinity=False),
    parent=st.none() | IDS,
    generation=GENERATIONS,
    alarm=ALARMS,
    state=STATES,
    connections=CONNECTIONS,
)
SEGMENTS = st.builds(
    Segment,
    actor_id=IDS,
    generation=GENERATIONS,
    durability=LEVELS,
    state=STATES,
    connections=CONNECTIONS,
    ended=st.lists(st.sampled_from("uvwxyz"), max_size=3).map(tuple),
    writes=WRITES,
    alarm=st.none() | ALARMS,
    destroyed=st.sampled_from([False] * 5 + [True]),
)
CREATIONS = st.tuples(ACTORS, WRITES)
Created: TypeAlias = "tuple[ActorRecord, tuple[Write, ...]]"
Step: TypeAlias = "list[Created | Segment] | str"
STEPS = st.lists(st.lists(CREATIONS | SEGMENTS, max_size=6) | st.just(REOPEN), max_size=8)


def expected(world: World, step: Created | Segment) -> str | None:
    """Do it in the world; return what the error must be, if there is to be one."""
    if isinstance(step, Segment):
        if step.actor_id not in world:
            return "there is no actor"
        if step.generation < world[step.actor_id].generation:
            return "a later life"
        world.apply(step)
        return None
    record, writes = step
    for one in world.values():
        if (one.name, one.key) == (record.name, record.key):
            return f"the key belongs to actor {one.id}"
    if record.id in world:
        return "already"
    world[record.id] = record
    world.write(record.id, writes)
    return None


def saved(step: Created | Segment) -> Saved:
    if isinstance(step, Segment):
        return step
    record, writes = step
    return Creation(record, address_of(record.name, record.key), "process", writes)


@given(steps=STEPS)
def test_it_has_what_a_dictionary_would_have(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory(dir=damage.FAST) as folder:
        path = Path(folder) / "a.db"
        database = Database.open(path)
        world = World()
        for step in [*steps, REOPEN]:
            if isinstance(step, str):
                database.close()
                database = Database.open(path)
                continue
            errors = [expected(world, one) for one in step]
            results = database.store([saved(one) for one in step])
            for error, result in zip(errors, results, strict=True):
                assert (error is None) == (result is None), (error, result)
                assert (error or "") in str(result)
            database.tidy()
        for one in world.values():
            assert database.records.find(address_of(one.name, one.key)) == one
            assert database.records.load(from_text(one.id)) == one
            for space in SPACES:
                rows = database.records.scan(from_text(one.id), space, b"", None)
                assert rows == world.scan(one.id, space, b"", None)
        for gone in {*IDS_THERE_MAY_BE} - set(world):
            assert database.records.load(from_text(gone)) is None
            assert database.records.scan(from_text(gone), "kv", b"", None) == []
        assert sorted(database.records.alarms(99)) == alarms_in(world)
        for parent in IDS_THERE_MAY_BE:
            children = database.records.children(from_text(parent))
            assert children == children_in(world, parent)
        for name in ("room", "hall"):
            listed = database.records.list(from_text(name))
            assert sorted(listed, key=lambda one: one.id) == sorted(
                listed_in(world, name), key=lambda one: one.id
            )
        database.close()
        connection = sqlite3.connect(path)
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        connection.close()


def test_heads_that_are_forgotten_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trivet.storage.sqlite.heads.MOST_KNOWN", 2)
    database = Database.open(tmp_path / "a.db")
    ids = [f"{number}" for number in range(8)]
    database.store([saved((actor(one), ())) for one in ids])
    for state in (b"1", b"2"):
        for one in ids:
            assert database.store([Segment(actor_id=one, generation=1, state=state)]) == [None]
    assert {database.records.load(from_text(one)) for one in ids} == {
        actor(one, b"2") for one in ids
    }
    database.close()


ALTERED = [
    "update actors set name = cast('hall' as blob)",
    "update actors set created_at = 2.0",
    "update actors set key = 7",
    "update heads set version = 5",
    "update heads set count = 1",
    "update heads set position = 1.5",
    "update heads set combined = 3",
    "delete from heads",
    "update states set state = cast('2' as blob)",
    "update states set state = null",
    "update states set state = 1",
    "update states set version = 2",
    "delete from states",
    "update connections set state = cast('2' as blob)",
    "update connections set kind = cast('websocket' as blob) where position = 0",
    "update connections set kind = cast('nothing' as blob)",
    "update connections set kind = 1",
    "update connections set position = 1 - position",
    "update connections set position = 0.5 where position = 0",
    "delete from connections where position = 0",
    "insert into connections values (cast('a' as blob), cast('z' as blob), zeroblob(1), 9, null, zeroblob(16), null)",
    "update connections set hibernation = zeroblob(5) where position = 0",
    "update actors set parent = cast('p' as blob)",
    "update heads set generation = 2",
    "update heads set alarm = 5.0",
]


@pytest.mark.parametrize("altered", ALTERED)
async def test_a_record_that_was_altered_is_never_returned(tmp_path: Path, altered: str) -> None:
    path = tmp_path / "a.db"
    storage = SqliteStorage(path)
    connections = (StoredConnection(id="x", state=b"1"), StoredConnection(id="y", state=None))
    async with storage.open():
        full = attrs.evolve(actor("a", b"1"), connections=connections)
        await storage.create(full, "power")
    connection = sqlite3.connect(path)
    connection.execute(altered)
    connection.commit()
    connection.close()
    async with storage.open():
        with pytest.raises(RecordDamaged):
            await storage.load("a")
        with pytest.raises(RecordDamaged):
            await storage.find("room", ("a",))
        # Who it is does not rest on its state; but nobody is ever taken for another.
        if " actors" in altered:
            with pytest.raises(RecordDamaged):
                await storage.identify("a")
            with pytest.raises(RecordDamaged):
                await storage.identify_by_key("room", ("a",))
        else:
            assert await storage.identify("a") == who(actor("a"))
            assert await storage.identify_by_key("room", ("a",)) == who(actor("a"))


@pytest.mark.parametrize(
    "altered",
    [
        "delete from names",
        "update names set count = 2",
        "update names set combined = zeroblob(16)",
        "update actors set created_at = 3.0",
        "delete from actors",
    ],
)
async def test_a_list_that_is_not_complete_is_never_returned(tmp_path: Path, altered: str) -> None:
    path = tmp_path / "a.db"
    storage = SqliteStorage(path)
    async with storage.open():
        await storage.create(actor("a"), "power")
        assert await storage.list("hall") == []
    connection = sqlite3.connect(path)
    connection.execute(altered)
    connection.commit()
    connection.close()
    async with storage.open():
        with pytest.raises(RecordDamaged, match="list of room"):
            await storage.list("room")


async def test_an_actor_that_is_damaged_is_not_created_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    storage = SqliteStorage(path)
    async with storage.open():
        await storage.create(actor("a", b"1"), "power")
    connection = sqlite3.connect(path)
    connection.execute("delete from heads")
    connection.execute("update actors set created_at = 4.0")
    connection.commit()
    connection.close()
    async with storage.open():
        with pytest.raises(RecordDamaged):
            await storage.create(attrs.evolve(actor("b"), key=("a",)), "power")
        with pytest.raises(RecordDamaged):
            await storage.create(attrs.evolve(actor("a"), key=("b",)), "power")


async def test_an_id_that_is_taken_is_refused(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "a.db")
    async with storage.open():
        await storage.create(actor("a"), "power")
        with pytest.raises(StorageError, match="an actor a already") as caught:
            await storage.create(attrs.evolve(actor("a"), key=("b",)), "power")
        assert not isinstance(caught.value, KeyTaken)
        assert await storage.load("\ud800") is None


@pytest.mark.parametrize(
    ("tree", "found", "loaded", "listed", "identified"),
    [
        ("actors_by_address", False, True, True, (True, False)),
        ("actors_by_name", True, True, False, (True, True)),
        ("from actors where id", False, False, True, (False, False)),
        ("from heads", False, False, True, (True, True)),
        ("from states", False, False, True, (True, True)),
        ("from names", True, True, False, (True, True)),
        ("from connections", False, False, True, (True, True)),
    ],
)
def test_what_one_tree_hides_is_not_taken_for_missing(
    tmp_path: Path,
    tree: str,
    found: bool,
    loaded: bool,
    listed: bool,
    identified: tuple[bool, bool],
) -> None:
    path = tmp_path / "a.db"
    connection = open_file(path, factory=Hiding)
    assert isinstance(connection, Hiding)
    database = Database(connection, path)
    kept = attrs.evolve(actor("a", b"1"), connections=(StoredConnection(id="x", state=None),))
    assert database.store([saved((kept, ()))]) == [None]
    records = database.records
    connection.tree = tree

    def is_returned(read: Callable[[], object], expected: object) -> bool:
        try:
            assert read() == expected
        except RecordDamaged:
            return False
        return True

    address = address_of("room", ("a",))
    assert is_returned(lambda: records.find(address), kept) == found
    assert is_returned(lambda: records.load(b"a"), kept) == loaded
    bare = who(kept)
    assert (
        is_returned(lambda: records.identify(b"a"), bare),
        is_returned(lambda: records.identify_at(address), bare),
    ) == identified
    assert is_returned(lambda: records.list(b"room"), listed_in({"a": kept}, "room")) == listed
    # Nobody gets its place.
    [error] = database.store([saved((attrs.evolve(kept, id="b"), ()))])
    assert isinstance(error, KeyTaken | RecordDamaged)
    [error] = database.store([saved((attrs.evolve(kept, key=("b",)), ()))])
    assert isinstance(error, StorageError)
    connection.tree = "none"
    assert records.load(b"a") == kept
    database.close()


async def test_asking_who_an_actor_is_reads_nothing_of_its_state(tmp_path: Path) -> None:
    read: list[str] = []
    storage = FaultyStorage(tmp_path / "a.db", lambda sql, _: read.append(sql))
    full = attrs.evolve(actor("a", b"1"), connections=(StoredConnection(id="x", state=b"1"),))
    async with storage.open():
        await storage.create(full, "power")
        for who in ("a", "nobody"):
            read.clear()
            await storage.identify(who)
            await storage.identify_by_key("room", (who,))
            assert read
            assert not [sql for sql in read if "states" in sql or "from connections" in sql]
