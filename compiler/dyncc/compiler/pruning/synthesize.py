"""Inputs for pruning without data: such that batch norms see the statistics that they have kept.

What a network was trained on left its mark in the running means and variances. Random inputs are changed by
gradient descent until the activations before every batch norm have those (the idea of DeepInversion, Yin
et al. 2020, and ZeroQ, Cai et al. 2020). Where there is no batch norm, the inputs stay random.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx_ir
import torch

from dyncc.compiler.pruning.onnx_torch import Values, run_torch, tensors
from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.check import candidates
from dyncc.passes.prune.errors import PruneError

COUNT = 768
BATCH = 256
"""Inputs that are matched together. Several sets tell more than one that is matched for longer."""
STEPS = 150
RANDOM = "random numbers"
"""How inputs were made where they could not be matched to anything."""
RATE = 0.1


def synthesized(
    model: onnx_ir.Model,
    count: int = COUNT,
    steps: int = STEPS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[dict[str, np.ndarray]], str]:
    """Batches of inputs for a prepared model, and in words how they were made.

    Where the size of a batch is fixed there are as many batches as ``count`` takes.
    """
    feeds = next(candidates(model, seed))
    norms = [node for node in model.graph if node.op_type == "BatchNormalization"]
    image = [value for value in model.graph.inputs if (dims(value) or ())]
    batched = len(image) == len(model.graph.inputs) and all(
        feeds[v.name or ""].dtype.kind == "f" for v in image
    )
    if not norms or not batched:
        return _noise(model, count, seed), RANDOM + ("" if norms else " (there is no batch norm)")
    shapes = {v.name or "": feeds[v.name or ""].shape[1:] for v in image}
    fixed = [size for v in image if isinstance(size := (dims(v) or (None,))[0], int)]
    each = min(fixed, default=BATCH)
    batches: list[dict[str, np.ndarray]] = []
    for number in range(-(-count // BATCH)):
        random = torch.Generator().manual_seed(seed + number)
        inputs = {name: torch.randn((BATCH, *shape), generator=random) for name, shape in shapes.items()}
        try:
            _descend(model, norms, inputs, steps, progress)
        except (PruneError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            return _noise(model, count, seed), f"{RANDOM} ({reason})"
        arrays = {name: tensor.detach().numpy() for name, tensor in inputs.items()}
        starts = range(0, BATCH - each + 1, each)
        batches += [{name: array[i : i + each] for name, array in arrays.items()} for i in starts]
    return batches, f"inputs matched to the statistics of {len(norms)} batch norms"


def refitted_blindly(how: str) -> str:
    """The warning about a refit on inputs that tell nothing of what the network is given."""
    return f"layers were refitted on {how}, which is worth little: give data (--data FILE.npz)"


def _noise(model: onnx_ir.Model, count: int, seed: int) -> list[dict[str, np.ndarray]]:
    found: list[dict[str, np.ndarray]] = []
    done = 0
    while done < count:
        feeds = next(candidates(model, seed + len(found)))
        found.append(feeds)
        done += max((array.shape[0] for array in feeds.values() if array.ndim), default=1)
    return found


def _descend(
    model: onnx_ir.Model,
    norms: Sequence[onnx_ir.Node],
    inputs: Values,
    steps: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    weights = tensors(model)
    wanted = [_kept_statistics(node, weights) for node in norms]
    with torch.enable_grad():
        for tensor in inputs.values():
            tensor.requires_grad_()
        optimizer = torch.optim.Adam(list(inputs.values()), lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for step in range(steps):
            optimizer.zero_grad()
            values = run_torch(model, inputs, weights)
            loss = torch.stack(
                [_distance(n, values, kept) for n, kept in zip(norms, wanted, strict=True)]
            ).sum()
            loss.backward()
            optimizer.step()
            schedule.step()
            if progress is not None:
                progress(step, steps)


def _kept_statistics(
    node: onnx_ir.Node, weights: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    names = [value.name or "" if value is not None else "" for value in node.inputs[3:5]]
    if any(name not in weights for name in names):
        raise PruneError("the statistics of a batch norm are computed")
    return weights[names[0]], weights[names[1]]


def _distance(node: onnx_ir.Node, values: Values, kept: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """How far the batch is from the kept statistics, in standard deviations."""
    value = node.inputs[0]
    assert value is not None
    x = values[value.name or ""].transpose(0, 1).flatten(1)
    mean, variance = kept
    scale = variance + 1e-5
    return ((x.mean(1) - mean).square() / scale + (x.std(1) / scale.sqrt() - 1).square()).mean()
