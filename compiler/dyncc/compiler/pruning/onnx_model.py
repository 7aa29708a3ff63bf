"""Pruning of an ONNX model with what needs PyTorch: made-up data for OBSPA, gradients for criteria."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx_ir

from dyncc.compiler.pruning.synthesize import RANDOM, refitted_blindly, synthesized
from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.errors import OptionError
from dyncc.passes.prune.model import Plan, Pruned, Pruning
from dyncc.passes.prune.obspa import Progress, refit
from dyncc.passes.prune.prepare import prepared

Batches = Sequence[Mapping[str, np.ndarray]]


def batches_of(model: onnx_ir.Model, arrays: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """``arrays`` by name, samples along the first axis, as batches that the model takes.

    What is no input is a label. Where the model's batch is of a fixed size they are cut into such, and what
    is left over is left out. Raises :class:`OptionError` for arrays that do not fit.
    """
    inputs = {value.name or "": value for value in model.graph.inputs}
    if missing := [name for name in inputs if name not in arrays]:
        raise OptionError(f"the data have no `{missing[0]}`, an input of the network")
    check_samples(arrays)
    sizes: set[int] = set()
    for name, value in inputs.items():
        array, shape = arrays[name], dims(value)
        wanted = value.dtype.numpy() if value.dtype is not None else array.dtype
        if array.dtype != wanted:
            raise OptionError(f"`{name}` of the data is {array.dtype}, the network takes {wanted}")
        rest = [
            size if isinstance(size, int) else mine
            for size, mine in zip((shape or ())[1:], array.shape[1:], strict=False)
        ]
        if shape is not None and (len(shape) != array.ndim or list(array.shape[1:]) != rest):
            raise OptionError(
                f"`{name}` of the data has the shape {list(array.shape)}, the network takes {shape}"
            )
        if shape and isinstance(shape[0], int):
            sizes.add(shape[0])
    rows = arrays[next(iter(inputs))].shape[0]
    size = min(sizes, default=rows)
    if rows < size:
        raise OptionError(f"the data are {rows} samples, the network takes {size} at once")
    starts = range(0, rows - size + 1, size)
    return [{name: array[i : i + size] for name, array in arrays.items()} for i in starts]


def check_samples(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise :class:`OptionError` for no or unequal numbers of samples, or numbers that are not finite."""
    lengths = {name: array.shape[0] if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise OptionError(f"the arrays of the data have different numbers of samples: {told}")
    for name, array in arrays.items():
        if not lengths[name]:
            raise OptionError(f"`{name}` of the data has no samples")
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            raise OptionError(f"`{name}` of the data has numbers that are not finite")


def obspa(
    model: onnx_ir.Model,
    pruning: Pruning,
    data: Batches | None,
    say: Callable[[str], None] = lambda text: None,
    warn: Callable[[str], None] = lambda text: None,
    progress: Progress | None = None,
) -> Pruned:
    """Prune a model and refit what is left, on ``data`` or on inputs that are made up.

    ``warn`` is told where these are worth little.

    Channels are chosen by L1: on made-up inputs the scores of reconstruction are worse, and on real ones
    hardly better. The check is of what is removed, before the refit. Raises :class:`PruneError`.
    """
    if data is None:
        data, how = synthesized(prepared(model), seed=pruning.importance.seed)
        say(f"data      {how}")
        if how.startswith(RANDOM):
            warn(refitted_blindly(how))
    batches = data

    def update(plan: Plan, pruned: onnx_ir.Model) -> None:
        refit(plan, pruned, batches, progress=progress)

    return replace(pruning, data=batches).run(model, update)
