"""Attacks below the messages: frames that RFC 6455 forbids, fragments, sizes, closes."""

from __future__ import annotations

import random
from typing import Final

from tests.attacks.attack import CLOSED, FIN, HEARD, OPENED, RST, Answer, Attack, closed
from tests.attacks.encoded import body_of, frame_of
from tests.attacks.requests import connect
from tests.link.peers import MASK, client_frame, goodbye, masked, ping, text
from trivet.protocol.messages import ActionRequest

__all__ = ["ATTACKS"]

TOO_LONG: Final = closed(1011, "message.incoming_too_long")
INVALID: Final = closed(1011, "actor.invalid_request")
FRAGMENTED: Final = closed(1009, "message.too_many_fragments")
CALL: Final = frame_of("json", ActionRequest(1, "echo", ["x"]))
OVERSIZE: Final = text('"' + "x" * 65_536 + '"')


def declared(first: int, length: int) -> bytes:
    """Only the head of a frame, with an eight-byte length."""
    return bytes((first, 0xFF)) + length.to_bytes(8) + MASK


def broken(reason: str) -> Answer:
    return closed(1002, reason)


FORBIDDEN: Final[dict[str, tuple[bytes, Answer]]] = {
    "no mask": (b"\x81\x05hello", broken("incorrect masking")),
    "no mask on a long frame": (
        b"\x81\x7e\x01\x00" + b"x" * 256,
        broken("incorrect masking"),
    ),
    "no mask on a ping": (b"\x89\x00", broken("incorrect masking")),
    "no mask on a close": (b"\x88\x02\x03\xe8", broken("incorrect masking")),
    **{
        f"the opcode {code}": (client_frame(0x80 | code), broken("invalid opcode"))
        for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    **{
        f"the reserved bits {bits}": (
            client_frame(0x81 | bits << 4, b"x"),
            broken("reserved bits must be 0"),
        )
        for bits in range(1, 8)
    },
    "a fragmented ping": (client_frame(0x09), broken("fragmented control frame")),
    "a fragmented close": (client_frame(0x08), broken("fragmented control frame")),
    "a long ping": (client_frame(0x89, b"x" * 126), broken("control frame too long")),
    "a long pong": (client_frame(0x8A, b"x" * 126), broken("control frame too long")),
    "a long close": (client_frame(0x88, b"x" * 126), broken("control frame too long")),
    "an endless ping": (declared(0x89, 2**40), broken("control frame too long")),
    "a continuation of nothing": (
        client_frame(0x80, b"x"),
        broken("unexpected continuation frame"),
    ),
    "a new message within another": (
        client_frame(0x01, b"x") + client_frame(0x81, b"y"),
        broken("expected a continuation frame"),
    ),
    "a close of one byte": (client_frame(0x88, b"\x03"), broken("close frame too short")),
    **{
        f"the close code {code}": (
            client_frame(0x88, code.to_bytes(2)),
            broken("invalid status code"),
        )
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    },
    "a close reason that is no UTF-8": (
        client_frame(0x88, b"\x03\xe8\xff\xfe"),
        closed(1007, "invalid start byte at position 0"),
    ),
    "a text that is no UTF-8": (
        client_frame(0x81, b"\xff\xfe"),
        closed(1007, "message.invalid_utf8"),
    ),
    "a lone surrogate": (
        client_frame(0x81, b'"\xed\xa0\x80"'),
        closed(1007, "message.invalid_utf8"),
    ),
    "half a character": (client_frame(0x81, b'"\xc3'), closed(1007, "message.invalid_utf8")),
    "UTF-8 broken across fragments": (
        client_frame(0x01, b'"\xc3') + client_frame(0x80, b'"'),
        closed(1007, "message.invalid_utf8"),
    ),
    "a message of 64 KiB and a bit": (OVERSIZE, TOO_LONG),
    "two of them in one segment": (OVERSIZE * 2, TOO_LONG),
    "one and a ping": (OVERSIZE + ping(), TOO_LONG),
    "a declared megabyte": (declared(0x82, 2**20), TOO_LONG),
    "two declared megabytes": (declared(0x82, 2**20) * 2, TOO_LONG),
    "a declared gigabyte": (declared(0x82, 2**30), closed(1009, "message exceeds 33554432 bytes")),
    "a declared exabyte": (declared(0x82, 2**60), closed(1009, "message exceeds 33554432 bytes")),
    "a negative length": (declared(0x82, 2**63), closed(1009, "message exceeds 33554432 bytes")),
    "64 KiB in fragments": (
        client_frame(0x01, b"x" * 30_000) + client_frame(0x00, b"x" * 30_000) * 2,
        TOO_LONG,
    ),
    "1,024 fragments": (
        client_frame(0x01, b"x") + client_frame(0x00, b"x") * 1023,
        FRAGMENTED,
    ),
    "empty continuations without end": (
        client_frame(0x01) + client_frame(0x00) * 1000,
        FRAGMENTED,
    ),
    "binary in json": (client_frame(0x82, b"{}"), INVALID),
    "an empty message": (client_frame(0x81), INVALID),
    "an empty message in fragments": (client_frame(0x01) + client_frame(0x80), INVALID),
    "another body of HTTP": (client_frame(0x81, body_of("json", [])), INVALID),
}

REPLIED: Final = ("reply",)

AFTER_A_CLOSE: Final[dict[str, bytes]] = {
    "a ping": ping(),
    "1,000 pings": ping() * 1000,
    "calls": CALL * 100,
    "an oversize message": OVERSIZE,
    "two oversize messages": OVERSIZE * 2,
    "an unmasked frame": b"\x81\x01x",
    "half a frame": CALL[:5],
    "another close": goodbye(1001),
    "an invalid close": client_frame(0x88, b"\x03"),
    "noise": b"\xff" * 10_000,
}


def noise(seed: int) -> Attack:
    """Whatever random bytes mean as frames; to be of one meaning they begin with no mask."""
    rest = random.Random(seed).randbytes(300)
    return Attack(
        f"frame: noise {seed}",
        (connect(), OPENED, b"\x82\x10" + rest),
        broken("incorrect masking"),
    )


ATTACKS: Final = (
    *(
        Attack(f"frame: {name}", (connect(), OPENED, data), answer)
        for name, (data, answer) in FORBIDDEN.items()
    ),
    *(
        Attack(f"frame: {name}, then silence", (connect(), OPENED, data), answer, mute=True)
        for name, (data, answer) in FORBIDDEN.items()
        if answer.close is not None and answer.close[0] in {1007, 1009, 1011}
    ),
    *(
        Attack(f"frame: {name}, then RST", (connect(), OPENED, data, RST), None)
        for name, (data, _) in FORBIDDEN.items()
    ),
    *(
        # The server has begun to close, and hears all this meanwhile.
        Attack(
            f"frame: {name} while it closes", (connect(), OPENED, text("{"), CLOSED, data), INVALID
        )
        for name, data in AFTER_A_CLOSE.items()
    ),
    *(
        Attack(
            f"frame: {name} behind a goodbye",
            (connect(), OPENED, goodbye() + data),
            closed(1000),
        )
        for name, data in AFTER_A_CLOSE.items()
    ),
    *map(noise, range(20)),
    *(
        Attack(
            f"frame: FIN after {size} bytes of one",
            (connect(), OPENED, CALL[:size], FIN),
            Answer((101,)),
        )
        for size in range(1, len(CALL), 9)
    ),
    *(
        Attack(f"frame: RST after {size} bytes of one", (connect(), OPENED, CALL[:size], RST), None)
        for size in range(1, len(CALL), 9)
    ),
    Attack(
        "frame: a call and FIN",
        (connect(key="quiet"), OPENED, CALL, FIN),
        Answer((101,), REPLIED),
    ),
    Attack(
        "frame: a message that never ends",
        (connect(), OPENED, CALL[:20]),
        closed(1008, "message.incoming_too_slow"),
        patient=True,
    ),
    Attack(
        "frame: fragments that never end",
        (connect(), OPENED, client_frame(0x01, b"x")),
        closed(1008, "message.incoming_too_slow"),
        patient=True,
    ),
    Attack("frame: not a word", (connect(), OPENED), Answer((101,)), patient=True),
    Attack(
        "frame: masked with zeros",
        (connect(), OPENED, b"\x81\x81\x00\x00\x00\x00{"),
        INVALID,
    ),
    Attack(
        "frame: one byte per fragment",
        (
            connect(),
            OPENED,
            b"".join(
                client_frame(0x01 if not at else 0x00, byte.to_bytes())
                for at, byte in enumerate(masked(CALL[6:]))
            )
            + client_frame(0x80),
            HEARD,
            goodbye(),
        ),
        closed(1000, "", REPLIED),
    ),
)
