"""Queues: typed declarations of durable work for an actor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, final, get_args, overload

from typing_extensions import TypeVar

__all__ = ["Delivery", "Queue"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")
DoneT = TypeVar("DoneT", default=None)


@final
class Queue(Generic[T, DoneT]):
    """The declaration of a queue and, as ``Worker.jobs``, its token.

    ``Queue[Job, Result]()`` holds ``Job`` bodies and answers each with a ``Result``; without the
    second type a message is only acknowledged.

    Args:
        name: Its name on the wire; the attribute's name by default.
    """

    owner: type | None = None
    slot: str = ""

    def __init__(self, *, name: str | None = None) -> None:
        self.name = name

    def __set_name__(self, owner: type, name: str) -> None:
        if self.owner is None:
            self.owner, self.slot = owner, name

    @property
    def types(self) -> tuple[Any, Any]:
        """The types of a body and of its result, as declared."""
        arguments = get_args(getattr(self, "__orig_class__", None))
        body = arguments[0] if arguments else Any
        return body, arguments[1] if len(arguments) > 1 else None

    def __repr__(self) -> str:
        owner = self.owner.__name__ if self.owner is not None else "?"
        return f"<queue {owner}.{self.slot}>"


class Delivery(ABC, Generic[T_co, R]):
    """One message of a queue, while an actor works on it."""

    __slots__ = ()

    @property
    @abstractmethod
    def queue(self) -> Queue[Any, Any]:
        """The queue it is from."""

    @property
    @abstractmethod
    def body(self) -> T_co:
        """What it says; the receiver's own."""

    @overload
    def complete(self: Delivery[Any, None], /) -> None: ...
    @overload
    def complete(self, result: R, /) -> None: ...
    @abstractmethod
    def complete(self: Delivery[Any, Any], result: Any = None, /) -> None:
        """Answer the message, and remove it from its queue.

        Whoever waits for it gets the result when the removal is stored: in a turn, together with
        what that has changed.

        Args:
            result: Of the queue's second type; nothing if it has none.

        Raises:
            ActionError: ``queue.already_completed`` if it is dealt with already.
            ValidationError: If the result is not of the queue's type.
        """

    @abstractmethod
    def retry(self) -> None:
        """Put the message back, to be delivered again, before those behind it.

        Raises:
            ActionError: ``queue.already_completed`` if it is dealt with already.
        """
