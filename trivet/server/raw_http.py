"""Raw HTTP: requests that an actor answers itself (client protocol, 6.2).

Errors are in JSON, whoever reports them, and carry ``x-rivet-error``: an actor's own response never
does, so no client takes the one for the other.
"""

from __future__ import annotations

from typing import Final

import attrs
import trio

from trivet.declare.definition import Definition
from trivet.declare.handle import Address
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.logs import about
from trivet.protocol.errors import OutgoingTooLong
from trivet.protocol.faults import fault_of
from trivet.protocol.handshake import parse_call_headers
from trivet.protocol.messages import UNDEFINED, ActorSpecifier
from trivet.runtime.body_stream import BodyStream
from trivet.runtime.call import InstanceMoved
from trivet.runtime.instance import Instance
from trivet.runtime.raw_request import ask_request
from trivet.server.answers import Answer, refusal
from trivet.server.calls import specifier_of, told_by
from trivet.server.exchange import Exchange
from trivet.server.head import header_text
from trivet.server.requests import raw_request_of
from trivet.server.targets import find_actor, stopping

__all__ = ["answer_request"]

NOT_ANSWERED: Final = Answer(404)
"""The answer of an actor without ``on_request``."""


async def answer_request(exchange: Exchange) -> Answer:
    """Let an actor answer."""
    assert exchange.target is not None
    request = raw_request_of(exchange.request("request"), "/request")
    definition, address = await find_actor(exchange.service, exchange.target, request)
    if "on_request" not in definition.hooks:
        return NOT_ANSWERED
    raw = _RawRequest(exchange, definition, address)
    try:
        return await raw.answer(request)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise
    except Exception as error:  # the connection's firewall: the client gets it
        subject = about(actor=definition.name, peer=exchange.head.peer)
        where = f"a request to {definition.name}"
        fault = fault_of(error, where=where, subject=subject)
        return refusal(told_by(raw.asked, fault), raw.specifier)


@attrs.define(eq=False)
class _RawRequest:
    exchange: Exchange
    definition: Definition
    address: Address
    specifier: ActorSpecifier | None = None
    asked: Instance | None = None

    async def answer(self, request: Request) -> Answer:
        limits = self.exchange.service.runtime.limits_of(self.definition)
        headers = parse_call_headers(self.exchange.head.headers, max_params=limits.params)
        # All of it, before the actor hears of it: a slow upload holds no turn.
        body = await self.exchange.read(limits.request_body)
        params = None
        if self.definition.runs_call_hooks:
            sent = None if headers.params is UNDEFINED else headers.params
            params = self.definition.params_from_wire(sent)
        response = await self.ask(attrs.evolve(request, body=body), params)
        return self.sent(response, limits.request_body)

    async def ask(self, request: Request, params: object) -> Response:
        service = self.exchange.service
        while True:
            instance = await service.runtime.directory.awake(self.definition, self.address)
            self.specifier = specifier_of(instance)
            self.asked = instance
            try:
                return await ask_request(instance, request, params)
            except InstanceMoved:
                self.specifier = self.asked = None  # it has done nothing of this
                if service.stopping.begun:
                    raise stopping(self.exchange.target) from None

    def sent(self, response: Response, limit: int) -> Answer:
        assert self.specifier is not None
        headers = {
            **response.headers,
            "x-rivet-actor": self.specifier.actor_id,
            "x-rivet-actor-generation": str(self.specifier.generation),
            "x-rivet-actor-key": header_text(self.specifier.key or ""),
        }
        repeated = response.headers.repeated
        if isinstance(response.body, bytes):
            if len(response.body) > limit:
                raise OutgoingTooLong(len(response.body), limit)
            return Answer(response.status, response.body, headers, repeated=repeated)
        assert isinstance(response.body, BodyStream)
        return Answer(response.status, b"", headers, response.body, repeated)
