"""The errors of calls that were cut: their actor stopped, or their time was over."""

from __future__ import annotations

from trivet.declare.errors import ActionError

__all__ = ["restarting", "timed_out"]


def restarting() -> ActionError:
    """Make the error of a call that was cut because its actor stopped."""
    return ActionError("The actor is restarting", group="actor", code="restarting")


def timed_out() -> ActionError:
    """Make the error of an action that ran longer than it may."""
    return ActionError("Action timed out", group="actor", code="action_timed_out")
