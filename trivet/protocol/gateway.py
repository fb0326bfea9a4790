"""Gateway addresses: which actor a request is for, and back (client protocol, 4.1 and 4.2).

``/gateway/{actorId}[@{token}]{path}`` names an actor by its id, and
``/gateway/{name}{path}?…&rvt-…`` by name and key: a ``rvt-`` parameter makes the difference.
Whatever else is in the address is the actor's: path and query keep their bytes.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import quote, quote_plus

import attrs

from trivet.declare.keys import InvalidKeyError, Key, check_name, key_from_query, key_to_query
from trivet.protocol import cbor
from trivet.protocol.errors import DecodingError, GatewayError, OutgoingTooLong
from trivet.protocol.messages import UNDEFINED
from trivet.protocol.percent import unquote

__all__ = [
    "MAX_URL_INPUT",
    "CrashPolicy",
    "DirectTarget",
    "GatewayRequest",
    "GatewayTarget",
    "QueryTarget",
    "gateway_url",
    "parse_gateway",
]

MAX_URL_INPUT = 4_096
"""Bytes of an actor's input, as CBOR, in a URL."""

CrashPolicy = Literal["sleep", "restart", "destroy"]

_PREFIX = "/gateway/"
_MARK = "rvt-"
_PARAMETERS = {
    "rvt-namespace": "namespace",
    "rvt-method": "method",
    "rvt-runner": "pool",
    "rvt-pool": "pool",
    "rvt-key": "key",
    "rvt-input": "input",
    "rvt-region": "region",
    "rvt-crash-policy": "crash_policy",
    "rvt-token": "token",
    "rvt-skip-ready-wait": "skip_ready_wait",
}
_ONLY_TO_CREATE = ("pool", "input", "region", "crash_policy")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_is_base64 = re.compile(r"[A-Za-z0-9_-]*").fullmatch
# What encodeURIComponent leaves alone beside what Python does.
_COMPONENT = "!'()*"


@attrs.frozen
class DirectTarget:
    """An actor by its id."""

    actor_id: str
    token: str | None = None


@attrs.frozen
class QueryTarget:
    """An actor by its name and key.

    Attributes:
        create: Whether it is created when there is none.
        input: What it is created with.
        pool: Which workers may run it; an address that creates says ``default`` without.
        skip_ready_wait: Whether the request may reach it while it starts or stops.
    """

    name: str
    key: Key = ()
    create: bool = False
    input: Any = UNDEFINED
    namespace: str = "default"
    pool: str | None = None
    region: str | None = None
    crash_policy: CrashPolicy | None = None
    token: str | None = None
    skip_ready_wait: bool = False


GatewayTarget: TypeAlias = DirectTarget | QueryTarget


@attrs.frozen
class GatewayRequest:
    """A request's address in its parts.

    Attributes:
        path: The path as the actor sees it, not decoded, ``/`` at least.
        query: The query as the actor sees it, not decoded, without the question mark.
    """

    target: GatewayTarget
    path: str
    query: str


def parse_gateway(address: str) -> GatewayRequest | None:
    """Read the address of a request, as it stands behind the method.

    Returns:
        Its parts, ``None`` if it is no gateway address.

    Raises:
        GatewayError: If it is one that leads nowhere.
    """
    path, _, query = address.partition("?")
    if not path.startswith(_PREFIX) or "//" in path:
        return None
    segment, _, rest = path.removeprefix(_PREFIX).partition("/")
    parameters, query = _take_parameters(query)
    if parameters is not None:
        return GatewayRequest(_query_target(segment, parameters), f"/{rest}", query)
    actor_id, _, token = segment.partition("@")
    if not actor_id:
        return None
    return GatewayRequest(
        DirectTarget(_unquote(actor_id), _unquote(token) or None), f"/{rest}", query
    )


def gateway_url(target: GatewayTarget, path: str = "/", query: str = "") -> str:
    """Write the address of a request to an actor, in the official clients' form.

    Args:
        path: Encoded, from a ``/`` on.
        query: Encoded, without the question mark.

    Raises:
        InvalidKeyError: If a gateway URL cannot carry the key.
        EncodingError: If the input is no wire value.
        OutgoingTooLong: If it is too long for a URL.
    """
    if isinstance(target, QueryTarget):
        segment = quote(check_name(target.name), safe=_COMPONENT)
        query = "&".join(filter(None, (query, _write_parameters(target))))
    else:
        segment = quote(target.actor_id, safe=_COMPONENT)
        if target.token is not None:
            segment += "@" + quote(target.token, safe=_COMPONENT)
    return f"{_PREFIX}{segment}{path}" + (f"?{query}" if query else "")


