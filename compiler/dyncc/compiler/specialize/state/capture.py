"""Capture: one traversal of the live state in a fixed order, which makes its key and its leaves."""

from __future__ import annotations

import enum
import functools
import gc
import types
from collections.abc import Collection
from typing import Any

import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.frontend.liveness import in_cell
from dyncc.compiler.specialize.execution.frames import Frame, Generator
from dyncc.compiler.specialize.facts import Facts
from dyncc.compiler.specialize.prelude import RecordList, SequenceIterator
from dyncc.compiler.specialize.recording.recorder import Recorder
from dyncc.compiler.specialize.state.heap import Content, Heap, content_of, is_container, walk
from dyncc.compiler.specialize.state.leaves import Leaf, Path, Slot
from dyncc.compiler.specialize.state.lists import ListCapture
from dyncc.compiler.specialize.state.numbers import NumberCapture
from dyncc.compiler.specialize.state.sharing import PENDING, TensorCapture, plain_token
from dyncc.compiler.specialize.state.snapshot import Modes, Snapshot
from dyncc.compiler.specialize.state.texts import TextCapture
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicTag,
    DynamicText,
    SymTensor,
    current,
    is_scalar,
)

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
        self.lists = ListCapture(self)
        self.numbers = NumberCapture(self)
        self.texts = TextCapture(self)
        self.frames: list[Frame] = []
        self.dirty_ids: set[int] = set()
        self.iterators: list[tuple[SequenceIterator, Path]] = []
        self.cells: list[tuple[types.CellType, Path]] = []

    # --------------------------------------------------------------------------------- tokens

    def emit(self, token: Any, skeleton: Any = None, shapeless: Any = None) -> None:
        self.key.append(token)
        self.skeleton.append(token if skeleton is None else skeleton)
        self.shapeless.append(self.skeleton[-1] if shapeless is None else shapeless)

    def position(self) -> tuple[int, int, int]:
        """Where the next token goes in the key, the skeleton and the shapeless skeleton."""
        return len(self.key), len(self.skeleton), len(self.shapeless)

    def run(self, frames: list[Frame], touched: Collection[int] = ()) -> Snapshot:
        """The state; ``touched`` objects are described in it though they be as at the start."""
        for name, cell in self.recorder.cells.items():
            self.visit(cell, ("cell", name))
        dirty = self.heap.with_referrers(self.heap.dirty(touched))
        self.dirty_ids = {id(base.obj) for base in dirty}
        for base in dirty:
            self.emit(("base", id(base.obj)))
            self.visit_container(base.obj, ("heap", base.path))
        self.frames = [self.visit_frame(frame, ("frame", depth)) for depth, frame in enumerate(frames)]
        while self.iterators:
            self.visit_rest(*self.iterators.pop(0))
        hooked = self.heap.hooked_cells() if self.cells else set[int]()
        for cell, where in self.cells:
            if id(cell) in hooked:
                self.visit(cell, where)
            else:
                self.visit_unread(cell, where)
        modes = Modes.now()
        self.emit(modes)
        self.recorder.alive.append(self.keep)  # keys hold identities: what they name must not go
        tensors, sizes = self.tensors, self.tensors.names
        tensors.finish(self.key, self.skeleton, self.shapeless)
        self.numbers.finish()
        watched = self.lists.watched()
        lockstep = self.lists.lockstep()
        return Snapshot(
            self.point, (*self.key, lockstep, tuple(sizes.ranges.items())), tuple(self.skeleton),
            tuple(self.shapeless), self.slots,
            tensors.sizes, self.leaves, tensors.views, tensors.marks, self.frames, self.objects, modes,
            sizes.hints, frozenset(sizes.origins), frozenset(sizes.places), sizes.ranges,
            self.lists.classes, tensors.paths, watched, frozenset(self.dirty_ids),
        )  # fmt: skip

    def visit_frame(self, frame: Frame, path: Path) -> Frame:
        live = frame.live()
        self.emit(("frame", frame.function.code, frame.label, frame.index, frame.continuation, frame.dst))
        if frame.cleared:
            self.emit(("cleared", frame.cleared))
        if frame.answers:
            self.emit(("answers", frame.answers))
        if frame.reads:
            self.visit(frame.reads, (*path, "%reads"))
        for name, cell in frame.cells.items():
            self.emit(("cellvar", name))
            if in_cell(name) in live or name in frame.function.freevars:
                self.visit(cell, (*path, ("cell", name)))
            else:
                self.cells.append((cell, (*path, ("cell", name))))
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
            self.numbers.visit_dynamic(value, path)
        elif isinstance(value, DynamicList):
            self.lists.visit_dynamic(value, path)
        elif type(value) is RecordList:
            self.lists.visit_records(value, path)
        elif type(value) is DynamicTag:
            self.texts.visit_dynamic(value, path)
        elif type(value) is DynamicText:
            self.texts.visit_parts(value, path)
        elif isinstance(value, bool | int | float) and type(value) in (bool, int, float):
            self.numbers.visit_static(value, path)
        elif type(value) is str or isinstance(value, enum.Enum):
            self.texts.visit_static(value, path)
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
            held = gc.get_referents(value)  # an object of C may hold a function (``cmp_to_key``)
            parts = [(("held", i), part) for i, part in enumerate(held) if type(part) is types.FunctionType]
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

    def visit_unread(self, cell: types.CellType, path: Path) -> None:
        """A cell whose variable its function does not read again: empty, unless something refers to it."""
        if id(cell) not in self.seen and id(cell) not in self.heap.bases:
            self.seen[id(cell)] = len(self.seen)
            self.objects.append((cell, (), path))
            self.emit("unread")
        else:
            self.visit(cell, path)

    def visit_container(self, obj: Any, path: Path) -> None:
        if id(obj) in self.seen:
            return
        self.seen[id(obj)] = len(self.seen)
        content = content_of(obj)
        self.objects.append((obj, content, path))
        if type(obj) is list and self.lists.visit_static(obj, content, path):
            return
        self.emit((type(obj), len(content)))
        for accessor, value in content:
            self.emit(accessor)
            self.visit(value, (*path, accessor))

    def visit_tensor(self, tensor: SymTensor, path: Path, weight: str = "") -> None:
        self.tensors.add(tensor, path, self.position(), weight)
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
        self.slots[path] = Slot("weight", id(weight))

    def visit_generator(self, generator: Generator, path: Path) -> None:
        number = self.seen.get(id(generator))
        if number is not None:
            self.emit(("again", number))
            return
        self.seen[id(generator)] = len(self.seen)
        self.emit(("generator", generator.state))
        frame = generator.frame
        kept = self.visit_frame(frame, (*path, ".frame")) if frame is not None else None
        self.objects.append((generator, (("state", generator.state), ("frame", kept)), path))


_STATEFUL_MODULES = frozenset(
    "_thread _queue queue _io socket itertools select mmap _random _csv sqlite3 zlib".split()
)


def _has_hidden_state(value: Any) -> bool:
    """An object of C whose state a fork cannot copy: a lock, a queue, a file, an iterator."""
    cls = type(value)
    return cls.__module__ in _STATEFUL_MODULES and not isinstance(value, types.BuiltinFunctionType)


def _recording() -> bool:
    return bool(current)
