"""Where an actor's state lives in memory, and how a change of it is noticed.

Nothing is proxied. A turn that never read ``self.state`` changed nothing; a state of an immutable
type changed if it is another object; otherwise the state is encoded and the bytes compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trivet.declare.errors import NotInTurnError, StateNotEnabled
from trivet.declare.values import Shape
from trivet.runtime.turn import turn_of

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["NO_STATE", "NoState", "State"]


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
        self._captured: Any = None
        self.touched = True
        self.value: Any = None

    def restore(self, data: bytes) -> None:
        """Take the state over from its stored form."""
        self.value = self._captured = self._shape.decode(data)
        self._stored = data
        self.touched = False

    def assign(self, value: Any) -> None:
        """Replace the state.

        Raises:
            NotInTurnError: Outside the actor's turns.
        """
        holder = self._mailbox.holder
        if holder is None or not (holder.is_inline or turn_of(self._instance) is not None):
            raise NotInTurnError
        self.touched = True
        self.value = value

    def capture(self) -> bytes | None:
        """Return the stored form if the state has changed since the last capture, else ``None``.

        Raises:
            ValidationError: If the state does not fit its type.
        """
        if not self.touched:
            return None
        if self._shape.immutable and self.value is self._captured and self._stored is not None:
            self.touched = False
            return None
        data = self._shape.encode(self.value)
        self.touched = False
        self._captured = self.value
        if data == self._stored:
            return None
        self._stored = data
        return data

    def forget_stored(self) -> None:
        """Take note that what was captured last has not been stored."""
        self._stored = None
        self.touched = True


class NoState:
    """Stands in for the state of an actor that declares none."""

    touched = False

    @property
    def value(self) -> Any:
        """Refuse.

        Raises:
            StateNotEnabled: Always.
        """
        raise StateNotEnabled

    def restore(self, data: bytes) -> None:
        """Ignore what an older class stored."""

    def assign(self, value: Any) -> None:
        """Refuse.

        Raises:
            StateNotEnabled: Always.
        """
        raise StateNotEnabled

    def capture(self) -> None:
        """Have nothing to store."""

    def forget_stored(self) -> None:
        """Have nothing to store."""


NO_STATE = NoState()
