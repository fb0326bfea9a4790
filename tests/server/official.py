"""Messages as the official clients write and read them, put together by hand.

An id and a value are given as they are on the wire: JSON text, or the digits of CBOR.
"""

from __future__ import annotations

import attrs

__all__ = ["OFFICIAL", "Official"]


@attrs.frozen
class Official:
    """The forms of one encoding, with ID, NAME and VALUE where those stand."""

    request: str
    response: str
    action_request: str
    action_response: str

    def http_request(self, value: str) -> bytes:
        """A call with one argument."""
        return self.fill(self.request, value)

    def http_response(self, value: str) -> bytes:
        """Its result."""
        return self.fill(self.response, value)

    def socket_request(self, call: str, name: str, value: str) -> bytes:
        """A call with one argument over a connection."""
        return self.fill(self.action_request, value, call, name)

    def socket_response(self, call: str, value: str) -> bytes:
        """Its result."""
        return self.fill(self.action_response, value, call)

    def fill(self, form: str, value: str, call: str = "", name: str = "") -> bytes:
        """Put an id, a name and a value into a form."""
        filled = form.replace("ID", call).replace("NAME", name).replace("VALUE", value)
        return filled.encode()


class _Cbor(Official):
    def fill(self, form: str, value: str, call: str = "", name: str = "") -> bytes:
        return bytes.fromhex(
            form.replace("ID", call)
            .replace("NAME", f"{0x60 + len(name):02x}{name.encode().hex()}")
            .replace("VALUE", value)
        )


class _Bare(Official):
    """CBOR in data, behind its length: short enough here for one byte."""

    def fill(self, form: str, value: str, call: str = "", name: str = "") -> bytes:
        head, begin, end = form.partition("DATA")
        data = bytes.fromhex(end.replace("VALUE", value))
        assert len(data) < 128
        head = head.replace("ID", call).replace("NAME", f"{len(name):02x}{name.encode().hex()}")
        return bytes.fromhex(head) + bytes([len(data)]) * bool(begin) + data


OFFICIAL = {
    "bare": _Bare(
        request="0400 DATA 81VALUE",
        response="0400 DATA VALUE",
        action_request="0400 00 ID NAME DATA 81VALUE",
        action_response="0400 02 ID DATA VALUE",
    ),
    "cbor": _Cbor(
        request="b90001 6461726773 81VALUE",
        response="a1 666f7574707574 VALUE",
        action_request=(
            "b90001 64626f6479 b90002 63746167 6d416374696f6e52657175657374 6376616c b90003"
            "626964 ID 646e616d65 NAME 6461726773 81VALUE"
        ),
        action_response=(
            "a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a2"
            "626964 ID 666f7574707574 VALUE"
        ),
    ),
    "json": Official(
        request='{"args":[VALUE]}',
        response='{"output":VALUE}',
        action_request=(
            '{"body":{"tag":"ActionRequest","val":{"id":ID,"name":"NAME","args":[VALUE]}}}'
        ),
        action_response='{"body":{"tag":"ActionResponse","val":{"id":ID,"output":VALUE}}}',
    ),
}
