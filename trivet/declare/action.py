"""Actions: the decorator, the declaration it leaves in the class, and the token callers name.

``@trivet.action`` turns a method into a declaration. Read from the class it is a token
(``ChatRoom.send``) that every verb takes; read from an instance it is the plain bound method, so
an actor calls its own actions as ordinary methods of the same turn. A token names a slot: the
class of the actor that is called decides which function runs.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Coroutine
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, Protocol, overload

import attrs
from typing_extensions import TypeVar

if TYPE_CHECKING:
    from trivet.declare.actor import Actor

__all__ = ["Action", "ActionDeclaration", "ActionOptions", "AsyncAction", "SyncAction", "action"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
A = TypeVar("A", bound="Actor[Any, Any, Any, Any]")
A_co = TypeVar("A_co", bound="Actor[Any, Any, Any, Any]", covariant=True)
A_contra = TypeVar("A_contra", bound="Actor[Any, Any, Any, Any]", contravariant=True)


class Action(Generic[A_contra, P, R_co]):
    """The token of an action: what ``ChatRoom.send`` evaluates to.

    Attributes:
        owner: The class that declares the action.
        slot: The attribute's name in that class.
    """

    __slots__ = ("owner", "slot")

    def __init__(self, owner: type, slot: str) -> None:
        self.owner = owner
        self.slot = slot

    def __repr__(self) -> str:
        return f"<action {self.owner.__name__}.{self.slot}>"


@attrs.frozen(kw_only=True)
class ActionOptions:
    """What ``@trivet.action(...)`` says about one action."""

    name: str | None = None
    readonly: bool = False
    atomic: bool = False
    timeout: float | None = None
    concurrent: bool = False
    reentrant: bool = False
    cancel_with_caller: bool = False

    ASYNC_ONLY = ("timeout", "concurrent", "reentrant", "cancel_with_caller")


class ActionDeclaration:
    """An action as its class holds it: the function, its options and its token."""

    def __init__(self, function: Callable[..., Any], options: ActionOptions) -> None:
        self.function = function
        self.options = options
        self.token: Action[Any, ..., Any] | None = None
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    @property
    def is_async(self) -> bool:
        """Whether the action was written with ``async def``."""
        return inspect.iscoroutinefunction(self.function)

    def __set_name__(self, owner: type, name: str) -> None:
        self.token = Action(owner, name)

    def check(self, where: str) -> None:
        """Refuse options that do not fit the function.

        Args:
            where: How to name the action in the message.

        Raises:
            TypeError: If it is a generator, if an option of asynchronous actions stands on a
                ``def``, if two options exclude each other, or if the timeout is no positive number.
        """
        options = self.options
        if inspect.isgeneratorfunction(self.function) or inspect.isasyncgenfunction(self.function):
            raise TypeError(f"{where}: an action returns its result, it does not yield any")
        if not self.is_async:
            for option in ActionOptions.ASYNC_ONLY:
                if getattr(options, option):
                    message = f"{where}: only an `async def` action can have {option}="
                    raise TypeError(message)
        for other in ("concurrent", "readonly"):
            if options.atomic and getattr(options, other):
                raise TypeError(f"{where}: an action cannot be both atomic and {other}")
        if options.timeout is not None and not 0 < options.timeout <= math.inf:
            raise TypeError(f"{where}: timeout must be a positive number of seconds")


class SyncAction(ActionDeclaration, Generic[A_co, P, R_co]):
    """The declaration of a ``def`` action; on an instance it is the plain method."""

    @overload
    def __get__(self, instance: None, owner: type, /) -> Action[A_co, P, R_co]: ...
    @overload
    def __get__(self, instance: Actor[Any, Any, Any, Any], owner: type, /) -> Callable[P, R_co]: ...
    def __get__(self, instance: object, owner: type, /) -> Any:
        return self.token if instance is None else MethodType(self.function, instance)


class AsyncAction(ActionDeclaration, Generic[A_co, P, R_co]):
    """The declaration of an ``async def`` action; on an instance it is the plain method."""

    @overload
    def __get__(self, instance: None, owner: type, /) -> Action[A_co, P, R_co]: ...
    @overload
    def __get__(
        self, instance: Actor[Any, Any, Any, Any], owner: type, /
    ) -> Callable[P, Coroutine[Any, Any, R_co]]: ...
    def __get__(self, instance: object, owner: type, /) -> Any:
        return self.token if instance is None else MethodType(self.function, instance)


class _AnyDecorator(Protocol):
    @overload
    def __call__(  # type: ignore[overload-overlap]  # a coroutine function is a function, too
        self, fn: Callable[Concatenate[A, P], Coroutine[Any, Any, R]], /
    ) -> AsyncAction[A, P, R]: ...
    @overload
    def __call__(self, fn: Callable[Concatenate[A, P], R], /) -> SyncAction[A, P, R]: ...


class _AsyncDecorator(Protocol):
    def __call__(
        self, fn: Callable[Concatenate[A, P], Coroutine[Any, Any, R]], /
    ) -> AsyncAction[A, P, R]: ...


@overload
def action(  # type: ignore[overload-overlap]  # a coroutine function is a function, too
    fn: Callable[Concatenate[A, P], Coroutine[Any, Any, R]], /
) -> AsyncAction[A, P, R]: ...
@overload
def action(fn: Callable[Concatenate[A, P], R], /) -> SyncAction[A, P, R]: ...
@overload
def action(
    *, name: str | None = None, readonly: bool = False, atomic: bool = False
) -> _AnyDecorator: ...
@overload
def action(
    *,
    name: str | None = None,
    readonly: bool = False,
    atomic: bool = False,
    timeout: float,
    concurrent: bool = False,
    reentrant: bool = False,
    cancel_with_caller: bool = False,
) -> _AsyncDecorator: ...
@overload
def action(
    *,
    name: str | None = None,
    readonly: bool = False,
    concurrent: Literal[True],
    timeout: float = 60,
    reentrant: bool = False,
    cancel_with_caller: bool = False,
) -> _AsyncDecorator: ...
@overload
def action(
    *,
    name: str | None = None,
    readonly: bool = False,
    reentrant: Literal[True],
    timeout: float = 60,
    concurrent: bool = False,
    cancel_with_caller: bool = False,
) -> _AsyncDecorator: ...
@overload
def action(
    *,
    name: str | None = None,
    readonly: bool = False,
    cancel_with_caller: Literal[True],
    timeout: float = 60,
    concurrent: bool = False,
    reentrant: bool = False,
) -> _AsyncDecorator: ...
def action(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare a method as an action: something clients may call.

    A ``def`` action is atomic in time: no other code of the program runs inside it. An
    ``async def`` action runs on the actor's task and has a deadline.

    Args:
        fn: The method, when the decorator is used without options.
        **options: ``name`` (its name on the wire), ``readonly`` (it does not change state),
            ``atomic`` (all its effects or none), and for ``async def`` only ``timeout`` (seconds,
            default the class's ``action_timeout``), ``concurrent``, ``reentrant``,
            ``cancel_with_caller``.

    Raises:
        TypeError: If it is no function, or an option is unknown or does not fit the function;
            options are checked when the class is created.
    """
    settings = ActionOptions(**options)

    def declare(function: Callable[..., Any]) -> ActionDeclaration:
        if not inspect.isfunction(function):
            raise TypeError(f"an action is a function, not {type(function).__name__}")
        if inspect.iscoroutinefunction(function):
            return AsyncAction[Any, ..., Any](function, settings)
        return SyncAction[Any, ..., Any](function, settings)

    return declare if fn is None else declare(fn)
