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

    Attributes:
        message_in: Bytes of a message to an actor. A longer one closes its connection with 1011
            ``message.incoming_too_long``, and is answered with 400 over HTTP.
        message_out: Bytes of a message to a client. A longer result fails its call with
            ``message.outgoing_too_long``; a longer event raises that where it is sent.
        frame: Bytes of a message of a raw WebSocket, 32 MiB at most. A longer one closes it with
            1011 ``message.incoming_too_long``, or 1009 beyond 32 MiB.
        fragments: Fragments of one message. More close the WebSocket with 1009.
        frame_rate: Frames and HTTP requests a second of one connection. More close a WebSocket
            with 1008 ``connection.flooding``, and are answered with 429 ``guard.rate_limit``;
            requests of this machine are not counted.
        frame_burst: Frames and requests at once after a pause. The same as beyond ``frame_rate``.
        params: Bytes of connection params, in JSON. ``message.incoming_too_long``.
        input: Bytes of an actor's input, as CBOR. 400 ``message.incoming_too_long``; in a URL it
            has 4 KiB at most.
        request_head: Bytes of an HTTP request's line and headers. 431 ``api.head_too_large``.
        request_headers: Headers of an HTTP request. 431 ``api.head_too_large``.
        request_head_time: Seconds for the head to arrive. 408 ``api.request_timeout``.
        request_body: Bytes of a raw HTTP request's body, and of a response that is not streamed.
            400 ``message.incoming_too_long`` or ``message.outgoing_too_long``.
        unfinished_bytes: Bytes that all clients together have sent of messages and bodies that are
            not complete. Who sends more of theirs gets 503 ``guard.unfinished_full``, or is closed
            with 1013 and that reason; ``message_in`` bytes of each connection are not counted.
        mailbox: Requests that wait for an actor. Further ones fail with ``actor.overloaded``.
        mailbox_per_connection: Requests of one connection in the mailbox. Further ones wait in
            its inbox.
        mailbox_wait: Seconds that a request without a deadline waits. Then it is dropped with
            ``actor.overloaded``.
        inbox_messages: Messages of one connection that wait for room in the mailbox. More close it
            with 1008 ``connection.flooding``; a raw WebSocket is not read meanwhile.
        inbox_bytes: Bytes of these messages. The same.
        outbox_messages: Messages that a client has not taken yet. More close it with 1013
            ``slow_consumer``, unless the event's ``overflow`` says otherwise.
        outbox_bytes: Bytes of these messages. The same.
        park_time: Seconds for an actor to start for a message of a client that stayed connected.
            Then the client is closed with 1011 ``actor.starting``.
        hook_time: Seconds for each hook that has no other bound. It is cut, and whoever waits for
            it gets ``actor.callback_timed_out``.
        wake_time: Seconds for ``on_wake`` and for ``on_migrate``. The start fails with
            ``actor.callback_timed_out``.
        opening_time: Seconds for a client to be let in. It is closed with 1011
            ``actor.starting``, and comes back by itself.
        close_time: Seconds for the outbox to drain and the closing handshake. Then the socket is
            closed all the same.
        ping_after: Seconds of silence before a client is pinged. It may be silent for
            ``dead_after`` more.
        dead_after: Seconds of silence after that. The connection is closed, and its cause is
            ``"network"``.
        grace: Seconds for an actor to stop. What still runs is cut, and a warning names it.
        state_limit: Bytes of the encoded state, 16 MiB at most. The turn fails with
            ``actor.state_too_large``, and the actor is as it was stored last.
        save_interval: Seconds between saves with ``durability="interval"``. As much is lost in a
            crash.
        schedules: Calls of an actor to itself that are to come. Further ones fail with
            ``schedule.max_schedules_exceeded``.
        kv_key: Bytes of a key of ``self.kv``. ``kv.key_too_large``.
        kv_value: Bytes of a value of ``self.kv``. ``kv.value_too_large``.
        kv_batch_keys: Keys that one call of ``self.kv`` may name. ``kv.too_many_keys``.
        kv_batch: Bytes of keys and values that one call of ``self.kv`` sets.
            ``kv.batch_too_large``.
        queue_messages: Messages in all queues of an actor that nobody has completed. Further ones
            fail with ``queue.full``.
        queue_body: Bytes of a message of a queue, as it is stored. ``queue.message_too_large``.
        connections_per_address: Connections of one peer address. Further ones are closed; behind a
            trusted proxy they get ``guard.service_unavailable``.
        openings_per_address: Connections of one address that are not let in yet. The same.
        connections: Connections of the process. Further clients are not accepted until there is
            room.

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
    unfinished_bytes: int = 256 * MEBIBYTE
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
    schedules: int = 1000
    kv_key: int = 2 * KIBIBYTE
    kv_value: int = 128 * KIBIBYTE
    kv_batch_keys: int = 128
    kv_batch: int = 976 * KIBIBYTE
    queue_messages: int = 1000
    queue_body: int = 64 * KIBIBYTE
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
        sleep_after: Idle seconds after which the actor sleeps; ``math.inf`` is never.
        grace: Seconds that its end may take; that of the limits by default.
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
    sleep_after: float = attrs.field(default=30.0, validator=_check_seconds)
    grace: float | None = attrs.field(default=None, validator=_check_seconds)
    action_timeout: float = attrs.field(default=60.0, validator=_check_seconds)
    concurrent: bool = False
    call_hooks: bool = True
    overflow: Overflow = "disconnect"
    hibernate_websockets: bool | Callable[[Request], bool] = attrs.field(
        default=False, validator=_check_hibernation
    )
    limits: Limits = attrs.field(factory=Limits, validator=attrs.validators.instance_of(Limits))
