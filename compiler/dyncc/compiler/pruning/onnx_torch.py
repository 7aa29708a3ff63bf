"""An ONNX graph run by PyTorch, for gradients: the same numbers, with respect to inputs and weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir
import torch
from torch.nn import functional as F

from dyncc.passes.prune.errors import PruneError
from dyncc.passes.prune.operators.base import attribute, integers_of
from dyncc.passes.prune.operators.reducing import reduced_axes

Values: TypeAlias = "dict[str, torch.Tensor]"
Rule: TypeAlias = "Callable[[onnx_ir.Node, Sequence[Any]], Any]"


def tensors(model: onnx_ir.Model) -> Values:
    """The constants of a model as tensors of their own, by name."""
    found: Values = {}
    for name, value in model.graph.initializers.items():
        assert value.const_value is not None
        found[name] = torch.from_numpy(np.array(value.const_value.numpy()))
    return found


def run_torch(model: onnx_ir.Model, feeds: Mapping[str, torch.Tensor], weights: Values) -> Values:
    """Every value of the graph by name. Raises :class:`PruneError` for an operator that has no rule."""
    values: Values = {**weights, **feeds}
    for node in model.graph:
        rule = RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if rule is None:
            raise PruneError(
                f"gradients through `{node.op_type}` are not known", "use l1, which needs none"
            )
        inputs = [values[v.name or ""] if v is not None and v.name else None for v in node.inputs]
        result = rule(node, inputs)
        outputs = result if isinstance(result, tuple) else (result,)
        values |= {
            value.name or "": made for value, made in zip(node.outputs, outputs, strict=False) if value.name
        }
    return values


# --------------------------------------------------------------------------------------------- rules


def _padded(inputs: Sequence[Any]) -> list[Any]:
    """Three inputs, None for those that are left out."""
    return [*inputs, None, None][:3]


def _conv(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x, weight, bias = _padded(inputs)
    spatial = weight.ndim - 2
    strides, dilations = (
        attribute(node, "strides", [1] * spatial),
        attribute(node, "dilations", [1] * spatial),
    )
    pads = attribute(node, "pads", [0] * 2 * spatial)
    where = str(attribute(node, "auto_pad", "NOTSET"))
    if where.startswith("SAME"):
        pads = _same_pads(x.shape[2:], weight.shape[2:], strides, dilations, where == "SAME_UPPER")
    x = F.pad(x, [p for axis in reversed(range(spatial)) for p in (pads[axis], pads[spatial + axis])])
    function = (F.conv1d, F.conv2d, F.conv3d)[spatial - 1]
    return function(x, weight, bias, strides, 0, dilations, attribute(node, "group", 1))


def _same_pads(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    upper: bool,
) -> list[int]:
    """Pads that make the result as long as the input over the stride.

    An odd one is at the end if ``upper``.
    """
    axes = zip(sizes, kernel, strides, dilations, strict=True)
    missing = [max(0, (-(-n // step) - 1) * step + (k - 1) * wide + 1 - n) for n, k, step, wide in axes]
    before = [(total + (not upper)) // 2 for total in missing]
    return [*before, *(total - first for total, first in zip(missing, before, strict=True))]


def _transposed(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x, weight, bias = _padded(inputs)
    spatial = weight.ndim - 2
    pads = attribute(node, "pads", [0] * 2 * spatial)
    if pads[:spatial] != pads[spatial:]:
        raise PruneError("gradients through a transposed convolution with uneven pads are not known")
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[spatial - 1]
    extra, dilations = attribute(node, "output_padding", 0), attribute(node, "dilations", [1] * spatial)
    strides = attribute(node, "strides", [1] * spatial)
    return function(x, weight, bias, strides, pads[:spatial], extra, attribute(node, "group", 1), dilations)


def _gemm(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    one, other, added = _padded(inputs)
    one = one.T if attribute(node, "transA", 0) else one
    other = other.T if attribute(node, "transB", 0) else other
    result = attribute(node, "alpha", 1.0) * (one @ other)
    return result if added is None else result + attribute(node, "beta", 1.0) * added


def _pool(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x, kernel = inputs[0], attribute(node, "kernel_shape")
    spatial = len(kernel)
    pads, strides = attribute(node, "pads", [0] * 2 * spatial), attribute(node, "strides", [1] * spatial)
    ceil, dilations = bool(attribute(node, "ceil_mode", 0)), attribute(node, "dilations", [1] * spatial)
    if pads[:spatial] != pads[spatial:] or attribute(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise PruneError("gradients through a pooling with uneven pads are not known")
    if node.op_type == "MaxPool":
        function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[spatial - 1]
        return function(x, kernel, strides, pads[:spatial], dilations, ceil)
    include = bool(attribute(node, "count_include_pad", 0))
    function = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[spatial - 1]
    return function(x, kernel, strides, pads[:spatial], ceil, include)


def _batch_norm(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x, scale, bias, mean, variance = inputs
    return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, attribute(node, "epsilon", 1e-5))


def _layer_norm(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x, scale, bias = _padded(inputs)
    axes = list(range(attribute(node, "axis", -1) % x.ndim, x.ndim))
    centred = x if "RMS" in node.op_type else x - x.mean(axes, keepdim=True)
    y = centred / (centred.square().mean(axes, keepdim=True) + attribute(node, "epsilon", 1e-5)).sqrt()
    y = y if scale is None else y * scale
    return y if bias is None else y + bias


def _instance_norm(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x, scale, bias = inputs
    return F.instance_norm(x, weight=scale, bias=bias, eps=attribute(node, "epsilon", 1e-5))


def _reshape(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x, target = inputs
    zero = attribute(node, "allowzero", 0)
    return x.reshape(
        [x.shape[i] if size == 0 and not zero else size for i, size in enumerate(target.tolist())]
    )


def _squeeze(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    axes = integers_of(node, "axes", 1)
    return inputs[0].squeeze(tuple(axes)) if axes else inputs[0].squeeze()


def _unsqueeze(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    axes = integers_of(node, "axes", 1) or []
    x = inputs[0]
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _slice(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x = inputs[0]
    # attributes before operator set 10
    numbers = [torch.tensor(attribute(node, name, [])) for name in ("starts", "ends", "axes")]
    numbers = [*inputs[1:], None, None][:4] if len(inputs) > 1 else [*numbers, None]
    starts, ends, axes, steps = ([] if v is None else v.tolist() for v in numbers)
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = axes[number] if axes else number
        step = steps[number] if steps else 1
        places = torch.arange(x.shape[axis])
        if step < 0:
            places = torch.from_numpy(
                np.arange(x.shape[axis])[slice(start, None if end < -x.shape[axis] else end, step)].copy()
            )
        else:
            places = places[slice(start, end, step)]
        x = x.index_select(axis, places)
    return x


def _gather(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x, places = inputs
    axis = attribute(node, "axis", 0) % x.ndim
    picked = x.index_select(axis, (places.long() % x.shape[axis]).reshape(-1))
    return picked.reshape(*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])


def _split(node: onnx_ir.Node, inputs: Sequence[Any]) -> tuple[torch.Tensor, ...]:
    axis = attribute(node, "axis", 0)
    sizes = integers_of(node, "split", 1)
    if not sizes:
        return tuple(inputs[0].tensor_split(len(node.outputs), axis))
    return tuple(inputs[0].split(sizes, axis))


def _reduce(function: Callable[..., torch.Tensor]) -> Rule:
    def reduced(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
        axes = reduced_axes(node, inputs[0].ndim)
        if axes is None:
            raise PruneError("gradients through a reduction of computed axes are not known")
        return function(inputs[0], axes, bool(attribute(node, "keepdims", 1))) if axes else inputs[0]

    return reduced


def _clip(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x: torch.Tensor = inputs[0]
    low, high = (*inputs[1:], None, None)[:2]
    low, high = attribute(node, "min", low), attribute(node, "max", high)
    return x.clamp(low, high) if low is not None or high is not None else x


def _cast(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    dtype = onnx_ir.DataType(attribute(node, "to")).numpy()
    return inputs[0].to(torch.from_numpy(np.zeros(1, dtype)).dtype)


def _expand(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    x, shape = inputs[0], inputs[1].tolist()
    return x.broadcast_to(torch.broadcast_shapes(x.shape, tuple(shape)))


def _filled(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    value = attribute(node, "value")
    array = value.numpy() if value is not None else np.zeros(1, np.float32)
    return torch.from_numpy(np.broadcast_to(array, inputs[0].tolist()).copy())


def _shape(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
    return torch.tensor(inputs[0].shape[attribute(node, "start") : attribute(node, "end")])


def _by(function: Callable[..., Any]) -> Rule:
    return lambda node, inputs: function(*inputs)


def _along(function: Callable[..., Any], default: int = -1) -> Rule:
    return lambda node, inputs: function(inputs[0], attribute(node, "axis", default))


def _div(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return one / other if one.is_floating_point() else torch.div(one, other, rounding_mode="trunc")


def _fold(function: Callable[..., torch.Tensor]) -> Rule:
    def folded(node: onnx_ir.Node, inputs: Sequence[Any]) -> torch.Tensor:
        result = inputs[0]
        for other in inputs[1:]:
            result = function(result, other)
        return result

    return folded


def _unary() -> Iterator[tuple[str, Rule]]:
    for (
        name
    ) in "Abs Ceil Cos Erf Exp Floor Log Neg Reciprocal Round Sigmoid Sign Sin Sqrt Tan Tanh".split():
        yield name, _by(getattr(torch, name.lower()))
    yield from (("Relu", _by(torch.relu)), ("Identity", _by(lambda x: x)), ("Softplus", _by(F.softplus)))
    yield from (("HardSwish", _by(F.hardswish)), ("Mish", _by(F.mish)), ("Not", _by(torch.logical_not)))
    yield from (("Selu", _by(F.selu)), ("IsNaN", _by(torch.isnan)), ("Dropout", lambda n, i: i[0]))
    yield "Elu", lambda n, i: F.elu(i[0], attribute(n, "alpha", 1.0))
    yield "LeakyRelu", lambda n, i: F.leaky_relu(i[0], attribute(n, "alpha", 0.01))
    yield "Gelu", lambda n, i: F.gelu(i[0], approximate=attribute(n, "approximate", "none"))
    yield (
        "HardSigmoid",
        lambda n, i: (attribute(n, "alpha", 0.2) * i[0] + attribute(n, "beta", 0.5)).clamp(0, 1),
    )


def _binary() -> Iterator[tuple[str, Rule]]:
    for name, function in (
        ("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Pow", torch.pow), ("Div", _div),
        ("Equal", torch.eq), ("Greater", torch.gt), ("GreaterOrEqual", torch.ge), ("Less", torch.lt),
        ("LessOrEqual", torch.le), ("And", torch.logical_and), ("Or", torch.logical_or),
        ("MatMul", torch.matmul), ("Where", torch.where),
    ):  # fmt: skip
        yield name, _by(function)
    yield from (("Max", _fold(torch.maximum)), ("Min", _fold(torch.minimum)), ("Sum", _fold(torch.add)))
    yield "PRelu", _by(lambda x, slope: torch.where(x < 0, x * slope, x))
    yield "Einsum", lambda n, i: torch.einsum(attribute(n, "equation"), *i)


RULES: Mapping[str, Rule] = {
    **dict(_unary()),
    **dict(_binary()),
    "Conv": _conv,
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _by(lambda x: x.mean(tuple(range(2, x.ndim)), keepdim=True)),
    "GlobalMaxPool": _by(lambda x: x.amax(tuple(range(2, x.ndim)), keepdim=True)),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _layer_norm,
    "InstanceNormalization": _instance_norm,
    "Reshape": _reshape,
    "Flatten": lambda n, i: i[0].flatten(0, attribute(n, "axis", 1) - 1).flatten(1),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": lambda n, i: i[0].permute(attribute(n, "perm", list(range(i[0].ndim))[::-1])),
    "Concat": lambda n, i: torch.cat(list(i), attribute(n, "axis")),
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Expand": _expand,
    "ConstantOfShape": _filled,
    "Shape": _shape,
    "Cast": _cast,
    "Clip": _clip,
    "Softmax": _along(torch.softmax),
    "LogSoftmax": _along(torch.log_softmax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "ReduceMax": _reduce(torch.amax),
    "ReduceL2": _reduce(lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keep)),
}
