"""The gate: effects leave an actor only when what they rest on is stored.

Rules this file keeps:

1. An effect leaves in the order it was made, behind every effect before it. On a store that is
   waited for, it leaves when the segment that it belongs to, and all before, are stored; at once,
   if there is nothing to store.
2. A segment ends (it is *sealed*: encoded, and put behind those before it) where the contract says:
   at the end of a turn, where a turn asks for it, and when a suspended turn has said something and
   the store can take a save. So a state is only ever encoded when no turn is in the middle of a
   step, and what one turn has changed by halves is never stored because another has ended.
   Concurrent actions are asked for by those who want it otherwise: what one of them says ends the
   segment of all that has been done by then, and is looked at between steps, too.
3. At the end of a turn that is lazy: while a save is in flight, the turns that end meanwhile are
   sealed together, and so are those that end after enough was encoded in one pass of the loop
   (``between_turns``). But a turn that may suspend begins behind a sealed segment.
4. At most one save of an actor is in flight; the next takes everything that is sealed by then.
5. A failed save drops everything in the gate; those who wait are told, the instance is rebuilt.
   Until it is gone nothing of it leaves or is stored any more: all that rests on what was lost.
6. An effect that is let out may lead to others at once, of the same actor too: they stand behind
   those that leave with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trivet.declare.errors import ActionError, Error, ValidationError
from trivet.ports.errors import Fenced, StorageError
from trivet.protocol.faults import Fault, error_of, fault_of
from trivet.runtime.atomic import AtomicTurn, refuse_in_atomic_turn
from trivet.runtime.changes import Changes
from trivet.runtime.effects import Drop, Effects, Release
from trivet.runtime.passage import Passage
from trivet.runtime.rows import Rows
from trivet.runtime.saver import Saver
from trivet.runtime.state_watch import look_at_state, watch_state
from trivet.runtime.store_faults import not_serializable, report, save_fault
from trivet.runtime.turn import Turn, action_of, turn_of

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.last_words import LastWords

__all__ = ["Gate"]


class Gate:
    """The effects of one actor that are not out yet, and the saves they wait for.

    Attributes:
        holds: Whether effects wait for saves.
        saver: Hands them to the store.
        changes: What may have changed since the last segment.
        effects: What waits.
        is_busy: Whether what is said now only joins the row: others are being let out, or looked at.
        atomic: The atomic turn that runs, if one does: what it says waits for its end.
        lags: Whether turns that are over have changed anything that is not sealed yet.
        last_words: Where what is said now waits for the end of the actor, if it does.
    """

    __slots__ = (
        "_between_turns",
        "_failure",
        "_instance",
        "_mailbox",
        "_outsiders",
        "_spoken",
        "atomic",
        "changes",
        "effects",
        "holds",
        "is_busy",
        "lags",
        "last_words",
        "saver",
    )

    def __init__(self, instance: Instance) -> None:
        self.holds: bool = instance.holds_effects
        self.atomic: AtomicTurn | None = None
        self.last_words: LastWords | None = None
        self._instance = instance
        self._mailbox = instance.mailbox
        self._between_turns = instance.runtime.between_turns
        self.saver = Saver(instance.runtime.storage, self._saved)
        self.changes = Changes(instance)
        self.effects = Effects(instance.runtime.observer.count)
        self._outsiders: list[Passage] = []  # who wait for a save behind an atomic turn
        self._spoken = False  # whether the running turn has said anything since its last segment
        self.is_busy = False
        self.lags = False
        self._failure: Fault | None = None

    @property
    def rows(self) -> Rows:
        """What its segments store beside the state."""
        if self.changes.rows is None:
            self.changes.rows = Rows(self._instance, self)
        return self.changes.rows

    # What is said

    @property
    def is_open(self) -> bool:
        """Whether an effect made now leaves at once."""
        if self.atomic or self._failure is not None or self.last_words is not None:
            return False
        return not self.holds or not (
            self.effects
            or self.is_busy
            or self.saver.is_saving
            or self._mailbox.holder
            or self.changes.are_possible
        )

    @property
    def has_failed(self) -> bool:
        """Whether a save has failed, so that nothing leaves any more."""
        return self._failure is not None

    def emit(self, release: Release, drop: Drop | None = None) -> None:
        """Let an effect out, now or when what it rests on is stored.

        Args:
            release: Lets it out; never blocks, never raises.
            drop: Called instead if the save fails, with an error of its own.
        """
        if self.is_open:
            release()
            return
        if self._failure is not None:
            self.effects.refuse(drop, self._failure)
            return
        if self.last_words is not None:
            return self.last_words.add(release, drop)
        holder = self._mailbox.holder
        action = action_of(self._instance) if self._mailbox.beside else None
        if holder is None and (action is None or action.is_over):
            self.effects.add(release, drop)
            self.advance()
            return
        turn = turn_of(self._instance)
        self.effects.add(release, drop, turn)
        self._spoken = self._spoken or turn is not None or action is not None
        suspends = holder is None or (holder.may_suspend and not holder.is_over)
        if suspends and not self.saver.is_saving:
            self._between_turns.look_at(self)

    # Where segments end

    def begin_turn(self, turn: Turn) -> None:
        """End the segments before a turn that takes the actor now."""
        if not turn.may_suspend:
            return
        if not self.holds:
            self._instance.autosave()  # it may take long, and must not keep its changes for so long
        elif self._failure is None and self._is_behind:
            self._seal(goes_on=False)
            self.advance()

    def turn_over(self) -> None:
        """End the segment of the turn that is over, though it holds the actor still."""
        self._spoken = self._mailbox.changing > 0  # until it is sealed: nobody else may say so
        if self.holds:
            if self._may_advance and self._is_behind:
                if not self._between_turns.is_exhausted:
                    self._seal(goes_on=False)
                self.advance()
            self.lags = self.changes.are_possible
        elif self.changes.are_possible:
            self._instance.autosave()

    def begin_beside(self) -> None:
        """Take note that a concurrent action begins."""
        if not self.holds:
            self._instance.autosave()

    def end_beside(self) -> None:
        """Store what a concurrent action that is over has changed; with a turn, if one runs."""
        if not self.holds:
            if self.changes.are_possible:
                self._instance.autosave()
        elif self._mailbox.holder is None:
            self._spoken = True
            self.advance()
            self.lags = self.changes.are_possible

    def end_segment(self) -> None:
        """End the segment of the running turn here; outside of it there is none to end."""
        if self._failure is not None or turn_of(self._instance) is None:
            return
        if self.holds:
            self._seal(goes_on=True)
        else:
            self.effects.cover()  # an atomic turn has kept it back
        self.advance()

    def atomic_over(self) -> None:
        """Let out what an atomic turn has said, as far as it waits for nothing else."""
        self.atomic = None
        if self.changes.rows is not None:
            self.changes.rows.confirm()
        if not self.holds:
            self.effects.cover()
            self.advance()
            outsiders, self._outsiders = self._outsiders, []
            for passage in outsiders:
                self._enter(passage, must_end=True)

    async def leave(self) -> None:
        """Let a call to another actor leave: the segment of the turn that makes it ends here.

        Raises:
            AtomicTurnError: In an atomic turn that has changed anything.
            ActionError: If what it rests on could not be stored.
        """
        refuse_in_atomic_turn(self._instance)
        look_at_state(self._instance)
        await self.stand_behind()

    async def stand_behind(self) -> None:
        """Wait for everything that an effect made here would wait for.

        Raises:
            ActionError: If it could not be stored.
        """
        if self.holds:
            await self.settle()

    def autosave(self) -> None:
        """Store what there is, for an actor whose effects do not wait; only between turns."""
        if self._failure is not None:
            return
        if not self._is_indivisible:
            self._seal(goes_on=self._mailbox.holder is not None)
            self.advance()
        holder = self._mailbox.holder
        if self._mailbox.changing or (holder is not None and holder.may_suspend):
            self._instance.autosave()  # what the turn changes from here on

    async def save(self) -> None:
        """End the segment of the turn that asks for it, and return when it is stored.

        Raises:
            AtomicTurnError: In an atomic turn that has changed anything.
            ActionError: ``actor.state_not_saved`` if that failed, ``actor.state_not_serializable``
                if the state does not fit its type, ``actor.state_too_large``.
        """
        refuse_in_atomic_turn(self._instance)
        look_at_state(self._instance)
        await self.settle()

    async def settle(self) -> None:
        """Return when everything done so far is stored; inside a turn its segment ends here.

        Raises:
            ActionError: If it could not be stored.
        """
        await self._passage(must_end=not self.holds).wait()

    async def save_last(self, *, destroys: bool = False) -> bool:
        """Store what an ending instance leaves, and return whether that was possible.

        Args:
            destroys: Whether it leaves nothing: its actor is to be removed.
        """
        if self.atomic is not None:
            self.atomic.roll_back()  # it has resisted when it was cut
            self.atomic_over()
        if destroys:
            self.saver.put(self.changes.segment(destroyed=True))
            self._instance.is_stored = False
        try:
            if self._failure is None:
                await self._passage(must_end=True).wait()
            await self.saver.wait_landed()  # the next instance starts behind it
        except ActionError as error:
            report(self._instance, "last", "the last save failed", error)
            return False
        return True

    def _passage(self, *, must_end: bool) -> Passage:
        passage = Passage()
        if self._failure is not None:
            passage.drop(error_of(self._failure))
        elif must_end and self.atomic is not None and turn_of(self._instance) is None:
            self._outsiders.append(passage)
        else:
            self._enter(passage, must_end=must_end)
        return passage

    def _enter(self, passage: Passage, *, must_end: bool) -> None:
        self.effects.add(passage.release, passage.drop)
        holder = self._mailbox.holder
        is_within = turn_of(self._instance) or action_of(self._instance)
        if must_end or holder is None or is_within:
            self._seal(goes_on=holder is not None)
        elif not self.saver.is_saving:
            self._between_turns.look_at(self)
            return
        self.advance()

    @property
    def _is_behind(self) -> bool:
        """Whether anything is not sealed yet."""
        return self.effects.are_uncovered or self.changes.are_possible

    @property
    def _is_indivisible(self) -> bool:
        """Whether what runs must be stored as a whole."""
        holder, journal = self._mailbox.holder, self._instance.journal
        return (
            self.atomic is not None
            or (holder is not None and holder.is_indivisible)
            or (journal is not None and journal.is_leaving)
        )

    @property
    def _may_advance(self) -> bool:
        return not (self.saver.is_saving or self._failure is not None or self.is_busy)

    def _may_seal(self) -> bool:
        if not self.holds or not self._is_behind:
            return False
        if self._between_turns.is_exhausted:
            self._between_turns.look_at(self)  # in the next pass of the loop
            return False
        holder = self._mailbox.holder
        has_effects = self.effects.are_uncovered
        if holder is None or not holder.may_suspend:
            # Beside concurrent actions the state may always have changed: only news end a segment.
            return not self._mailbox.changing or self._spoken or has_effects
        if self._is_indivisible:
            return False
        if self._spoken:
            return True
        # Somebody else has: he stands behind what the turn has changed so far, if it has.
        return has_effects and not self.changes.are_real

    def _seal(self, *, goes_on: bool) -> None:
        watch_state(self._instance)
        try:
            segment = self.changes.capture(goes_on=goes_on or self._mailbox.changing > 0)
        except ValidationError as error:
            self._fail(not_serializable(error))
        except Error as error:
            self._fail(fault_of(error, where=f"saving {self._instance.label}"))
        else:
            self.saver.put(segment)
            self.effects.cover()
            self._spoken = self.lags = False

    # What is stored

    def advance(self) -> None:
        """Seal, save and release what can be; never in the middle of a turn's step."""
        while self._may_advance:
            if self._may_seal():
                holder = self._mailbox.holder
                self._seal(goes_on=holder is not None and holder.may_suspend)
            elif self.saver.has_sealed:
                self.effects.begin_save()
                self.saver.save()
            elif self.effects.covered:
                self._release(self.effects.take_covered())
            else:
                return

    def _saved(self, error: StorageError | None) -> None:
        if self._failure is not None:
            return
        if error is None:
            self._release(self.effects.take_saved())
            self.advance()
            return
        report(self._instance, "refused", "the store refused its segment", error)
        self._fail(save_fault(error), for_good=isinstance(error, Fenced))

    def _release(self, row: list[Release]) -> None:
        self.is_busy = True
        for release in row:
            release()
        self.is_busy = False

    def _fail(self, fault: Fault, *, for_good: bool = False) -> None:
        self._instance.runtime.observer.count("save_failed")
        report(self._instance, fault.code, fault.message, fault.metadata or fault.code)
        if not (self.holds or for_good):  # nobody was told what is lost: the next save has it all
            self.effects.drop(fault)
            self._instance.autosave()
            return
        self.close(fault)
        self._instance.crash("its state could not be saved")

    def close(self, fault: Fault) -> None:
        """Let nothing out and store nothing any more; whoever waits is told why."""
        self._failure = fault
        self.saver.forget(fault)
        self.effects.drop(fault)
