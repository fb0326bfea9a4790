"""Cases 1 to 5 and 7: framing, pings, reserved bits, opcodes, fragments and closing."""

from __future__ import annotations

from typing import Final

from tests.link.autobahn.case import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Case,
    Frame,
    Send,
    frame,
    goodbye,
)

__all__ = ["RULES"]

PROTOCOL_ERROR: Final = frozenset({1002})
HELLO: Final = b"Hello, world!"
ODD_BYTES: Final = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"


def every_way(*frames: bytes) -> dict[str, tuple[Send, ...]]:
    """The same frames in one piece, frame by frame, and octet by octet."""
    return {
        "together": (Send(b"".join(frames)),),
        "frames": tuple(Send(one) for one in frames),
        "octets": (Send(b"".join(frames), chop=1),),
    }


def broken(*sends: Send, returns: tuple[Frame, ...] = ()) -> Case:
    """What the client sends breaks a rule, and the server says so."""
    return Case(sends, returns, PROTOCOL_ERROR, closes=False)


def framing() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    lengths = (0, 125, 126, 127, 128, 65_535, 65_536)
    for group, (opcode, byte) in enumerate(((TEXT, b"*"), (BINARY, b"\xfe")), 1):
        for number, length in enumerate(lengths, 1):
            payload = byte * length
            cases[f"1.{group}.{number}"] = Case(
                (Send(frame(opcode, payload)),), ((opcode, payload),)
            )
        payload = byte * 65_536
        chopped = Send(frame(opcode, payload), chop=997)
        cases[f"1.{group}.8"] = Case((chopped,), ((opcode, payload),))
    return cases


def pings() -> dict[str, Case]:
    def answered(payload: bytes, chop: int | None = None) -> Case:
        return Case((Send(frame(PING, payload), chop),), ((PONG, payload),))

    ten = [b"payload %d" % number for number in range(10)]
    pongs = tuple((PONG, payload) for payload in ten)
    return {
        "2.1": answered(b""),
        "2.2": answered(HELLO),
        "2.3": answered(ODD_BYTES),
        "2.4": answered(b"\xfe" * 125),
        "2.5": broken(Send(frame(PING, b"\xfe" * 126))),
        "2.6": answered(b"\xfe" * 125, chop=1),
        "2.7": Case((Send(frame(PONG)),)),
        "2.8": Case((Send(frame(PONG, b"nobody asked")),)),
        "2.9": Case((Send(frame(PONG, b"nobody asked") + frame(PING, HELLO)),), ((PONG, HELLO),)),
        "2.10": Case((Send(b"".join(frame(PING, payload) for payload in ten)),), pongs),
        "2.11": Case((Send(b"".join(frame(PING, payload) for payload in ten), 1),), pongs),
    }


def bad_frame_between(bad: bytes, way: str) -> Case:
    """A message that is answered, a frame that breaks a rule, and a ping that is not answered."""
    sends = every_way(frame(TEXT, HELLO), bad, frame(PING))[way]
    return broken(*sends, returns=((TEXT, HELLO),))


def reserved_bits() -> dict[str, Case]:
    return {
        "3.1": broken(Send(frame(TEXT, HELLO, rsv=1))),
        "3.2": bad_frame_between(frame(TEXT, HELLO, rsv=2), "together"),
        "3.3": bad_frame_between(frame(TEXT, HELLO, rsv=3), "frames"),
        "3.4": bad_frame_between(frame(TEXT, HELLO, rsv=4), "octets"),
        "3.5": broken(Send(frame(BINARY, ODD_BYTES, rsv=5))),
        "3.6": broken(Send(frame(PING, HELLO, rsv=6))),
        "3.7": broken(Send(frame(CLOSE, rsv=7))),
    }


def opcodes() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for group, first in ((1, 3), (2, 11)):
        cases |= {
            f"4.{group}.1": broken(Send(frame(first))),
            f"4.{group}.2": broken(Send(frame(first + 1, b"reserved"))),
            f"4.{group}.3": bad_frame_between(frame(first + 2), "together"),
            f"4.{group}.4": bad_frame_between(frame(first + 3, b"reserved"), "frames"),
            f"4.{group}.5": bad_frame_between(frame(first + 4, b"reserved"), "octets"),
        }
    return cases


def begun(payload: bytes) -> bytes:
    return frame(TEXT, payload, fin=False)


