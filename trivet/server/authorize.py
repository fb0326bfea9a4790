"""Authorization: whether a request from the network may reach an actor at all.

Rules this file keeps:

1. The hook is asked before an actor is looked up, created or woken. A request that names an actor
   by its id does not say of which class it is: every class with the hook is asked then, and the
   answer of the actor's own class counts.
2. Only ``True`` lets a request through. An exception, another answer, or none in time, refuses it;
   what went wrong is in the log, and the client hears the same as from ``False``.
3. Who is refused learns nothing: not whether there is such an actor, nor by how long it took. Where
   there is none, or a damaged record does not say of which class it is, one class that refuses is
   enough.
4. An address that creates the actor it does not find asks for ``create`` as well.
5. A request that names a namespace reaches nothing outside of it: an actor of another one is as if
   it were not there. By an id alone one reaches any, and the classes are asked as if the actor were
   in the default one. If it is not, the answer for its own namespace counts, for which all of them
   are asked once more. So they are for whoever is to be refused, or rule 3 were broken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

import attrs
import trio

from trivet.declare.definition import Definition
from trivet.declare.errors import ActionError, Forbidden
from trivet.declare.request import Request
from trivet.logs import Throttled, about
from trivet.protocol.faults import fault_of
from trivet.runtime.namespaces import name_of, namespace_of
from trivet.runtime.runtime import Runtime
from trivet.runtime.store_faults import is_damaged

__all__ = ["Authorizer"]

throttled = Throttled(logging.getLogger(__name__))


class Authorizer:
    """Asks the actor classes of a runtime.

    Args:
        runtime: The runtime.
        count: Counts the refusals.
    """

    def __init__(self, runtime: Runtime, count: Callable[[str], object]) -> None:
        self._runtime = runtime
        self._count = count
        self._asked = frozenset(one for one in runtime.registry if "authorize" in one.hooks)

    async def check(self, definition: Definition, request: Request, *, creates: bool) -> None:
        """Ask an actor's class.

        Args:
            definition: The class.
            request: The request.
            creates: Whether it may create the actor.

        Raises:
            Forbidden: If the class does not let it through.
        """
        if definition not in self._asked:
            return
        allowed = await self._ask(definition, request)
        if allowed and creates and request.intent != "create":
            allowed = await self._ask(definition, attrs.evolve(request, intent="create"))
        if not allowed:
            raise Forbidden

    async def find(self, actor_id: str, request: Request, *, anywhere: bool) -> Definition | None:
        """Find the class of an actor.

        Args:
            actor_id: Its id.
            request: The request.
            anywhere: Whether it names no namespace, so that the actor may be in any.

        Returns:
            Its class, ``None`` if there is no such actor and the request may know that.

        Raises:
            Forbidden: If its class does not let the request through.
            ActionError: If the store cannot be read, or the actor's record is damaged.
        """
        refusing = await self.refusing(request)
        definition, namespace = None, request.namespace
        try:
            definition, namespace = await self._identify(actor_id, namespace)
        except ActionError as error:
            if not (refusing and is_damaged(error)):
                raise
        is_here = namespace == request.namespace
        if definition is not None and is_here and definition not in refusing:
            return definition
        if anywhere:
            there = await self._refusing(attrs.evolve(request, namespace=namespace))
            if definition is not None and not is_here and definition not in there:
                return definition
        if refusing:
            raise Forbidden
        return None

    async def refusing(self, request: Request) -> frozenset[Definition]:
        """Ask every class, all at the same time; which of them refuse.

        Raises:
            Forbidden: If all do: then there is nothing to look for.
        """
        refusing = await self._refusing(request)
        if refusing and len(refusing) == len(self._runtime.registry.definitions):
            raise Forbidden
        return refusing

    async def _refusing(self, request: Request) -> frozenset[Definition]:
        refusing: set[Definition] = set()

        async def ask(definition: Definition) -> None:
            if not await self._ask(definition, request):
                refusing.add(definition)

        if self._asked:
            async with trio.open_nursery() as nursery:
                for definition in self._asked:
                    nursery.start_soon(ask, definition)
        return frozenset(refusing)

    async def _ask(self, definition: Definition, request: Request) -> bool:
        where = f"{definition.name}.authorize"
        subject = about(actor=definition.name, peer=request.peer)
        seconds = self._runtime.limits_of(definition).hook_time
        answer: object = None
        with trio.move_on_after(seconds) as scope:
            try:
                answer = cast("object", await definition.actor.authorize(request))
                if not isinstance(answer, bool):
                    raise TypeError(f"authorize answers True or False, not {type(answer).__name__}")
            except Exception as error:  # the connection's firewall
                self._count("authorize_failed")
                fault_of(error, where=where, subject=subject)
                return False
        if scope.cancelled_caught:
            self._count("authorize_failed")
            throttled.warning(
                (definition.name, "late"), "%s took longer than %g s", where, seconds, extra=subject
            )
            return False
        if not answer:
            self._count("authorize_refused")
        return answer is True

    async def _identify(self, actor_id: str, expected: str) -> tuple[Definition | None, str]:
        """Return class and namespace of an actor; of one that there is not, none and as expected."""
        instance = self._runtime.directory.running(actor_id)
        if instance is not None:
            return instance.definition, instance.namespace
        record = await self._runtime.records.identify(actor_id)
        if record is None:
            return None, expected
        definitions = self._runtime.registry.definitions
        return definitions.get(name_of(record.name)), namespace_of(record.name)
