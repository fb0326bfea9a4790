"""Finding and creating actors over the network: the manager's requests (client protocol, 3)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import quote

from trivet.client.answers import check_answer
from trivet.client.endpoint import Endpoint
from trivet.client.http import HttpPool, HttpRequest
from trivet.declare.errors import ActionError
from trivet.declare.keys import Key, serialize_key
from trivet.protocol import cbor, json
from trivet.protocol.errors import DecodingError
from trivet.protocol.messages import UNDEFINED

__all__ = ["Lookup"]


class Lookup:
    """Asks one server for actors.

    Args:
        endpoint: The server.
        pool: The way to it.
    """

    def __init__(self, endpoint: Endpoint, pool: HttpPool) -> None:
        self._endpoint = endpoint
        self._pool = pool

    async def create(self, name: str, key: Key, given: Any) -> str:
        """Create an actor and return its id.

        Args:
            name: The actor's name on the wire.
            key: Its key.
            given: Its input, a wire value.

        Raises:
            ActionError: ``actor.duplicate_key`` if the key is taken.
        """
        return _id_in(await self._ask("POST", _wanted(name, key, given)))

    async def get_or_create(self, name: str, key: Key, given: Any) -> str:
        """Return the id of an actor, which is created if there is none."""
        return _id_in(await self._ask("PUT", _wanted(name, key, given)))

    async def find(self, name: str, key: Key) -> str:
        """Return the id of an actor.

        Raises:
            ActionError: ``actor.not_found`` if there is none.
        """
        return await self._first(name, {"name": name, "key": serialize_key(key)})

    async def check(self, name: str, actor_id: str) -> str:
        """Return an actor's id if there is such an actor.

        Raises:
            ActionError: ``actor.not_found`` if there is none.
        """
        # The engine takes no name beside an id.
        return await self._first(name, {"actor_ids": actor_id})

    async def _first(self, name: str, parameters: dict[str, str]) -> str:
        query = "".join(f"&{part}={quote(value, safe='')}" for part, value in parameters.items())
        match await self._ask("GET", None, query):
            case {"actors": [{"actor_id": str(actor_id)} as actor, *_]}:
                if actor.get("destroy_ts") is None and actor.get("name", name) == name:
                    return actor_id
            case {"actors": []}:
                pass
            case _:
                raise _malformed()
        message = "Actor not found"
        raise ActionError(message, group="actor", code="not_found", metadata=parameters)

    async def _ask(self, method: str, body: dict[str, Any] | None, query: str = "") -> Any:
        endpoint = self._endpoint
        headers = {"content-type": "application/json"}
        if endpoint.token is not None:
            headers["authorization"] = f"Bearer {endpoint.token}"
        request = HttpRequest(
            method,
            f"{endpoint.base_path}/actors?namespace={quote(endpoint.namespace, safe='')}{query}",
            headers,
            b"" if body is None else json.encode(body),
            repeatable=method != "POST",
        )
        response = await self._pool.request(request)
        check_answer(response)
        try:
            return json.parse(response.body)
        except DecodingError:
            raise _malformed() from None


def _wanted(name: str, key: Key, given: Any) -> dict[str, Any]:
    wanted = {
        "name": name,
        "key": serialize_key(key),
        "runner_name_selector": "default",
        "crash_policy": "sleep",
    }
    if given is not UNDEFINED:
        wanted["input"] = b64encode(cbor.encode(given, cbor.TAGGED)).decode("ascii")
    return wanted


def _id_in(answer: Any) -> str:
    match answer:
        case {"actor": {"actor_id": str(actor_id)}}:
            return actor_id
        case _:
            raise _malformed()


def _malformed() -> ActionError:
    message = "The server's answer names no actor"
    return ActionError(message, group="rivetkit", code="internal_error")