def continued(payload: bytes) -> bytes:
    return frame(CONTINUATION, payload, fin=False)


def ended(payload: bytes) -> bytes:
    return frame(CONTINUATION, payload)


WAYS: Final = ("together", "frames", "octets")


def fragments() -> dict[str, Case]:
    two = (begun(b"one"), ended(b"two"))
    pinged = (begun(b"one"), frame(PING, HELLO), ended(b"two"))
    ended_nothing = (ended(b"nothing"), frame(TEXT, HELLO))
    continued_nothing = (continued(b"nothing"), frame(TEXT, HELLO))
    cases: dict[str, Case] = {
        "5.1": broken(Send(frame(PING, b"one", fin=False) + ended(b"two"))),
        "5.2": broken(Send(frame(PONG, b"one", fin=False) + ended(b"two"))),
    }
    for number, way in enumerate(WAYS):
        cases[f"5.{3 + number}"] = Case(every_way(*two)[way], ((TEXT, b"onetwo"),))
        cases[f"5.{6 + number}"] = Case(every_way(*pinged)[way], ((PONG, HELLO), (TEXT, b"onetwo")))
        cases[f"5.{9 + number}"] = broken(*every_way(*ended_nothing)[way])
        cases[f"5.{12 + number}"] = broken(*every_way(*continued_nothing)[way])
    late = (*two, continued(b"nothing"), frame(TEXT, HELLO))
    cases["5.15"] = broken(Send(b"".join(late)), returns=((TEXT, b"onetwo"),))
    cases["5.16"] = broken(Send(b"".join((continued(b"nothing"), *two)) * 2))
    cases["5.17"] = broken(Send(b"".join((ended(b"nothing"), *two)) * 2))
    cases["5.18"] = broken(Send(begun(b"one") + frame(TEXT, b"two")))
    five = (
        begun(b"1") + continued(b"2") + frame(PING, b"first"),
        continued(b"3") + continued(b"4") + frame(PING, b"second") + ended(b"5"),
    )
    pongs_and_message = ((PONG, b"first"), (PONG, b"second"), (TEXT, b"12345"))
    cases["5.19"] = Case(every_way(*five)["frames"], pongs_and_message)
    cases["5.20"] = Case(every_way(*five)["octets"], pongs_and_message)
    return cases


def closed(*codes: int | None) -> frozenset[int | None]:
    return frozenset(codes)


def left(data: bytes, *codes: int | None, returns: tuple[Frame, ...] = ()) -> Case:
    """A client that says goodbye itself, in whatever form."""
    return Case((Send(data),), returns, closed(*codes), closes=False)


def closing() -> dict[str, Case]:
    large, hello = b"\xc3\xbc" * 131_072, (TEXT, HELLO)
    cases = {
        "7.1.1": Case((Send(frame(TEXT, HELLO)),), (hello,)),
        "7.1.2": left(goodbye() + goodbye(None), 1000),
        "7.1.3": left(goodbye() + frame(PING), 1000),
        "7.1.4": left(goodbye() + frame(TEXT, HELLO), 1000),
        "7.1.5": left(begun(b"one") + goodbye() + ended(b"two"), 1000),
        "7.1.6": left(
            frame(TEXT, large) + frame(TEXT, HELLO) + goodbye() + frame(PING),
            1000,
            returns=((TEXT, large), hello),
        ),
        "7.3.1": left(goodbye(None), None),
        "7.3.2": left(frame(CLOSE, b"a"), 1002),
        "7.3.3": left(goodbye(1000), 1000),
        "7.3.4": left(goodbye(1000, HELLO), 1000),
        "7.3.5": left(goodbye(1000, b"*" * 123), 1000),
        "7.3.6": left(goodbye(1000, b"*" * 124), 1002),
        "7.5.1": left(goodbye(1000, b"caf\xed\xa0\x80"), 1007),
        "7.13.1": left(goodbye(5000), 1002),
        "7.13.2": left(goodbye(65_535), 1002),
    }
    good = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    bad = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
    cases |= {f"7.7.{number}": left(goodbye(code), code) for number, code in enumerate(good, 1)}
    cases |= {f"7.9.{number}": left(goodbye(code), 1002) for number, code in enumerate(bad, 1)}
    return cases


RULES: Final[dict[str, Case]] = {
    **framing(),
    **pings(),
    **reserved_bits(),
    **opcodes(),
    **fragments(),
    **closing(),
}
