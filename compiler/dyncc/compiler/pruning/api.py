"""``prune``: of a PyTorch module, a lowered program or an ONNX model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx
import onnx_ir
import torch
from torch import nn

from dyncc.compiler.check.report import Example
from dyncc.compiler.lower import Lowered
from dyncc.compiler.pruning.bundle import Prune, PrunedLowered, prune_lowered
from dyncc.compiler.pruning.gradients import of_module, of_onnx
from dyncc.compiler.pruning.module import PrunedModule, prune_module
from dyncc.compiler.pruning.usage import usage_of_lowered
from dyncc.compiler.pruning.ways import Reduced
from dyncc.passes.prune.errors import OptionError
from dyncc.passes.prune.importance import GRADIENT, Importance
from dyncc.passes.prune.model import Pruned, Pruning
from dyncc.passes.prune.prepare import prepared
from dyncc.passes.prune.selection import Selection

Loss = Callable[[nn.Module, Any], torch.Tensor]


def prune(
    model: Any,
    args: Any = (),
    kwargs: Any = None,
    *,
    ratio: float | None = None,
    parameters: float | None = None,
    flops: float | None = None,
    latency: float | None = None,
    depth: float | None = None,
    criterion: str = "l1",
    aggregate: Literal["sum", "mean", "max", "prod"] = "mean",
    normalize: Literal["none", "sum", "mean", "max", "standard"] = "mean",
    scope: Literal["group", "global"] = "group",
    minimum: int = 1,
    multiple: int = 1,
    keep: Sequence[str] = (),
    data: Sequence[Any] | None = None,
    loss: Loss | None = None,
    profile: Sequence[Any] = (),
    seed: int = 0,
    in_place: bool = False,
) -> Any:
    """Remove coupled channels; gives a result with ``model`` and ``report``.

    ``model`` is an ``nn.Module`` with the example arguments ``args`` and ``kwargs`` (the result is a
    smaller module with the same code, trainable), a :class:`~dyncc.compiler.lower.Lowered` program, or an
    ONNX model.

    ``ratio`` is the share of channels that go; ``parameters``, ``flops`` and ``latency`` (measured here)
    the shares that may stay. ``depth`` is the share of residual branches to remove: those that add least to
    their sums (not of a module, whose code has them in it).
    Scores are by ``criterion`` (l1, l2, random, bn-scale; of a module also snip, grasp, crop, taylor and
    obs, which need batches ``data`` and ``loss(model, batch)``; of an ONNX model batches are dicts of
    arrays, with one of labels beside the inputs), ``aggregate`` over a channel,
    ``normalize`` over a group, and compared in a ``scope``. ``minimum`` channels of every group stay, a
    ``multiple`` where it is that large; ``keep`` are patterns of the names of weights whose groups stay
    whole.

    ``profile`` are calls of the program (tuples of arguments, as the ``examples`` of ``compile``): a
    channel counts by how often they use its weights, and FLOPs are those of a call, the mean over them.

    What is given is left as it was, but for ``in_place``. Raises
    :class:`~dyncc.passes.prune.errors.PruneError`, CompileError for a module that does not compile.
    """
    if isinstance(model, onnx.ModelProto):
        model = onnx_ir.from_proto(model)
    selection = Selection(
        ratio, parameters, flops, scope, minimum, multiple, tuple(keep), latency=latency, depth=depth
    )
    elementwise: Mapping[str, np.ndarray] | None = None
    if criterion in GRADIENT:
        elementwise = _gradients(model, data, loss, criterion)
    importance = Importance(criterion, aggregate, normalize, seed, elementwise)
    if isinstance(model, nn.Module):
        if depth is not None:
            raise OptionError(
                "residual branches are in the code of a module, which stays as it is",
                "compile it with `prune=Prune(Selection(depth=…))`, or prune an ONNX model",
            )
        return prune_module(
            model, args, kwargs, selection, importance, in_place=in_place, data=data, profile=profile
        )
    if isinstance(model, Lowered):
        usage = usage_of_lowered(model, _examples(model, profile))
        given = Prune(selection, importance, _examples(model, data or ()))
        reduced = Reduced(model, usage, usage) if usage else None
        return prune_lowered(model, given, given.data or (), reduced=reduced)
    if profile:
        raise OptionError("a profile is for programs, and an ONNX file has one path", "leave it out")
    if isinstance(model, onnx_ir.Model):
        batches = [{name: np.asarray(array) for name, array in batch.items()} for batch in data or ()]
        return _onnx(model, Pruning(selection, importance, data=batches or None), data)
    raise TypeError(
        f"cannot prune a {type(model).__name__}: give a module, a lowered program or an ONNX model"
    )


def _examples(lowered: Lowered, calls: Sequence[Any]) -> list[Example]:
    """Tuples of arguments as calls of the only method, or the first."""
    method = next(iter(lowered.program.methods))
    return [call if isinstance(call, Example) else Example(method, tuple(call)) for call in calls]


def _onnx(model: onnx_ir.Model, pruning: Pruning, data: Sequence[Any] | None) -> Pruned:
    if pruning.importance.criterion != "obspa":
        return pruning.run(model)
    from dyncc.compiler.pruning.onnx_model import obspa

    return obspa(model, pruning, data)


def _gradients(
    model: Any, data: Sequence[Any] | None, loss: Loss | None, criterion: str
) -> Mapping[str, np.ndarray]:
    if isinstance(model, onnx_ir.Model) and data:
        return of_onnx(prepared(model), data, criterion)
    if not isinstance(model, nn.Module):
        raise OptionError(
            f"the criterion `{criterion}` is for modules, and for ONNX models with `data`",
            "use l1, which needs no gradients",
        )
    if not data or loss is None:
        raise OptionError(
            f"the criterion `{criterion}` needs `data` and `loss`",
            "data=[batch, …], loss=lambda model, batch: …",
        )
    return of_module(model, data, loss, criterion)


__all__ = ["PrunedLowered", "PrunedModule", "prune"]
