"""What a lifecycle table is: states, events, and which event leads from where to where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Generic, TypeVar

__all__ = ["IllegalTransition", "Table"]

StateT = TypeVar("StateT", bound=Enum)
EventT = TypeVar("EventT", bound=Enum)


class IllegalTransition(RuntimeError):
    """An event happened in a state that does not know it: a mistake of the runtime itself."""


class Table(Generic[StateT, EventT]):
    """A deterministic state machine.

    Args:
        name: What it describes.
        start: The first state.
        final: The states that nothing leaves.
        transitions: For each state, where each event leads.
    """

    def __init__(
        self,
        name: str,
        *,
        start: StateT,
        final: Iterable[StateT],
        transitions: Mapping[StateT, Mapping[EventT, StateT]],
    ) -> None:
        self.name = name
        self.start = start
        self.final = frozenset(final)
        self.transitions = transitions

    def step(self, state: StateT, event: EventT) -> StateT:
        """Return the state that an event leads to.

        Raises:
            IllegalTransition: If the state does not know the event.
        """
        try:
            return self.transitions[state][event]
        except KeyError:
            message = f"{self.name}: {event.name} in {state.name}"
            raise IllegalTransition(message) from None

    def accepts(self, trace: Iterable[EventT]) -> bool:
        """Return whether a whole trace leads from the start to a final state."""
        state = self.start
        for event in trace:
            following = self.transitions.get(state, {}).get(event)
            if following is None:
                return False
            state = following
        return state in self.final

    def mermaid(self) -> str:
        """Draw the table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start.name}"]
        for state, leads in self.transitions.items():
            lines += [
                f"    {state.name} --> {target.name}: {event.value}"
                for event, target in leads.items()
            ]
        lines += [f"    {state.name} --> [*]" for state in sorted(self.final, key=lambda s: s.name)]
        return "\n".join(lines)
