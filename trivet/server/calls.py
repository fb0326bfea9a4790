"""Calls over HTTP: one action, answered in the encoding of its request (client protocol, 6.1).

An error that comes before the actor is known is the server's, in JSON. From then on every error is
the actor's, in the encoding that the client asked for.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import trio

from trivet.declare.definition import Definition, Method
from trivet.declare.errors import ActionError
from trivet.declare.handle import Address
from trivet.declare.keys import serialize_key
from trivet.declare.request import Request
from trivet.logs import about
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import DecodingError, EncodingError, OutgoingTooLong
from trivet.protocol.faults import Fault, fault_of
from trivet.protocol.handshake import parse_call_headers
from trivet.protocol.messages import UNDEFINED, ActorSpecifier, HttpActionResponse
from trivet.protocol.passing import RESTARTING, wrapped
from trivet.protocol.percent import unquote
from trivet.runtime.asking import ask, ask_connected
from trivet.runtime.call import InstanceMoved
from trivet.runtime.instance import Instance
from trivet.runtime.nursery import open_service_nursery
from trivet.runtime.reception import not_found
from trivet.server.answers import Answer, fault_answer
from trivet.server.exchange import Exchange
from trivet.server.head import header_text
from trivet.server.targets import find_actor, stopping

__all__ = ["answer_call", "specifier_of", "told_by"]

GENERATION = 1


async def answer_call(exchange: Exchange) -> Answer:
    """Call an action and answer with its result."""
    assert exchange.target is not None
    codec = CODECS.get(exchange.head.headers.get("x-rivet-encoding", ""), CODECS["json"])
    request = exchange.request("call")
    definition, address = await find_actor(exchange.service, exchange.target, request)
    call = _HttpCall(exchange, codec, definition, address, request)
    try:
        return await call.answer()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise
    except Exception as error:  # the connection's firewall: the client gets it
        subject = about(actor=definition.name, peer=exchange.head.peer)
        fault = fault_of(error, where=f"a call of {definition.name}", subject=subject)
        return fault_answer(told_by(call.asked, fault), codec, call.specifier)


@attrs.define(eq=False)
class _HttpCall:
    exchange: Exchange
    codec: Codec
    definition: Definition
    address: Address
    request: Request
    specifier: ActorSpecifier | None = None
    asked: Instance | None = None

    async def answer(self) -> Answer:
        limits = self.exchange.service.runtime.limits_of(self.definition)
        headers = parse_call_headers(self.exchange.head.headers, max_params=limits.params)
        body = await self.exchange.read(limits.message_in)
        method = self.method()
        given = self.codec.decode_action_request(body).args if body else []
        args, kwargs = method.binder.load(given)
        params = None
        if self.definition.runs_call_hooks:
            sent = None if headers.params is UNDEFINED else headers.params
            params = self.definition.params_from_wire(sent)
        patience = math.inf if headers.deadline is None else headers.deadline / 1000
        with trio.move_on_after(patience):
            if method.cancel_with_caller:
                value = await self.ask_while_waited_for(method, args, kwargs, params, body)
            else:
                value = await self.ask(method, args, kwargs, params, body)
            return self.result(method, value, limits.message_out)
        raise ActionError(
            "The deadline of the call has passed", group="guard", code="request_timeout"
        )

    def method(self) -> Method:
        try:
            name = unquote(self.exchange.name)
        except ValueError:
            raise DecodingError("The action's name is not percent-encoded UTF-8") from None
        method = self.definition.methods_by_name.get(name)
        if method is None:
            raise not_found(name)
        return method

    async def ask(self, method: Method, args: Any, kwargs: Any, params: Any, body: bytes) -> Any:
        service = self.exchange.service
        while True:
            instance = await service.runtime.directory.awake(self.definition, self.address)
            self.specifier = specifier_of(instance)
            self.asked = instance
            try:
                if not self.definition.runs_call_hooks:
                    return await ask(instance, method, args, kwargs)
                request = attrs.evolve(self.request, body=body)
                return await ask_connected(
                    instance, method, args, kwargs, params=params, request=request
                )
            except InstanceMoved:
                self.specifier = self.asked = None  # it has done nothing of this
                if service.stopping.begun:
                    raise stopping(self.exchange.target) from None

    async def ask_while_waited_for(
        self, method: Method, args: Any, kwargs: Any, params: Any, body: bytes
    ) -> Any:
        """Ask, and give up when the client leaves.

        Raises:
            trio.BrokenResourceError: If it has left.
        """

        async def watch() -> None:
            await self.exchange.read.wait_left()
            scope.cancel()

        with trio.CancelScope() as scope:
            async with open_service_nursery() as nursery:
                nursery.start_soon(watch)
                value = await self.ask(method, args, kwargs, params, body)
                nursery.cancel_scope.cancel()
                return value
        raise trio.BrokenResourceError("the client has left before its call was answered")

    def result(self, method: Method, value: Any, limit: int) -> Answer:
        assert self.specifier is not None
        output = method.binder.result.to_wire(value)
        try:
            body = self.codec.encode_action_response(HttpActionResponse(output))
        except EncodingError as error:
            # Only a result without a type can hold such a thing: it is the actor's mistake.
            raise TypeError(f"the result of {method.name} cannot be sent: {error}") from error
        if len(body) > limit:
            raise OutgoingTooLong(len(body), limit)
        headers = {
            "content-type": self.codec.content_type,
            "x-rivet-actor": self.specifier.actor_id,
            "x-rivet-actor-generation": str(self.specifier.generation),
            "x-rivet-actor-key": header_text(self.specifier.key or ""),
        }
        return Answer(200, body, headers)


def told_by(asked: Instance | None, fault: Fault) -> Fault:
    """Return an error as clients may be told of it.

    Args:
        asked: The actor that was asked, if it came so far: it may have passed the error on.
        fault: The error.
    """
    is_own = fault.reason == RESTARTING and asked is not None and asked.stopping
    return fault if asked is None or is_own else wrapped(fault)


def specifier_of(instance: Instance) -> ActorSpecifier:
    """Name an actor for its clients."""
    return ActorSpecifier(instance.actor_id, GENERATION, serialize_key(instance.key))
