"""Parameters and multiply-adds of a network, also of one that is only planned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.groups import Network, is_floating, is_used, weights_of
from dyncc.passes.prune.operators.base import attribute, required
from dyncc.passes.prune.operators.recurrent import GATES


@dataclass(frozen=True)
class Cost:
    """``parameters`` are numbers in floating-point constants, ``flops`` twice the multiply-adds.

    A size that is not known counts as 1; the body of a loop counts as one turn, both sides of a branch
    count. With a profile, ``flops`` are those of a call, the mean over the calls of the profile.
    """

    parameters: int
    flops: int


@dataclass(eq=False)
class Costs:
    """Computes costs of one network again and again. Terms are products of sizes of axes.

    ``often`` says how often each graph runs; once without.
    """

    network: Network
    graphs: tuple[onnx_ir.Graph, ...]
    often: Sequence[float] = ()
    _weights: list[list[NDArray[np.int64]]] = field(init=False)
    _terms: list[tuple[float, list[NDArray[np.int64]]]] = field(init=False)

    def __post_init__(self) -> None:
        labels, atoms = self.network.components.labels, self.network.about.atoms
        shared: set[int] = set()
        self._weights = []
        for value in weights_of(self.graphs):
            if is_used(value) and is_floating(value):
                axes = atoms.of(value)
                # a weight of several graphs is one
                if axes and axes[0].size and int(axes[0][0]) in shared:
                    continue
                shared.update(int(axis[0]) for axis in axes[:1] if axis.size)
                self._weights.append([labels[axis] for axis in axes])
        self._terms = []
        for graph, often in zip(self.graphs, self.often or (1.0,) * len(self.graphs), strict=True):
            for node in graph.all_nodes():
                for factor, places in terms(node):
                    self._terms.append(
                        (factor * often, [labels[atoms.of(value)[axis]] for value, axis in places])
                    )

    def of(self, removed: NDArray[np.bool_]) -> Cost:
        """The cost when these classes are gone."""

        def product(axes: list[NDArray[np.int64]]) -> int:
            return math.prod(max(1, axis.size - int(removed[axis].sum())) for axis in axes)

        parameters = sum(product(axes) for axes in self._weights)
        flops = sum(factor * product(axes) for factor, axes in self._terms)
        return Cost(parameters, int(flops))


def terms(node: onnx_ir.Node) -> Iterable[tuple[float, list[tuple[onnx_ir.Value, int]]]]:
    """The work of a node as products: a factor, and the axes whose sizes it is multiplied with."""
    if node.domain not in ("", "ai.onnx"):
        return
    kind = node.op_type
    if kind in ("Conv", "ConvTranspose"):
        weight = required(node, 1)
        moved = required(node, 0) if kind == "ConvTranspose" else node.outputs[0]
        yield 2.0, [*_axes(moved), *_axes(weight, 1)]
    elif kind in ("MatMul", "Gemm"):
        one = required(node, 0)
        inner = 0 if kind == "Gemm" and attribute(node, "transA", 0) else -1
        yield 2.0, [*_axes(node.outputs[0]), *_axes(one)[inner:][:1]]
    elif kind == "Einsum":
        yield 2.0, _einsum_axes(node)
    elif kind in GATES and len(dims(required(node, 0)) or ()) == 3:
        steps = _axes(required(node, 0))[:2]
        for index in (1, 2):
            yield 2.0, [*steps, *_axes(required(node, index))]


def _axes(value: onnx_ir.Value, first: int = 0) -> list[tuple[onnx_ir.Value, int]]:
    return [(value, axis) for axis in range(first, len(dims(value) or ()))]


def _einsum_axes(node: onnx_ir.Node) -> list[tuple[onnx_ir.Value, int]]:
    places: dict[str, tuple[onnx_ir.Value, int]] = {}
    operands = str(attribute(node, "equation")).replace(" ", "").partition("->")[0]
    for index, term in enumerate(operands.split(",")):
        if "." in term:
            return []
        for axis, label in enumerate(term):
            places.setdefault(label, (required(node, index), axis))
    return list(places.values())
