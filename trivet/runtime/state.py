"""Where an actor's state lives in memory, and how a change of it is noticed.

Nothing is proxied. A turn that never read ``self.state`` changed nothing; a state of an immutable
type changed if it is another object; otherwise the state is encoded and the bytes compared.

While a turn goes on that has read its state, the state stays touched, also when it has just been
captured: the turn may still hold the object, and change it without reading ``self.state`` again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trivet.declare.errors import NotInTurnError, StateNotEnabled
from trivet.declare.values import Kept, Shape
from trivet.runtime.store_faults import too_large
from trivet.runtime.turn import action_of, turn_of

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["NO_STATE", "NoState", "State", "only_read"]

NOTHING = object()
NOTHING_KEPT = Kept(None)


class State:
    """The state of one actor instance.

    Attributes:
        touched: Whether anybody has read or assigned it since the last capture.
        value: The state itself.
    """

    __slots__ = ("_captured", "_instance", "_mailbox", "_shape", "_stored", "touched", "value")

    def __init__(self, instance: Instance, shape: Shape[Any]) -> None:
        self._instance = instance
        self._mailbox = instance.mailbox
        self._shape = shape
        self._stored: bytes | None = None
        self._captured: Any = NOTHING
        self.touched = True
        self.value: Any = None

    def restore(self, data: bytes) -> None:
        """Take the state over from its stored form.

        Raises:
            ValidationError: If that does not fit the type.
        """
        self.value = self._captured = self._shape.decode(data)
        self._stored = data
        self.touched = False

    def migrate(self, plain: object, data: bytes | None) -> None:
        """Take the state over from plain data that its class has brought into shape.

        Args:
            plain: The data.
            data: What the store has, to be replaced if that is another state.

        Raises:
            ValidationError: If that does not fit the type.
        """
        self.make(self._shape.from_plain(plain))
        self._stored = data

    def make(self, value: Any) -> None:
        """Take a value that the store does not have.

        Raises:
            ValidationError: If that does not fit the type.
        """
        self.value = self._shape.copy(value)

    def trust(self) -> bool:
        """Begin to take a readonly action's word that it changes nothing; give it to ``trusted``."""
        return self.touched

    def trusted(self, action: str, touched: bool) -> None:
        """End that: the action with this name has only looked, if it has touched the state."""
        self.touched = touched

    def assign(self, value: Any) -> None:
        """Replace the state.

        Raises:
            NotInTurnError: Outside the actor's turns.
        """
        holder = self._mailbox.holder
        in_turn = holder is not None and (holder.is_inline or turn_of(self._instance) is not None)
        if not in_turn and action_of(self._instance) is None:
            raise NotInTurnError
        self.touched = True
        self.value = value

    def capture(self, *, goes_on: bool = False) -> bytes | None:
        """Return the stored form if the state has changed since the last capture, else ``None``.

        Args:
            goes_on: Whether the turn that may have read the state is not over.

        Raises:
            ValidationError: If the state does not fit its type.
            ActionError: ``actor.state_too_large``.
        """
        if not self.touched:
            return None
        if self._is_the_same():
            self.touched = goes_on
            return None
        data = self._encode()
        self.touched = goes_on
        self._captured = self.value
        if data == self._stored:
            return None
        self._stored = data
        return data

    def is_unchanged(self) -> bool:
        """Whether it is what was captured last.

        Raises:
            ValidationError: If the state does not fit its type.
            ActionError: ``actor.state_too_large``.
        """
        return not self.touched or self._is_the_same() or self._encode() == self._stored

    def snapshot(self) -> Any:
        """Return what ``differs_from`` compares the state with.

        Raises:
            ValidationError: If the state does not fit its type.
        """
        return self.value if self._shape.immutable else self._shape.encode(self.value)

    def differs_from(self, snapshot: Any) -> bool:
        """Whether the state is not as it was when the snapshot was made."""
        return bool(self.snapshot() != snapshot)

    def keep(self) -> Kept:
        """Return what ``roll_back`` needs to bring the state back as it is now."""
        return Kept(self.value, is_immutable=self._shape.immutable)

    def roll_back(self, kept: Kept) -> None:
        """Bring the state back as it was: the same objects, which others may hold."""
        self.touched = True
        kept.bring_back()
        self.value = kept.value

    def _is_the_same(self) -> bool:
        """Whether it is the object that was captured last, and that one cannot change."""
        return self._stored is not None and self._shape.immutable and self.value is self._captured

    def _encode(self) -> bytes:
        data = self._shape.encode(self.value)
        self._instance.runtime.between_turns.has_encoded(len(data))
        limit = self._instance.limits.state_limit
        if len(data) > limit:
            raise too_large(len(data), limit)
        return data


class _OnlyRead:
    """Stands in for a state while a hook runs that may only read it."""

    def __init__(self, state: State | NoState, error: Callable[[], Exception]) -> None:
        self.touched = False  # nobody looks: who only reads is trusted, or watched otherwise
        self._state = state
        self._error = error

    @property
    def value(self) -> Any:
        """The state itself."""
        return self._state.value

    def assign(self, value: Any) -> None:
        """Refuse."""
        raise self._error()


@contextmanager
def only_read(instance: Instance, error: Callable[[], Exception]) -> Generator[None]:
    """Let a hook read the state, and not assign it; the body must not await.

    Args:
        instance: The actor.
        error: Makes the error of an assignment.
    """
    instance.actor._trivet_state = _OnlyRead(instance.state, error)
    try:
        yield
    finally:
        instance.actor._trivet_state = instance.state


class NoState:
    """Stands in for the state of an actor that declares none.

    It is the same object for all of them, so it remembers nothing: neither that one has asked for it.
    """

    __slots__ = ()

    @property
    def touched(self) -> bool:
        """Whether it may have changed."""
        return False

    @touched.setter
    def touched(self, value: bool) -> None: ...

    @property
    def value(self) -> Any:
        """Refuse.

        Raises:
            StateNotEnabled: Always.
        """
        raise StateNotEnabled

    def restore(self, data: bytes) -> None:
        """Ignore what an older class stored."""

    def migrate(self, plain: object, data: bytes | None) -> None:
        """Ignore what an older class stored."""

    def make(self, value: Any) -> None:
        """Have nothing to make."""

    def trust(self) -> bool:
        """Have nothing that could be changed."""
        return False

    def trusted(self, action: str, touched: bool) -> None:
        """Have nothing that could be changed."""

    def assign(self, value: Any) -> None:
        """Refuse.

        Raises:
            StateNotEnabled: Always.
        """
        raise StateNotEnabled

    def capture(self, *, goes_on: bool = False) -> None:
        """Have nothing to store."""

    def is_unchanged(self) -> bool:
        """Never change."""
        return True

    def snapshot(self) -> None:
        """Have nothing to compare."""

    def differs_from(self, snapshot: None) -> bool:
        """Never change."""
        return False

    def keep(self) -> Kept:
        """Have nothing to bring back."""
        return NOTHING_KEPT

    def roll_back(self, kept: Kept) -> None:
        """Have nothing to bring back."""


NO_STATE = NoState()
