"""The numbers an application may set: limits, and the options of an actor class."""

from __future__ import annotations

import math
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, Literal, get_args

import attrs

from trivet.declare.event import Overflow
from trivet.declare.request import Request

__all__ = ["Durability", "Limits", "Options"]

Durability = Literal["power", "process", "interval", "none"]
"""What an acknowledged change survives: a power cut, a kill, all but an interval, nothing."""

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
LARGEST_STATE = 16 * MEBIBYTE


def _check_durability(_: Any, attribute: Any, value: Durability | None) -> None:
    if value is not None and value not in get_args(Durability):
        levels = ", ".join(map(repr, get_args(Durability)))
        raise ValueError(f"{attribute.name} is one of {levels}, not {value!r}")


def _check_state_limit(_: Any, attribute: Any, value: object) -> None:
    if isinstance(value, int) and value > LARGEST_STATE:
        raise ValueError(f"{attribute.name} must be {LARGEST_STATE} bytes (16 MiB) at most")


def _check_hibernation(_: Any, attribute: Any, value: object) -> None:
    if not isinstance(value, bool) and (not callable(value) or iscoroutinefunction(value)):
        wanted = "a bool, or a plain function of the request"
        raise TypeError(f"{attribute.name} is {wanted}, not {value!r}")


MAY_BE_ZERO = frozenset({"grace", "sleep_after"})


def check_number(name: str, value: object, *, whole: bool) -> None:
    """Check that a value counts something, or is a number of seconds or a rate.

    Args:
        name: What the error calls it.
        value: The value; ``math.inf`` is a number of seconds, NaN and a bool are no numbers.
        whole: Whether it counts.

    Raises:
        TypeError: If it is of another type.
        ValueError: If it is not positive; a few durations may be zero.
    """
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        kind = "a whole number" if whole else "a number"
        raise TypeError(f"{name} must be {kind}, not {value!r}")
    least_is_in = name in MAY_BE_ZERO
    if math.isnan(value) or value < 0 or (value == 0 and not least_is_in):
        wanted = "zero or more" if least_is_in else "more than zero"
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


def _check_seconds(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        check_number(field.name, value, whole=False)


@attrs.frozen(kw_only=True)
class Limits:
    """Every bound that trivet keeps, in bytes, seconds or counts.

    The same type fits an actor class, ``Registry``, ``serve`` and ``open_runtime``; what a class
    sets wins over the registry, and that over the server.

    Raises:
        TypeError: If one is no number of its kind.
        ValueError: If one is negative or NaN, or zero where zero bounds nothing.
    """

    message_in: int = 64 * KIBIBYTE
    message_out: int = MEBIBYTE
    frame: int = 32 * MEBIBYTE
    fragments: int = 1024
    frame_rate: float = 1000.0
    frame_burst: int = 4000
    params: int = 4 * KIBIBYTE
    input: int = 4 * MEBIBYTE
    request_head: int = 64 * KIBIBYTE
    request_headers: int = 128
    request_head_time: float = 5.0
    request_body: int = 20 * MEBIBYTE
    mailbox: int = 1000
    mailbox_per_connection: int = 64
    mailbox_wait: float = 60.0
    inbox_messages: int = 1024
    inbox_bytes: int = 256 * KIBIBYTE
    outbox_messages: int = 256
    outbox_bytes: int = MEBIBYTE
    park_time: float = 90.0
    hook_time: float = 5.0
    wake_time: float = 30.0
    opening_time: float = 15.0
    close_time: float = 5.0
    ping_after: float = 20.0
    dead_after: float = 20.0
    grace: float = 15.0
    state_limit: int = attrs.field(default=MEBIBYTE, validator=_check_state_limit)
    save_interval: float = 1.0
    kv_key: int = 2 * KIBIBYTE
    kv_value: int = 128 * KIBIBYTE
    kv_batch_keys: int = 128
    kv_batch: int = 976 * KIBIBYTE
    connections_per_address: int = 256
    openings_per_address: int = 64
    connections: int = 10_000

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(Limits):
            value: object = getattr(self, field.name)
            check_number(field.name, value, whole=isinstance(field.default, int))

    def over(self, wider: Limits) -> Limits:
        """Combine with the limits of a wider scope: what is set here wins, the rest is theirs."""
        default = Limits()
        changed = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(Limits)
            if getattr(self, field.name) != getattr(default, field.name)
        }
        return attrs.evolve(wider, **changed)


@attrs.frozen(kw_only=True)
class Options:
    """The options of an actor class, given as class keywords and inherited.

    Attributes:
        name: The actor's name on the wire; never inherited, the class's own name by default.
        durability: What an acknowledged change survives on a durable store, ``"power"`` by default.
        action_timeout: Seconds an asynchronous action may run.
        concurrent: Whether asynchronous actions run beside the turns.
        call_hooks: Whether stateless calls run the connection hooks.
        overflow: What to do with events when a client does not drain its outbox.
        hibernate_websockets: Whether raw WebSockets survive the actor's sleep, or what tells that
            of each from its request.
        limits: Bounds of this class alone.
    """

    name: str | None = None
    durability: Durability | None = attrs.field(default=None, validator=_check_durability)
    sleep_after: float | None = attrs.field(default=None, validator=_check_seconds)
    grace: float | None = attrs.field(default=None, validator=_check_seconds)
    action_timeout: float = attrs.field(default=60.0, validator=_check_seconds)
    concurrent: bool = False
    call_hooks: bool = True
    overflow: Overflow = "disconnect"
    hibernate_websockets: bool | Callable[[Request], bool] = attrs.field(
        default=False, validator=_check_hibernation
    )
    limits: Limits = attrs.field(factory=Limits, validator=attrs.validators.instance_of(Limits))
