"""What stands in for an instance where only its mailbox matters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import attrs

from trivet.declare.options import Limits
from trivet.lifecycle.actor import ActorState
from trivet.runtime.between_turns import BetweenTurns
from trivet.runtime.mailbox import Mailbox
from trivet.runtime.turn import Turn


@attrs.define(eq=False)
class FakeInstance:
    label: str
    mailbox: Mailbox
    phase: ActorState = ActorState.AWAKE
    limits: Limits = attrs.Factory(Limits)
    runtime: Any = attrs.Factory(lambda: SimpleNamespace(between_turns=BetweenTurns()))

    def arm(self, when: float) -> None:
        """Need no deadline."""


def fake_instance(label: str = "Fake/a", limit: int = 2) -> Any:
    return cast("Any", FakeInstance(label, Mailbox(limit)))


def mailbox_with(limit: int = 2) -> tuple[Mailbox, Any]:
    """A mailbox, and the instance whose turns it takes."""
    instance = fake_instance(limit=limit)
    return instance.mailbox, instance


def turns(instance: Any, labels: str, kind: type[Turn] = Turn) -> list[Turn]:
    """A turn for each letter."""
    return [kind(instance, label) for label in labels]


def active(*turns: Turn) -> str:
    """Which turns hold their actor: their letters."""
    return "".join(turn.label for turn in turns if turn.active)
