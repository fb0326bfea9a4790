"""The operator: who may delete actors, put them to sleep and list them."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

from trivet.declare.errors import Forbidden
from trivet.server.head import Head
from trivet.server.requests import token_of

__all__ = ["Admin"]


class Admin:
    """Knows the operator by a token, of which only the digest is kept.

    Args:
        token: The token; without one, this machine is the operator.
        private: Whether nobody but this machine can reach the server.
        count: Counts the refusals.
    """

    def __init__(self, token: str | None, *, private: bool, count: Callable[[str], object]) -> None:
        self._digest = None if token is None else _digest(token)
        self._private = private
        self._count = count

    def check(self, head: Head) -> None:
        """Check that a request is the operator's.

        Raises:
            Forbidden: If it is not.
        """
        if self._digest is None:
            allowed = self._private
        else:
            # Digests have one length, so the time that comparing takes says nothing.
            allowed = hmac.compare_digest(self._digest, _digest(token_of(head) or ""))
        if not allowed:
            self._count("admin_refused")
            raise Forbidden("This needs the admin token")


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
