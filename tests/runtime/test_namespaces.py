"""Namespaces: the same name and key, and nothing in common."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, strategies as st

import trivet
from tests.server.serving import Serving, serving
from trivet.client.local import LocalTransport
from trivet.declare.handle import Address, Client
from trivet.declare.registry import Registry
from trivet.runtime.namespaces import is_namespace, name_of, namespace_of, stored_name


class Counter(trivet.Actor[int], name="counter"):
    @trivet.action
    def add(self, number: int = 1) -> int:
        self.state += number
        return self.state

    @trivet.action
    async def add_to_another(self, key: str) -> int:
        return await self.client.get_or_create(Counter, key).call(Counter.add, 10)

    @trivet.action
    async def make_another(self, key: str) -> str:
        return await (await self.client.create(Counter, key)).resolve()


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
namespaces = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)


@given(namespaces, names, namespaces, names)
def test_what_is_stored_reads_in_one_way(one: str, name: str, other: str, another: str) -> None:
    stored = stored_name(one, name)
    assert (namespace_of(stored), name_of(stored)) == (one, name)
    assert (stored == stored_name(other, another)) == ((one, name) == (other, another))


def test_the_default_one_is_not_written() -> None:
    assert stored_name("default", "counter") == "counter"


@pytest.mark.parametrize("text", ["", "a b", "-a", "a/b", "a" * 65, "\0", "ä", "a\n"])
def test_what_is_no_name_for_one(text: str) -> None:
    assert not is_namespace(text)


def test_a_name_cannot_look_like_another_namespace() -> None:
    class Sly(trivet.Actor, name="\0other\0counter"):
        pass

    with pytest.raises(ValueError, match="null character"):
        Registry(Sly)


async def listed(site: Serving, namespace: str, query: str) -> list[Any]:
    reply = await site.http().request("GET", f"/actors?namespace={namespace}&{query}")
    found: list[Any] = reply.json["actors"]
    return found


async def test_they_are_apart_in_every_way_and_over_a_restart(tmp_path: Path) -> None:
    """Trivet's client, the manager, gateway addresses, ids, and an actor's own calls."""
    storage = trivet.SqliteStorage(tmp_path / "a.db")
    ids: dict[str, str] = {}
    for visit in (1, 2):
        async with serving(Counter, storage=storage, host="127.0.0.1") as site:
            site.runtime.client = Client(LocalTransport(site.runtime))
            for number, namespace in enumerate(("default", "blue", "green"), 1):
                host = site.server.url.removeprefix("http://")
                async with trivet.open_client(f"http://{namespace}:@{host}") as client:
                    handle = client.get_or_create(Counter, "a")
                    assert await handle.call(Counter.add, number) == visit * number
                    added = await handle.call(Counter.add_to_another, "b")
                    assert added == 10 * visit
                    actor_id = await handle.resolve()
                    assert ids.setdefault(namespace, actor_id) == actor_id
                    by_id = client.get_by_id(Counter, actor_id)
                    assert await by_id.call(Counter.add, 0) == visit * number

                (found,) = await listed(site, namespace, "name=counter&key=a")
                assert found["actor_id"] == actor_id
                assert (found["name"], found["namespace_id"]) == ("counter", namespace)
                assert await listed(site, namespace, f"actor_ids={actor_id}") == [found]
                assert await listed(site, "another", f"actor_ids={actor_id}") == []
                assert {one["key"] for one in await listed(site, namespace, "name=counter")} == {
                    "a",
                    "b",
                }
    assert len(set(ids.values())) == 3


async def test_what_an_actor_creates_is_in_its_namespace() -> None:
    async with serving(Counter) as site:
        site.runtime.client = Client(LocalTransport(site.runtime))
        http = site.http()
        address = (
            "/gateway/counter/action/make_another?rvt-namespace=blue&rvt-method=getOrCreate"
            "&rvt-runner=default&rvt-key=a"
        )
        reply = await http.request("POST", address, json.dumps({"args": ["b"]}).encode())
        made = reply.json["output"]
        found = await http.request("GET", f"/actors?namespace=blue&actor_ids={made}")
        assert [one["key"] for one in found.json["actors"]] == ["b"]
        again = await http.request("POST", address, json.dumps({"args": ["b"]}).encode())
        assert again.error == "actor.duplicate_key"


async def test_a_header_that_names_another_namespace_finds_nothing() -> None:
    async with serving(Counter) as site:
        definition = site.runtime.registry.find(Counter)
        address = Address(key=("a",), namespace="blue", create=True)
        actor_id = (await site.runtime.directory.awake(definition, address)).actor_id
        for namespace, status in [("blue", 200), ("default", 404), ("green", 404)]:
            reply = await site.http().request(
                "POST", f"/gateway/{actor_id}/action/add", b"{}", x_rivet_namespace=namespace
            )
            assert reply.status == status
        await site.runtime.put_away(definition, address)
        reply = await site.http().request(
            "POST", f"/gateway/{actor_id}/action/add", b"{}", x_rivet_namespace="green"
        )
        assert reply.error == "actor.not_found"


async def test_no_query_reaches_into_another_namespace() -> None:
    async with serving(Counter) as site:
        definition = site.runtime.registry.find(Counter)
        address = Address(key=("a",), namespace="blue", create=True)
        await site.runtime.directory.awake(definition, address)
        http = site.http()
        sly = "%00blue%00counter"
        for query in (f"name={sly}&key=a", f"name={sly}"):
            reply = await http.request("GET", f"/actors?namespace=default&{query}")
            assert (reply.status, reply.error) == (400, "api.bad_request")
        gateway = f"/gateway/{sly}/action/add?rvt-namespace=default&rvt-method=get&rvt-key=a"
        assert (await http.request("POST", gateway, b"{}")).error == "guard.query_invalid_params"


async def test_instances_of_two_namespaces_are_told_apart() -> None:
    async with serving(Counter) as site, trio.open_nursery() as nursery:
        definition = site.runtime.registry.find(Counter)
        for namespace in ("default", "blue"):
            address = Address(key=("a",), namespace=namespace, create=True)
            nursery.start_soon(partial(site.runtime.directory.awake, definition, address))
        await trio.testing.wait_all_tasks_blocked()
        assert {one.label for one in site.runtime.directory.instances} == {
            "counter/a",
            "blue:counter/a",
        }
