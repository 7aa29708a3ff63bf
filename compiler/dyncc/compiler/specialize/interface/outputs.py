"""Results and exceptions of the program as trees over values of the block."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.interface.containers import container_children
from dyncc.compiler.specialize.lists import host_lists
from dyncc.compiler.specialize.lists.elements import Choice, Element, Fixed, Record
from dyncc.compiler.specialize.prelude import KeyedDict, KeyedSet, RecordList
from dyncc.compiler.specialize.prelude.arrays import is_array
from dyncc.compiler.specialize.prelude.keys import is_unknown
from dyncc.compiler.specialize.recording.recorder import Recorder
from dyncc.compiler.specialize.recording.texts import Unwritable, text_operand
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicTag,
    DynamicText,
    ListElement,
    SymTensor,
    is_scalar,
)
from dyncc.compiler.specialize.values.tags import TENSOR_TEXT
from dyncc.compiler.tuples import field_names
from dyncc.runtime.program import (
    Const,
    ExceptionType,
    Leaf,
    ListType,
    Node,
    Operand,
    ScalarType,
    Span,
    TextPart,
    Tree,
    lone_value,
)


class OutputBuilder:
    """Turns what the program returns into a tree over values of the block."""

    def __init__(self, recorder: Recorder, span: Span | None) -> None:
        self.recorder = recorder
        self.span = span

    def tree(self, value: Any) -> Tree:
        if isinstance(value, torch.Tensor):
            return Leaf(self.tensor(value))
        if is_scalar(value):
            return Leaf(value.operand)
        if is_array(value):
            return Node("scalar" if value.scalar else "ndarray", (Leaf(self.tensor(value.tensor)),))
        if isinstance(value, DynamicList):
            return Leaf(host_lists.list_operand(self.recorder, value))
        if type(value) is RecordList:
            columns = iter(
                [Leaf(host_lists.list_operand(self.recorder, column)) for column in value.columns]
            )
            form = self._row(value.element, columns)
            return form if isinstance(form, Leaf) else Node("rows", (form,))
        if type(value) in (KeyedDict, KeyedSet):
            return self._keyed(value)
        if type(value) is DynamicTag:
            return self._tag(value)
        if type(value) is DynamicText:
            return Leaf(self._text(value))
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
            constant = torch.as_tensor(np.array(value))
            return Node(
                "ndarray" if isinstance(value, np.ndarray) else "scalar", (Leaf(self.tensor(constant)),)
            )
        if value is None or type(value) in (bool, int, float, str):
            return Leaf(Const(value))
        children = container_children(value)
        if children is None:
            self._refuse(value)
        return Node(
            children.kind, tuple(self.tree(v) for v in children.values), children.keys, children.name,
            children.module,
        )  # fmt: skip

    def _row(self, element: Element, columns: Iterator[Leaf]) -> Tree:
        """The form of a list's elements, with the lists of their parts in its leaves."""
        match element:
            case ListElement():
                return next(columns)
            case Fixed(value=value):
                if value is not None and type(value) is not str:
                    self._refuse(value)
                return Leaf(Const(value))
            case Choice(table=table):
                if type(table[0]) is not str:
                    self._refuse(table[0])
                numbers = next(columns).value
                made = ListType(ScalarType("str"))
                texts = self.recorder.block.host_op("list_lookup", [numbers, *map(Const, table)], made)
                return Leaf(texts)
            case Record(cls=cls, parts=parts, keys=keys):
                children = tuple(self._row(part, columns) for part in parts)
                if cls is dict:
                    return Node("dict", children, keys)
                if dataclasses.is_dataclass(cls):
                    return self._dataclass_row(cls, dict(zip(keys, children, strict=True)))
                if not issubclass(cls, tuple):
                    self._refuse_class(cls)
                names = field_names(cls)
                named = (names, cls.__qualname__, cls.__module__) if names else ()
                return Node("namedtuple" if names else "tuple", children, *named)

    def _dataclass_row(self, cls: type, parts: dict[str, Tree]) -> Tree:
        names = tuple(field.name for field in dataclasses.fields(cls))
        if not set(names) <= parts.keys():
            self._refuse_class(cls)
        return Node(
            "dataclass", tuple(parts[name] for name in names), names, cls.__qualname__, cls.__module__
        )

    def _keyed(self, value: Any) -> Tree:
        keys = value.members if type(value) is KeyedSet else value.own_keys
        if type(keys) is not list or any(map(is_unknown, keys)):
            message = f"a {value.__class__.__name__} is returned whose keys are known only at run time"
            help = "return the keys and the values as two lists"
            raise CompileError([Diagnostic("DY110", message, self.span, "returned here", helps=(help,))])
        if type(value) is KeyedSet:
            return self.tree(set(keys))
        return self.tree(dict(zip(keys, value.own_values, strict=True)))

    def tensor(self, value: Any) -> Operand:
        if not isinstance(value, SymTensor):
            cell = self.recorder.cell_of(value)
            value = cell if cell is not None else value
        if not isinstance(value, SymTensor):
            value = self.recorder.call(torch.Tensor.clone, (value,), {})
        return self.recorder.block.tensor_operand(value)

    def _tag(self, tag: DynamicTag) -> Tree:
        if not all(v is None or type(v) in (str, int, float, bool) for v in tag.table):
            self._refuse(tag.table[0])
        return Leaf(_looked_up(self.recorder, tag, tag.table))

    def _text(self, text: DynamicText) -> Operand:
        try:
            return text_operand(self.recorder.block, text)
        except Unwritable as error:
            message = f"the program returns {error.what}, which a compiled program cannot make"
            why = Diagnostic("DY104", message, self.span, "returned here", helps=(error.instead,))
            raise CompileError([why]) from None

    def _refuse(self, value: Any) -> NoReturn:
        self._refuse_class(type(value))

    def _refuse_class(self, cls: type) -> NoReturn:
        raise CompileError(
            [
                Diagnostic(
                    "DY140",
                    f"the program returns a `{cls.__name__}`, which a compiled program cannot make",
                    self.span,
                    label="returned here",
                    helps=(
                        "return tensors, numbers, texts, and tuples, lists, dicts or dataclasses of them",
                    ),
                )
            ]
        )


