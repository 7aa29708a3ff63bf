"""Scores of single weights from the gradients of a loss.

========== ============================================================================
snip       ``|w g|`` (Lee et al. 2019)
taylor     ``(w g)²`` (Molchanov et al. 2019)
grasp      ``-w (H g)`` (Wang et al. 2020): what goes must not lessen the gradient's flow
crop       ``|w (H g)|`` (Rachwan et al. 2022)
obs        ``w² F`` with the diagonal of the Fisher matrix for that of the Hessian
========== ============================================================================

Gradients are those of eager PyTorch, also of a module that decides: a batch counts for the path that it
takes, so weights that are seldom used are worth little. Those of an ONNX model are of the same numbers in
PyTorch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from dyncc.compiler.pruning.onnx_torch import run_torch, tensors
from dyncc.passes.prune.errors import OptionError, PruneError

Scores: TypeAlias = "Mapping[str, np.ndarray]"


def of_module(model: nn.Module, data: Sequence[Any], loss: Any, criterion: str) -> Scores:
    """Scores by name, from ``loss(model, batch)`` over the batches of ``data``."""
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        raise PruneError("no parameter of the module requires gradients")
    return _scores(parameters, (loss(model, batch) for batch in data), criterion)


def of_onnx(model: onnx_ir.Model, data: Sequence[Mapping[str, np.ndarray]], criterion: str) -> Scores:
    """Scores of the constants of a prepared model; a batch has its inputs, and one array more, the labels.

    The loss is :func:`usual_loss`. Raises :class:`PruneError` for an operator whose gradient is not known.
    """
    weights = tensors(model)
    statistics = {
        value.name
        for node in model.graph.all_nodes()
        if node.op_type == "BatchNormalization"
        for value in node.inputs[3:]
        if value is not None
    }
    parameters = {
        name: tensor
        for name, tensor in weights.items()
        if tensor.is_floating_point() and name not in statistics
    }
    names = {value.name or "" for value in model.graph.inputs}
    for tensor in parameters.values():
        tensor.requires_grad_()

    def losses() -> Iterable[torch.Tensor]:
        for batch in data:
            given = {name: torch.from_numpy(np.array(array)) for name, array in batch.items()}
            if missing := sorted(names - set(given)):
                raise OptionError(f"the data have no `{missing[0]}`, an input of the network")
            try:
                values = run_torch(model, {name: given.pop(name) for name in names}, weights)
            except (RuntimeError, ValueError, IndexError, TypeError) as error:
                reason = str(error).strip().splitlines()[0]
                raise PruneError(f"the network does not run on the data: {reason}") from error
            yield usual_loss([values[value.name or ""] for value in model.graph.outputs], given)

    return _scores(parameters, losses(), criterion)


def usual_loss(outputs: Sequence[torch.Tensor], labels: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy where the only array of ``labels`` holds class numbers, else the mean squared error.

    It is that of the first output to which the labels fit. Raises :class:`OptionError` where none does.
    """
    if len(labels) != 1:
        told = ", ".join(f"`{name}`" for name in labels) or "none"
        raise OptionError(
            f"the data need one array of labels beside the inputs, and there are: {told}", LOSS_HELP
        )
    ((name, label),) = labels.items()
    if label.dim() > 1 and label.shape[-1] == 1:
        label = label.squeeze(-1)
    for output in outputs:
        if not output.is_floating_point():
            continue
        if output.shape == label.shape and label.is_floating_point():
            return F.mse_loss(output, label.to(output.dtype))
        if output.dim() == label.dim() + 1 and not label.is_floating_point():
            rows = output.reshape(-1, output.shape[-1])
            if len(rows) == label.numel():
                return F.cross_entropy(rows, _classes(name, label, rows.shape[-1]))
    shapes = ", ".join(str(list(output.shape)) for output in outputs) or "no tensor"
    raise OptionError(
        f"the labels `{name}` of {label.dtype} {list(label.shape)} fit no output (of shape {shapes})",
        LOSS_HELP,
    )


def _classes(name: str, label: torch.Tensor, count: int) -> torch.Tensor:
    numbers = label.reshape(-1).long()
    if bool(((numbers < 0) | (numbers >= count)).any()):
        wrong = numbers[(numbers < 0) | (numbers >= count)][0].item()
        raise OptionError(f"the labels `{name}` have the class {wrong}, and there are {count}", LOSS_HELP)
    return numbers


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors of a result, in order: in containers, and in the fields of dataclasses."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from itertools.chain.from_iterable(map(tensors_in, value.values()))
    elif isinstance(value, tuple | list):
        yield from itertools.chain.from_iterable(map(tensors_in, value))
    elif dataclasses.is_dataclass(value):
        fields = (getattr(value, field.name) for field in dataclasses.fields(value))
        yield from itertools.chain.from_iterable(map(tensors_in, fields))


LOSS_HELP = "of a model in Python the file may define `loss(model, batch)`; a batch is a dict of tensors"


def _scores(
    parameters: Mapping[str, torch.Tensor], losses: Iterable[torch.Tensor], criterion: str
) -> Scores:
    scores = {name: torch.zeros_like(p) for name, p in parameters.items()}
    second = criterion in ("grasp", "crop")
    # fused attention has no second derivative
    plain = sdpa_kernel(SDPBackend.MATH) if second else contextlib.nullcontext()
    with torch.enable_grad(), plain:
        for value in losses:
            grads = torch.autograd.grad(
                value, list(parameters.values()), create_graph=second, allow_unused=True
            )
            if second:
                flow = sum((g.square().sum() for g in grads if g is not None), torch.zeros(()))
                # the gradient of ½|g|² is H g
                grads = torch.autograd.grad(0.5 * flow, list(parameters.values()), allow_unused=True)
            for (name, p), g in zip(parameters.items(), grads, strict=True):
                if g is not None:
                    scores[name] += _score(criterion, p.detach(), g.detach())
    return {name: score.cpu().numpy() for name, score in scores.items()}


def _score(criterion: str, weight: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    product = weight * gradient
    if criterion == "grasp":
        return -product
    return product.square() if criterion in ("taylor", "obs") else product.abs()
