"""OBSPA: what is left of every layer is refitted to what the whole layer gave.

SPA, arXiv 2403.18955, section 4. For a layer with weights ``W`` the smallest ``‖Y − W'X̂‖² + λ‖W' − W_K‖²``
is at ``W' = (Y X̂ᵀ + λ W_K)(X̂ X̂ᵀ + λ I)⁻¹``, where ``Y`` is what the original layer gives in the original
network, ``X̂`` what the pruned layer is given in the pruned network, and ``W_K`` the weights that are left.
That is the update of Optimal Brain Surgeon for structures (one Hessian serves all rows, since all lose the
same columns), in its asymmetric form: layers are refitted in topological order, each to make up for what
those before it got wrong. Only one layer's ``X̂ X̂ᵀ`` is held at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from dyncc.passes.prune.check import session
from dyncc.passes.prune.errors import PruneError
from dyncc.passes.prune.model import Plan
from dyncc.passes.prune.operators.base import attribute, required, value_of

Feeds = Mapping[str, np.ndarray]
Progress = Callable[[int, int, str], None]
"""Is told how many of how many layers are done, and which is next; at the end that all are."""
Matrix = NDArray[np.float64]

DAMPING = 1e-2
"""λ, as a share of the mean of the diagonal of ``X̂ X̂ᵀ``."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A node with weights of its own. ``transposed`` says that the constant is used transposed."""

    node: onnx_ir.Node
    weight: onnx_ir.Value
    transposed: bool
    bias: onnx_ir.Value | None


def refit(
    plan: Plan,
    pruned: onnx_ir.Model,
    data: Sequence[Feeds],
    damping: float = DAMPING,
    progress: Progress | None = None,
    given: Sequence[Feeds] | None = None,
    shared: frozenset[str] = frozenset(),
) -> int:
    """Refit the layers of ``pruned`` (made by ``plan``) on ``data``, in place; gives how many there were.

    ``data`` are batches of inputs of the network, ``given`` what the pruned one is given in their place (it
    may be part of a larger one; without, the same). Layers in the bodies of ONNX branches and loops, and
    weights that several nodes share, or that are ``shared`` with other graphs (by name), stay as they are;
    so do those that are applied to other rows than in the original (``x[mask]``, by a mask that differs).
    Raises :class:`PruneError` where the data do not fit.
    """
    originals = {_name(layer): layer for layer in layers(plan.model)}
    work = [layer for layer in layers(pruned) if _name(layer) in originals and not _among(layer, shared)]
    keeps = {_name(layer): _kept_outputs(plan, originals[_name(layer)]) for layer in work}
    for number, layer in enumerate(work):
        name = _name(layer)
        if progress is not None:
            progress(number, len(work), name)
        wanted = _activations(plan.whole, name, data)
        inputs = _activations(pruned, required(layer.node, 0).name or "", data if given is None else given)
        with contextlib.suppress(_Unpaired):
            _refit_layer(layer, inputs, wanted, keeps[name], damping, shared)
    if progress is not None:
        progress(len(work), len(work), "")
    return len(work)


class _Unpaired(Exception):
    """The layer is applied to other rows than in the original: what they are is chosen by values."""


def _among(layer: Layer, names: frozenset[str]) -> bool:
    return layer.weight.name in names or (layer.bias is not None and layer.bias.name in names)


def _name(layer: Layer) -> str:
    return layer.node.outputs[0].name or ""


def column_scores(
    model: onnx_ir.Model, data: Sequence[Feeds], damping: float = DAMPING
) -> dict[str, tuple[int, Matrix]]:
    """By weight of a layer, the axis of its input channels and a score for each of them.

    The score is what refitting could not make up for if the channel went, as a share of the layer's output:
    ``Σ_rows w_S ((H⁻¹)_SS)⁻¹ w_Sᵀ`` over the columns ``S`` of the channel.
    """
    found: dict[str, tuple[int, Matrix]] = {}
    for layer in layers(model):
        conv = layer.node.op_type == "Conv"
        if conv and attribute(layer.node, "group", 1) > 1:
            continue  # its channels are those of its output, and count with the layers after it
        rows = _rows(layer)
        flat = rows.reshape(rows.shape[0], -1).astype(np.float64)
        sums = _Sums(flat.shape[1], 0, layer.bias is not None)
        for x in _activations(model, required(layer.node, 0).name or "", data):
            (mine,) = _columns(layer, x, rows, 1)
            sums.add(mine.astype(np.float64), np.zeros((0, mine.shape[1])))
        energy = np.einsum("ri,ij,rj->", flat, sums.hessian(0.0), flat, optimize=True)
        losses = _losses(sums.hessian(damping), flat, rows.shape[1]) / (float(energy) or 1.0)
        found[layer.weight.name or ""] = (1 if conv or layer.transposed else 0, losses)
    return found


def _losses(hessian: Matrix, weights: Matrix, channels: int) -> Matrix:
    """The loss of every channel, each of which has as many columns as the others."""
    inverse = np.linalg.inv(hessian)
    each = len(hessian) // channels
    block = inverse.reshape(channels, each, channels, each)[np.arange(channels), :, np.arange(channels)]
    mine = weights.reshape(-1, channels, each)
    return np.einsum("rci,cij,rcj->c", mine, np.linalg.inv(block), mine, optimize=True)


