"""Texts with numbers in them that are not known yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from string import Formatter
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import forks
from dyncc.compiler.specialize.execution.native import item
from dyncc.compiler.specialize.execution.operators import tags
from dyncc.compiler.specialize.lists import host_lists
from dyncc.compiler.specialize.recording.handlers.metadata import SizeTuple
from dyncc.compiler.specialize.values import (
    DATA,
    SESSION,
    DynamicTag,
    DynamicText,
    Scalar,
    SymTensor,
    builder,
    decide,
    is_scalar,
    scalar_op,
)
from dyncc.runtime.program import Const, ListType, ScalarType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def message_of(error: Any) -> Any:
    """What the text of an exception is that has a text with numbers, or a number, as its argument."""
    if not isinstance(error, BaseException) or type(error).__str__ is not BaseException.__str__:
        return None
    message = error.args[0] if len(error.args) == 1 else None
    return message if type(message) is DynamicText or is_scalar(message) else None


def formatted(machine: Machine, value: Any, conversion: str, spec: Any) -> Any:
    """One ``{value!conversion:spec}``."""
    if conversion in ("", "s") and not spec and (message := message_of(value)) is not None:
        return formatted(machine, message, "s", "")
    if isinstance(value, torch.Tensor) and not isinstance(value, SymTensor):
        return machine.native(format, value, spec)
    if isinstance(value, SymTensor):
        if value.fake.dim() or conversion:
            return DynamicText(((value, conversion, spec),))  # good enough for the message of an error
        value = machine.native(item, value)
    if type(value) is DynamicText:
        if spec or conversion not in ("", "s"):
            decide(value, "the text of a number")
        return value
    if is_scalar(value):
        if type(spec) is DynamicText:
            decide(spec, "the text of a number")
        if spec:
            machine.native(format, "" if conversion else _SAMPLES[value.kind], spec)  # may raise
        return DynamicText(((value, conversion, spec),))
    if type(value) in _OPENING and not spec and holds_unknown(value):
        return _container_text(machine, value)
    if type(value) is DynamicTag:
        texts = tuple(formatted(machine, each, conversion, spec) for each in value.table)
        return tags.chosen(machine, value, texts)
    if conversion:
        value = machine.native({"r": repr, "s": str, "a": ascii}[conversion], value)
    return machine.native(format, value, spec)


_SAMPLES = {"bool": True, "int": 1, "float": 1.0}
"""Whether a format is one depends on the kind of number alone."""
_OPENING = {list: "[", tuple: "(", dict: "{", torch.Size: "torch.Size([", SizeTuple: "torch.Size(["}
_CLOSING = {list: "]", tuple: ")", dict: "}", torch.Size: "])", SizeTuple: "])"}


def holds_unknown(value: Any) -> bool:
    """Whether the text of a container holds that of an unknown number or of a tensor."""
    if type(value) not in _OPENING:
        return is_scalar(value) or isinstance(value, SymTensor) or type(value) is DynamicText
    values = [*value.keys(), *value.values()] if type(value) is dict else value
    return any(map(holds_unknown, values))


def _container_text(machine: Machine, value: Any) -> Any:
    def text(item: Any) -> list[Any]:
        return [formatted(machine, item, "r", "")]

    if type(value) is dict:
        items = [[*text(key), ": ", *text(item)] for key, item in value.items()]
    else:
        items = [text(item) for item in value]
    parts = [part for item in items for part in (", ", *item)][1:]
    comma = [","] if type(value) is tuple and len(value) == 1 else []
    return concatenate_text([_OPENING[type(value)], *parts, *comma, _CLOSING[type(value)]])


def concatenate_text(parts: list[Any]) -> Any:
    if all(isinstance(part, str) and type(part) is not DynamicTag for part in parts):
        return "".join(parts)
    chosen = [part for part in parts if type(part) is DynamicTag]
    if chosen:
        return _concatenate_chosen(parts, chosen)
    pieces: list[Any] = []
    for part in parts:
        pieces.extend(part.parts if type(part) is DynamicText else (part,) if part else ())
    return DynamicText(tuple(pieces))


def _concatenate_chosen(parts: list[Any], chosen: list[DynamicTag]) -> Any:
    """A text with one in it that data chose, and else none that is not known: one of as many."""
    tag = chosen[0]
    if any(each is not tag for each in chosen) or any(type(part) is DynamicText for part in parts):
        return concatenate_text([_written(part) for part in parts])
    texts = ["".join(value if part is tag else part for part in parts) for value in tag.table]
    return DynamicTag(tuple(texts), tag.scalar)


_FEW = 8
"""Texts that data choose among so many are decided on, so that what is made of them can be a name."""


def _written(part: Any) -> Any:
    """A part of a text, written by the host where data chose it among many texts."""
    if type(part) is not DynamicTag:
        return part
    if len(part.table) <= _FEW:
        decide(part, "the text of a value that was chosen by a tensor")
    found = builder().host_leaf("lookup", [part.scalar.operand, *map(Const, part.table)], "str")
    found.origins = part.scalar.origins | frozenset((DATA,))
    return DynamicText(((found, "", ""),))


def join_method(machine: Machine, separator: str, items: Any) -> Any:
    """``separator.join(items)`` of texts with numbers in them, or that data chose."""
    values = [_written(value) for value in items]
    if not all(isinstance(value, str) or type(value) is DynamicText for value in values):
        return NotImplemented
    parts = [part for value in values for part in (separator, value)]
    return concatenate_text(parts[1:])


def join_texts(machine: Machine, separator: str, items: prelude.RecordList) -> Any:
    """The same of a list of run-time length."""
    block, (column,) = machine.block, items.columns
    numbers = host_lists.list_operand(machine.recorder, column)
    table = map(Const, items.element.table)
    texts = block.host_op("list_lookup", [numbers, *table], ListType(ScalarType("str")), "texts")
    joined = block.host_leaf("join", [Const(separator), texts], "str")
    joined.origins = column.origins | frozenset((DATA,))
    return DynamicText(((joined, "", ""),))


def percent(machine: Machine, template: str, values: Any) -> Any:
    """``template % values`` with the plain conversions ``%s %d %i %f %g %e %r`` and their precisions."""
    items = list(values) if isinstance(values, tuple) and not is_scalar(values) else [values]
    parts: list[Any] = []
    literals: list[str] = []
    position = 0
    for match in re.finditer(r"%(?:(%)|([-+ 0#]*\d*(?:\.\d+)?)([sdifgerFGE]))", template):
        literals.append(template[position : match.start()])
        parts.append(literals[-1])
        position = match.end()
        if match.group(1):
            parts.append("%")
            continue
        text = (
            _converted(machine, items.pop(0), match.group(2), match.group(3)) if items else NotImplemented
        )
        if text is NotImplemented:
            return NotImplemented
        parts.append(text)
    literals.append(template[position:])
    if items or any("%" in literal for literal in literals):
        return NotImplemented  # an error of the program, or a conversion of another kind
    return concatenate_text([*parts, literals[-1]])


def _converted(machine: Machine, value: Any, flags: str, kind: str) -> Any:
    """One ``%<flags><kind>``; NotImplemented where it is left to Python."""
    if not holds_unknown(value):
        return f"%{flags}{kind}" % (value,)
    if kind in "sr":
        return NotImplemented if flags else formatted(machine, value, kind, "")
    if isinstance(value, SymTensor) and not value.fake.dim():
        value = machine.native(item, value)
    kind = {"i": "d"}.get(kind, kind)
    if not is_scalar(value) or "-" in flags or (kind == "d" and "." in flags):
        return NotImplemented  # not a number, or what ``format`` writes otherwise
    number = scalar_op("int", value) if kind == "d" and value.kind == "float" else value
    return DynamicText(((number, "", flags + kind),))


def format_method(machine: Machine, template: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``template.format(...)`` with plain field names."""
    parts: list[Any] = []
    automatic = 0
    for literal, field, spec, conversion in Formatter().parse(template):
        if literal:
            parts.append(literal)
        if field is None:
            continue
        if field == "":
            value, automatic = args[automatic], automatic + 1
        elif field.isdigit():
            value = args[int(field)]
        elif field in kwargs:
            value = kwargs[field]
        else:
            return NotImplemented
        parts.append(formatted(machine, value, conversion or "", spec or ""))
    return concatenate_text(parts) if parts else ""


