"""One WebSocket of an ASGI server, with trivet's own behind a stream.

The ASGI server keeps its client alive with pings and says when it is gone; what trivet's server
asks for on the stream is answered here.
"""

from __future__ import annotations

from typing import Any, Final

import trio
from websockets.client import ClientProtocol
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import CONNECTING, OPEN, Event
from websockets.uri import WebSocketURI

from trivet.declare.web_socket import may_be_sent
from trivet.runtime.nursery import open_service_nursery
from trivet.server.asgi.messages import Receive, Scope, Send, address_of, passed_on

__all__ = ["bridge_websocket"]

READ_SIZE: Final = 64 * 1024

# The handshake on the stream is a new one, with the same offer.
HANDSHAKE: Final = b"sec-websocket-"


async def bridge_websocket(
    scope: Scope, receive: Receive, send: Send, stream: trio.abc.Stream
) -> None:
    """Carry messages to a server and back until either side closes.

    Args:
        scope: The client's request.
        receive: Gets its messages.
        send: Takes what is sent to it.
        stream: To the server; closed in the end.
    """
    bridge = _Bridge(scope, receive, send, stream)
    async with stream:
        if not await bridge.shake_hands():
            await send({"type": "websocket.close", "code": CloseCode.TRY_AGAIN_LATER})
            return
        async with open_service_nursery() as nursery:
            nursery.start_soon(bridge.carry_up, nursery)
            await bridge.carry_down(nursery)
            nursery.cancel_scope.cancel()


class _Bridge:
    def __init__(self, scope: Scope, receive: Receive, send: Send, stream: trio.abc.Stream) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._stream = stream
        address = address_of(scope).decode("latin-1")
        path, _, query = address.partition("?")
        uri = WebSocketURI(secure=False, host="localhost", port=80, path=path, query=query)
        offered: list[Any] = scope.get("subprotocols") or []
        # The server judges the size of a message; who answers it may send what it likes.
        self._protocol = ClientProtocol(uri, subprotocols=offered or None, max_size=None)
        self._writing = trio.Lock()
        self._unsent: list[bytes] = []
        self._left = False  # the client is gone, and nothing may be sent to it

    async def shake_hands(self) -> bool:
        """Open the WebSocket on the stream and accept the client; whether the server took it."""
        await self._receive()  # "websocket.connect": it says nothing that the scope does not
        protocol = self._protocol
        request = protocol.connect()
        for raw_name, value in passed_on(self._scope["headers"]):
            if raw_name == b"host":
                del request.headers["Host"]
            if not raw_name.startswith(HANDSHAKE):
                name = raw_name.decode("latin-1")
                request.headers.set_insecure(name, value.decode("latin-1"))
        protocol.send_request(request)
        await self._flush()
        # Who is refused at once is sent the close together with the response: it is never just open.
        while protocol.state is CONNECTING:
            data = await self._stream.receive_some(READ_SIZE)
            protocol.receive_data(data)
            if not data or protocol.handshake_exc is not None:
                return False
        await self._send({"type": "websocket.accept", "subprotocol": protocol.subprotocol})
        return True

    async def carry_up(self, nursery: trio.Nursery) -> None:
        """Send what comes from the client; its goodbye is the last of it."""
        while not self._left:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._left = True
                code = message.get("code") or CloseCode.NO_STATUS_RCVD
                if code == CloseCode.NO_STATUS_RCVD or may_be_sent(code):
                    await self._leave(code, message.get("reason") or "")
                else:
                    nursery.cancel_scope.cancel()  # there was no goodbye
            elif self._protocol.state is OPEN:
                if message.get("text") is not None:
                    self._protocol.send_text(message["text"].encode("utf-8", "surrogatepass"))
                else:
                    self._protocol.send_binary(message["bytes"])
                await self._flush()

    async def carry_down(self, nursery: trio.Nursery) -> None:
        """Send to the client what comes from the server, until that closes.

        It waits for the client alone, never for a server that does not read: answers to that, which
        are pongs and the echo of a close, are sent beside it.
        """
        # The handshake's response may have come with messages behind it, and with the close.
        self._answer(nursery)
        await self._deliver(self._protocol.events_received())
        while data := await self._stream.receive_some(READ_SIZE):
            self._protocol.receive_data(data)
            self._answer(nursery)
            await self._deliver(self._protocol.events_received())
        if not self._left:
            close = self._protocol.close_rcvd or Close(CloseCode.INTERNAL_ERROR, "")
            goodbye = {"type": "websocket.close", "code": close.code}
            await self._send({**goodbye, "reason": close.reason})

    async def _deliver(self, events: list[Event]) -> None:
        for event in events:
            # trivet's server sends each message in one frame.
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                await self._send({"type": "websocket.send", "text": bytes(event.data).decode()})
            elif isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                await self._send({"type": "websocket.send", "bytes": bytes(event.data)})

    async def _leave(self, code: int, reason: str) -> None:
        """Close as the client did."""
        if self._protocol.state is OPEN:
            if code == CloseCode.NO_STATUS_RCVD:
                self._protocol.send_close()
            else:
                self._protocol.send_close(code, reason)
            await self._flush()

    def _answer(self, nursery: trio.Nursery) -> None:
        """Send what the protocol has to say, if it has; one task does for all that wait."""
        is_waiting = bool(self._unsent)
        self._unsent += self._protocol.data_to_send()
        if self._unsent and not is_waiting:
            nursery.start_soon(self._flush)

    async def _flush(self) -> None:
        async with self._writing:
            data = b"".join([*self._unsent, *self._protocol.data_to_send()])
            self._unsent.clear()
            try:
                if data:
                    await self._stream.send_all(data)
            except trio.BrokenResourceError:
                pass  # the server has closed, as the reader will see
