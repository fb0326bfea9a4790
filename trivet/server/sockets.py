"""The sockets that a server listens on, and who may be behind them."""

from __future__ import annotations

import socket
from typing import Any, Final

import trio

from trivet.declare.registry import Registry
from trivet.server.peers import is_loopback
from trivet.server.settings import ServerSettings

__all__ = ["address_of", "bind_sockets", "listen", "open_sockets", "peer_of"]

BACKLOG: Final = 4096
"""Clients that may wait while a server restarts, if the system lets them: it has its own limit."""

GUARDS: Final = frozenset({"authorize", "on_before_connect", "create_conn_state"})


async def open_sockets(
    registry: Registry, settings: ServerSettings
) -> list[trio.socket.SocketType]:
    """Listen where the settings say; nowhere, if they name no host.

    Raises:
        OSError: If that is not possible.
        ValueError: If other machines could reach an actor that lets everybody in.
    """
    if settings.embedded:
        _check_guarded(registry, settings, "the server around it")
    if settings.host is None and not settings.listening:
        return []
    if settings.listening:
        sockets = [trio.socket.from_stdlib_socket(one) for one in settings.listening]
    else:
        sockets = await bind_sockets(settings.host or "", settings.port)
    try:
        for bound in sockets:
            _check_guarded(registry, settings, address_of(bound)[0])
            if not settings.listening:
                bound.listen(BACKLOG)
    except BaseException:
        for bound in sockets:
            bound.close()
        raise
    return sockets


async def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host, for a server that comes later.

    Raises:
        OSError: If that is not possible.
    """
    sockets = await bind_sockets(host, port)
    try:
        for bound in sockets:
            bound.listen(BACKLOG)
        return [socket.socket(fileno=bound.detach()) for bound in sockets]
    except BaseException:
        for bound in sockets:
            bound.close()
        raise


def _check_guarded(registry: Registry, settings: ServerSettings, host: str) -> None:
    """Refuse to show actors that let everybody in to other machines.

    Raises:
        ValueError: Naming the class and what can be done.
    """
    if settings.public or is_loopback(host):
        return
    for definition in registry:
        guards = definition.hooks & GUARDS
        if not guards:
            raise ValueError(
                f"{definition.actor.__name__} lets everybody in, and {host} can be reached from "
                "other machines: override authorize, on_before_connect or create_conn_state, or "
                "say public=True"
            )
        answers_calls = definition.methods_by_name or "on_request" in definition.hooks
        if answers_calls and not definition.options.call_hooks and "authorize" not in guards:
            raise ValueError(
                f"{definition.actor.__name__} lets every call in, for call_hooks=False asks no "
                f"connection hook about them, and {host} can be reached from other machines: "
                "override authorize, or say public=True"
            )


def address_of(bound: trio.socket.SocketType) -> tuple[str, int]:
    """Return host and port of a socket; one in the file system is this machine's own."""
    address: Any = bound.getsockname()
    match address:
        case (str(host), int(port), *_):
            return host, port
        case _:
            return "localhost", 0


async def bind_sockets(host: str, port: int) -> list[trio.socket.SocketType]:
    """Bind sockets to every address of a host, on one port; they do not listen yet.

    Args:
        host: An address or a name.
        port: 0 picks a free one.

    Raises:
        OSError: If that is not possible; the text has the address.
    """
    try:
        return await _bind_all(host, port)
    except OSError as error:
        message = f"cannot listen on {host or '*'} port {port}: {error.strerror or error}"
        raise type(error)(error.errno, message) from error


async def _bind_all(host: str, port: int) -> list[trio.socket.SocketType]:
    found = await trio.socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[trio.socket.SocketType] = []
    try:
        for family, _, protocol, _, address in dict.fromkeys(found):
            sockets.append(await _bind(family, protocol, (address[0], port, *address[2:])))
            port = sockets[0].getsockname()[1]
    except BaseException:
        for opened in sockets:
            opened.close()
        raise
    return sockets


async def _bind(family: int, protocol: int, address: tuple[object, ...]) -> trio.socket.SocketType:
    listening = trio.socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await listening.bind(address)
    except BaseException:
        listening.close()
        raise
    return listening


def peer_of(address: Any) -> str:
    """Return the host of a socket's address as text."""
    match address:
        case (str(host), *_):
            name = host.partition("%")[0]
            return name.removeprefix("::ffff:") if "." in name else name
        case _:
            return "unix"
