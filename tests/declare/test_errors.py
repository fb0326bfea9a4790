"""Errors as a developer meets them: in a shell, in a log, and on their way through a pickle."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest

import trivet
from trivet.declare.errors import Error, UserError, ValidationError
from trivet.protocol.errors import EncodingError, GatewayError, OutgoingTooLong


class Closed(UserError):
    """An application's own, with arguments of its own."""

    group, code = "shop", "closed"

    def __init__(self, day: str, *, until: int) -> None:
        super().__init__(f"Closed on {day}", metadata={"until": until})
        self.until = until


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (UserError("No, thank you"), "UserError('user.user_error: No, thank you')"),
        (UserError("Not you", code="banned"), "UserError('user.banned: Not you')"),
        (trivet.Error("Oh"), "Error('rivetkit.internal_error: Oh')"),
        (
            trivet.ActionError("Gone", group="actor", code="not_found"),
            "ActionError('actor.not_found: Gone')",
        ),
        (trivet.Forbidden(), "Forbidden('auth.forbidden: Forbidden')"),
        (Closed("Sunday", until=8), "Closed('shop.closed: Closed on Sunday')"),
        (
            ValidationError(metadata={"paths": ["no int @ $[0]"]}),
            "ValidationError('actor.validation_error: Validation failed: no int @ $[0]')",
        ),
    ],
)
def test_a_repr_says_what_happened(error: Error, shown: str) -> None:
    assert repr(error) == shown


def every() -> Iterator[Error]:
    yield UserError("No", code="banned", metadata={"why": ["x"]})
    yield trivet.ActionError("Gone", group="actor", code="not_found")
    yield trivet.Forbidden()
    yield trivet.ConnectionClosed("kicked")
    yield trivet.SubscriptionOverflow()
    yield Closed("Sunday", until=8)
    yield EncodingError(("a", 1), "a set")
    yield OutgoingTooLong(5, 4)
    yield GatewayError("query_missing_pool", "No pool")


@pytest.mark.parametrize("error", [*every()], ids=lambda error: type(error).__name__)
def test_it_can_be_copied_and_pickled(error: Error) -> None:
    error.add_note("seen twice")
    ways = [pickle.loads(pickle.dumps(error, version)) for version in range(6)]
    for other in [copy.copy(error), copy.deepcopy(error), *ways]:
        assert type(other) is type(error)
        assert other.args == error.args
        assert dict(vars(other)) == dict(vars(error))
        assert repr(other) == repr(error)
