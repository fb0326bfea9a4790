from __future__ import annotations

from typing import Any, cast

import attrs
import pytest

from trivet.runtime.conns import Connections


@attrs.define(eq=False)
class FakeConnection:
    id: str
    subscriptions: dict[str, None] = attrs.Factory(dict[str, None])


def connections(ids: str) -> tuple[Connections, list[Any]]:
    """Connections, one for each letter."""
    conns = Connections()
    made = [cast("Any", FakeConnection(letter)) for letter in ids]
    for conn in made:
        conns.add(conn)
    return conns, made


def ids(conns: Any) -> str:
    return "".join(conn.id for conn in conns)


def test_it_is_a_mapping_oldest_first() -> None:
    conns, (c, a, b) = connections("cab")
    assert list(conns) == ["c", "a", "b"]
    assert len(conns) == 3
    assert conns["a"] is a
    assert conns.get("x") is None
    assert "b" in conns
    assert list(conns.values()) == [c, a, b]
    with pytest.raises(KeyError):
        conns["x"]


def test_finding_and_selecting() -> None:
    conns, (_, a, b) = connections("cab")
    assert conns.find(lambda conn: conn.id < "c") is a
    assert conns.find(lambda conn: conn.id > "c") is None
    assert conns.select(lambda conn: conn.id < "c") == [a, b]


def test_it_may_change_while_one_iterates() -> None:
    conns, _ = connections("abcd")
    seen = ""
    for conn_id in conns:
        seen += conn_id
        if conn_id == "b":
            for conn in conns.all():
                conns.remove(cast("Any", conn))
    assert seen == "abcd"
    assert not conns


def test_subscribers_are_a_snapshot_in_the_order_they_subscribed() -> None:
    conns, (a, b, c) = connections("abc")
    for conn in (c, a):
        conns.subscribe(conn, "said")
    listening = conns.subscribers("said")
    conns.subscribe(b, "said")
    assert ids(listening) == "ca"
    assert ids(conns.subscribers("said")) == "cab"
    assert conns.subscribers("joined") == ()


def test_subscribing_twice_is_once() -> None:
    conns, (a,) = connections("a")
    conns.subscribe(a, "said")
    conns.subscribe(a, "said")
    assert ids(conns.subscribers("said")) == "a"
    conns.unsubscribe(a, "said")
    conns.unsubscribe(a, "said")
    assert conns.subscribers("said") == ()
    assert not a.subscriptions


def test_who_leaves_hears_nothing_and_keeps_its_subscriptions() -> None:
    conns, (a, b) = connections("ab")
    for conn in (a, b):
        conns.subscribe(conn, "said")
    conns.remove(a)
    conns.remove(a)
    assert ids(conns.subscribers("said")) == "b"
    conns.add(a)  # as it comes back in the next instance
    assert ids(conns.subscribers("said")) == "ba"


def test_who_has_left_does_not_hear_what_it_subscribes_to() -> None:
    conns, (a,) = connections("a")
    conns.remove(a)
    conns.subscribe(a, "said")
    assert conns.subscribers("said") == ()
