"""The one thread that owns the file, and how Trio's tasks wait for it.

Rule 1. The thread takes all that is queued, stores it in one transaction, answers it all in one
callback, and only then looks after the log. So one wait for the disk serves every save that came
while it lasted.
Rule 2. In a round, writes come first: who reads sees what was queued before.
Rule 3. Whoever waits can leave at once. A write that the thread has taken can no longer be
withdrawn: it happens all the same; ``Claim`` decides between the two threads.
Rule 4. The thread is a daemon: a disk that never answers must not keep the process from ending.
Leaving ``open`` waits for it as long as there is time, then it is abandoned: nothing more is given
to it, and everybody who waits is told. What an end in the middle of a commit leaves in the file is
what a crash leaves: everything acknowledged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs
import outcome
import trio

from trivet.logs import about
from trivet.ports.errors import NotStored, StorageError
from trivet.ports.records import Segment
from trivet.ports.storage import Committed
from trivet.storage.sqlite import faults
from trivet.storage.sqlite.database import Database, Write

__all__ = ["Writer"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

MOST_WRITES: Final = 1_000
"""Writes and reads in one round."""

SLOW: Final = 1.0
"""Seconds that a commit may take before the log says so."""


class Claim:
    """Something that only one of two threads gets."""

    __slots__ = ("_tickets",)

    def __init__(self) -> None:
        self._tickets = [None]

    def take(self) -> bool:
        """Take it, unless it is taken."""
        try:
            self._tickets.pop()  # one step for every thread
        except IndexError:
            return False
        return True


# One is made for each save: a frozen class would take three times as long.
@attrs.define(eq=False)
class _Save:
    write: Write
    done: Committed
    claim: Claim | None = None

    @property
    def actor_id(self) -> str:
        return self.write.actor_id if isinstance(self.write, Segment) else self.write.record.id

    def abandon(self) -> None:
        self.done(_hanging())


@attrs.define(eq=False)
class _Read(Generic[T]):
    read: Callable[[Database], T]
    done: Callable[[outcome.Outcome[T]], None]
    claim: Claim = attrs.Factory(Claim)

    def abandon(self) -> None:
        self.done(outcome.Error(_hanging()))


_Request: TypeAlias = "_Save | _Read[Any]"
_Answer: TypeAlias = tuple[_Request, Any]


class Writer:
    """The thread, for one opening of a file.

    Args:
        opener: Opens the file, in the thread.
        name: What the thread is called.

    Attributes:
        opened: Set when the file is open or could not be opened.
        ended: Set when the thread has nothing left to do.
        error: Why the file could not be opened.
        failed: Whether the disk has failed.
    """

    def __init__(self, opener: Callable[[], Database], name: str) -> None:
        self.opened = trio.Event()
        self.ended = trio.Event()
        self.error: Exception | None = None
        self.failed = False
        self._opener = opener
        self._token = trio.lowlevel.current_trio_token()
        self._queue: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._accepts = True
        self._waiting: dict[_Request, None] = {}  # what nobody has answered yet

    # In Trio's thread

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end when everything that is queued is done; nothing more is taken."""
        self._accepts = False
        self._queue.put(None)

    def abandon(self) -> tuple[int, int]:
        """Wait for the thread no longer: what it has not taken yet is withdrawn, all are told.

        Returns:
            How many saves were not answered, and of how many actors.
        """
        with suppress(Empty):
            while True:
                self._queue.get_nowait()
        self._queue.put(None)
        waiting, self._waiting = self._waiting, {}
        saves = [request for request in waiting if isinstance(request, _Save)]
        for request in waiting:
            request.abandon()
        return len(saves), len({save.actor_id for save in saves})

    def commit(self, write: Write, done: Committed) -> None:
        """Queue a write."""
        if self._accepts:
            self._ask(_Save(write, done))
        else:
            done(_closed())

    def _ask(self, request: _Request) -> None:
        self._waiting[request] = None
        self._queue.put(request)

    async def store(self, write: Write) -> None:
        """Store a write; whoever is cancelled leaves at once: it is withdrawn, or it happens."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._accepts:
            raise _closed()
        task = trio.lowlevel.current_task()
        is_waiting = True

        def done(error: StorageError | None) -> None:
            if is_waiting:
                result = outcome.Value(None) if error is None else outcome.Error(error)
                trio.lowlevel.reschedule(task, result)

        def leave(_raise_cancel: object) -> trio.lowlevel.Abort:
            nonlocal is_waiting
            is_waiting = False
            if claim.take():
                self._waiting.pop(request, None)
            return trio.lowlevel.Abort.SUCCEEDED

        claim = Claim()
        request = _Save(write, done, claim)
        self._ask(request)
        await trio.lowlevel.wait_task_rescheduled(leave)

    async def read(self, read: Callable[[Database], T]) -> T:
        """Read something in the thread; whoever is cancelled leaves at once."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._accepts:
            raise _closed()
        task = trio.lowlevel.current_task()
        is_waiting = True

        def done(result: outcome.Outcome[T]) -> None:
            if is_waiting:
                trio.lowlevel.reschedule(task, result)

        def leave(_raise_cancel: object) -> trio.lowlevel.Abort:
            nonlocal is_waiting
            is_waiting = False
            if request.claim.take():
                self._waiting.pop(request, None)
            return trio.lowlevel.Abort.SUCCEEDED

        request = _Read(read, done)
        self._ask(request)
        result: T = await trio.lowlevel.wait_task_rescheduled(leave)
        return result

    def join(self) -> None:
        """Wait for the thread, which has ``ended``: it has but to return."""
        self._thread.join()

    # In the thread

    def _run(self) -> None:
        try:
            try:
                database = self._opener()
            except Exception as error:
                self.error = error
                self._call(self.opened.set)
                return
            self._call(self.opened.set)
            try:
                while self._serve(database):
                    pass
            finally:
                database.close()
        finally:
            self._call(self.ended.set)

    def _serve(self, database: Database) -> bool:
        """Do one round.

        Returns:
            Whether there may be more.
        """
        requests, more = self._take()
        wanted = [one for one in requests if one.claim is None or one.claim.take()]
        saves = [one for one in wanted if isinstance(one, _Save)]
        reads = [one for one in wanted if isinstance(one, _Read)]
        results = _store(database, [save.write for save in saves])
        answers: list[_Answer] = list(zip(saves, results, strict=True))
        answers += [(one, outcome.capture(one.read, database)) for one in reads]
        self.failed = database.failed
        if answers:
            self._call(self._deliver, answers)
        _tidy(database)
        self.failed = database.failed
        return more

    def _take(self) -> tuple[list[_Request], bool]:
        requests: list[_Request] = []
        request = self._queue.get()
        while request is not None:
            requests.append(request)
            if len(requests) == MOST_WRITES or self._queue.empty():
                return requests, True
            request = self._queue.get()
        return requests, False

    def _deliver(self, answers: Iterable[_Answer]) -> None:
        """In Trio's thread: answer whoever waits still."""
        for request, result in answers:
            if request in self._waiting:
                del self._waiting[request]
                request.done(result)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            self._token.run_sync_soon(function, *arguments)
        except trio.RunFinishedError:
            logger.debug("nobody is left to hear of the last saves", extra=about())


def _store(database: Database, writes: Sequence[Write]) -> Sequence[StorageError | None]:
    if not writes:
        return []
    started = time.monotonic()
    try:
        results = database.store(writes)
    except Exception:
        # Around the process's one writer: nobody would ever be answered again without it.
        logger.exception("storing failed in a way that nobody has thought of", extra=about())
        database.failed = True
        return [faults.failed_for_good() for _ in writes]
    seconds = time.monotonic() - started
    if seconds > SLOW:
        logger.warning("a slow commit", extra={"seconds": seconds, "writes": len(writes)})
    return results


def _tidy(database: Database) -> None:
    try:
        database.tidy()
    except Exception:
        logger.exception("the log of the store could not be looked after", extra=about())
        database.failed = True


def _closed() -> StorageError:
    return StorageError("the store is not open")


def _hanging() -> StorageError:
    return NotStored("the disk does not answer")
