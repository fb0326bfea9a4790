"""How arguments, results and payloads travel: as wire values, or within the process as copies.

Both kinds check arguments at the caller, and both give the same to whoever names an action or an
event by text: wire values, as an official client would get them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from trivet.declare.binder import event_arguments, event_payload
from trivet.declare.definition import Definition, EventBinding, Method
from trivet.declare.errors import Error, ValidationError
from trivet.declare.values import Place, shape_of
from trivet.protocol import cbor
from trivet.protocol.messages import UNDEFINED

__all__ = ["LocalValues", "Values", "WireValues"]

_ANYTHING = shape_of(Any, place=Place.WIRE, where="a value on the wire")


class Values(Protocol):
    """What becomes of values on their way to an actor and back.

    What is sent is opaque to the caller: each kind has its own sessions.
    """

    @property
    def definition(self) -> Definition:
        """The actor's class."""
        ...

    def arguments(self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any], /) -> Any:
        """Check arguments and return what is sent.

        Raises:
            ValidationError: If they do not fit.
        """
        ...

    def named_arguments(self, name: str, args: tuple[Any, ...], /) -> Any:
        """Return what is sent to an action that is known by name only.

        Raises:
            ValidationError: If they do not fit.
        """
        ...

    def size(self, arguments: Any, /) -> int:
        """Return how many bytes the arguments take while they wait.

        Raises:
            EncodingError: If they cannot be sent.
        """
        ...

    def result(self, method: Method, output: Any, /) -> Any:
        """Return the result that arrived.

        Raises:
            Error: ``client.unexpected_value`` if it does not fit its type.
        """
        ...

    def named_result(self, name: str, output: Any, /) -> Any:
        """Return the result of an action that is known by name only."""
        ...

    def payload(self, binding: EventBinding, arrived: Any, /) -> Any:
        """Return an event's payload, the receiver's own.

        Raises:
            Error: ``client.unexpected_value`` if it does not fit its type.
        """
        ...

    def named_payload(self, name: str, arrived: Any, /) -> Any:
        """Return the payload of an event that is known by name only."""
        ...


class WireValues:
    """Values over the network: lists of wire values go, wire values come."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition

    def arguments(
        self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any], /
    ) -> list[Any]:
        """Check arguments and return the list that is sent."""
        return method.binder.dump(*args, **kwargs)

    def named_arguments(self, name: str, args: tuple[Any, ...], /) -> list[Any]:
        """Return the arguments as the list that is sent."""
        return list(args)

    def size(self, arguments: Any, /) -> int:
        """Return the size of the encoded arguments."""
        return len(cbor.encode(arguments, cbor.NATIVE))

    def result(self, method: Method, output: Any, /) -> Any:
        """Load a result."""
        try:
            return method.binder.result.load(output)
        except ValidationError as error:
            raise _unfit(f"the result of {method.name}", error) from None

    def named_result(self, name: str, output: Any, /) -> Any:
        """Return a result as a wire value."""
        return _ANYTHING.load(output)

    def payload(self, binding: EventBinding, arrived: Any, /) -> Any:
        """Load the payload from an event's arguments."""
        try:
            return event_payload(binding.shape, arrived)
        except ValidationError as error:
            raise _unfit(f"the event {binding.name}", error) from None

    def named_payload(self, name: str, arrived: Any, /) -> Any:
        """Return an event's arguments as one wire value."""
        return _joined(arrived)

    def params(self, given: Any) -> Any:
        """Check connection params and return what is sent, ``UNDEFINED`` for none.

        Raises:
            ValidationError: If they do not fit.
        """
        if given is None or self.definition.params is None:
            return UNDEFINED
        return self.definition.params_to_wire(given)

    def input(self, given: Any) -> Any:
        """Check an actor's input and return what is sent, ``UNDEFINED`` for none.

        Raises:
            ValidationError: If it does not fit.
        """
        if given is None or self.definition.input is None:
            return UNDEFINED
        return self.definition.input_to_wire(given)


class LocalValues:
    """Values within the process: checked and copied, never encoded."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition

    def arguments(self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any], /) -> Any:
        """Check and copy arguments."""
        return method.binder.bind(args, kwargs)

    def named_arguments(self, name: str, args: tuple[Any, ...], /) -> Any:
        """Read arguments from wire values; whether there is such an action the actor says."""
        method = self.definition.methods_by_name.get(name)
        return ((), None) if method is None else method.binder.load(list(args))

    def size(self, arguments: Any, /) -> int:
        """Return 0: there are no bytes."""
        return 0

    def result(self, method: Method, output: Any, /) -> Any:
        """Return a result, which the actor's side has copied."""
        return output

    def named_result(self, name: str, output: Any, /) -> Any:
        """Convert a result into a wire value."""
        return self.definition.methods_by_name[name].binder.result.to_wire(output)

    def payload(self, binding: EventBinding, arrived: Any, /) -> Any:
        """Copy a payload that other receivers have, too."""
        return arrived if binding.shape.immutable else binding.shape.copy(arrived)

    def named_payload(self, name: str, arrived: Any, /) -> Any:
        """Convert a payload into a wire value."""
        return _joined(event_arguments(self.definition.events_by_name[name].shape, arrived))


def _joined(args: Sequence[Any]) -> Any:
    """What an untyped listener gets for an event's arguments: none, one, or all in a list."""
    return _ANYTHING.load(list(args) if len(args) > 1 else next(iter(args), None))


def _unfit(what: str, error: ValidationError) -> Error:
    message = f"{what} does not fit the type that it has here"
    return Error(message, group="client", code="unexpected_value", metadata=error.metadata)
