"""Changes of memory: who has to know that a call wrote into tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.recording.tensor_types import memory_kind, storage_key

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def note_mutation(recorder: Recorder, mutated: list[tuple[Any, torch.Tensor]]) -> None:
    """Record that a call changed these tensors (each with its fake) in place."""
    block = recorder.block
    keys = {storage_key(fake) for _, fake in mutated}
    block.mutated |= keys
    constants = {storage_key(fake): real for real, fake in block.constant_fakes.values()}
    _note_written(recorder, keys)
    for key in keys:
        if key in constants:
            recorder.facts.make_cell(recorder.constant_name(constants[key]), constants[key])
    recorder.demand_sharing(*(tensor for tensor, _ in mutated))
    if keys & block.frozen.keys():
        _refuse_frozen(recorder, keys & block.frozen.keys())
    for _, fake in mutated:
        kind = memory_kind(fake)
        if storage_key(fake) in block.placeholder_storage:
            recorder.changed.add(kind)
        if kind in recorder.chosen:
            recorder.facts.never_choose(kind)
    for tensor in block.made:
        if tensor.constant is not None and storage_key(tensor.fake) in keys:
            tensor.constant = None


def _note_written(recorder: Recorder, keys: set[int]) -> None:
    """An argument of the entry that is changed must be given back changed."""
    for name, tensor in recorder.inputs().items():
        here = tensor.node.graph is recorder.block.graph
        if name not in recorder.facts.written and here and storage_key(tensor.fake) in keys:
            recorder.facts.must_write(name)


def _refuse_frozen(recorder: Recorder, keys: Iterable[int]) -> NoReturn:
    why = Diagnostic(
        "DY112",
        "a tensor whose memory is shared in a way that cannot be followed is changed",
        recorder.block.span,
        label="changed here",
        notes=("it is an element of a list that grows, a view of run-time size, or one of many views",),
        helps=("change a copy: `x = x.clone()` before, or `items.append(x.clone())`",),
    )
    for key in keys:
        because = recorder.block.frozen[key]
        recorder.facts.demand(frozenset().union(*(reason.origins for reason in because)), why)
    recorder.demand_sizes(())
    raise CompileError([why])
