"""How a block begins from a snapshot: contents are written back, leaves become its parameters."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.execution.frames import Frame, Generator
from dyncc.compiler.specialize.lists.copies import is_copied_object
from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.recording.recorder import Recorder
from dyncc.compiler.specialize.recording.size_ranges import Range
from dyncc.compiler.specialize.state.heap import Heap, restore
from dyncc.compiler.specialize.state.leaves import Instance, Path
from dyncc.compiler.specialize.state.sharing import mark
from dyncc.compiler.specialize.values import (
    Derivation,
    DynamicTag,
    DynamicText,
    SymTensor,
    is_scalar,
)
from dyncc.compiler.tuples import tuple_of

if TYPE_CHECKING:
    from dyncc.compiler.specialize.state.snapshot import Snapshot


def begin(snapshot: Snapshot, heap: Heap, recorder: Recorder, block: BlockBuilder) -> list[Frame]:
    """Make the program's objects and modes those of ``snapshot``, its leaves parameters of ``block``.

    Returns the frames. The block must be the current one.
    """
    heap.reset()
    instance = Instance()
    snapshot.modes.enter()
    block.hints.update(snapshot.hints)
    block.used_origins |= snapshot.origins
    block.size_places |= snapshot.size_places
    for name, (known, _) in snapshot.ranges.items():
        if known != Range():
            block.limit(name, known)
    for leaf in snapshot.leaves:
        leaf.bind(block, instance)
    for tensor, derivation in snapshot.views:
        _replay(tensor, derivation, recorder)
    for path, tensor in snapshot.tensor_paths.items():
        if path not in instance.replacements:
            mark(block, recorder.facts, snapshot.point, path, tensor)
    rewrite = _Rewriter(instance)
    for obj, content, path in snapshot.objects:
        if isinstance(obj, Generator):
            values = dict(content)
            obj.state = values["state"]
            frame = values["frame"]
            obj.frame = rewrite.frame(frame, (*path, ".frame")) if frame is not None else None
            continue
        restore(obj, tuple((a, rewrite.value(v, (*path, a))) for a, v in content))
        if is_copied_object(obj):
            block.note_copy(obj)
    for items, origins in snapshot.watched:
        block.store(items, origins)
    return [rewrite.frame(frame, ("frame", depth)) for depth, frame in enumerate(snapshot.frames)]


def _replay(tensor: SymTensor, derivation: Derivation, recorder: Recorder) -> None:
    """Derive a view again from its base in the current block."""
    result = recorder.call(derivation.func, derivation.args, derivation.kwargs)
    for index in derivation.path:
        result = result[index]
    tensor.fake, tensor.node = result.fake, result.node
    tensor.derivation = derivation
    tensor.constant = result.constant


class _Rewriter:
    """Puts the generalized values of a block in place of the static ones that were captured."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.active = bool(instance.replacements or instance.lists)

    def frame(self, frame: Frame, path: Path) -> Frame:
        made = frame.copy()
        made.registers = {name: self.value(value, (*path, name)) for name, value in frame.registers.items()}
        made.payload = self.value(frame.payload, (*path, "%payload"))
        made.reads = self.value(frame.reads, (*path, "%reads"))
        made.raising = self.value(frame.raising, (*path, "%raising"))
        return made

    def value(self, value: Any, path: Path) -> Any:
        if not self.active:
            return value
        if path in self.instance.replacements:
            return self.instance.replacements[path]
        if type(value) is list:
            return self.instance.lists.get(id(value), value)
        if is_scalar(value) or isinstance(value, torch.Size):
            return value
        if isinstance(value, tuple):
            items = [self.value(v, (*path, ("item", i))) for i, v in enumerate(tuple.__iter__(value))]
            if all(a is b for a, b in zip(items, value, strict=True)):
                return value
            return tuple_of(type(value), items)
        if type(value) is DynamicTag:
            replaced = self.value(value.scalar, (*path, ".tag"))
            return value if replaced is value.scalar else DynamicTag(value.table, replaced)
        if type(value) is DynamicText:
            parts = [self.value(part, (*path, i)) for i, part in enumerate(value.parts)]
            return DynamicText(tuple(parts))
        if type(value) is functools.partial:
            args = self.value(value.args, (*path, ".args"))
            keywords = {k: self.value(v, (*path, ("key", k))) for k, v in value.keywords.items()}
            return functools.partial(self.value(value.func, (*path, ".func")), *args, **keywords)
        if type(value) is types.FunctionType:
            return self._function(value, path)
        if type(value) in (types.MethodType, types.BuiltinMethodType):
            owner = self.value(value.__self__, (*path, ".__self__"))
            return value if owner is value.__self__ else getattr(owner, value.__name__)
        if isinstance(value, slice):
            return slice(*(self.value(getattr(value, n), (*path, n)) for n in ("start", "stop", "step")))
        return value

    def _function(self, function: types.FunctionType, path: Path) -> Any:
        """A function whose defaults were generalized; its cells are containers, written back as such."""
        defaults = self.value(function.__defaults__, (*path, ".__defaults__"))
        keywords = function.__kwdefaults__ or {}
        values = self.value(tuple(keywords.values()), (*path, ".__kwdefaults__"))
        if defaults is function.__defaults__ and values == tuple(keywords.values()):
            return function
        made = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, defaults, function.__closure__
        )
        made.__kwdefaults__ = dict(zip(keywords, values, strict=True)) or None
        made.__dict__.update(function.__dict__)
        made.__qualname__, made.__module__ = function.__qualname__, function.__module__
        return made
