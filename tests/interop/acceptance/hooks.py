"""Actors whose hooks refuse clients, look at their requests, and watch the state."""

from __future__ import annotations

import attrs

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import UserError
from trivet.declare.request import current_request

__all__ = ["Doorman", "Porter", "Seen", "Watchman", "Wish"]

SECRET = "the-key-is-under-the-mat"


@attrs.frozen
class Wish:
    error: str = ""


class Doorman(Actor[None, None, Wish | None], name="doorman"):
    """Refuses those who wish for it."""

    async def on_before_connect(self, params: Wish | None) -> None:
        match (params or Wish()).error:
            case "user":
                raise UserError("Not today", code="refused", metadata={"until": "tomorrow"})
            case "other":
                raise ValueError(SECRET)
            case _:
                pass

    @action
    def greet(self) -> str:
        return "welcome"


@attrs.frozen
class Seen:
    """What the hooks saw of the request."""

    method: str
    path: str
    agent: str
    intent: str


class Porter(Actor[None, Seen, Wish | None], name="porter"):
    """Looks at the request of each client in both hooks."""

    def __init__(self) -> None:
        self.checked: list[Seen] = []

    async def on_before_connect(self, params: Wish | None) -> None:
        self.checked.append(look())

    async def create_conn_state(self, params: Wish | None) -> Seen:
        return look()

    @action
    def seen(self) -> list[Seen]:
        """Return what each hook saw of this client."""
        return [self.checked[-1], self.conn.state]

    @action
    def later(self) -> str:
        """Look for a request where there is none."""
        try:
            return current_request().method
        except LookupError:
            return "none"


class Watchman(Actor[int], name="watchman"):
    """Notes each change of its state, and changes thirteen by itself."""

    def __init__(self) -> None:
        self.noted: list[int] = []

    def on_state_change(self) -> None:
        self.noted.append(self.state)
        if self.state == 13:
            self.state += 1

    @action
    def set(self, number: int) -> None:
        self.state = number

    @action
    def get(self) -> int:
        return self.state

    @action
    def notes(self) -> list[int]:
        return self.noted


def look() -> Seen:
    request = current_request()
    agent = request.headers.get("user-agent", "")
    return Seen(request.method, request.path, agent, request.intent)