def choose_by_name(
    machine: Machine, text: DynamicText, names: Iterable[Any], error: BaseException | None
) -> None:
    """Fork on the int in ``text`` (``f"expert_{i}"``): one case for each of ``names`` that it can be.

    Any other number raises ``error`` or, without one, stands for a name that does not exist. Returns only
    where the text is not of this kind.
    """
    numbers = [part for part in text.parts if not isinstance(part, str)]
    number, conversion, spec = numbers[0]
    if (
        len(numbers) > 1
        or not is_scalar(number)
        or number.kind != "int"
        or conversion
        or type(spec) is not str
    ):
        return
    at = text.parts.index(numbers[0])
    head, tail = "".join(text.parts[:at]), "".join(text.parts[at + 1 :])
    values = sorted({value for name in names for value in _number_in(name, head, tail, spec)})
    outside = next(i for i in range(len(values) + 1) if i not in values)
    machine.facts.demand(loop_origins(number))
    forks.switch(machine, number, tuple(values), outside, error)


def _number_in(name: Any, head: str, tail: str, spec: str) -> Iterator[int]:
    """The int that makes ``name`` of ``head`` and ``tail``."""
    if not (type(name) is str and name.startswith(head) and name.endswith(tail)):
        return
    middle = name[len(head) : len(name) - len(tail)]
    if middle.lstrip("-").isdecimal() and format(int(middle), spec) == middle:
        yield int(middle)


def loop_origins(number: Scalar) -> frozenset[Any]:
    """Where a number is only a generalized counter of a loop: it could have stayed static.

    One that counts calls is none: it was generalized since it differs from call to call.
    """
    origins = number.origins
    given = DATA in origins or any(origin[0] in ("entry", SESSION) for origin in origins)
    return frozenset() if given else origins