def _take_parameters(query: str) -> tuple[dict[str, str] | None, str]:
    """Return the routing parameters, ``None`` if there are none, and the rest of the query."""
    pieces = query.split("&")
    routing = [piece for piece in pieces if piece.startswith(_MARK)]
    if not routing:
        return None, query
    parameters: dict[str, str] = {}
    for piece in routing:
        raw_name, _, value = piece.partition("=")
        name = _PARAMETERS.get(raw_name)
        if name is None:
            raise GatewayError("query_invalid_params", "There is an unknown rvt- parameter")
        if name in parameters:
            raise GatewayError("query_duplicate_param", f"{raw_name} is given twice")
        parameters[name] = _unquote(value.replace("+", " "))
    return parameters, "&".join(piece for piece in pieces if not piece.startswith(_MARK))


def _query_target(segment: str, parameters: Mapping[str, str]) -> QueryTarget:
    if "@" in segment:
        raise GatewayError("query_path_token_syntax", "The token of a query is in rvt-token")
    if not segment:
        raise GatewayError("query_empty_actor_name", "The actor's name is empty")
    create = _check_parameters(parameters)
    try:
        name = check_name(_unquote(segment))
        key = key_from_query(parameters.get("key", ""))
    except InvalidKeyError as error:
        raise GatewayError("query_invalid_params", f"The address is wrong: {error}") from None
    return QueryTarget(
        name,
        key,
        create,
        _read_input(parameters["input"]) if "input" in parameters else UNDEFINED,
        parameters["namespace"],
        parameters.get("pool"),
        parameters.get("region"),
        _read_crash_policy(parameters.get("crash_policy")),
        parameters.get("token"),
        _read_flag(parameters.get("skip_ready_wait", "false")),
    )


def _check_parameters(parameters: Mapping[str, str]) -> bool:
    """Check which parameters stand together; return whether the actor may be created."""
    if not parameters.get("namespace"):
        raise GatewayError("query_invalid_params", "rvt-namespace is missing")
    match parameters.get("method"):
        case "getOrCreate":
            if not parameters.get("pool"):
                raise GatewayError("query_missing_pool", "rvt-runner is missing")
            return True
        case "get":
            if any(name in parameters for name in _ONLY_TO_CREATE):
                message = "rvt-runner, input, region and crash-policy are for getOrCreate"
                raise GatewayError("query_get_disallowed_params", message)
            return False
        case _:
            raise GatewayError("query_invalid_params", "rvt-method must be get or getOrCreate")


def _read_input(text: str) -> Any:
    if not _is_base64(text) or len(text) % 4 == 1:
        raise GatewayError("query_invalid_base64_input", "rvt-input must be unpadded base64url")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(data) > MAX_URL_INPUT:
        message = f"rvt-input is longer than {MAX_URL_INPUT} bytes"
        raise GatewayError("query_invalid_cbor_input", message)
    try:
        return cbor.decode(data, cbor.TAGGED)
    except DecodingError as error:
        raise GatewayError("query_invalid_cbor_input", error.message) from None


def _read_crash_policy(text: str | None) -> CrashPolicy | None:
    match text:
        case None | "sleep" | "restart" | "destroy":
            return text
        case _:
            raise GatewayError("query_invalid_params", "There is no such rvt-crash-policy")


def _read_flag(text: str) -> bool:
    if text in _FLAGS:
        return _FLAGS[text]
    raise GatewayError("query_invalid_params", "rvt-skip-ready-wait must be true or false")


def _unquote(text: str) -> str:
    try:
        return unquote(text)
    except ValueError:
        message = "The address is not percent-encoded UTF-8"
        raise GatewayError("query_invalid_percent_encoding", message) from None


def _write_parameters(target: QueryTarget) -> str:
    written: dict[str, str | None] = {
        "rvt-namespace": target.namespace,
        "rvt-method": "getOrCreate" if target.create else "get",
        "rvt-runner": target.pool or ("default" if target.create else None),
        "rvt-key": key_to_query(target.key) or None,
        "rvt-input": _write_input(target.input),
        "rvt-region": target.region,
        "rvt-crash-policy": target.crash_policy,
        "rvt-token": target.token,
        "rvt-skip-ready-wait": "true" if target.skip_ready_wait else None,
    }
    return "&".join(
        f"{name}={quote_plus(value, safe='*')}"
        for name, value in written.items()
        if value is not None
    )


def _write_input(value: object) -> str | None:
    if value is UNDEFINED:
        return None
    data = cbor.encode(value, cbor.TAGGED)
    if len(data) > MAX_URL_INPUT:
        raise OutgoingTooLong(len(data), MAX_URL_INPUT)
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
