"""Whether a class overrides a hook as the runtime calls it: its kind, and what it takes."""

from __future__ import annotations

import inspect
from inspect import Parameter, getattr_static, iscoroutinefunction, signature
from typing import Any

__all__ = ["check_hook"]


def check_hook(actor: type, root: type, hook: str) -> None:
    """Check one hook.

    Args:
        actor: The class that overrides it.
        root: ``Actor``, which has it as it should be.
        hook: Its name.

    Raises:
        TypeError: If it is overridden as something else; the message has its signature.
    """
    where = f"{actor.__name__}.{hook}"
    may_wait = iscoroutinefunction(getattr(root, hook))
    if iscoroutinefunction(getattr(actor, hook)) != may_wait:
        kind = "an `async def`" if may_wait else "a plain `def`"
        raise TypeError(f"{where} must be {kind}: {_head(root, hook)}")
    if _is_class_method(root, hook) != _is_class_method(actor, hook):
        raise TypeError(f"{where} must be a class method: {_head(root, hook)}")
    if not _takes_the_same(getattr(actor, hook), getattr(root, hook)):
        raise TypeError(f"{where} must take what it is called with: {_head(root, hook)}")


def _is_class_method(cls: type, hook: str) -> bool:
    return isinstance(getattr_static(cls, hook), classmethod)


def _takes_the_same(mine: Any, theirs: Any) -> bool:
    """Whether one function can be called as another is: it may have more, with defaults."""
    expected = signature(theirs).parameters.values()
    by_name = [one.name for one in expected if one.kind is Parameter.KEYWORD_ONLY]
    try:
        signature(mine).bind(*[None] * (len(expected) - len(by_name)), **dict.fromkeys(by_name))
    except TypeError:
        return False
    return True


def _head(root: type, hook: str) -> str:
    """Write the first line of a hook as ``Actor`` has it."""
    function: Any = inspect.unwrap(getattr(getattr(root, hook), "__func__", getattr(root, hook)))
    kind = "async def" if iscoroutinefunction(function) else "def"
    taken = str(signature(function)).replace("'", "")
    return f"{'@classmethod ' if _is_class_method(root, hook) else ''}{kind} {hook}{taken}"