def layers(model: onnx_ir.Model) -> list[Layer]:
    """The layers that can be refitted, in topological order."""
    found: list[Layer] = []
    for node in model.graph:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.domain not in ("", "ai.onnx"):
            continue
        weight, transposed = required(node, 1), bool(attribute(node, "transB", 0))
        maker = weight.producer()
        if maker is not None and maker.op_type == "Transpose" and maker.inputs[0] is not None:
            if list(attribute(maker, "perm", [1, 0])) != [1, 0]:
                continue
            weight, transposed = maker.inputs[0], not transposed
        bias = value_of(node, 2)
        if bias is not None and (
            bias.const_value is None or len(bias.uses()) > 1 or len(bias.const_value.shape) != 1
        ):
            continue
        if weight.const_value is None or len(weight.uses()) > 1 or not _plain(node, weight):
            continue
        found.append(Layer(node, weight, transposed, bias))
    return found


def _plain(node: onnx_ir.Node, weight: onnx_ir.Value) -> bool:
    assert weight.const_value is not None
    if node.op_type == "Conv":
        return attribute(node, "auto_pad", "NOTSET") in ("NOTSET", "VALID")
    if len(weight.const_value.shape) != 2:
        return False
    return (
        not attribute(node, "transA", 0)
        and attribute(node, "alpha", 1.0) == attribute(node, "beta", 1.0) == 1.0
    )


def _kept_outputs(plan: Plan, layer: Layer) -> NDArray[np.bool_]:
    """Which channels of the original layer's output are left."""
    result = layer.node.outputs[0]
    axis = 1 if layer.node.op_type == "Conv" else -1
    return plan.network.kept(result, axis, plan.removed)


def _activations(model: onnx_ir.Model, name: str, data: Sequence[Feeds]) -> Iterator[np.ndarray]:
    """The value ``name`` for every batch."""
    if any(value.name == name for value in model.graph.inputs):
        yield from (feeds[name] for feeds in data)
        return
    value = next(v for node in model.graph for v in node.outputs if v.name == name)
    outputs = list(model.graph.outputs)
    model.graph.outputs[:] = [value]
    try:
        runner = session(model)
    finally:
        model.graph.outputs[:] = outputs
    for feeds in data:
        try:
            yield np.asarray(runner.run([name], dict(feeds))[0])
        except Exception as error:
            # onnxruntime's own classes
            reason = str(error).strip().splitlines()[0]
            raise PruneError(
                f"the network does not run on the data: {reason}", "check names and shapes"
            ) from error


