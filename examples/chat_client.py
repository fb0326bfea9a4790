"""Chat from a terminal: ``python -m examples.chat_client URL TOKEN``.

A line is said to everybody; ``/to bob text`` whispers, ``/kick bob reason`` throws somebody out,
``/history`` shows what was said, ``/quit`` leaves.
"""

import os
import sys

import trio

import trivet
from examples.chat_room import ChatRoom, Login, Message


def show(text: str) -> None:
    print(text, flush=True)


async def listen(events: trivet.Subscription[Message | str]) -> None:
    async for event in events:
        show(event if isinstance(event, str) else f"<{event.sender}> {event.text}")


async def whisper(conn: trivet.Connection[ChatRoom], line: str) -> None:
    recipient, _, text = line.partition(" ")
    if await conn.call(ChatRoom.send_direct, recipient, text):
        show(f"(to {recipient}) {text}")
    else:
        show(f"{recipient} is not here")


async def obey(conn: trivet.Connection[ChatRoom], line: str) -> None:
    command, _, rest = line.partition(" ")
    if command == "/to":
        await whisper(conn, rest)
    elif command == "/kick":
        user_id, _, reason = rest.partition(" ")
        kicked = await conn.call(ChatRoom.kick, user_id, reason or "Kicked by admin")
        show(f"{user_id} was kicked" if kicked else f"{user_id} is not here")
    elif command == "/history":
        for message in await conn.call(ChatRoom.history):
            show(f"(earlier) <{message.sender}> {message.text}")
    else:
        await conn.call(ChatRoom.send, line)


async def listen_until_closed(
    conn: trivet.Connection[ChatRoom], events: trivet.Subscription[Message | str]
) -> None:
    await listen(events)
    try:
        await conn.call(ChatRoom.history)
    except trivet.ConnectionClosed as closed:
        show(f"-- closed: {closed.reason}")


async def watch(conn: trivet.Connection[ChatRoom]) -> None:
    async for status in conn.status_changes():
        if status != "closed":
            show(f"-- {status}")


async def read_commands(conn: trivet.Connection[ChatRoom], leave: trio.CancelScope) -> None:
    buffer = b""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        async for chunk in stdin:
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace").strip()
                if text == "/quit":
                    leave.cancel()
                if text:
                    try:
                        await obey(conn, text)
                    except trivet.ConnectionLost:
                        show(f"-- the network failed: nobody knows what became of {text!r}")
    leave.cancel()


async def chat(url: str, token: str) -> None:
    async with (
        trivet.open_client(url) as client,
        client.get_or_create(ChatRoom, "lobby").connect(Login(token)) as conn,
        trio.open_nursery() as nursery,
    ):
        events = conn.events(ChatRoom.message, ChatRoom.direct_message, ChatRoom.presence)
        nursery.start_soon(watch, conn)
        await conn.call(ChatRoom.history)  # its answer says that the server knows what to send
        show("-- connected")
        nursery.start_soon(read_commands, conn, nursery.cancel_scope)
        await listen_until_closed(conn, events)
        nursery.cancel_scope.cancel()


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    _, url, token = sys.argv
    try:
        trio.run(chat, url, token)
    except* trivet.UserError as refused:
        sys.exit(f"-- refused: {refused.exceptions[0]}")
    except* trivet.ConnectionClosed as closed:
        sys.exit(f"-- closed: {closed.exceptions[0]}")


if __name__ == "__main__":
    main()
