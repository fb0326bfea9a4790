"""Values: how what an application declares is checked, copied, sent and stored.

The way of a type: ``annotations`` reads it into a tree of ``nodes`` or refuses it (``unions``,
``classes``, ``refusal``); ``copying`` generates a function from the tree, and ``faults`` explains
what that refused; ``structure`` (``leaves``, ``containers``, ``choices``) loads it from the wire,
``unstructure`` brings it there, and ``stored`` into the store. ``shape`` puts them together;
``parameters`` and ``matching`` do the same for a whole signature. ``keeping`` brings a value back
that has changed since.
"""

from trivet.declare.values.annotations import Place
from trivet.declare.values.keeping import Kept
from trivet.declare.values.refusal import UnsupportedTypeError
from trivet.declare.values.shape import Shape, plain_of, shape_of
from trivet.declare.values.undefined import UNDEFINED, Undefined

__all__ = [
    "UNDEFINED",
    "Kept",
    "Place",
    "Shape",
    "Undefined",
    "UnsupportedTypeError",
    "plain_of",
    "shape_of",
]
