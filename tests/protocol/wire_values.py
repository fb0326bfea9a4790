"""Strategies for wire values and messages, and what it means that two values are alike."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, cast

import attrs
from hypothesis import strategies as st

from tests.protocol.coding import Message
from trivet.protocol.messages import (
    UNDEFINED,
    ActionRequest,
    ActionResponse,
    ActorSpecifier,
    ErrorMessage,
    EventMessage,
    HttpActionRequest,
    HttpActionResponse,
    HttpQueueSendRequest,
    HttpQueueSendResponse,
    HttpResponseError,
    Init,
    SubscriptionRequest,
)

# The compat layer must not take an application's own texts for its tags.
DOLLARS = st.sampled_from(
    ["$", "$$", "$BigInt", "$$BigInt", "$Undefined", "$Set", "$Uint8Array", "$ArrayBuffer", "$Foo"]
)
TEXTS = st.text(max_size=40) | DOLLARS
EDGES = [2**32, 2**53, 2**63, 2**64]
INTEGERS = (
    st.integers(-(2**70), 2**70)
    | st.integers(-(2**4096) + 1, 2**4096 - 1)
    | st.sampled_from(
        [sign * (edge + step) for edge in EDGES for step in (-1, 0, 1) for sign in (1, -1)]
    )
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# Where a float of seconds still tells microseconds apart.
DATES = st.datetimes(datetime(1850, 1, 1), datetime(2090, 1, 1), timezones=ZONES)

_SCALARS = st.none() | st.booleans() | FLOATS | TEXTS | st.binary(max_size=40)
_SMALL_INTEGERS = st.integers(-(2**64), 2**64 - 1)


def values(*, dates: bool = True) -> st.SearchStrategy[Any]:
    """Wire values; json turns dates into text, so they are left out for it."""
    scalars = _SCALARS | DATES if dates else _SCALARS
    leaves = (
        scalars | INTEGERS | st.just(UNDEFINED) | st.sets(scalars | _SMALL_INTEGERS, max_size=4)
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.tuples(DOLLARS, inner).map(list)
            | st.dictionaries(TEXTS, inner, max_size=4)
        ),
        max_leaves=12,
    )


def short_values(*, dates: bool = True) -> st.SearchStrategy[Any]:
    """Wire values that fit into a URL and a header."""
    return values(dates=dates).filter(lambda value: len(repr(value)) < 300)


def messages(*, dates: bool = True, extended: bool = True) -> st.SearchStrategy[Message]:
    """Messages of every kind; ``extended`` ones may have the fields of trivet.1."""
    value = values(dates=dates)
    args = st.lists(value, max_size=4)
    ids = st.integers(0, 2**64 - 1)
    counts = st.integers(0, 2**40)
    extension = st.none() | counts if extended else st.none()
    tokens = st.none() | st.text(max_size=64) if extended else st.none()
    actors = st.none() | st.builds(ActorSpecifier, TEXTS, ids, st.none() | TEXTS)
    return st.one_of(
        st.builds(ActionRequest, ids, TEXTS, args, extension, tokens),
        st.builds(SubscriptionRequest, TEXTS, st.booleans()),
        st.builds(Init, TEXTS, TEXTS, tokens),
        st.builds(ErrorMessage, TEXTS, TEXTS, TEXTS, value, st.none() | ids, actors),
        st.builds(ActionResponse, ids, value),
        st.builds(EventMessage, TEXTS, args, extension),
        st.builds(HttpActionRequest, args),
        st.builds(HttpActionResponse, value),
        st.builds(
            HttpQueueSendRequest,
            value,
            st.none() | TEXTS,
            st.none() | st.booleans(),
            st.none() | counts,
        ),
        st.builds(HttpQueueSendResponse, st.sampled_from(["completed", "timedOut"]), value),
        st.builds(HttpResponseError, TEXTS, TEXTS, TEXTS, value, actors),
    )


def alike(sent: object, got: object) -> bool:
    """Whether a value survived: the same types all over, but for large integral floats."""
    if attrs.has(type(sent)):
        return type(sent) is type(got) and all(
            alike(getattr(sent, field.name), getattr(got, field.name))
            for field in attrs.fields(cast("Any", type(sent)))
        )
    if isinstance(sent, float) and type(got) is int:
        return 2**32 <= abs(got) <= 2**53 and float(got) == sent
    if type(sent) is not type(got):
        return False
    if isinstance(sent, list):
        others = cast("list[object]", got)
        items = cast("list[object]", sent)
        return len(items) == len(others) and all(map(alike, items, others))
    if isinstance(sent, dict):
        members, rest = cast("dict[str, object]", sent), cast("dict[str, object]", got)
        return members.keys() == rest.keys() and all(
            alike(members[key], rest[key]) for key in members
        )
    # Their texts tell the zeros apart, and NaN is like itself.
    return str(sent) == str(got) if isinstance(sent, float) else sent == got