def _refit_layer(
    layer: Layer,
    given: Iterator[np.ndarray],
    wanted: Iterator[np.ndarray],
    keep: NDArray[np.bool_],
    damping: float,
    shared: frozenset[str],
) -> None:
    conv = layer.node.op_type == "Conv"
    groups = attribute(layer.node, "group", 1) if conv else 1
    rows = _rows(layer)
    flat = rows.reshape(groups, rows.shape[0] // groups, -1).astype(np.float64)
    layer_outputs = keep.size
    sums = [_Sums(flat.shape[2], flat.shape[1], layer.bias is not None) for _ in range(groups)]
    for x, y in zip(given, wanted, strict=True):
        columns = _columns(layer, x, rows, groups)
        if columns[0].shape[1] != y.size // layer_outputs:
            raise _Unpaired
        outputs = np.moveaxis(y, 1, 0) if conv else np.moveaxis(y, -1, 0)
        targets = outputs.reshape(outputs.shape[0], -1)[keep].reshape(groups, flat.shape[1], -1)
        for one, mine, target in zip(sums, columns, targets, strict=True):
            one.add(mine.astype(np.float64), target.astype(np.float64))
    fitted = [one.solve(old, damping) for one, old in zip(sums, flat, strict=True)]
    _follow(layer, [one.moments(weight) for one, (weight, _) in zip(sums, fitted, strict=True)], shared)
    new = np.concatenate([weight for weight, _ in fitted]).reshape(rows.shape)
    _store(layer.weight, new if conv or layer.transposed else new.T)
    if layer.bias is not None:
        _store(layer.bias, np.concatenate([offset for _, offset in fitted]))


def _rows(layer: Layer) -> np.ndarray:
    """The weights with a row for every output."""
    assert layer.weight.const_value is not None
    array = layer.weight.const_value.numpy()
    return array if layer.node.op_type == "Conv" or layer.transposed else array.T


def _columns(layer: Layer, x: np.ndarray, rows: np.ndarray, groups: int) -> list[np.ndarray]:
    """What the layer multiplies its weights with: for each group a matrix with a column for every place."""
    if layer.node.op_type == "Conv":
        return _patches(layer.node, x, rows.shape[2:], groups)
    return [x.reshape(-1, x.shape[-1]).T]


def _store(value: onnx_ir.Value, array: np.ndarray) -> None:
    assert value.const_value is not None
    dtype = value.const_value.dtype
    made = np.ascontiguousarray(array).astype(dtype.numpy())
    value.const_value = onnx_ir.tensor(made, dtype=dtype, name=value.name)


Moments = tuple[Matrix, Matrix, Matrix, Matrix]
"""Mean and variance of what a layer gave and of what it gives, by output."""


def _follow(layer: Layer, moments: Sequence[Moments], shared: frozenset[str]) -> None:
    """Let the batch norm after a layer follow its outputs, by as much as these changed on the data.

    A fit gives less variance than there was. By as much: data that are not like those of the training would
    mislead absolute statistics.
    """
    uses = list(layer.node.outputs[0].uses())
    if len(uses) != 1 or uses[0].node.op_type != "BatchNormalization" or uses[0].idx != 0:
        return
    mean, variance = (required(uses[0].node, index) for index in (3, 4))
    if any(
        value.const_value is None or len(value.uses()) > 1 or value.name in shared
        for value in (mean, variance)
    ):
        return
    assert mean.const_value is not None and variance.const_value is not None
    was_mean, was_variance, new_mean, new_variance = (
        np.concatenate(part) for part in zip(*moments, strict=True)
    )
    if layer.bias is not None:
        new_mean = was_mean  # the bias sees to it
    _store(mean, mean.const_value.numpy() + new_mean - was_mean)
    ratio = np.where(was_variance > 1e-12, new_variance / np.maximum(was_variance, 1e-12), 1.0)
    _store(variance, variance.const_value.numpy() * ratio)


class _Sums:
    """The sums of one layer (or group of it): ``X̂X̂ᵀ``, ``YX̂ᵀ`` and, for an intercept, the means."""

    def __init__(self, columns: int, rows: int, intercept: bool) -> None:
        self.gram: Matrix = np.zeros((columns, columns))
        self.cross: Matrix = np.zeros((rows, columns))
        self.x: Matrix = np.zeros(columns)
        self.y: Matrix = np.zeros(rows)
        self.squares: Matrix = np.zeros(rows)
        self.count = 0
        self.intercept = intercept

    def add(self, x: Matrix, y: Matrix) -> None:
        self.gram += x @ x.T
        self.cross += y @ x.T
        self.x += x.sum(axis=1)
        self.y += y.sum(axis=1)
        self.squares += (y * y).sum(axis=1)
        self.count += x.shape[1]

    def moments(self, weights: Matrix) -> Moments:
        count = max(self.count, 1)
        was = self.y / count
        new = weights @ self.x / count
        squares = np.einsum("ri,ij,rj->r", weights, self.gram, weights, optimize=True)
        return was, self.squares / count - was**2, new, squares / count - new**2

    def hessian(self, damping: float) -> Matrix:
        """``X̂X̂ᵀ`` about the mean where there is an intercept, damped."""
        gram = self.gram
        if self.intercept and self.count:
            gram = gram - np.outer(self.x, self.x) / self.count
        strength = damping * float(np.trace(gram)) / max(len(gram), 1)
        return gram + (strength or float(damping > 0)) * np.eye(len(gram))

    def solve(self, old: Matrix, damping: float) -> tuple[Matrix, Matrix]:
        """The new weights and the new bias."""
        gram, cross = self.gram, self.cross
        mean_x, mean_y = self.x / max(self.count, 1), self.y / max(self.count, 1)
        if self.intercept:
            gram = gram - self.count * np.outer(mean_x, mean_x)
            cross = cross - self.count * np.outer(mean_y, mean_x)
        strength = damping * float(np.trace(gram)) / max(len(gram), 1) or 1.0
        system = gram + strength * np.eye(len(gram))
        new: Matrix = np.linalg.solve(system, (cross + strength * old).T).T.astype(np.float64)
        return new, mean_y - new @ mean_x


def _patches(node: onnx_ir.Node, x: np.ndarray, kernel: Sequence[int], groups: int) -> list[np.ndarray]:
    """For each group a matrix with a column for every place at which the kernel is applied."""
    spatial = len(kernel)
    pads = attribute(node, "pads", [0] * 2 * spatial)
    strides = attribute(node, "strides", [1] * spatial)
    dilations = attribute(node, "dilations", [1] * spatial)
    around = [(0, 0), (0, 0), *zip(pads[:spatial], pads[spatial:], strict=True)]
    padded = np.pad(x, around)
    reach = tuple((size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + spatial)))
    places = tuple(slice(None, None, step) for step in strides)
    inside = tuple(slice(None, None, step) for step in dilations)
    windows = windows[(slice(None), slice(None), *places, *inside)]
    # [N, C, places, kernel] to [C, kernel, N, places]
    order = [1, *range(2 + spatial, 2 + 2 * spatial), 0, *range(2, 2 + spatial)]
    matrix = windows.transpose(order).reshape(x.shape[1], int(np.prod(kernel)), -1)
    each = x.shape[1] // groups
    return [matrix[g * each : (g + 1) * each].reshape(-1, matrix.shape[2]) for g in range(groups)]
