"""Sockets that whoever started the process has opened for it, in the form that systemd gave this.

``LISTEN_FDS`` says how many there are, from file 3 on, ``LISTEN_FDNAMES`` what they are called, and
``LISTEN_PID`` for which process they are meant: others inherit the environment, too.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Final

__all__ = ["inherited_sockets"]

FIRST: Final = 3


def inherited_sockets(
    name: str | None = None, *, environment: Mapping[str, str] | None = None
) -> list[socket.socket]:
    """Return the listening sockets that this process was started with, to be served.

    The process keeps what it was started with: each call returns sockets of its own for the same
    clients, and these can connect until the process has ended.

    Args:
        name: Only the sockets that are called so (``FileDescriptorName=`` of a systemd socket).
        environment: Where they are described, by default the environment of the process.

    Returns:
        The sockets in their order, none if the process was started without.

    Raises:
        ValueError: If a file that should be a listening socket is something else.
    """
    if environment is None:
        environment = os.environ
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    files = range(FIRST, FIRST + _count(environment.get("LISTEN_FDS", "")))
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    named = {file: called for file, called in zip(files, names, strict=False) if called}
    return [_listening(file) for file in files if name is None or named.get(file) == name]


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"LISTEN_FDS is no number: {text!r}")
    return int(text)


def _listening(file: int) -> socket.socket:
    try:
        os.set_inheritable(file, False)
        with socket.socket(fileno=file) as inherited:
            try:
                duplicate = inherited.dup()
            finally:
                inherited.detach()
    except OSError as error:
        raise ValueError(f"LISTEN_FDS names file {file}, which is no socket: {error}") from None
    if duplicate.type != socket.SOCK_STREAM or not duplicate.getsockopt(
        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
    ):
        duplicate.close()
        raise ValueError(f"LISTEN_FDS names file {file}, which does not listen for connections")
    return duplicate
