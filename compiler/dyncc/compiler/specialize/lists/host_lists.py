"""Lists of run-time length as values of the host: what goes in is checked, copied, and frozen.

A list has elements of one type. What is an element of it is kept as a copy, so neither may be changed
unseen by the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.facts import Frozen
from dyncc.compiler.specialize.lists import elements
from dyncc.compiler.specialize.lists.copies import refuse_changed
from dyncc.compiler.specialize.recording.cells import owner_of
from dyncc.compiler.specialize.values import (
    DynamicList,
    ListElement,
    SymTensor,
    builder,
)
from dyncc.ir.printer import type_text
from dyncc.ir.subtyping import accepts
from dyncc.runtime.program import ListType, Ref

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def check_element(recorder: Recorder, items: DynamicList, value: Any) -> None:
    """``value`` is about to become an element: refuse one whose type differs from the others'.

    A list that is an element must not change from here on, since it is kept as a copy.
    """
    check_writable(recorder, items)
    if isinstance(value, torch.Tensor):
        value = owner_of(recorder, value)
    have = elements.common([value]) if elements.is_element(value) else None
    fits = isinstance(have, ListElement) and accepts(items.element.type, have.type)
    if not fits and not (type(value) is list and not value and isinstance(items.element.type, ListType)):
        is_known = isinstance(have, ListElement)
        if is_known:
            recorder.facts.widen_elements(items.origins, items.element, have)
        note = f"the list has elements {type_text(items.element.type)}"
        refuse_element(
            recorder, items.origins, f"{note}, this is {type_text(have.type)}" if is_known else note
        )
    if isinstance(value, DynamicList):
        value.shared = True
        value.origins |= items.origins
    elif type(value) is list:
        recorder.block.store(value, items.origins)


def check_writable(recorder: Recorder, items: DynamicList) -> None:
    if items.shared:
        refuse_changed(recorder, items.origins)


def record_parts(items: Any, value: Any) -> tuple[Any, ...]:
    """The parts of an element for the columns of a ``RecordList``."""
    recorder = builder().recorder
    origins = frozenset[Any]().union(*(column.origins for column in items.columns))
    try:
        parts = tuple(elements.taken_apart(items.element, value))
    except elements.Mismatch:
        recorder.facts.widen_elements(origins, items.element, value)
        refuse_element(recorder, origins, elements.uneven_part([items.element, value]))
    for made in elements.mutable_in(value):
        recorder.block.store(made, origins)
    return parts


def refuse_element(recorder: Recorder, origins: frozenset[Any], note: str = "") -> NoReturn:
    why = Diagnostic(
        "DY111",
        "the elements of a list that grows at run time have different types",
        recorder.block.span,
        label="this element differs from those before it",
        notes=(note,) if note else (),
        helps=("keep one list for each kind of element",),
    )
    recorder.facts.demand(origins, why)
    raise CompileError([why])


def list_operand(recorder: Recorder, items: DynamicList) -> Any:
    """The whole list as a value of the block's host: its base with the tail appended."""
    block, length = recorder.block, recorder.block.length_of(items)
    type_ = list_type(items.element)
    if items.base is None:
        items.base = block.host_op(
            "list", [element_operand(recorder, items, v) for v in items.tail], type_, "items"
        )
    else:
        for value in items.tail:
            items.base = block.host_op(
                "list_append",
                [items.base, element_operand(recorder, items, value)],
                type_,
                "items",
            )
    items.tail.clear()
    if isinstance(items.base, Ref):
        block.lengths[items.base.name] = length
    return items.base


def list_type(element: ListElement) -> Any:
    return ListType(element.type)


def element_operand(recorder: Recorder, items: DynamicList, value: Any) -> Any:
    """``value`` as an element of ``items``: from here on neither may be changed unseen by the other."""
    block, origins = recorder.block, items.origins
    if isinstance(value, torch.Tensor):
        value = owner_of(recorder, value)
        if not isinstance(value, SymTensor):
            value = recorder.call(torch.Tensor.clone, (value,), {})
        snapshot = block.snapshot(value)
        block.freeze(value.fake, Frozen(origins))
        return block.tensor_operand(snapshot)
    if isinstance(value, DynamicList):
        return list_operand(recorder, value)
    if type(value) is list:
        assert isinstance(items.element.type, ListType)
        inner = DynamicList(ListElement(items.element.type.element), None, origins)
        inner.tail.extend(value)
        return list_operand(recorder, inner)
    return block.scalar_operand(value)
