"""Pruning of an ONNX model with what needs PyTorch: made-up data for OBSPA, gradients for criteria."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx_ir

from dyncc.compiler.pruning.synthesize import synthesized
from dyncc.passes.prune.model import Plan, Pruned, Pruning
from dyncc.passes.prune.obspa import refit
from dyncc.passes.prune.prepare import prepared

Batches = Sequence[Mapping[str, np.ndarray]]


def obspa(
    model: onnx_ir.Model,
    pruning: Pruning,
    data: Batches | None,
    say: Callable[[str], None] = lambda text: None,
) -> Pruned:
    """Prune a model and refit what is left, on ``data`` or on inputs that are made up.

    Channels are chosen by L1: on made-up inputs the scores of reconstruction are worse, and on real ones
    hardly better. The check is of what is removed, before the refit. Raises :class:`PruneError`.
    """
    if data is None:
        data, how = synthesized(prepared(model), seed=pruning.importance.seed)
        say(f"data      {how}")
    batches = data

    def progress(number: int, count: int, name: str) -> None:
        say(f"refit     {number + 1}/{count} {name}")

    def update(plan: Plan, pruned: onnx_ir.Model) -> None:
        refit(plan, pruned, batches, progress=progress)

    return pruning.run(model, update)
