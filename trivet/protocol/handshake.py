"""What a client says before its first message: subprotocols and headers (sections 4.3, 6, 11).

A WebSocket client speaks in subprotocols, since a browser lets it set no headers; over HTTP the
same things are headers. An upgrade is never refused, for the official clients hang then: whatever
is wrong with an offer is its ``refusal``, to be sent as the close of an accepted connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from json import dumps as dumps_ascii
from typing import Any
from urllib.parse import quote

import attrs

from trivet.protocol import json
from trivet.protocol.envelope import MAX_CALL_NAME
from trivet.protocol.errors import (
    DecodingError,
    GatewayError,
    IncomingTooLong,
    OutgoingTooLong,
    RemoteProtocolError,
    UnsupportedEncoding,
)
from trivet.protocol.gateway import DirectTarget
from trivet.protocol.messages import UNDEFINED, EncodingName
from trivet.protocol.percent import unquote

__all__ = [
    "EXTENSION",
    "MAX_PARAMS",
    "SUBPROTOCOL",
    "CallHeaders",
    "SocketOffer",
    "call_headers",
    "parse_call_headers",
    "parse_offer",
    "socket_target",
    "subprotocols",
    "target_of_headers",
]

MAX_PARAMS = 4_096
"""Bytes of connection params, as JSON."""

SUBPROTOCOL = "rivet"
"""What an answer selects; a client that sees another one never opens."""

EXTENSION = "trivet.1"
"""What an answer selects for a client that offers it (section 11).

