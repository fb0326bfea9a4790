"""Generating ``bind``: the function that takes arguments as an action does and copies them.

Rules this file keeps:

1. Python matches the arguments: by a lambda that has the action's own signature, with ``ABSENT``
   for every default, and returns what it was given. Nothing else can raise in it, so a
   ``TypeError`` there is always the caller's, and no name of a parameter meets a name of ours.
2. What was not given stays out. As soon as a parameter is absent, those after it go by name.
3. What refuses explains itself afterwards; what fits pays nothing for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import Parameter as Declared
from typing import Any, TypeAlias

from trivet.declare.errors import ValidationError
from trivet.declare.values.copying import COPY_REFUSALS, Source
from trivet.declare.values.faults import faults
from trivet.declare.values.mismatch import missing_argument, too_many_arguments, validation_error
from trivet.declare.values.parameters import ABSENT, Parameter

__all__ = ["Arguments", "generate_bind"]

Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any] | None]
"""Positional and keyword arguments, for ``function(self, *args, **(kwargs or {}))``."""


_BY_NAME = (Declared.POSITIONAL_OR_KEYWORD, Declared.KEYWORD_ONLY)


def generate_bind(parameters: Sequence[Parameter]) -> Callable[..., Arguments]:
    """Generate the function that matches, checks and copies the arguments of an action.

    It raises ``ValidationError`` for arguments that the action does not take.
    """
    source = Source()
    values = _tuple(f"v{index}" for index in range(len(parameters)))
    lines = [
        "try:",
        f"    {values} = {_matched(parameters)}",
        "except TypeError:",
        "    fault = misuse(parameters, args, kwargs)",
        "else:",
        "    try:",
        *_indented(_checks(parameters, source)),
        *_indented(_returns(parameters)),
        "    except COPY_REFUSALS:",
        f"        fault = mismatch(parameters, {values})",
        "raise fault",
    ]
    names = {
        "match": _match(parameters),
        "absent": ABSENT,
        "parameters": parameters,
        "misuse": _misuse,
        "mismatch": _mismatch,
        "COPY_REFUSALS": COPY_REFUSALS,
    }
    return source.function("bind(args, kwargs)", lines, names)


def _matched(parameters: Sequence[Parameter]) -> str:
    """The expression that matches: nothing to do where everything was given, by position."""
    if not parameters or not all(parameter.may_be_positional for parameter in parameters):
        return "match(*args, **kwargs)"
    return f"args if not kwargs and len(args) == {len(parameters)} else match(*args, **kwargs)"


def _indented(lines: list[str]) -> list[str]:
    return [f"        {line}" for line in lines]


def _match(parameters: Sequence[Parameter]) -> Callable[..., tuple[Any, ...]]:
    """Make the lambda that has the signature and returns what each parameter was given."""
    signature: list[str] = []
    for index, parameter in enumerate(parameters):
        default = "" if parameter.is_required else "=absent"
        match parameter.kind:
            case Declared.VAR_POSITIONAL:
                signature.append(f"*{parameter.name}")
                continue
            case Declared.KEYWORD_ONLY if all(p.may_be_positional for p in parameters[:index]):
                signature.append("*")
            case _:
                pass
        signature.append(parameter.name + default)
        if parameter.kind is Declared.POSITIONAL_ONLY:
            following = parameters[index + 1 : index + 2]
            if not any(p.kind is Declared.POSITIONAL_ONLY for p in following):
                signature.append("/")
    values = _tuple(parameter.name for parameter in parameters)
    text = f"lambda {', '.join(signature)}: {values}"
    made: Callable[..., tuple[Any, ...]] = eval(text, {"absent": ABSENT})
    return made


def _checks(parameters: Sequence[Parameter], source: Source) -> list[str]:
    lines: list[str] = []
    for index, parameter in enumerate(parameters):
        value, node = f"v{index}", parameter.shape.node
        if parameter.kind is Declared.VAR_POSITIONAL:
            lines.append(f"{value} = [{source.expression(node, 'item')} for item in {value}]")
        elif parameter.is_required:
            lines.append(f"{value} = {source.expression(node, value)}")
        else:
            lines.append(f"if {value} is not absent:")
            lines.append(f"    {value} = {source.expression(node, value)}")
    return lines


def _returns(parameters: Sequence[Parameter]) -> list[str]:
    """The lines that return what was given; a gap ends what goes by position."""
    positional = [(f"v{i}", p) for i, p in enumerate(parameters) if p.may_be_positional]
    rest = [f"*v{i}" for i, p in enumerate(parameters) if p.kind is Declared.VAR_POSITIONAL]
    named = [(f"v{i}", p) for i, p in enumerate(parameters) if p.kind is Declared.KEYWORD_ONLY]
    optional = [(value, p) for value, p in positional if not p.is_required]
    may_name = bool(named) or len(optional) > 1
    lines = ["named = {}"] if may_name else []
    lines += _named(named)
    result = "named or None" if may_name else "None"
    for index, (value, parameter) in enumerate(positional):
        if not parameter.is_required:
            lines.append(f"if {value} is absent:")
            lines += [f"    {line}" for line in _named(positional[index + 1 :])]
            lines.append(f"    return {_tuple(v for v, _ in positional[:index])}, {result}")
    return [*lines, f"return {_tuple([*(v for v, _ in positional), *rest])}, {result}"]


def _named(parameters: Sequence[tuple[str, Parameter]]) -> list[str]:
    lines: list[str] = []
    for value, parameter in parameters:
        entry = f"named[{parameter.name!r}] = {value}"
        lines += (
            [entry] if parameter.is_required else [f"if {value} is not absent:", f"    {entry}"]
        )
    return lines


def _tuple(items: Iterable[str]) -> str:
    return "(" + "".join(f"{item}, " for item in items) + ")"


def _mismatch(parameters: Sequence[Parameter], values: Sequence[Any]) -> ValidationError:
    return validation_error(
        fault
        for parameter, value in zip(parameters, values, strict=True)
        for fault in _faults(parameter, value)
    )


def _faults(parameter: Parameter, value: Any) -> Iterator[str]:
    path = f"$.{parameter.name}"
    if parameter.kind is Declared.VAR_POSITIONAL:
        for index, item in enumerate(value):
            yield from faults(parameter.shape.node, item, f"{path}[{index}]")
    elif value is not ABSENT:
        yield from faults(parameter.shape.node, value, path)


def _misuse(
    parameters: Sequence[Parameter], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> ValidationError:
    """Say what Python's matching has refused."""
    positional = [p for p in parameters if p.may_be_positional]
    by_name = {p.name for p in parameters if p.kind in _BY_NAME}
    by_position = {p.name for p in positional[: len(args)]}
    has_rest = any(p.kind is Declared.VAR_POSITIONAL for p in parameters)
    paths = [f"argument `{name}` given twice @ $" for name in kwargs if name in by_position]
    paths += [f"unexpected argument `{name}` @ $" for name in kwargs if name not in by_name]
    paths += [
        missing_argument(p.name)
        for p in parameters
        if p.is_required and p.name not in by_position | (by_name & kwargs.keys())
    ]
    if len(args) > len(positional) and not has_rest:
        paths.append(too_many_arguments(len(positional), len(args)))
    return validation_error(paths)
