from __future__ import annotations

import copy
import pickle

from trivet.declare.values import UNDEFINED, Undefined


def test_there_is_one() -> None:
    assert Undefined() is UNDEFINED
    assert copy.deepcopy(UNDEFINED) is UNDEFINED
    assert pickle.loads(pickle.dumps(UNDEFINED)) is UNDEFINED


def test_it_is_false_and_says_its_name() -> None:
    assert not UNDEFINED
    assert repr(UNDEFINED) == "UNDEFINED"
