"""Messages for queues over HTTP, answered in the encoding of the request (client protocol, 6.1).

Rules this file keeps:

1. A message for a queue that the class does not have is accepted and dropped; nobody is woken.
2. A time that the client gives is for the waiting: the message is put in before, and stays.
3. A client that leaves while it waits takes nothing back. One that has given its message a name is
   answered in rounds (``named_waits``).
"""

from __future__ import annotations

import math

import attrs
import trio

from trivet.declare.definition import Definition, QueueBinding
from trivet.declare.errors import ActionError
from trivet.declare.handle import Address
from trivet.declare.options import Limits
from trivet.declare.request import Request
from trivet.logs import about
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import DecodingError, OutgoingTooLong
from trivet.protocol.faults import fault_of
from trivet.protocol.handshake import CallHeaders, parse_call_headers
from trivet.protocol.messages import UNDEFINED, ActorSpecifier, HttpQueueSendResponse
from trivet.protocol.percent import unquote
from trivet.runtime.call import InstanceMoved
from trivet.runtime.completions import Completion
from trivet.runtime.nursery import open_service_nursery
from trivet.runtime.posting import Posting, put_in
from trivet.server.answers import Answer, fault_answer
from trivet.server.calls import specifier_of
from trivet.server.exchange import Exchange
from trivet.server.head import header_text
from trivet.server.named_waits import ROUND
from trivet.server.targets import find_actor, stopping

__all__ = ["answer_message"]

COMPLETED = HttpQueueSendResponse("completed")
TIMED_OUT = HttpQueueSendResponse("timedOut")


async def answer_message(exchange: Exchange) -> Answer:
    """Put a message into a queue, and answer with what became of it."""
    assert exchange.target is not None
    codec = CODECS.get(exchange.head.headers.get("x-rivet-encoding", ""), CODECS["json"])
    request = exchange.request("call")
    definition, address = await find_actor(exchange.service, exchange.target, request)
    message = _HttpMessage(exchange, codec, definition, address, request)
    try:
        return await message.answer()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise
    except Exception as error:  # the connection's firewall: the client gets it
        subject = about(actor=definition.name, peer=exchange.head.peer)
        fault = fault_of(error, where=f"a message for {definition.name}", subject=subject)
        return fault_answer(fault, codec, message.specifier)


@attrs.define(eq=False)
class _HttpMessage:
    exchange: Exchange
    codec: Codec
    definition: Definition
    address: Address
    request: Request
    specifier: ActorSpecifier | None = None

    async def answer(self) -> Answer:
        limits = self.exchange.service.runtime.limits_of(self.definition)
        headers = parse_call_headers(self.exchange.head.headers, max_params=limits.params)
        body = await self.exchange.read(_longest_body(limits))
        if headers.renews:
            return await self.answer_again(headers, limits)
        binding = self.binding()
        if binding is None:
            self.exchange.service.count("message_unknown")
            return self.result(COMPLETED, limits)
        sent = self.codec.decode_queue_request(body)
        posting = Posting(
            binding=binding,
            data=binding.body.encode(binding.body.load(sent.body)),
            waits=bool(sent.wait),
            params=self.params(headers),
            request=attrs.evolve(self.request, body=body),
        )
        await self.put_in_time(posting, headers)
        if posting.completion is None:
            return self.result(COMPLETED, limits)
        patience = math.inf if sent.timeout is None else sent.timeout / 1000
        if headers.call is None:
            try:
                return self.result(await self.wait(posting.completion, patience), limits)
            finally:
                self.exchange.service.runtime.completions.forget(posting.completion)
        self.exchange.service.waits.begin(headers.call, self.address, posting.completion)
        return await self.answer_round(headers.call, posting.completion, patience, limits)

    async def answer_again(self, headers: CallHeaders, limits: Limits) -> Answer:
        """Go on waiting for a message that was put in by an earlier request."""
        completion = self.exchange.service.waits.find(headers.call, self.address)
        assert headers.call is not None  # it was found
        return await self.answer_round(headers.call, completion, math.inf, limits)

    async def answer_round(
        self, name: str, completion: Completion, patience: float, limits: Limits
    ) -> Answer:
        with self.exchange.service.waits.round(name):
            answer = self.result(await self.wait(completion, min(patience, ROUND)), limits)
        return attrs.evolve(answer, headers={**answer.headers, "x-trivet-call": name})

    def binding(self) -> QueueBinding | None:
        try:
            name = unquote(self.exchange.name)
        except ValueError:
            raise DecodingError("The queue's name is not percent-encoded UTF-8") from None
        return self.definition.queues_by_name.get(name)

    def params(self, headers: CallHeaders) -> object:
        if not self.definition.runs_call_hooks:
            return None
        return self.definition.params_from_wire(
            None if headers.params is UNDEFINED else headers.params
        )

    async def put_in_time(self, posting: Posting, headers: CallHeaders) -> None:
        patience = math.inf if headers.deadline is None else headers.deadline / 1000
        with trio.move_on_after(patience) as scope:
            await self.put(posting)
        if scope.cancelled_caught:
            message = "The deadline of the call has passed"
            raise ActionError(message, group="guard", code="request_timeout")

    async def put(self, posting: Posting) -> None:
        service = self.exchange.service
        while True:
            instance = await service.runtime.directory.awake(self.definition, self.address)
            self.specifier = specifier_of(instance)
            try:
                await put_in(instance, posting)
                return
            except InstanceMoved:
                if service.stopping.begun:
                    raise stopping(self.exchange.target) from None

    async def wait(self, completion: Completion, seconds: float) -> HttpQueueSendResponse:
        """Wait for what becomes of a message, for so long.

        Raises:
            trio.BrokenResourceError: If the client has left.
        """
        has_left = False

        async def watch() -> None:
            nonlocal has_left
            await self.exchange.read.wait_left()
            has_left = True
            nursery.cancel_scope.cancel()

        with trio.move_on_after(seconds):
            async with open_service_nursery() as nursery:
                nursery.start_soon(watch)
                value = await completion.wait()
                nursery.cancel_scope.cancel()
                binding = completion.binding
                output = binding.result.to_wire(value) if binding.has_result else UNDEFINED
                return HttpQueueSendResponse("completed", output)
        if has_left:
            raise trio.BrokenResourceError("the client has left before its message was dealt with")
        return TIMED_OUT

    def result(self, response: HttpQueueSendResponse, limits: Limits) -> Answer:
        body = self.codec.encode_queue_response(response)
        if len(body) > limits.message_out:
            raise OutgoingTooLong(len(body), limits.message_out)
        headers = {"content-type": self.codec.content_type}
        if self.specifier is not None:
            headers["x-rivet-actor"] = self.specifier.actor_id
            headers["x-rivet-actor-generation"] = str(self.specifier.generation)
            headers["x-rivet-actor-key"] = header_text(self.specifier.key or "")
        return Answer(200, body, headers)


def _longest_body(limits: Limits) -> int:
    """Return how long a request may be: what is stored of a message is often shorter."""
    return max(limits.message_in, 2 * limits.queue_body)
