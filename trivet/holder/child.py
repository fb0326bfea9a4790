"""A held server's side: it gets its sockets, waits until it is released, and hears of the end."""

from __future__ import annotations

import os
import socket
from typing import Self

import attrs
import trio

from trivet.holder.process import CONTROL, PREPARED, READY, RELEASED

__all__ = ["Held", "held_by"]


@attrs.frozen(eq=False)
class Held:
    """The place of this process below its holder.

    Attributes:
        sockets: What to accept clients from; they listen.
    """

    _control: socket.socket
    sockets: list[socket.socket]

    def wait_released(self) -> bool:
        """Say that the application is imported, and block until it may serve.

        Returns:
            Whether it may; the holder may have ended instead.
        """
        try:
            self._control.sendall(PREPARED)
            return self._control.recv(1) == RELEASED
        except OSError:
            return False

    def ready(self) -> None:
        """Say that clients can come."""
        try:
            self._control.sendall(READY)
        except OSError:
            pass  # the holder has ended, which `wait_deserted` reports

    async def wait_deserted(self) -> None:
        """Return when the holder has ended."""
        control = trio.socket.from_stdlib_socket(self._control.dup())
        with control:
            try:
                await control.recv(1)
            except OSError:
                pass

    @classmethod
    def of(cls, numbers: str) -> Self:
        """Take over the files whose numbers a holder has passed on."""
        control, *sockets = (socket.socket(fileno=int(number)) for number in numbers.split(","))
        for taken in (control, *sockets):
            taken.set_inheritable(False)
        return cls(control, sockets)


def held_by() -> Held | None:
    """Return this process's place below a holder, ``None`` if it has none.

    It is taken out of the environment: no process that is started from here is held as well.
    """
    numbers = os.environ.pop(CONTROL, None)
    return None if numbers is None else Held.of(numbers)
