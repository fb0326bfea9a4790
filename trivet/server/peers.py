"""Peers: whose connection it is, also behind proxies, and which addresses are not counted.

A proxy that the operator trusts says in ``X-Forwarded-For`` who its client is. Everybody may write
that header, so it is read from the right, where the trusted proxies have written, and only as far
as they reach: the first address that is none of theirs is the client's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

__all__ = ["Proxies", "counted_address", "is_loopback"]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

UNIX: Final = "unix"
MEMORY: Final = "memory"
MOST_HOPS: Final = 32
SITE_BITS: Final = 64
"""Of an IPv6 address these name the site; whoever is there has all the others to himself."""


class Proxies:
    """The proxies in front of a server.

    Args:
        trusted: Their addresses or networks; ``"unix"`` is whoever comes through a Unix socket.

    Raises:
        TypeError: If it is one text and no list of them.
        ValueError: If one of them is neither.
    """

    def __init__(self, trusted: Collection[str] = ()) -> None:
        if isinstance(trusted, str):
            raise TypeError(
                f"trusted_proxies is a list of addresses: trusted_proxies=[{trusted!r}]"
            )
        self._unix = UNIX in trusted
        self._networks = tuple(_network(text) for text in trusted if text != UNIX)

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def trusts(self, peer: str) -> bool:
        """Whether a peer is one of the proxies."""
        if peer == UNIX:
            return self._unix
        address = _address(peer) if self._networks else None
        return address is not None and any(address in network for network in self._networks)

    def client_of(self, peer: str, headers: Mapping[str, str]) -> str:
        """Return the address of whoever made a request.

        Args:
            peer: Who sent it.
            headers: What it says, by lower-case name.
        """
        if not self.trusts(peer):
            return peer
        client = peer
        hops = headers.get("x-forwarded-for", "").split(",")
        for hop in hops[: -MOST_HOPS - 1 : -1]:
            address = _address(hop.strip(" \t"))
            if address is None:
                break
            client = str(address)
            if not self.trusts(client):
                break
        return client


def counted_address(peer: str) -> str | None:
    """Return under what a peer's connections are counted; ``None`` for this machine's own."""
    if peer in {UNIX, MEMORY} or is_loopback(peer):
        return None
    address = _address(peer)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, SITE_BITS), strict=False))
    return peer


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host.partition("%")[0])
    return address is not None and address.is_loopback


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        message = f"trusted_proxies has {text!r}, which is no address and no network: {error}"
        raise ValueError(message) from None
