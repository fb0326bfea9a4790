"""The manager's part of the protocol: to find, create and list actors (client protocol, section 3).

Bodies and answers are JSON, whatever the encoding of the actors' messages.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import attrs

from trivet.declare.definition import Definition
from trivet.declare.errors import ActionError, Forbidden
from trivet.declare.handle import Address
from trivet.declare.keys import InvalidKeyError, Key, check_name, parse_key, serialize_key
from trivet.declare.request import Intent
from trivet.ports.records import ActorRecord
from trivet.protocol import cbor
from trivet.protocol.errors import DecodingError, IncomingTooLong
from trivet.protocol.messages import UNDEFINED
from trivet.runtime.namespaces import DEFAULT, name_of, namespace_of, stored_name
from trivet.runtime.store_faults import is_damaged
from trivet.server.answers import Answer, RequestError, json_answer
from trivet.server.envelope import BESIDE, read_envelope
from trivet.server.exchange import Exchange
from trivet.server.targets import check_namespace, definition_named, input_from_wire

__all__ = ["create_actor", "get_or_create_actor", "list_actors", "namespace_in"]

T = TypeVar("T")

MOST_IDS = 100
MOST_PARAMETERS = 32


@attrs.frozen
class _Wanted:
    """The actor that a body describes."""

    definition: Definition
    namespace: str
    key: Key
    input: Any

    @property
    def stored_name(self) -> str:
        return stored_name(self.namespace, self.definition.name)


async def get_or_create_actor(exchange: Exchange) -> Answer:
    """``PUT /actors``: find an actor by its key, or create it, and start it."""
    wanted = await _read(exchange)
    runtime = exchange.service.runtime
    created = False
    if await runtime.records.identify_by_key(wanted.stored_name, wanted.key) is None:
        created = await _created(exchange, wanted)
    address = Address(key=wanted.key, namespace=wanted.namespace, create=True, input=wanted.input)
    instance = await runtime.directory.awake(wanted.definition, address)
    actor = await _stored(exchange, instance.actor_id)
    return json_answer({"actor": actor, "created": created})


async def create_actor(exchange: Exchange) -> Answer:
    """``POST /actors``: create an actor whose key is free, and start it."""
    wanted = await _read(exchange)
    runtime = exchange.service.runtime
    actor_id = await runtime.create(wanted.definition, wanted.key, wanted.input, wanted.namespace)
    return json_answer({"actor": await _stored(exchange, actor_id)})


async def list_actors(exchange: Exchange) -> Answer:
    """``GET /actors``: find actors by their ids, by name and key, or all of a name."""
    parameters = _parameters(exchange.query)
    namespace = _namespace(parameters) or DEFAULT
    records = await _find(exchange, parameters, namespace)
    actors = [_described(record) for record in records]
    return json_answer({"actors": actors, "pagination": {"cursor": None}})


async def _find(
    exchange: Exchange, parameters: dict[str, str], namespace: str
) -> list[ActorRecord]:
    records = exchange.service.runtime.records
    name = _valid(check_name, parameters["name"]) if "name" in parameters else None
    if "actor_ids" in parameters:
        return await _find_by_ids(exchange, parameters["actor_ids"].split(","), name, namespace)
    if name is None:
        message = "One of name and actor_ids is needed"
        raise ActionError(message, group="validation", code="invalid_input")
    if "key" in parameters:
        key = _valid(parse_key, parameters["key"])
        await _authorize(exchange, name, "get", namespace)
        record = await records.identify_by_key(stored_name(namespace, name), key)
        return [] if record is None else [record]
    exchange.service.admin.check(exchange.head)
    await _authorize(exchange, name, "manage", namespace)
    return await records.list(stored_name(namespace, name))


async def _find_by_ids(
    exchange: Exchange, ids: list[str], name: str | None, namespace: str
) -> list[ActorRecord]:
    """Find actors by their ids; those that the request may not see are as if they were not there.

    Raises:
        Forbidden: If it may see none, whatever there is.
    """
    if len(ids) > MOST_IDS:
        raise RequestError(f"actor_ids may have {MOST_IDS} ids at most", code="bad_request")
    service = exchange.service
    if name is None:
        refusing = await service.authorizer.refusing(exchange.request("get", namespace))
        hidden = {definition.name for definition in refusing}
    else:
        await _authorize(exchange, name, "get", namespace)
        hidden = set[str]()
    may_be_another = name is not None or bool(hidden)
    found = [await _identify(exchange, actor_id, may_be_another) for actor_id in ids]
    return [
        record
        for record in found
        if record
        and namespace_of(record.name) == namespace
        and name in {None, name_of(record.name)}
        and name_of(record.name) not in hidden
    ]


async def _identify(exchange: Exchange, actor_id: str, may_be_another: bool) -> ActorRecord | None:
    """Say who an actor is; a damaged one that may be none of those asked for is not there."""
    try:
        return await exchange.service.runtime.records.identify(actor_id)
    except ActionError as error:
        if may_be_another and is_damaged(error):
            return None
        raise


async def _authorize(exchange: Exchange, name: str, intent: Intent, namespace: str) -> None:
    """Ask the class of a name, if there is one.

    Raises:
        Forbidden: If it does not let the request through.
    """
    definition = exchange.service.runtime.registry.definitions.get(name)
    if definition is not None:
        request = exchange.request(intent, namespace)
        await exchange.service.authorizer.check(definition, request, creates=False)


async def _created(exchange: Exchange, wanted: _Wanted) -> bool:
    try:
        await exchange.service.runtime.create(
            wanted.definition, wanted.key, wanted.input, wanted.namespace
        )
    except ActionError as error:
        if error.code != "duplicate_key":
            raise
        return False  # somebody else was faster
    return True


async def _stored(exchange: Exchange, actor_id: str) -> dict[str, Any]:
    record = await exchange.service.runtime.records.identify(actor_id)
    if record is None:
        raise ActionError("Actor not found", group="actor", code="not_found")
    return _described(record)


def _described(record: ActorRecord) -> dict[str, Any]:
    return {
        "actor_id": record.id,
        "name": name_of(record.name),
        "key": serialize_key(record.key),
        "namespace_id": namespace_of(record.name),
        "datacenter": "local",
        "runner_name_selector": "default",
        "crash_policy": "sleep",
        "create_ts": round(record.created_at * 1000),
        "start_ts": None,
        "pending_allocation_ts": None,
        "connectable_ts": None,
        "sleep_ts": None,
        "reschedule_ts": None,
        "destroy_ts": None,
    }


async def _read(exchange: Exchange) -> _Wanted:
    parameters = _parameters(exchange.query)
    namespace = _namespace(parameters) or DEFAULT
    runtime, authorizer = exchange.service.runtime, exchange.service.authorizer
    request = exchange.request("create", namespace)
    # Who is meant stands in the body. So before a long one is read, everybody is asked.
    refusing = None if _is_short(exchange) else await authorizer.refusing(request)
    members = read_envelope(await exchange.read(runtime.limits.input * 4 // 3 + BESIDE))
    definition = definition_named(runtime, _valid(check_name, _text(members, "name")))
    key = _valid(parse_key, _text(members, "key"))
    if refusing is None:
        await authorizer.check(definition, request, creates=True)
    elif definition in refusing:
        raise Forbidden
    limit = runtime.limits_of(definition).input
    return _Wanted(definition, namespace, key, input_from_wire(definition, _input(members, limit)))


def _is_short(exchange: Exchange) -> bool:
    headers = exchange.head.headers
    return "transfer-encoding" not in headers and int(headers.get("content-length", 0)) <= BESIDE


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{name} must be text", code="bad_request")
    return value


def _input(members: dict[str, Any], limit: int) -> Any:
    if members.get("input") is None:
        return UNDEFINED
    try:
        data = b64decode(_text(members, "input"), validate=True)
        if len(data) > limit:
            raise IncomingTooLong(len(data), limit)
        return cbor.decode(data, cbor.TAGGED)
    except (Base64Error, ValueError, DecodingError):
        raise RequestError("input must be base64 of CBOR", code="bad_request") from None


def namespace_in(query: str) -> str | None:
    """Return the namespace that a request to the manager names, if it names one.

    Raises:
        ActionError: ``namespace.not_found`` if none can be called so.
        RequestError: If the query is malformed.
    """
    return _namespace(_parameters(query))


def _namespace(parameters: dict[str, str]) -> str | None:
    named = parameters.get("namespace")
    return None if named is None else check_namespace(named)


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        raise RequestError("The query is malformed or too long", code="bad_request") from None
    return dict(pairs)


def _valid(read: Any, text: str) -> Any:
    try:
        return read(text)
    except InvalidKeyError as error:
        raise RequestError(str(error), code="bad_request") from None
