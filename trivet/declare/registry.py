"""The registry: the actor classes that one runtime or server offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trivet.declare.definition import Definition
from trivet.declare.options import Limits
from trivet.declare.wire_names import Naming

if TYPE_CHECKING:
    from trivet.declare.actor import Actor

__all__ = ["Registry"]

NAME_LIMIT = 64


class Registry:
    """The actor classes that a runtime serves, by their name on the wire.

    Args:
        *actors: Actor classes.
        naming: Turns the attribute names of actions, events and attrs fields into names on the
            wire, as ``trivet.camel_case`` does; explicit names stay.
        limits: Bounds for all its classes; a class's own win.

    Raises:
        TypeError: If something is no actor class.
        ValueError: If there is no class, two have one name, or a name is empty or longer than 64
            characters.
    """

    def __init__(
        self,
        *actors: type[Actor[Any, Any, Any, Any]],
        naming: Naming | None = None,
        limits: Limits | None = None,
    ) -> None:
        if not actors:
            raise ValueError("a registry has at least one actor class: trivet.Registry(ChatRoom)")
        self.naming = naming
        self.limits = limits if limits is not None else Limits()
        self._definitions: dict[str, Definition] = {}
        for actor in actors:
            self._add(definition_of(actor, naming))

    def _add(self, definition: Definition) -> None:
        name = definition.name
        if not 0 < len(name) <= NAME_LIMIT:
            raise ValueError(f"an actor's name has 1 to {NAME_LIMIT} characters, not {name!r}")
        if "\0" in name:
            raise ValueError(f"an actor's name has no null character, as {name!r} has")
        if name in self._definitions:
            other = self._definitions[name].actor.__name__
            message = f"{definition.actor.__name__} and {other} are both named {name!r}"
            raise ValueError(message)
        self._definitions[name] = definition

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """The definitions by name."""
        return self._definitions

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._definitions.values())

    def __contains__(self, actor: Any) -> bool:
        return any(definition.actor is actor for definition in self)

    def find(self, actor: type[Any]) -> Definition:
        """Return the definition of a class.

        Raises:
            TypeError: If it is no actor class.
            LookupError: If the registry does not have it.
        """
        definition = definition_of(actor, self.naming)
        known = self._definitions.get(definition.name)
        if known is None or known.actor is not actor:
            has = ", ".join(one.actor.__name__ for one in self)
            raise LookupError(f"{actor.__name__} is not in the registry, which has {has}")
        return known


def definition_of(actor: Any, naming: Naming | None = None) -> Definition:
    """Return the definition of an actor class.

    Raises:
        TypeError: If it is no actor class.
    """
    read = getattr(actor, "__trivet_definition__", None)
    if not isinstance(actor, type) or read is None:
        raise TypeError(f"{actor!r} is no actor class")
    definition: Definition = read(naming)
    return definition
