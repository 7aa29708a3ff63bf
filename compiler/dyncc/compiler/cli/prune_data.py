"""``--data FILE.npz`` of a model: the calls that it is refitted on or scored by, and their labels.

Arrays are named as the parameters of the method; what has another name is a label. Their first axis is that
of the method's own, or longer: it is then cut into calls of the example's size, labels alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dyncc.compiler.check.report import Example
from dyncc.compiler.cli.discover import Target
from dyncc.compiler.cli.exits import usage
from dyncc.compiler.cli.prepare import Call
from dyncc.compiler.cli.usercode import display, user_code
from dyncc.compiler.pruning.gradients import of_module, tensors_in, usual_loss
from dyncc.compiler.pruning.onnx_model import check_samples

LOSS = "loss"
"""The function of a model's file that gives the loss of a batch."""


@dataclass(frozen=True)
class Batch:
    """A call, and all arrays that belong to it."""

    call: Example
    arrays: Mapping[str, torch.Tensor]
    labels: Mapping[str, torch.Tensor]


def batches_of(target: Target, call: Call, file: Path, arrays: Mapping[str, np.ndarray]) -> list[Batch]:
    """The batches in ``arrays`` of ``file``. Raises a usage error for what does not fit the example."""
    if isinstance(target.model, dict):
        raise usage("--data is for a model with one method", "prune it in Python: dyncc.compiler.prune")
    bound = inspect.signature(target.entry).bind(*call.args, **(call.kwargs or {}))
    bound.apply_defaults()
    example = dict(bound.arguments)
    tensors = {name: _tensor(name, array, file) for name, array in arrays.items()}
    inputs = {name: tensor for name, tensor in tensors.items() if name in example}
    if not inputs:
        names = ", ".join(f"`{name}`" for name in example)
        raise usage(f"{file} has no array for a parameter: it takes {names}", notes=["named by --data"])
    for name, tensor in inputs.items():
        wanted = getattr(example[name], "dtype", tensor.dtype)
        if tensor.dtype != wanted:
            raise usage(
                f"`{name}` in {file} is {tensor.dtype}, the example is {wanted}", notes=["named by --data"]
            )
    check_samples(arrays)
    counts = {name: _calls_in(tensor, example[name]) for name, tensor in inputs.items()}
    if 0 in counts.values() or len(set(counts.values())) > 1:
        wrong = next(
            (name for name in counts if not counts[name]),
            max(counts, key=lambda name: abs(counts[name] - next(iter(counts.values())))),
        )
        wanted = getattr(example[wrong], "shape", ())
        raise usage(
            f"`{wrong}` in {file} has the shape {list(tensors[wrong].shape)}, "
            f"of which no calls can be made with {list(wanted)} each",
            notes=["named by --data"],
        )
    count = next(iter(counts.values()))
    found: list[Batch] = []
    for number in range(count):
        mine = {name: _part(tensor, number, count) for name, tensor in tensors.items()}
        bound.arguments.update({name: mine[name] for name in inputs})
        labels = {name: tensor for name, tensor in mine.items() if name not in inputs}
        found.append(Batch(Example(target.method, bound.args, bound.kwargs), mine, labels))
    return found


def _tensor(name: str, array: np.ndarray, file: Path) -> torch.Tensor:
    try:
        return torch.from_numpy(np.array(array))
    except TypeError:
        raise usage(f"`{name}` in {file} holds no numbers", notes=["named by --data"]) from None


def _calls_in(tensor: torch.Tensor, example: Any) -> int:
    if not isinstance(example, torch.Tensor) or tensor.dim() != example.dim() or not tensor.dim():
        return 0
    fits = tensor.shape[1:] == example.shape[1:] and example.shape[0]
    return tensor.shape[0] // example.shape[0] if fits else 0


def _part(tensor: torch.Tensor, number: int, count: int) -> torch.Tensor:
    size = max(tensor.shape[0] // count, 1) if tensor.dim() else 0
    return tensor[number * size : (number + 1) * size] if tensor.dim() else tensor


def scores(target: Target, batches: Sequence[Batch], criterion: str) -> Mapping[str, np.ndarray]:
    """Scores of the model's weights by gradients of its file's ``loss(model, batch)``, else the usual."""
    network = target.network
    if network is None:
        raise usage(f"the criterion `{criterion}` is for modules", "use l1, which needs no gradients")
    given = getattr(target.module, LOSS, None)

    def loss(_: torch.nn.Module, batch: Batch) -> torch.Tensor:
        with user_code(f"the model in {display(target.file)}", target.file):
            if callable(given):
                return torch.as_tensor(given(network, dict(batch.arrays)))
            args, kwargs = batch.call.copied()
            output = target.model(*args, **kwargs)  # type: ignore[operator] -- it is one method
        return usual_loss(list(tensors_in(output)), batch.labels)

    for parameter in network.parameters():
        parameter.requires_grad_(parameter.is_floating_point())
    return of_module(network, batches, loss, criterion)
