"""Changes of state that nobody would store: found by looking at the state at every step.

trivet notices changes without proxies: it looks when a turn that has read its state is over. So a
change in place outside of a turn goes unnoticed, and so does one by an action that says that it is
``readonly``; a crash, or sleep, may lose it. ``check_state`` finds both.

Rules this file keeps:

1. The stored form of every state is compared wherever another may be at work: when a turn takes or
   leaves its actor, before and after a readonly action, and after each step of each task. So what
   differs was done by whoever was at work just now.
2. A change is lawful if its task works for the turn that holds the actor, and that is no readonly
   action. What the runtime itself does to a state, like undoing an atomic turn, is lawful.
3. It only looks: actors behave with it as without it, only slower.
"""

from __future__ import annotations

import traceback
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import trio

from trivet.declare.errors import ValidationError
from trivet.declare.values import Kept, Shape
from trivet.runtime.call import Call
from trivet.runtime.mailbox import Mailbox
from trivet.runtime.runtime import Runtime
from trivet.runtime.state import State
from trivet.runtime.turn import Turn, running_action, running_turn

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["check_state"]


@contextmanager
def check_state(runtime: Runtime) -> Generator[None]:
    """Check that the actors of a runtime change their states in turns only, and not in readonly ones.

    Args:
        runtime: Has no actor awake yet.

    Raises:
        ValueError: If it has.
        AssertionError: At the end of the body, if a state was changed by a ``readonly`` action, or
            outside of a turn. Each line of the text is one finding: which actor, and who did it. If
            the body raises anything itself, that goes on, with the findings as a note.
    """
    if runtime.directory.instances:
        raise ValueError("check_state comes before the runtime's first actor is awake")
    watcher = _Watcher(runtime)
    runtime.state_type, runtime.mailbox_type = watcher.state_type, _WatchedMailbox
    trio.lowlevel.add_instrument(watcher)
    try:
        yield
    except BaseException as error:
        if watcher.findings:
            error.add_note("\n".join(watcher.findings))
        raise
    finally:
        trio.lowlevel.remove_instrument(watcher)
        runtime.state_type, runtime.mailbox_type = State, Mailbox
    if watcher.findings:
        raise AssertionError("\n".join(watcher.findings))


class _WatchedMailbox(Mailbox):
    """A mailbox that has the state looked at whenever a turn takes or leaves the actor."""

    __slots__ = ("_holder", "state")

    def __init__(self, limit: int) -> None:
        self._holder: Turn | None = None
        self.state: _WatchedState | None = None
        super().__init__(limit)

    # It is read and set like the slot it takes the place of.
    @property
    def holder(self) -> Turn | None:
        return self._holder

    @holder.setter
    def holder(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, turn: Turn | None
    ) -> None:
        if self.state is not None:
            self.state.look(lawful=self._holder is not None or self.changing > 0)
        self._holder = turn

    def end(self, turn: Turn) -> None:
        """Take what the turn has done so far for lawful: a hook that borrows it may go on."""
        if self.state is not None:
            self.state.look(lawful=True)
        super().end(turn)

    def end_beside(self, *, changes: bool) -> None:
        """Take what a concurrent action has done so far for lawful."""
        if self.state is not None and changes:
            self.state.look(lawful=True)
        super().end_beside(changes=changes)


class _WatchedState(State):
    """A state that knows how it was when somebody looked last."""

    __slots__ = ("_findings", "_label", "_seen", "_watched_shape")

    def __init__(self, instance: Instance, shape: Shape[Any], findings: list[str]) -> None:
        super().__init__(instance, shape)
        self._watched_shape = shape
        self._label = instance.label
        self._findings = findings
        self._seen = self._stored_form()
        if isinstance(instance.mailbox, _WatchedMailbox):
            instance.mailbox.state = self

    def look(self, *, lawful: bool, who: str | None = None) -> None:
        """Compare the state with how it was; unless a change was lawful it is a finding."""
        seen, self._seen = self._seen, self._stored_form()
        if not lawful and seen != self._seen:
            by = who or f"outside of a turn, {_place(traceback.walk_stack(None))}"
            self._findings.append(f"{self._label}: the state was changed {by}")

    def trust(self) -> bool:
        """Begin to watch a readonly action."""
        self.look(lawful=self._mailbox.holder is not None or self._mailbox.changing > 0)
        return super().trust()

    def trusted(self, action: str, touched: bool) -> None:
        """End that."""
        self.look(lawful=False, who=f"by the readonly action {action}")
        super().trusted(action, touched)

    def roll_back(self, kept: Kept) -> None:
        """Bring the state back as it was, which the runtime does in any task."""
        super().roll_back(kept)
        self.look(lawful=True)

    def _stored_form(self) -> object:
        try:
            return self._watched_shape.encode(self.value)
        except ValidationError as error:
            return repr(error.metadata)


class _Watcher(trio.abc.Instrument):
    """Has every state looked at after each step of each task."""

    def __init__(self, runtime: Runtime) -> None:
        self.findings = findings = list[str]()
        self._directory = runtime.directory

        class Watched(_WatchedState):
            def __init__(self, instance: Instance, shape: Shape[Any]) -> None:
                super().__init__(instance, shape, findings)

        self.state_type: type[State] = Watched

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Look at every state."""
        turn, action = task.context.get(running_turn), task.context.get(running_action)
        for instance in self._directory.instances:
            state = instance.state
            if not isinstance(state, _WatchedState):
                continue
            if isinstance(action, Call) and action.instance is instance and not action.is_over:
                # Beside the turns it may do so at any time.
                state.look(lawful=not action.method.readonly, who=f"by the readonly {action.label}")
            elif turn is None or not turn.active or turn.instance is not instance:
                state.look(lawful=False, who=f"outside of a turn, {_place_of(task)}")
            elif isinstance(turn, Call) and turn.method.readonly and turn.hook_of is None:
                state.look(lawful=False, who=f"by the readonly action {turn.label}")
            else:
                state.look(lawful=True)


def _place_of(task: trio.lowlevel.Task) -> str:
    """Say where a task stands in the application's code, else its name."""
    is_over = getattr(task.coro, "cr_frame", None) is None
    innermost_last = [] if is_over else list(task.iter_await_frames())
    return _place(reversed(innermost_last)) or f"by the task {task.name}"


def _place(frames: Iterable[tuple[FrameType, int]]) -> str:
    """Say where the innermost frame of the application's code is, the first counting as such."""
    for frame, line in frames:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in {"trivet", "trio", "outcome", "contextlib"}:
            code = frame.f_code
            return f"in {code.co_qualname} ({code.co_filename}:{line})"
    return ""
