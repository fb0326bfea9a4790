"""A peer that means no good: ``python -m examples.hostile_peer URL``.

Each attack is a TCP connection of its own. What the server answers is shown; that nobody else
notices is what the demo is about.
"""

import os
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import trio

PATIENCE = 10
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE = (
    b"GET /gateway/chatRoom/connect?rvt-namespace=default&rvt-method=getOrCreate"
    b"&rvt-runner=default&rvt-key=lobby HTTP/1.1\r\n"
    b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\n" + KEY + b"Sec-WebSocket-Protocol: rivet, "
    b"rivet_encoding.json, rivet_conn_params.%7B%22auth_token%22%3A%22eve-token%22%7D\r\n\r\n"
)

Attack = Callable[[trio.SocketStream], Awaitable[object]]


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """A masked frame, as clients send it; the mask is zero."""
    length = len(payload)
    if length < 126:
        return bytes((first, 0x80 | length)) + bytes(4) + payload
    return bytes((first, 0xFF)) + length.to_bytes(8, "big") + bytes(4) + payload


async def upgraded(stream: trio.SocketStream, *frames: bytes) -> None:
    await stream.send_all(UPGRADE)
    for data in frames:
        await stream.send_all(data)


async def garbage(stream: trio.SocketStream) -> None:
    await stream.send_all(os.urandom(2048) + b"\r\n\r\n")


async def endless_head(stream: trio.SocketStream) -> None:
    await stream.send_all(b"GET / HTTP/1.1\r\n")
    for number in range(5000):
        await stream.send_all(b"X-%d: %s\r\n" % (number, b"y" * 100))


async def no_json(stream: trio.SocketStream) -> None:
    await upgraded(stream, frame(b"{" * 1000))


async def deep_json(stream: trio.SocketStream) -> None:
    await upgraded(stream, frame(b"[" * 60_000))


async def too_long(stream: trio.SocketStream) -> None:
    await upgraded(stream, frame(b"x" * 200_000), frame(b"and more"))


async def hidden_method(stream: trio.SocketStream) -> None:
    call = b'{"body":{"tag":"ActionRequest","val":{"id":1,"name":"__class__","args":[]}}}'
    await upgraded(stream, frame(call))


async def unmasked(stream: trio.SocketStream) -> None:
    await upgraded(stream, b"\x81\x05hello")


async def flood(stream: trio.SocketStream) -> None:
    await upgraded(stream, *[frame(b"", 0x89) * 1000 for _ in range(20)])


async def reset(stream: trio.SocketStream) -> None:
    await upgraded(stream)
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


ATTACKS: dict[str, Attack] = {
    "garbage instead of HTTP": garbage,
    "a head without end": endless_head,
    "a message that is no JSON": no_json,
    "a message nested 60,000 deep": deep_json,
    "a message beyond the limit": too_long,
    "a call of __class__": hidden_method,
    "a frame without a mask": unmasked,
    "20,000 pings at once": flood,
    "a reset in the middle": reset,
}


async def attack(host: str, port: int, attempt: Attack) -> str:
    """Do it, and tell how it ended."""
    received = b""
    stream = await trio.open_tcp_stream(host, port)
    try:
        with trio.move_on_after(PATIENCE):
            await attempt(stream)
            if attempt is reset:
                return "gone"
            while b"\x88" not in received and (chunk := await stream.receive_some()):
                received += chunk
                if b'"action_not_found"' in received:
                    break
    except trio.BrokenResourceError:
        received += b" (reset)"
    finally:
        await trio.aclose_forcefully(stream)
    text = "".join(chr(byte) if 32 <= byte < 127 else " " for byte in received)
    return " ".join(text.split())[-70:] or "closed"


async def main(url: str) -> None:
    address = urlsplit(url)
    for name, attempt in ATTACKS.items():
        ending = await attack(address.hostname or "localhost", address.port or 80, attempt)
        print(f"{name}: {ending}", flush=True)
    print("that was all", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    trio.run(main, sys.argv[1])
