"""Queues as a class declares them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from trivet.declare.actor import Actor
from trivet.declare.errors import ValidationError
from trivet.declare.event import Event
from trivet.declare.queue import Queue
from trivet.declare.registry import definition_of
from trivet.declare.wire_names import camel_case


@attrs.frozen
class Job:
    page_url: str


class Worker(Actor[None]):
    new_jobs = Queue[Job, int]()
    pings = Queue[str](name="ping!")
    anything = Queue[Any]()


class Careful(Worker):
    new_jobs = Queue[str, str]()


def test_a_queue_has_a_name_and_two_types() -> None:
    definition = definition_of(Worker)
    assert list(definition.queues_by_name) == ["new_jobs", "ping!", "anything"]
    jobs = definition.queue(Worker.new_jobs)
    assert jobs.queue is Worker.new_jobs
    assert jobs.body.load({"page_url": "u"}) == Job("u")
    assert jobs.has_result
    assert jobs.result.load(5) == 5
    assert repr(Worker.new_jobs) == "<queue Worker.new_jobs>"


def test_without_a_second_type_only_none_completes() -> None:
    pings = definition_of(Worker).queue(Worker.pings)
    assert not pings.has_result
    assert pings.result.copy(None) is None
    with pytest.raises(ValidationError):
        pings.result.copy(5)

    class Explicit(Actor[None]):
        acknowledged = Queue[str, None]()

    assert not definition_of(Explicit).queue(Explicit.acknowledged).has_result


def test_with_any_it_takes_what_the_wire_can_carry() -> None:
    anything = definition_of(Worker).queue(Worker.anything)
    assert anything.body.load([1, {"a": None}]) == [1, {"a": None}]
    assert not anything.has_result


def test_naming_converts_names_and_fields() -> None:
    definition = definition_of(Worker, camel_case)
    assert list(definition.queues_by_name) == ["newJobs", "ping!", "anything"]
    assert definition.queue(Worker.new_jobs).body.dump(Job("u")) == {"pageUrl": "u"}


def test_a_subclass_answers_for_the_token_of_its_base() -> None:
    definition = definition_of(Careful)
    assert definition.queue(Worker.new_jobs) is definition.queue(Careful.new_jobs)
    assert definition.queue(Worker.new_jobs).body.load("u") == "u"
    assert definition.queue(Worker.pings).name == "ping!"


def test_the_queue_of_another_class_is_refused() -> None:
    with pytest.raises(LookupError, match=r"<queue Careful.new_jobs> is no queue of Worker"):
        definition_of(Worker).queue(Careful.new_jobs)


def test_a_name_is_taken_once_and_events_have_names_of_their_own() -> None:
    class Both(Actor[None]):
        said = Event[str]()
        queue_of_said = Queue[str](name="said")

    assert list(definition_of(Both).queues_by_name) == ["said"]
    with pytest.raises(TypeError, match="Twice declares the name 'a' twice"):

        class Twice(Actor[None]):  # pyright: ignore[reportUnusedClass]  # not made
            a = Queue[str]()
            b = Queue[str](name="a")


def test_a_slot_must_be_free() -> None:
    with pytest.raises(TypeError, match=r"Bad.schedule has the name of an attribute of Actor"):

        class Bad(Actor[None]):  # pyright: ignore[reportUnusedClass]  # not made
            schedule = Queue[str]()  # type: ignore[assignment]  # pyright: ignore


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: Queue[dict[int, str]](), "dict"),
        (lambda: Queue[str, dict[int, str]](), "dict"),
        (lambda: Queue[object](), "object"),
    ],
)
def test_types_that_cannot_be_sent_are_refused(make: Any, place: str) -> None:
    with pytest.raises(TypeError, match=rf"Odd\.jobs.*{place}"):

        class Odd(Actor[None]):  # pyright: ignore[reportUnusedClass]  # not made
            jobs = make()


def test_can_publish_is_a_plain_method() -> None:
    with pytest.raises(TypeError, match=r"Slow.can_publish must be a plain `def`"):

        class Slow(Actor[None]):  # pyright: ignore[reportUnusedClass]  # not made
            async def can_publish(  # type: ignore[override]  # pyright: ignore
                self, queue: Any, conn: Any
            ) -> bool:
                return True


def test_a_type_is_no_declaration() -> None:
    with pytest.raises(
        TypeError, match=r"Missed.jobs is the type of a queue .* trivet.Queue\[str, int\]\(\)"
    ):

        class Missed(Actor[None]):  # pyright: ignore[reportUnusedClass]  # not made
            jobs = Queue[str, int]
