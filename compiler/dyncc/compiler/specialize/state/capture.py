"""Capture: one traversal of the live state in a fixed order, which makes its key and its leaves."""

from __future__ import annotations

import enum
import functools
import operator
import types
from collections.abc import Callable
from typing import Any

import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.execution.frames import Frame, Generator
from dyncc.compiler.specialize.facts import Facts
from dyncc.compiler.specialize.lists import host_lists
from dyncc.compiler.specialize.lists.elements import (
    Element,
    Mismatch,
    common,
    is_element,
    leaves,
    taken_apart,
)
from dyncc.compiler.specialize.prelude import RecordList, SequenceIterator
from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.recording.recorder import Recorder
from dyncc.compiler.specialize.state.heap import Content, Heap, content_of, is_container, walk
from dyncc.compiler.specialize.state.leaves import DimLeaf, Instance, Leaf, Path, Slot, hint_of
from dyncc.compiler.specialize.state.sharing import PENDING, SESSION, TensorCapture, plain_token
from dyncc.compiler.specialize.state.snapshot import Modes, Snapshot
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicTag,
    DynamicText,
    ListElement,
    Scalar,
    SymTensor,
    current,
    is_scalar,
    kind_of,
)
from dyncc.runtime.program import Const, Operand

_VALUE_TYPES = (
    type(None), str, bytes, complex, torch.dtype, torch.device, torch.layout, torch.memory_format,
    torch.Size,
    range, type(Ellipsis), frozenset, types.CodeType,
)  # fmt: skip
_STATIC_ITERATORS = frozenset(
    type(iter(x)) for x in ([], (), {}, set(), "", range(1), {}.items(), {}.values(), reversed([]))
) | {zip, map, filter, enumerate, reversed, types.GeneratorType}


