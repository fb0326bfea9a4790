"""Admission: how many connections, and how many unfinished openings, an address may have.

A connection is *opening* from the moment it is accepted until its client has shown what it wants:
until the head of its first request has arrived and, for a WebSocket, until the hooks of its actor
have let it in or not. Who only opens, and never gets there, holds few of these for a short time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from trivet.declare.options import Limits
from trivet.server.peers import Proxies, counted_address

__all__ = ["Admission", "Admissions"]

Count = Callable[[str], object]


class Admission:
    """The place of one connection; one of an address that is not counted takes none.

    Attributes:
        counted: Whether it is counted.
    """

    __slots__ = ("_address", "_admissions", "_opening")

    def __init__(self, admissions: Admissions | None = None, address: str = "") -> None:
        self._admissions = admissions
        self._address = address
        self._opening = admissions is not None

    @property
    def counted(self) -> bool:
        """Whether it takes one of its address's places."""
        return self._admissions is not None

    def opened(self) -> None:
        """Take note that the opening is over, however it went; once or more often."""
        if self._opening:
            self._opening = False
            assert self._admissions is not None
            self._admissions.opening.subtract_one(self._address)

    def end(self) -> None:
        """Give the place back, once."""
        self.opened()
        if self._admissions is not None:
            self._admissions.open.subtract_one(self._address)
            self._admissions = None


class _Tally(Counter[str]):
    """A count by address that forgets who has none."""

    def subtract_one(self, address: str) -> None:
        self[address] -= 1
        if not self[address]:
            del self[address]


UNCOUNTED = Admission()


class Admissions:
    """Who is there.

    Args:
        limits: How many there may be.
        proxies: Their connections are not counted, those of their clients are.
        count: Counts the refusals.

    Attributes:
        open: Connections by address.
        opening: Those that are opening, by address.
    """

    def __init__(self, limits: Limits, proxies: Proxies, count: Count) -> None:
        self._limits = limits
        self._proxies = proxies
        self._count = count
        self.open = _Tally()
        self.opening = _Tally()

    def admit(self, peer: str) -> Admission | None:
        """Give a connection its place; ``None`` if its address has none left."""
        address = None if self._proxies.trusts(peer) else counted_address(peer)
        if address is None:
            return UNCOUNTED
        if self.open[address] >= self._limits.connections_per_address:
            self._count("address_full")
            return None
        if self.opening[address] >= self._limits.openings_per_address:
            self._count("openings_full")
            return None
        self.open[address] += 1
        self.opening[address] += 1
        return Admission(self, address)
