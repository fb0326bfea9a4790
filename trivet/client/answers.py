"""What a server's answer over HTTP means: a result, or an error in one of two encodings."""

from __future__ import annotations

from trivet.client.http import HttpResponse
from trivet.declare.errors import ActionError, Error
from trivet.protocol.codec import CODECS
from trivet.protocol.errors import DecodingError
from trivet.protocol.faults import Fault, error_of
from trivet.protocol.messages import UNDEFINED, ErrorMessage, HttpResponseError
from trivet.protocol.passing import unwrapped

__all__ = ["check_answer", "names_actor", "stated_error", "told_error"]


def check_answer(response: HttpResponse) -> None:
    """Return if a request was successful.

    Raises:
        Error: What the server reports instead.
    """
    if not 200 <= response.status < 300:
        raise stated_error(response) or ActionError(
            f"The server answered with status {response.status}, and not why",
            group="rivetkit",
            code="internal_error",
            metadata={"status": response.status},
        )


def stated_error(response: HttpResponse) -> Error | None:
    """Return the error in a response, if there is one (client protocol, section 6.1).

    Errors on the way to an actor are JSON, whatever the request was; an actor's are in the
    encoding of the request, and this client's requests are in bare.
    """
    message = _error_in(response)
    return None if message is None else error_of(unwrapped(_fault_in(message)))


def names_actor(response: HttpResponse) -> bool:
    """Tell whether a response is the error of an actor that the call has reached."""
    if 200 <= response.status < 300:
        return False
    message = _error_in(response)
    return message is not None and message.actor is not None


def _error_in(response: HttpResponse) -> HttpResponseError | None:
    is_json = "application/json" in response.headers.get("content-type", "")
    codec = CODECS["json" if is_json else "bare"]
    try:
        return codec.decode_error(response.body)
    except DecodingError:
        return None


def told_error(message: ErrorMessage | HttpResponseError) -> Error:
    """Make the exception for an error that has arrived."""
    return error_of(_fault_in(message))


def _fault_in(message: ErrorMessage | HttpResponseError) -> Fault:
    metadata = None if message.metadata is UNDEFINED else message.metadata
    return Fault(message.group, message.code, message.message, metadata)
