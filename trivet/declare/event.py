"""Events: typed declarations of what an actor tells its clients."""

from __future__ import annotations

from typing import Any, Generic, Literal, final, get_args

from typing_extensions import TypeVar

__all__ = ["Event", "Overflow"]

T = TypeVar("T")

Overflow = Literal["disconnect", "drop_oldest", "latest"]
"""What happens when a client does not drain its outbox: it is closed, or older events give way."""


@final
class Event(Generic[T]):
    """The declaration of an event and, as ``ChatRoom.message``, its token.

    ``Event[Message]()`` carries one value; a fixed tuple becomes several arguments for clients in
    other languages, and ``Event[None]`` carries none.

    Args:
        name: Its name on the wire; the attribute's name by default.
        overflow: What to do with it when a client's outbox is full; the class's ``overflow`` by
            default.
    """

    owner: type | None = None
    slot: str = ""

    def __init__(self, *, name: str | None = None, overflow: Overflow | None = None) -> None:
        self.name = name
        self.overflow = overflow

    def __set_name__(self, owner: type, name: str) -> None:
        if self.owner is None:
            self.owner, self.slot = owner, name

    @property
    def payload(self) -> Any:
        """The payload's type as declared, ``Any`` when the declaration names none."""
        arguments = get_args(getattr(self, "__orig_class__", None))
        return arguments[0] if arguments else Any

    def __repr__(self) -> str:
        owner = self.owner.__name__ if self.owner is not None else "?"
        return f"<event {owner}.{self.slot}>"
