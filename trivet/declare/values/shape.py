"""What trivet knows about one annotated type: a shape, made once, when a class is created."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import attrs

from trivet.declare.values.annotations import Place, node_of
from trivet.declare.values.anything import TOO_DEEP, is_too_deep
from trivet.declare.values.copying import copier
from trivet.declare.values.leaves import StructureHook
from trivet.declare.values.mismatch import REFUSALS, Mismatch, paths_of, validation_error
from trivet.declare.values.nodes import Node, is_immutable, is_nullable, is_unbounded
from trivet.declare.values.refusal import Unsupported
from trivet.declare.values.stored import pack, stored_hooks, unpack
from trivet.declare.values.structure import structure_hook
from trivet.declare.values.unstructure import UnstructureHook, wire_hooks
from trivet.declare.wire_names import Naming

__all__ = ["Shape", "plain_of", "shape_of"]

T = TypeVar("T")


@attrs.frozen(eq=False)
class Shape(Generic[T]):
    """How values of one type are checked, copied, sent and stored.

    Everything here raises ``ValidationError``, whose ``metadata["paths"]`` says what does not fit
    and where, for a value that is none of the type.

    Attributes:
        annotation: The type as it was written.
        node: What it is, as a tree.
        naming: Turns the names of attrs attributes into names on the wire.
    """

    annotation: object
    node: Node = attrs.field(repr=False)
    naming: Naming | None = attrs.field(repr=False)

    @cached_property
    def copy(self) -> Callable[[object], T]:
        """Check a value strictly and return a copy that shares nothing that could change.

        It is the same object, if that is immutable.
        """
        return copier(self.node)

    @cached_property
    def immutable(self) -> bool:
        """Whether values may pass within the process without a copy."""
        return is_immutable(self.node)

    @cached_property
    def nullable(self) -> bool:
        """Whether ``None`` is a value of the type."""
        return is_nullable(self.node)

    def load(self, wire: object, path: str = "$") -> T:
        """Convert a wire value; what is undefined is ``None`` where that fits.

        Args:
            wire: What a codec made of a message.
            path: What errors call the whole.
        """
        return self._structured(self.from_wire, wire, path)

    def dump(self, value: object) -> Any:
        """Check a value as ``copy`` does and convert it into wire values."""
        return self.to_wire(self.copy(value))

    def encode(self, value: object) -> bytes:
        """Check a value as ``copy`` does and bring it into the stored format.

        Equal values, with dicts in the same order, give equal bytes.
        """
        copied = self.copy(value)
        try:
            return pack(self._to_stored(copied))
        except Mismatch as error:
            paths = paths_of(error)
        raise validation_error(paths)

    def decode(self, data: bytes) -> T:
        """Convert what ``encode`` made, also with an older version of the type.

        What has been added to a class since is filled by its default.
        """
        return self.from_plain(plain_of(data))

    def from_plain(self, plain: object) -> T:
        """Convert what ``plain_of`` has returned, perhaps brought into shape since."""
        return self._structured(self._from_stored, plain, "$")

    @cached_property
    def to_wire(self) -> UnstructureHook:
        """Convert what ``copy`` has returned into wire values, without looking at it again."""
        return wire_hooks(self.naming).of(self.node)

    @cached_property
    def from_wire(self) -> StructureHook:
        """Convert a wire value, or raise what ``mismatch.REFUSALS`` lists; ``load`` explains."""
        return self._bounded(structure_hook(self.node, self.naming))

    @cached_property
    def _to_stored(self) -> UnstructureHook:
        return stored_hooks().of(self.node)

    @cached_property
    def _from_stored(self) -> StructureHook:
        return self._bounded(structure_hook(self.node, None))

    def _bounded(self, hook: StructureHook) -> StructureHook:
        if not is_unbounded(self.node):
            return hook

        def structure(wire: Any, _: Any = None) -> Any:
            if is_too_deep(wire):
                raise Mismatch(TOO_DEEP)
            return hook(wire, None)

        return structure

    def _structured(self, hook: StructureHook, wire: object, path: str) -> T:
        try:
            value: T = hook(wire, None)
            return value
        except REFUSALS as error:
            paths = paths_of(error, path)
        raise validation_error(paths)


def plain_of(data: bytes) -> Any:
    """Return what a shape has encoded as plain data: dicts, lists, texts and numbers.

    Raises:
        ValidationError: If the data is damaged.
    """
    try:
        return unpack(data)
    except Mismatch as error:
        paths = paths_of(error)
    raise validation_error(paths)


def shape_of(
    annotation: Any,
    *,
    place: Place,
    where: str,
    parameter: str | None = None,
    naming: Naming | None = None,
    namespace: Mapping[str, Any] = MappingProxyType({}),
) -> Shape[Any]:
    """Return the shape of an annotated type.

    Args:
        annotation: The type, with its names resolved.
        place: Where its values go.
        where: The declaration that uses it, for errors: ``"ChatRoom.send"``.
        parameter: Which parameter of the declaration it is.
        naming: Turns the names of attrs attributes into names on the wire.
        namespace: Names for the string annotations of attrs classes, besides their modules'.

    Raises:
        UnsupportedTypeError: If values of the type cannot be copied, stored or sent; a
            ``TypeError`` that names the declaration and the path inside the type.
    """
    try:
        node = node_of(annotation, place, namespace)
    except Unsupported as error:
        raise error.of_declaration(where, parameter) from None
    return Shape(annotation, node, naming)
