"""Answers: what goes back over HTTP, and errors in the form that the clients read.

Errors of the server itself are JSON with an ``x-rivet-error`` header, whatever encoding the request
asked for; errors of an actor are in the encoding of the request (client protocol, 6.1 and 7.1).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import attrs

from trivet.declare.errors import ActionError, Error
from trivet.logs import Throttled, about, printable
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import EncodingError
from trivet.protocol.faults import ERROR_HEADER, Fault, http_status
from trivet.protocol.messages import UNDEFINED, ActorSpecifier, HttpResponseError
from trivet.runtime.body_stream import BodyStream
from trivet.server.encoder import as_unicode
from trivet.server.head import header_text

__all__ = [
    "Answer",
    "RequestError",
    "fault_answer",
    "json_answer",
    "not_built",
    "refusal",
    "status_of",
    "text_answer",
]

throttled = Throttled(logging.getLogger(__name__))

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

# Statuses of what only this server reports; the others are the protocol's.
_STATUS = {
    ("actor", "not_implemented"): 501,
    ("api", "method_not_allowed"): 405,
    ("api", "request_timeout"): 408,
    ("api", "upgrade_required"): 426,
    ("api", "head_too_large"): 431,
    ("guard", "rate_limit"): 429,
    ("guard", "request_timeout"): 504,
    ("namespace", "not_found"): 400,
    ("validation", "invalid_input"): 400,
}


CAUTION = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
"""What every answer tells browsers and caches, unless it says otherwise."""

_MORE = {503: {"retry-after": "1"}}
"""What an error of a status says beside itself: a server that has no room soon has some."""


@attrs.frozen
class Answer:
    """An HTTP response.

    Attributes:
        body: The complete body, if it is not streamed.
        headers: By lower-case name; the length, and what browsers ask for, are added later.
        stream: What the body is streamed from; whoever sends the answer closes it.
        repeated: The values of headers that repeat, each of which is a line of its own.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = NO_HEADERS
    stream: BodyStream | None = None
    repeated: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict[str, tuple[str, ...]])

    def lines(self, added: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Return name and value of each header line.

        Args:
            added: What else it has to say.
        """
        for name, value in {**CAUTION, **self.headers, **added}.items():
            values = self.repeated.get(name, ())
            # Where the server has had its say meanwhile, that counts.
            for line in values if ", ".join(values) == value else (value,):
                yield name, line


class RequestError(Error):
    """A request that this server does not serve, whoever asks.

    Attributes:
        headers: What the answer says beside the error.
    """

    group = "api"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        group: str | None = None,
        metadata: object = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(message, group=group, code=code, metadata=metadata)
        self.headers = headers


def not_built(feature: str) -> ActionError:
    """Make the error for a part of the protocol that this version does not have."""
    return ActionError(
        f"This version of trivet has no {feature} yet",
        group="actor",
        code="not_implemented",
        metadata={"feature": feature},
    )


def text_answer(text: str, status: int = 200) -> Answer:
    """Answer with a line for people."""
    return Answer(status, text.encode(), {"content-type": "text/plain; charset=utf-8"})


def json_answer(value: object, status: int = 200) -> Answer:
    """Answer with plain JSON, without the tags of the wire."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Answer(status, body, {"content-type": "application/json"})


def refusal(fault: Fault, actor: ActorSpecifier | None = None) -> Answer:
    """Answer with an error in JSON, of the server itself or of raw HTTP.

    Args:
        fault: The error, masked.
        actor: The actor that reports it, if it was one.
    """
    answer = fault_answer(fault, CODECS["json"], actor)
    headers = {**answer.headers, ERROR_HEADER: header_text(fault.reason)}
    return attrs.evolve(answer, headers=headers)


def fault_answer(fault: Fault, codec: Codec, actor: ActorSpecifier | None = None) -> Answer:
    """Answer with an error in the encoding of the request.

    Args:
        fault: The error, masked.
        codec: The encoding.
        actor: The actor that reports it, if it was one.
    """
    metadata = UNDEFINED if fault.metadata is None else fault.metadata
    error = HttpResponseError(fault.group, fault.code, fault.message, metadata, actor)
    try:
        body = codec.encode_error(error)
    except EncodingError as problem:
        throttled.warning(
            "metadata",
            "the error %s is sent without its metadata: %s",
            printable(fault.reason),
            problem,
            extra=about(actor_id=None if actor is None else actor.actor_id),
        )
        texts = (fault.group, fault.code, fault.message)
        group, code, message = map(as_unicode, texts)
        body = codec.encode_error(HttpResponseError(group, code, message, UNDEFINED, actor))
    status = status_of(fault)
    return Answer(status, body, {"content-type": codec.content_type, **_MORE.get(status, {})})


def status_of(fault: Fault) -> int:
    """Return the HTTP status that goes with a fault."""
    return _STATUS.get((fault.group, fault.code)) or http_status(fault)