class Capture:
    """One traversal of the live state in a fixed order."""

    def __init__(
        self, heap: Heap, recorder: Recorder, facts: Facts, point: tuple[Any, ...], extra: Any = ()
    ) -> None:
        self.heap = heap
        self.recorder = recorder
        self.facts = facts
        self.point = point
        self.key: list[Any] = [point, extra]
        self.skeleton: list[Any] = [point, extra]
        self.shapeless: list[Any] = [point, extra]
        self.slots: dict[Path, Slot] = {}
        self.leaves: list[Leaf] = []
        self.objects: list[tuple[Any, Content, Path]] = []
        self.seen: dict[int, int] = {}
        self.keep: list[Any] = []
        self.tensors = TensorCapture(recorder, facts, point, self.leaves, self.slots)
        self.scalars: dict[int, int] = {}
        self.grown: set[int] = set()
        self.stored: list[tuple[list[Any], tuple[Any, ...], frozenset[Any]]] = []
        self.frames: list[Frame] = []
        self.dirty_ids: set[int] = set()
        self.pending_dims: list[tuple[Scalar, Path, tuple[int, int, int]]] = []
        self.iterators: list[tuple[SequenceIterator, Path]] = []

    # --------------------------------------------------------------------------------- tokens

    def emit(self, token: Any, skeleton: Any = None, shapeless: Any = None) -> None:
        self.key.append(token)
        self.skeleton.append(token if skeleton is None else skeleton)
        self.shapeless.append(self.skeleton[-1] if shapeless is None else shapeless)

    def run(self, frames: list[Frame]) -> Snapshot:
        for name, cell in self.recorder.cells.items():
            self.visit(cell, ("cell", name))
        dirty = self.heap.with_referrers(self.heap.dirty())
        self.dirty_ids = {id(base.obj) for base in dirty}
        for base in dirty:
            self.emit(("base", id(base.obj)))
            self.visit_container(base.obj, ("heap", base.path))
        self.frames = [self.visit_frame(frame, ("frame", depth)) for depth, frame in enumerate(frames)]
        while self.iterators:
            self.visit_rest(*self.iterators.pop(0))
        modes = Modes.now()
        self.emit(modes)
        self.recorder.alive.append(self.keep)  # keys hold identities: what they name must not go
        tensors = self.tensors
        tensors.finish(self.key, self.skeleton, self.shapeless)
        self.finish_dims()
        watched = self._watched()
        return Snapshot(
            self.point, tuple(self.key), tuple(self.skeleton), tuple(self.shapeless), self.slots,
            tensors.sizes, self.leaves, tensors.views, tensors.marks, self.frames, self.objects, modes,
            tensors.hints, frozenset(tensors.origins), tensors.paths, watched,
        )  # fmt: skip

    def visit_frame(self, frame: Frame, path: Path) -> Frame:
        live = frame.live()
        self.emit(("frame", frame.function.code, frame.label, frame.index, frame.continuation, frame.dst))
        for name, cell in frame.cells.items():
            self.emit(("cellvar", name))
            self.visit(cell, (*path, ("cell", name)))
        kept = frame.copy()
        kept.registers = {}
        for name in sorted(live):
            if name in frame.registers:
                self.emit(name)
                self.visit(frame.registers[name], (*path, name))
                kept.registers[name] = frame.registers[name]
        if frame.payload is not None:
            self.visit(frame.payload, (*path, "%payload"))
        if frame.raising is not None:
            self.visit(frame.raising, (*path, "%raising"))
        return kept

    # ---------------------------------------------------------------------------------- values

    def visit(self, value: Any, path: Path) -> None:
        if isinstance(value, SymTensor):
            self.visit_tensor(value, path)
        elif is_scalar(value):
            self.visit_scalar(value, path)
        elif isinstance(value, DynamicList):
            self.visit_list(value, path)
        elif type(value) is RecordList:
            self.visit_records(value, path)
        elif type(value) is DynamicTag:
            self.visit_tag(value, path)
        elif type(value) is DynamicText:
            self.emit(("text", len(value.parts)))
            for index, part in enumerate(value.parts):
                self.visit(part, (*path, index))
        elif isinstance(value, bool | int | float) and type(value) in (bool, int, float):
            self.visit_number(value, path)
        elif type(value) is str or isinstance(value, enum.Enum):
            self.visit_text(value, path)
        elif isinstance(value, torch.Tensor):
            self.visit_weight(value, path)
        elif isinstance(value, Generator):
            self.visit_generator(value, path)
        elif is_container(value):
            self.visit_object(value, path)
        else:
            self.visit_immutable(value, path)

    def visit_immutable(self, value: Any, path: Path) -> None:
        if type(value) in _VALUE_TYPES:
            self.emit((type(value), value))
            return
        if type(value) in _STATIC_ITERATORS or _has_hidden_state(value):
            raise CompileError(
                [
                    Diagnostic(
                        "DY112",
                        f"a `{type(value).__name__}` object is alive across a decision on a tensor's value",
                        self.recorder.block.span if _recording() else None,
                        label="the decision",
                        helps=("make a list of it first",),
                    )
                ]
            )
        if isinstance(value, slice):
            self.emit("slice")
            for name in ("start", "stop", "step"):
                self.visit(getattr(value, name), (*path, name))
            return
        parts = list(walk(value))
        if isinstance(value, types.FunctionType):
            if id(value) in self.heap.bases or not parts:
                self.emit(("function", id(value)) if not parts else ("code", value.__code__))
            else:
                self.emit(("code", value.__code__))
        elif type(value) is types.BuiltinMethodType and parts:
            self.emit(("bound", value.__name__))
        elif type(value) is types.MethodType or isinstance(value, (functools.partial, tuple)):
            self.emit((type(value), len(parts)))
        else:
            self.emit(("object", id(value)))
            parts = []
        self.keep.append(value)
        for accessor, part in parts:
            self.visit(part, (*path, accessor))

    def visit_object(self, obj: Any, path: Path) -> None:
        number = self.seen.get(id(obj))
        if number is not None:
            self.emit(("again", number))
            return
        if id(obj) in self.heap.bases:
            # its contents are visited as a root if they changed
            self.emit(("base", id(obj)))
            return
        if type(obj) is SequenceIterator:
            self.seen[id(obj)] = len(self.seen)
            self.emit("iterator")
            self.iterators.append((obj, path))
            return
        self.visit_container(obj, path)

    def visit_rest(self, iterator: SequenceIterator, path: Path) -> None:
        """What an iterator still has to give, once it is known what else lives.

        What it gave does not matter any more, unless its sequence is a list that something else refers to.
        """
        items: Any = iterator.items
        mine = type(items) in (tuple, range) or (
            type(items) is list and id(items) not in self.seen and id(items) not in self.heap.bases
        )
        if not mine:
            del self.seen[id(iterator)]
            self.visit_container(iterator, path)
            return
        rest = items[iterator._dyncc_position :]
        rest = rest if type(items) is range else tuple(rest)
        content = (("items", rest), ("_dyncc_position", 0), ("_dyncc_loop", iterator._dyncc_loop))
        self.objects.append((iterator, content, path))
        self.visit(rest, (*path, "items"))

    def visit_container(self, obj: Any, path: Path) -> None:
        if id(obj) in self.seen:
            return
        self.seen[id(obj)] = len(self.seen)
        content = content_of(obj)
        self.objects.append((obj, content, path))
        if type(obj) is list and self._visit_growing(obj, content, path):
            return
        self.emit((type(obj), len(content)))
        for accessor, value in content:
            self.emit(accessor)
            self.visit(value, (*path, accessor))

    def _visit_growing(self, obj: Any, content: Content, path: Path) -> bool:
        """A list that may be (or was) generalized. Returns whether it has been dealt with."""
        place = (self.point, path)
        if id(obj) in self.heap.bases and id(obj) not in self.dirty_ids:
            return False
        if place in self.facts.elements and not self.facts.keeps(place):
            self.objects.pop()
            self.grown.add(id(obj))
            element: Element = self.facts.elements[place]
            self.emit(("dynamic list", element, False), "list", "list")
            self._grown(obj, content, path, element)
            return True
        keeps = self.facts.keeps(place) or id(obj) in self.heap.pinned
        if keeps or not all(is_element(value) for _, value in content):
            return False
        start = (len(self.skeleton), len(self.shapeless), len(self.tensors.occurrences))
        self.emit((list, len(content)))
        for accessor, value in content:
            self.visit(value, (*path, accessor))
        del self.skeleton[start[0] :], self.shapeless[start[1] :]
        self.tensors.forget_skeleton(start[2])
        self.skeleton.append("list")
        self.shapeless.append("list")
        self.slots[path] = Slot("list", [value for _, value in content])
        return True

    def _grown(self, obj: Any, content: Content, path: Path, element: Element) -> None:
        """The leaves of a list that is generalized: one, or one for each part of its tuples."""
        origins = frozenset(((self.point, path),))
        rows: list[tuple[Any, ...]] = []
        for _, value in content:
            try:
                rows.append(tuple(taken_apart(element, value)))
            except Mismatch:
                host_lists.refuse_element(self.recorder, origins)
        for part in (part for row in rows for part in row):
            self.tensors.add_element(part, origins)
            if type(part) is list:
                self.stored.append((part, tuple(part), origins))
        for number, form in enumerate(forms := tuple(leaves(element))):
            column = [row[number] for row in rows]
            self.leaves.append(self._column(obj, column, path, element, number, len(forms), form))

    def _column(
        self, obj: Any, column: list[Any], path: Path, element: Element, number: int, count: int,
        form: ListElement,
    ) -> Leaf:  # fmt: skip
        origins = frozenset(((self.point, path),))

        def operand() -> Operand:
            fresh = DynamicList(form, None, origins)
            for value in column:
                host_lists.check_element(self.recorder, fresh, value)
                fresh.tail.append(value)
            return host_lists.list_operand(self.recorder, fresh)

        def bind(block: BlockBuilder, instance: Instance) -> None:
            base = block.list_param(hint_of(path), form.type)
            columns = instance.columns.setdefault(id(obj), [])
            columns.append(DynamicList(form, base, origins))
            if len(columns) == count:
                single = isinstance(element, ListElement)
                instance.lists[id(obj)] = columns[0] if single else RecordList(element, columns)

        return Leaf(path, operand, bind)

    def visit_tensor(self, tensor: SymTensor, path: Path, weight: str = "") -> None:
        self.tensors.add(tensor, path, (len(self.key), len(self.skeleton), len(self.shapeless)), weight)
        self.emit(PENDING)

    def visit_weight(self, weight: torch.Tensor, path: Path) -> None:
        """A tensor that was there before the program ran; between calls another may take its place."""
        if (self.point, path) in self.facts.split:
            tensor, name = self.recorder.tensor_of_weight(weight), self.recorder.constant_name(weight)
            self.visit_tensor(tensor, path, name)
            return
        kind = ("tensor", str(weight.dtype), weight.dim())
        self.emit(("weight", id(weight)), plain_token(weight), kind)
        self.keep.append(weight)
        if self.point == SESSION:
            self.slots[path] = Slot("weight", id(weight))

    # --------------------------------------------------------------------------------- numbers

    def visit_number(self, value: Any, path: Path) -> None:
        place = (self.point, path)
        kind = kind_of(value)
        assert kind is not None
        if place in self.facts.widen and not self.facts.keeps(place):
            self.emit(("scalar", kind))
            self._number_leaf(path, kind, Const(value), frozenset((place,)))
            return
        exact = ("number", kind, repr(value))
        if self.facts.keeps(place) or (path and path[-1] in _STATIC_NAMES):
            self.emit(exact)
            return
        self.emit(exact, ("number", kind))
        self.slots[path] = Slot("number", value)

    def _number_leaf(self, path: Path, kind: str, operand: Operand, origins: frozenset[Any]) -> None:
        def bind(block: BlockBuilder, instance: Instance) -> None:
            expr = block.scalar_param(hint_of(path), kind)
            instance.replacements[path] = Scalar(kind, expr, origins, hint_of(path))

        self.leaves.append(Leaf(path, lambda: operand, bind))

    def visit_scalar(self, scalar: Scalar, path: Path) -> None:
        place = (self.point, path)
        number = self.scalars.get(id(scalar))
        if place in self.facts.widen:
            # a slot that holds a static number on other ways here: a parameter of its own
            self.emit(("scalar", scalar.kind))
            self._number_leaf(path, scalar.kind, scalar.operand, scalar.origins | {place})
            return
        if scalar.expr.op == "dim":
            self.pending_dims.append(
                (scalar, path, (len(self.key), len(self.skeleton), len(self.shapeless)))
            )
            self.emit(_PENDING_SIZE)
            return
        if number is not None:
            self.emit(("same scalar", number), ("number", scalar.kind))
            self.slots[path] = Slot("number", scalar)
            return
        self.scalars[id(scalar)] = len(self.scalars)
        self.emit(("scalar", scalar.kind), ("number", scalar.kind))
        self.slots[path] = Slot("number", scalar)
        operand = scalar.operand
        origins = scalar.origins
        hint = scalar.hint or hint_of(path)

        def bind(block: BlockBuilder, instance: Instance) -> None:
            scalar.expr = block.scalar_param(hint, scalar.kind)
            scalar.origins = origins

        self.leaves.append(Leaf(path, lambda: operand, bind))

    def finish_dims(self) -> None:
        """Numbers that are sizes of tensors stay sizes where a live tensor has that size."""
        done: dict[int, Any] = {}
        for scalar, path, positions in self.pending_dims:
            if id(scalar) in done:
                self._set_all(positions, ("same size", done[id(scalar)]), ("size",))
                continue
            done[id(scalar)] = len(done)
            tensor, axis = scalar.expr.payload
            where = self.tensors.find_size(tensor.fake.shape[axis])
            if where is None:
                number = self.scalars.setdefault(id(scalar), len(self.scalars))
                token: Any = ("scalar", scalar.kind, number)
                operand, hint = scalar.operand, hint_of(path)

                def bind(
                    block: BlockBuilder, instance: Instance, scalar: Scalar = scalar, hint: str = hint
                ) -> None:
                    scalar.expr = block.scalar_param(hint, "int")

                self.leaves.append(Leaf(path, lambda operand=operand: operand, bind))
            else:
                live, live_axis, index = where
                token = (
                    "size",
                    self.tensors.symbols.get(tensor.fake.shape[axis].node.expr, (index, live_axis)),
                )
                self.leaves.append(DimLeaf(path, scalar, live, live_axis))
            self._set_all(positions, token, ("size",))

    def _set_all(self, positions: tuple[int, int, int], token: Any, skeleton: Any) -> None:
        for tokens, index in zip((self.key, self.skeleton, self.shapeless), positions, strict=True):
            if index < len(tokens) and tokens[index] is _PENDING_SIZE:
                tokens[index] = token if tokens is self.key else skeleton

    def visit_text(self, value: Any, path: Path) -> None:
        """A text or a member of an enum."""
        place = (self.point, path)
        if place in self.facts.tables and not self.facts.keeps(place):
            index = self._in_table(place, (value,))[0]
            self._tag_leaf(place, lambda: Const(index))
            return
        exact = ("text", _identity(value))
        self.keep.append(value)
        if self.facts.keeps(place) or not path or type(path[-1]) is int:
            self.emit(exact)
            return
        self.emit(exact, ("text", type(value)))
        self.slots[path] = Slot("text", (value,))

    def visit_tag(self, tag: DynamicTag, path: Path) -> None:
        place = (self.point, path)
        self.keep.append(tag.table)
        if place in self.facts.tables and not self.facts.keeps(place):
            indices = self._in_table(place, tag.table)
            self._tag_leaf(place, lambda: self._converted(tag, indices))
            return
        self.emit(("tag", tuple(_identity(v) for v in tag.table)), ("text", type(tag.table[0])))
        start = len(self.skeleton), len(self.shapeless)
        self.visit(tag.scalar, (*path, ".tag"))
        del self.skeleton[start[0] :], self.shapeless[start[1] :]
        self.slots[path] = Slot("text", tag.table)

    def _in_table(self, place: Any, values: tuple[Any, ...]) -> tuple[int, ...]:
        """Where ``values`` are in the table of a tag that was generalized; what is new there is added."""
        table = self.facts.tables[place]
        for value in values:
            if value not in table:
                table.append(value)
                self.facts.note(f"text: {place}")
        return tuple(table.index(value) for value in values)

    def _converted(self, tag: DynamicTag, indices: tuple[int, ...]) -> Operand:
        """The index into another table."""
        if indices == tuple(range(len(indices))):
            return tag.scalar.operand
        operands = [tag.scalar.operand, *(Const(index) for index in indices)]
        return self.recorder.block.host_leaf("lookup", operands, "int").operand

    def _tag_leaf(self, place: Any, operand: Callable[[], Operand]) -> None:
        table, path = tuple(self.facts.tables[place]), place[1]
        self.emit(("tag", tuple(_identity(v) for v in table)), ("text", type(table[0])))

        def bind(block: BlockBuilder, instance: Instance) -> None:
            expr = block.scalar_param(hint_of(path), "int")
            instance.replacements[path] = DynamicTag(table, Scalar("int", expr, frozenset((place,))))

        self.leaves.append(Leaf(path, operand, bind))

    def visit_list(self, items: DynamicList, path: Path) -> None:
        self._visit_dynamic(items, items.element, [items], path)

    def visit_records(self, items: RecordList, path: Path) -> None:
        self._visit_dynamic(items, items.element, items.columns, path)

    def _visit_dynamic(self, items: Any, element: Element, columns: list[DynamicList], path: Path) -> None:
        number = self.seen.get(id(items))
        if number is not None:
            self.emit(("again", number))
            return
        self.seen[id(items)] = len(self.seen)
        place = (self.point, path)
        wanted = self.facts.elements.get(place, element)
        if wanted != element and not self.facts.keeps(place) and common([wanted, element]) == wanted:
            element = wanted
        shared = any(column.shared for column in columns)
        self.emit(("dynamic list", element, shared), "list", "list")
        self.slots[path] = Slot("list", element)
        for column, form in zip(columns, leaves(element), strict=True):
            for value in column.tail:
                self.tensors.add_element(value, column.origins)
                if type(value) is list:
                    self.stored.append((value, tuple(value), column.origins))
            self.leaves.append(self._dynamic_leaf(column, form, shared, path))
        if isinstance(items, RecordList):
            items.element = element

    def _dynamic_leaf(self, column: DynamicList, form: ListElement, shared: bool, path: Path) -> Leaf:
        def operand() -> Operand:
            return host_lists.list_operand(self.recorder, column)

        def bind(block: BlockBuilder, instance: Instance) -> None:
            column.base = block.list_param(hint_of(path), form.type)
            column.element, column.shared = form, shared
            column.tail.clear()

        return Leaf(path, operand, bind)

    def _watched(self) -> list[tuple[list[Any], frozenset[Any]]]:
        """Lists that became elements of another and are seen under another name as well.

        They must not change; the next block watches over those that are still of known length.
        """
        watched: dict[int, tuple[list[Any], frozenset[Any]]] = {}
        for value, before, origins in (*self.recorder.block.stored, *self.stored):
            same = len(value) == len(before) and all(map(operator.is_, value, before))
            if not same or id(value) in self.grown:
                host_lists.refuse_changed(self.recorder, origins)
            if id(value) in self.seen:
                known = watched.get(id(value), (value, frozenset()))[1]
                watched[id(value)] = (value, known | origins)
        for number in sorted(self.seen[i] for i in watched):
            self.emit(("watched", number))
        return list(watched.values())

    def visit_generator(self, generator: Generator, path: Path) -> None:
        number = self.seen.get(id(generator))
        if number is not None:
            self.emit(("again", number))
            return
        self.seen[id(generator)] = len(self.seen)
        self.emit(("generator", generator.state))
        frame = generator.frame
        kept = self.visit_frame(frame, (*path, "frame")) if frame is not None else None
        self.objects.append((generator, (("state", generator.state), ("frame", kept)), path))


_PENDING_SIZE = object()
_STATIC_NAMES = ("_dyncc_position",)
_STATEFUL_MODULES = frozenset(
    "_thread _queue queue _io socket itertools select mmap _random _csv sqlite3 zlib".split()
)


def _has_hidden_state(value: Any) -> bool:
    """An object of C whose state a fork cannot copy: a lock, a queue, a file, an iterator."""
    cls = type(value)
    return cls.__module__ in _STATEFUL_MODULES and not isinstance(value, types.BuiltinFunctionType)


def _recording() -> bool:
    return bool(current)


def _identity(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else id(value)