Bare has no place for its fields: who offers that, and hears this answer, speaks cbor.
"""

_ENCODINGS: Mapping[str, EncodingName] = {"bare": "bare", "cbor": "cbor", "json": "json"}
_EXTENDED: Mapping[str | None, EncodingName] = {"bare": "cbor", "cbor": "cbor", "json": "json"}
# A header carries Latin-1 at most, and no control characters; in JSON these are in strings only.
_escape_beyond_ascii = re.compile(r"[^ -~]+").sub
_MAX_DEADLINE_DIGITS = 15


@attrs.frozen
class SocketOffer:
    """What a WebSocket client asks for.

    Attributes:
        answer: The subprotocol to accept it with, ``None`` if it offers none that is known.
        refusal: What is wrong with it: to be told by a close once it is accepted.
        encoding: How messages are encoded; the default of the wire is json.
        params: Connection params, ``UNDEFINED`` without.
        params_size: Bytes of the params, as JSON.
        routed: Whether it names its actor by subprotocols, see ``socket_target``.
        resume: The token of a connection to resume (``trivet.1``).
    """

    answer: str | None = None
    refusal: RemoteProtocolError | None = None
    encoding: EncodingName = "json"
    params: Any = UNDEFINED
    params_size: int = attrs.field(default=0, eq=False)
    routed: bool = False
    actor_id: str | None = None
    token: str | None = None
    skip_ready_wait: bool = False
    resume: str | None = None

    @property
    def extended(self) -> bool:
        """Whether the connection speaks ``trivet.1``."""
        return self.answer == EXTENSION


@attrs.frozen
class CallHeaders:
    """What an HTTP client asks for.

    Attributes:
        deadline: Milliseconds that the caller still waits (``trivet.1``).
        call: The caller's name for this call, the same when it is sent again (``trivet.1``).
        renews: Whether it only asks what has become of that call (``trivet.1``).
    """

    encoding: EncodingName = "json"
    params: Any = UNDEFINED
    skip_ready_wait: bool = False
    deadline: int | None = None
    call: str | None = None
    renews: bool = False


def parse_offer(header: str, *, max_params: int = MAX_PARAMS) -> SocketOffer:
    """Read the ``Sec-WebSocket-Protocol`` header; unknown subprotocols are ignored.

    Args:
        header: Its value.
        max_params: Bytes of params that are read at all.
    """
    offered = [token.strip(" \t") for token in header.split(",")]
    encoding = _value_in(offered, "rivet_encoding.")
    extended = EXTENSION in offered and encoding in _EXTENDED
    known = SUBPROTOCOL if SUBPROTOCOL in offered else None
    offer = SocketOffer(
        answer=EXTENSION if extended else known,
        routed="rivet_target.actor" in offered,
        token=_value_in(offered, "rivet_token."),
        skip_ready_wait="rivet_skip_ready_wait" in offered,
        resume=_value_in(offered, "trivet_resume.") if extended else None,
    )
    try:
        params = _unquoted_in(offered, "rivet_conn_params.")
        return attrs.evolve(
            offer,
            encoding=_EXTENDED[encoding] if extended else _socket_encoding(encoding),
            actor_id=_unquoted_in(offered, "rivet_actor."),
            params=_read_params(params, max_params),
            params_size=len((params or "").encode()),
        )
    except RemoteProtocolError as error:
        return attrs.evolve(offer, refusal=error)


def subprotocols(
    encoding: EncodingName,
    *,
    params: object = UNDEFINED,
    resume: str | None = None,
    skip_ready_wait: bool = False,
) -> list[str]:
    """Return the subprotocols that trivet's client offers.

    Raises:
        EncodingError: If the params are no wire value.
        OutgoingTooLong: If they are too long.
    """
    offered = [SUBPROTOCOL, f"rivet_encoding.{encoding}", EXTENSION]
    if resume is not None:
        offered.append(f"trivet_resume.{resume}")
    if skip_ready_wait:
        offered.append("rivet_skip_ready_wait")
    if params is not UNDEFINED:
        written = _within_limit(json.encode(params))
        offered.append(f"rivet_conn_params.{quote(written, safe='')}")
    return offered


def socket_target(path: str, offer: SocketOffer) -> DirectTarget | None:
    """Return the actor that a WebSocket without a gateway address is for.

    Raises:
        GatewayError: If the offer says that it names one, and does not.
    """
    if not offer.routed or not (path == "/connect" or _is_below(path, "/websocket")):
        return None
    return _direct_target(offer.actor_id, offer.token)


def parse_call_headers(headers: Mapping[str, str], *, max_params: int = MAX_PARAMS) -> CallHeaders:
    """Read the headers of a call, given by lower-case name and decoded as Latin-1.

    Args:
        headers: The headers.
        max_params: Bytes that the params may have.

    Raises:
        DecodingError: If one of them is malformed.
        IncomingTooLong: If the params are too long.
    """
    return CallHeaders(
        _ENCODINGS.get(headers.get("x-rivet-encoding", ""), "json"),
        _read_params(headers.get("x-rivet-conn-params"), max_params),
        headers.get("x-rivet-skip-ready-wait") in {"1", "true"},
        _read_deadline(headers.get("x-trivet-deadline")),
        _read_call(headers.get("x-trivet-call")),
        headers.get("x-trivet-renew") == "1",
    )


def call_headers(call: CallHeaders) -> dict[str, str]:
    """Return the headers that trivet's client sends with a call.

    Raises:
        EncodingError: If the params are no wire value.
        OutgoingTooLong: If they are too long.
    """
    headers = {"x-rivet-encoding": str(call.encoding)}
    if call.params is not UNDEFINED:
        written = _escape_beyond_ascii(_escape, json.encode(call.params).decode())
        headers["x-rivet-conn-params"] = _within_limit(written.encode("ascii")).decode("ascii")
    if call.skip_ready_wait:
        headers["x-rivet-skip-ready-wait"] = "1"
    if call.deadline is not None:
        headers["x-trivet-deadline"] = str(call.deadline)
    if call.call is not None:
        headers["x-trivet-call"] = call.call
    if call.renews:
        headers["x-trivet-renew"] = "1"
    return headers


def target_of_headers(path: str, headers: Mapping[str, str]) -> DirectTarget | None:
    """Return the actor that a raw HTTP request without a gateway address is for.

    Raises:
        GatewayError: If the headers say that they name one, and do not.
    """
    if headers.get("x-rivet-target") != "actor" or not _is_below(path, "/request"):
        return None
    return _direct_target(headers.get("x-rivet-actor"), headers.get("x-rivet-token"))


def _direct_target(actor_id: str | None, token: str | None) -> DirectTarget:
    if not actor_id:
        raise GatewayError("missing_header", "The request does not say which actor it is for")
    return DirectTarget(actor_id, token)


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _value_in(offered: list[str], prefix: str) -> str | None:
    return next((token.removeprefix(prefix) for token in offered if token.startswith(prefix)), None)


def _unquoted_in(offered: list[str], prefix: str) -> str | None:
    value = _value_in(offered, prefix)
    try:
        return None if value is None else unquote(value)
    except ValueError:
        message = "A subprotocol is not percent-encoded UTF-8"
        raise DecodingError(message) from None


def _socket_encoding(name: str | None) -> EncodingName:
    if name is None:
        return "json"
    if name not in _ENCODINGS:
        raise UnsupportedEncoding
    return _ENCODINGS[name]


def _read_params(text: str | None, limit: int) -> Any:
    if text is None:
        return UNDEFINED
    data = text.encode()
    if len(data) > limit:
        raise IncomingTooLong(len(data), limit)
    return json.decode(data)


def _escape(run: re.Match[str]) -> str:
    return dumps_ascii(run[0])[1:-1]


def _within_limit(params: bytes) -> bytes:
    if len(params) > MAX_PARAMS:
        raise OutgoingTooLong(len(params), MAX_PARAMS)
    return params


def _read_deadline(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DEADLINE_DIGITS:
        return int(text)
    raise DecodingError("x-trivet-deadline must be a number of milliseconds")


def _read_call(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_CALL_NAME:
        return text
    raise DecodingError(f"x-trivet-call must be of {MAX_CALL_NAME} characters at most")
