"""Rows, alarms and children in the file: what was altered or hidden is reported, never returned."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from tests.storage.sqlite.stores import Hiding, actor
from trivet.ports.errors import RecordDamaged
from trivet.ports.records import ActorRecord, Row, Segment, Space, Write
from trivet.storage.sqlite.address import address_of
from trivet.storage.sqlite.alarms import OF_HEADS, SOONEST
from trivet.storage.sqlite.database import Creation, Database
from trivet.storage.sqlite.opening import open_file
from trivet.storage.sqlite.storage import SqliteStorage


def created(record: ActorRecord, *writes: Write) -> Creation:
    return Creation(record, address_of(record.name, record.key), "process", writes)


@pytest.mark.parametrize(
    ("tree", "alarms", "children", "rows"),
    [
        ("from alarms", False, True, True),
        ("heads_by_alarm", False, True, True),
        ("actors_by_parent", True, False, True),
        ("from families", True, False, True),
        ("value, checksum from rows", True, True, False),
        ("rows_again", True, True, False),
    ],
)
def test_no_alarm_child_or_row_is_hidden_by_one_tree(
    tmp_path: Path, tree: str, alarms: bool, children: bool, rows: bool
) -> None:
    path = tmp_path / "a.db"
    connection = open_file(path, factory=Hiding)
    assert isinstance(connection, Hiding)
    database = Database(connection, path)
    kept = attrs.evolve(actor("a"), alarm=1.0, parent="p")
    assert database.store([created(kept, Write("kv", b"1", b"1"))]) == [None]
    records = database.records
    connection.tree = tree
    reads: list[tuple[Callable[[], object], object, bool]] = [
        (lambda: records.alarms(1), [(1.0, "a")], alarms),
        (lambda: records.children(b"p"), ["a"], children),
        (lambda: records.scan(b"a", "kv", b"", None), [Row(b"1", b"1")], rows),
        (lambda: records.get(b"a", "kv", [b"1"]), {b"1": b"1"}, rows),
    ]
    for read, expected, is_told in reads:
        if is_told:
            assert read() == expected
        else:
            with pytest.raises(RecordDamaged):
                read()
    database.close()


@pytest.mark.parametrize(
    "altered",
    [
        "update rows set value = cast('2' as blob) where key = cast('1' as blob)",
        "update rows set value = 1 where key = cast('1' as blob)",
        "update rows set key = cast('2' as blob) where key = cast('1' as blob)",
        "update rows set space = 2 where key = cast('1' as blob)",
        "update rows set checksum = (select checksum from rows where key = cast('3' as blob))"
        " where key = cast('1' as blob)",
    ],
)
async def test_a_row_that_was_altered_is_never_returned(tmp_path: Path, altered: str) -> None:
    path = tmp_path / "a.db"
    storage = SqliteStorage(path)
    async with storage.open():
        writes = [Write("kv", key, b"1") for key in (b"1", b"3")]
        await storage.create(actor("a"), "power", writes)
    connection = sqlite3.connect(path)
    assert connection.execute(altered).rowcount == 1
    connection.commit()
    connection.close()
    async with storage.open():
        seen: list[object] = []
        places: list[tuple[Space, bytes]] = [("kv", b"1"), ("kv", b"2"), ("queue", b"1")]
        for space, key in places:
            try:
                seen.append(await storage.get("a", space, [key]))
            except RecordDamaged:
                seen.append(None)
        assert None in seen
        assert not any(seen)
        assert await storage.get("a", "kv", [b"3"]) == {b"3": b"1"}


@pytest.mark.parametrize(
    "altered",
    [
        "update alarms set at = 0.5",
        "update alarms set actor = cast('b' as blob)",
        "update alarms set number = number - 1",
        "update heads set alarm = null",
    ],
)
async def test_an_alarm_that_was_altered_is_never_returned(tmp_path: Path, altered: str) -> None:
    path = tmp_path / "a.db"
    storage = SqliteStorage(path)
    async with storage.open():
        await storage.create(attrs.evolve(actor("a"), alarm=1.0), "power")
    connection = sqlite3.connect(path)
    connection.execute(altered)
    connection.commit()
    connection.close()
    async with storage.open():
        with pytest.raises(RecordDamaged):
            await storage.alarms(5)


def test_an_alarm_that_is_no_time_is_refused(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "a.db")
    assert database.store([created(actor("a"))]) == [None]
    [error] = database.store([Segment(actor_id="a", generation=2, alarm=math.nan)])
    assert "time" in str(error)
    assert database.records.load(b"a") == actor("a")
    database.close()


def test_what_is_soonest_is_found_in_the_order_of_a_tree(tmp_path: Path) -> None:
    connection = open_file(tmp_path / "a.db")
    for query in (SOONEST, OF_HEADS):
        plan = connection.execute(f"explain query plan {query}", (1,)).fetchall()
        assert not any(b"TEMP B-TREE" in row[3] for row in plan), plan
    connection.close()


def test_an_actor_is_changed_removed_and_made_anew_in_one_transaction(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "a.db")
    first, second = actor("a", b"0"), attrs.evolve(actor("a", b"3"), created_at=2.0)
    row = Write("kv", b"1", b"1")
    assert (
        database._commit(  # pyright: ignore[reportPrivateUsage]  # all at once, or not at all
            [
                created(first, row),
                Segment(actor_id="a", generation=5, state=b"1", alarm=1.0, writes=(row,)),
                Segment(actor_id="a", generation=5, destroyed=True),
                created(second),
            ]
        )
        == [None] * 4
    )
    assert database.records.load(b"a") == second
    assert database.records.scan(b"a", "kv", b"", None) == []
    assert database.records.alarms(5) == []
    database.close()
