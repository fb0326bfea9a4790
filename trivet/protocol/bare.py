"""The primitives of BARE as the official schemas use them (client protocol, 5.3).

Reading is exact: nothing is cut off, numbers take as few bytes as they can, a flag is 0 or 1, and
nothing stands behind the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from trivet.protocol.errors import DecodingError, EncodingError

__all__ = ["Reader", "blob", "flag", "optional", "text", "uint", "uint64"]

T = TypeVar("T")

_MAX_UINT = 2**64 - 1
_LAST_SHIFT = 63


class Reader:
    """Reads values one after another from a message.

    Raises, from every method, ``DecodingError`` if what stands there is not that value.
    """

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        start = self._position
        end = start + size
        if end > len(self._data):
            raise DecodingError("The message is cut off")
        self._position = end
        return self._data[start:end]

    def byte(self) -> int:
        """Return the next byte."""
        position = self._position
        if position >= len(self._data):
            raise DecodingError("The message is cut off")
        self._position = position + 1
        return self._data[position]

    def uint(self) -> int:
        """Return an integer of variable length, seven bits a byte, lowest first."""
        byte = self.byte()
        if byte < 0x80:
            return byte
        number, shift = byte & 0x7F, 7
        while True:
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > _LAST_SHIFT:
                raise DecodingError("An integer is longer than 64 bits")
        if byte == 0 or number > _MAX_UINT:
            raise DecodingError("An integer is longer than it must be")
        return number

    def uint64(self) -> int:
        """Return an integer of eight bytes, lowest first."""
        return int.from_bytes(self.take(8), "little")

    def flag(self) -> bool:
        """Return a boolean."""
        byte = self.byte()
        if byte > 1:
            raise DecodingError("A flag must be 0 or 1")
        return byte == 1

    def blob(self) -> bytes:
        """Return bytes that follow their length."""
        return self.take(self.uint())

    def text(self) -> str:
        """Return text that follows its length in bytes."""
        try:
            return self.blob().decode()
        except UnicodeDecodeError:
            raise DecodingError("A text is not UTF-8") from None

    def optional(self, read: Callable[[], T]) -> T | None:
        """Return what ``read`` returns, or ``None`` if it is absent."""
        return read() if self.flag() else None

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self._position != len(self._data):
            raise DecodingError("There are bytes behind the message")


def uint(number: int) -> bytes:
    """Write an integer of variable length.

    Raises:
        EncodingError: If it does not fit into 64 bits.
    """
    if 0 <= number < 0x80:
        return bytes((number,))
    if not 0 <= number <= _MAX_UINT:
        raise EncodingError((), "an integer outside 64 bits")
    result = bytearray()
    while number >= 0x80:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number)
    return bytes(result)


def uint64(number: int) -> bytes:
    """Write an integer of eight bytes.

    Raises:
        EncodingError: If it does not fit.
    """
    if not 0 <= number <= _MAX_UINT:
        raise EncodingError((), "an integer outside 64 bits")
    return number.to_bytes(8, "little")


def flag(value: bool) -> bytes:
    """Write a boolean."""
    return b"\x01" if value else b"\x00"


def blob(data: bytes) -> bytes:
    """Write bytes behind their length."""
    return uint(len(data)) + data


def text(value: str) -> bytes:
    """Write text behind its length in bytes.

    Raises:
        EncodingError: If it is no Unicode.
    """
    try:
        return blob(value.encode())
    except UnicodeEncodeError:
        raise EncodingError((), "text with half of a surrogate pair") from None


def optional(write: Callable[[T], bytes], value: T | None) -> bytes:
    """Write a value, or that it is absent."""
    return b"\x00" if value is None else b"\x01" + write(value)
