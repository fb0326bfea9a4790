"""Queues: typed declarations of durable work for an actor."""

from __future__ import annotations

from typing import Any, Generic, final, get_args

from typing_extensions import TypeVar

from trivet.declare.features import not_built

__all__ = ["Delivery", "Queue"]

T = TypeVar("T")
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


class Delivery(Generic[T, R]):
    """One message of a queue, while an actor works on it."""

    queue: Queue[T, R]
    body: T

    def complete(self, result: R, /) -> None:
        """Answer the message; whoever waits for it gets the result."""
        not_built("queues")

    def retry(self) -> None:
        """Put the message back, to be delivered again."""
        not_built("queues")
