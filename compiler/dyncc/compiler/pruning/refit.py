"""OBSPA for modules: the refit is of the ONNX graph, and its weights go back into the module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx_ir
import torch
from torch import nn

from dyncc.compiler.pruning.synthesize import synthesized
from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.errors import OptionError, PruneError
from dyncc.passes.prune.model import Plan
from dyncc.passes.prune.obspa import refit
from dyncc.passes.prune.program import ProgramPlan
from dyncc.passes.prune.rewrite import rewritten


def refit_module(plan: ProgramPlan, smaller: nn.Module, data: Sequence[Any] | None, seed: int = 0) -> int:
    """Refit the layers of a pruned module without control flow, in place; gives how many there were.

    ``data`` are batches: a tensor, or a tuple of tensors, as the module takes them. They are cut into
    batches of the size of the example. Without data, inputs are made up. Raises :class:`PruneError`.
    """
    if len(plan.program.graphs) != 1:
        raise PruneError(
            "refitting (obspa) is for modules without control flow, and this one decides on tensors",
            "prune it by l1, and train it on",
        )
    ((_, model),) = plan.program.graphs.items()
    feeds = synthesized(model, seed=seed)[0] if data is None else list(_feeds(model, data))
    pruned = rewritten(plan.network, plan.removed, model)
    count = refit(Plan(model, plan.network, plan.removed), pruned, feeds)
    own = dict([*smaller.named_parameters(), *smaller.named_buffers()])
    with torch.no_grad():
        for name, value in pruned.graph.initializers.items():
            if name in own and value.const_value is not None:
                own[name].copy_(torch.from_numpy(np.array(value.const_value.numpy())))
    return count


def _feeds(model: onnx_ir.Model, data: Sequence[Any]) -> Iterable[dict[str, np.ndarray]]:
    for batch in data:
        tensors = batch if isinstance(batch, tuple | list) else (batch,)
        wanted = len(model.graph.inputs)
        if len(tensors) != wanted:
            raise OptionError(
                f"a batch of `data` has {len(tensors)} tensors, the network takes {wanted}",
                "for obspa a batch is what the module is called with, without labels",
            )
        arrays = [torch.as_tensor(tensor).detach().cpu().numpy() for tensor in tensors]
        for value, array in zip(model.graph.inputs, arrays, strict=True):
            if tuple(dims(value) or ())[1:] != array.shape[1:]:
                raise OptionError(
                    f"`data` has the shape {array.shape} where the network takes {dims(value)}"
                )
        size = (dims(model.graph.inputs[0]) or (1,))[0]
        each = size if isinstance(size, int) else arrays[0].shape[0]
        for start in range(0, arrays[0].shape[0] - each + 1, each):
            names = (value.name or "" for value in model.graph.inputs)
            yield {name: array[start : start + each] for name, array in zip(names, arrays, strict=True)}
