"""What the requests and links of one server share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import attrs
from typing_extensions import TypeVar

from trivet.declare.definition import Definition
from trivet.declare.options import Limits
from trivet.link.keepalive import Keepalive
from trivet.link.limits import HARD_LIMIT, LinkLimits
from trivet.link.unfinished import Unfinished
from trivet.link.websocket import WebSocketLink
from trivet.protocol.close import CloseCode
from trivet.runtime.runtime import Runtime
from trivet.server.admin import Admin
from trivet.server.admission import Admissions
from trivet.server.authorize import Authorizer
from trivet.server.encoder import WireEncoder
from trivet.server.farewells import Farewells
from trivet.server.named_waits import NamedWaits
from trivet.server.origins import OriginPolicy
from trivet.server.peers import Proxies
from trivet.server.settings import ServerSettings
from trivet.server.stopping import Stopping

__all__ = ["ClientLink", "Service"]


EncoderT = TypeVar("EncoderT", default=WireEncoder)


class ClientLink(WebSocketLink[EncoderT]):
    """A client's link; when the server stops it is closed in its turn.

    Attributes:
        farewells: Who says whose turn it is.
    """

    __slots__ = ("farewells",)

    farewells: Farewells

    def close(self, code: int, reason: str) -> None:
        """Begin to close; see ``WebSocketLink``."""
        if code == CloseCode.SERVICE_RESTART and self.ending is None:
            self.farewells.add(partial(super().close, code, reason))
        else:
            super().close(code, reason)


@attrs.define(kw_only=True, eq=False, slots=False)
class Service:
    """One runtime, as it is served.

    Attributes:
        runtime: Where the actors live.
        settings: What the operator decided.
        loopback: Whether it can be reached from this machine alone.
        loop_problem: What is wrong with the event loop, ``None`` if nothing is.
        stopping: How HTTP connections learn that it stops.
        links: The links that are being served.
    """

    runtime: Runtime
    settings: ServerSettings
    loopback: bool
    loop_problem: Callable[[], str | None] = lambda: None
    stopping: Stopping = attrs.Factory(Stopping)
    links: set[ClientLink[Any]] = attrs.Factory(set[ClientLink[Any]])

    @property
    def limits(self) -> Limits:
        """The limits of what is not an actor's own."""
        return self.runtime.limits

    @property
    def problem(self) -> str | None:
        """What keeps it from serving as it promises, ``None`` if nothing does."""
        if self.runtime.storage.failed:
            return "the store has failed"
        return self.loop_problem()

    @property
    def secure(self) -> bool:
        """Whether clients come over TLS."""
        return self.settings.ssl_context is not None

    @cached_property
    def origins(self) -> OriginPolicy:
        """Which pages may use it."""
        return OriginPolicy(self.settings.origins, loopback=self.loopback)

    @property
    def count(self) -> Callable[..., None]:
        """Count what is dropped or refused."""
        return self.runtime.observer.count

    @cached_property
    def admin(self) -> Admin:
        """Who the operator is."""
        private = self.loopback and not self.proxies
        return Admin(self.settings.admin_token, private=private, count=self.count)

    @cached_property
    def authorizer(self) -> Authorizer:
        """Who may reach which actors."""
        return Authorizer(self.runtime, self.count)

    @cached_property
    def admissions(self) -> Admissions:
        """How many connections each address has."""
        return Admissions(self.limits, self.proxies, self.count)

    @cached_property
    def waits(self) -> NamedWaits:
        """What clients wait for, round after round."""
        return NamedWaits(self.runtime.completions)

    @cached_property
    def proxies(self) -> Proxies:
        """Who may say who a client is."""
        return Proxies(self.settings.trusted_proxies)

    @cached_property
    def params_limit(self) -> int:
        """The most bytes of connection params that any of its actors takes."""
        every = [self.runtime.limits_of(one).params for one in self.runtime.registry]
        return max(every, default=self.limits.params)

    @cached_property
    def farewells(self) -> Farewells:
        """When which link is closed at the stop, within a part of what the runtime waits."""
        return Farewells(min(self.limits.close_time / 2, self.runtime.longest_grace / 6))

    @cached_property
    def unfinished(self) -> Unfinished:
        """How many bytes of unfinished messages and bodies there are."""
        limits = self.limits
        return Unfinished(limits.unfinished_bytes, free=limits.message_in, count=self.count)

    @cached_property
    def keepalive(self) -> Keepalive:
        """Finds the clients that are gone without a word."""
        return Keepalive(interval=self.limits.ping_after, timeout=self.limits.dead_after)

    @cached_property
    def _link_limits(self) -> dict[Definition, LinkLimits]:
        return {
            definition: self.bounds_of_links(self.runtime.limits_of(definition))
            for definition in self.runtime.registry
        }

    def limits_of_links(self, definition: Definition) -> LinkLimits:
        """Return the bounds of the links to an actor class."""
        return self._link_limits[definition]

    def bounds_of_links(self, limits: Limits) -> LinkLimits:
        """Return the part of some limits that a link keeps."""
        return LinkLimits(
            message_size=min(limits.message_in, limits.frame, HARD_LIMIT),
            fragments=limits.fragments,
            frames_per_second=limits.frame_rate,
            burst=limits.frame_burst,
            close_timeout=limits.close_time,
            outbox_messages=limits.outbox_messages,
            outbox_bytes=limits.outbox_bytes,
            unfinished=self.unfinished,
        )

    def say_goodbye(self) -> None:
        """End whatever is left once the runtime has stopped."""
        self.stopping.finish()
        self.farewells.finish()
        for link in tuple(self.links):
            link.close(CloseCode.SERVICE_RESTART, "")