def exception_type(error: BaseException) -> ExceptionType:
    cls = type(error)
    base = next(c for c in cls.__mro__ if c.__module__ == "builtins")
    return ExceptionType(cls.__qualname__, cls.__module__, base.__name__)


def _looked_up(recorder: Recorder, tag: DynamicTag, table: Sequence[Any]) -> Operand:
    """That of the constants ``table`` which ``tag`` says."""
    operands = [tag.scalar.operand, *map(Const, table)]
    return recorder.block.host_op("lookup", operands, ScalarType("str"))


def message_parts(recorder: Recorder, error: BaseException) -> tuple[TextPart, ...] | None:
    """The message of an exception that the program raises, numbers of the network in it.

    A number that is the argument itself stays one (see :class:`~dyncc.runtime.program.Raise`).
    """
    if not error.args:
        return None
    value = error.args[0]
    if type(value) is DynamicText:
        parts = tuple(_part(recorder, part) for part in value.parts)
        if lone_value(parts) is not None:  # ``f"{n}"`` is a text
            return (dataclasses.replace(parts[0], conversion="s"),)
        return parts
    if is_scalar(value):
        return (TextPart(value.operand),)
    if isinstance(value, SymTensor):
        return (TextPart(Const(TENSOR_TEXT)),)
    if len(error.args) > 1:
        return _arguments_text(recorder, error)
    if type(value) is tuple:
        return tuple(_tuple_text(recorder, value))
    if type(value) is DynamicTag:
        return (TextPart(_looked_up(recorder, value, [str(text) for text in value.table])),)
    plain = value is None or isinstance(value, (str, int, float, bool))
    return (TextPart(Const(value if plain else str(value))),)


def _arguments_text(recorder: Recorder, error: BaseException) -> tuple[TextPart, ...]:
    """What ``str`` gives of an exception with several arguments: the text of their tuple.

    Where a text with numbers is among them, only the name of the exception's type.
    """
    if any(type(value) is DynamicText for value in error.args):
        return (TextPart(Const(type(error).__name__)),)
    return tuple(_tuple_text(recorder, error.args))


def _tuple_text(recorder: Recorder, values: tuple[Any, ...]) -> Iterator[TextPart]:
    yield TextPart(Const("("))
    for index, value in enumerate(values):
        if index:
            yield TextPart(Const(", "))
        if is_scalar(value):
            yield TextPart(value.operand, "r")
        elif type(value) is tuple:
            yield from _tuple_text(recorder, value)
        elif isinstance(value, SymTensor):
            yield TextPart(Const(TENSOR_TEXT))
        elif type(value) is DynamicTag:
            yield TextPart(_looked_up(recorder, value, [repr(item) for item in value.table]))
        else:
            yield TextPart(Const(repr(value)))
    yield TextPart(Const(",)" if len(values) == 1 else ")"))


def _part(recorder: Recorder, part: Any) -> TextPart:
    if isinstance(part, str):
        return TextPart(Const(part))
    value, conversion, spec = part
    if isinstance(value, SymTensor):
        return TextPart(Const(TENSOR_TEXT))
    operand = value.operand if is_scalar(value) else Const(str(value))
    return TextPart(operand, conversion if conversion != "s" else "s", spec)
