"""Depth pruning: residual branches that add least are removed whole, the coarse end of structured pruning.

Where a network computes ``y = x + f(x)``, without the branch ``f`` it computes ``y = x``: no size changes,
and all that only ``f`` needed is dead. A branch counts by what it adds to the sum, ``‖f(x)‖² / ‖y‖²`` over
data. After "When Layers Play the Lottery, all Tickets Win at Initialization" (Jordao et al. 2023), where
those layers go whose removal changes the representation least.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.check import session
from dyncc.passes.prune.errors import PruneError
from dyncc.passes.prune.flops import terms
from dyncc.passes.prune.operators.base import required
from dyncc.passes.prune.rewrite import drop_unused

Feeds = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Branch:
    """``sum`` adds the branch, its input number ``index``, to what the branch began with.

    ``nodes`` are those that nothing but the branch needs.
    """

    sum: onnx_ir.Node
    index: int
    nodes: tuple[onnx_ir.Node, ...]

    @property
    def value(self) -> onnx_ir.Value:
        return required(self.sum, self.index)

    @property
    def name(self) -> str:
        return self.sum.outputs[0].name or "?"

    def weights(self) -> list[str]:
        """The names of the constants that its nodes use."""
        values = [value for node in self.nodes for value in node.inputs if value is not None]
        return list(dict.fromkeys(value.name or "" for value in values if value.const_value is not None))


def branches(model: onnx_ir.Model) -> list[Branch]:
    """The residual branches of a prepared model, in topological order: those that have none inside.

    A branch computes something (it has FLOPs), its value goes into the sum alone, and it has the shape of
    the sum. Bodies of ``If`` and ``Loop`` are not looked into.
    """
    places = {node: number for number, node in enumerate(model.graph)}
    found = [each for node in places if (each := _branch(node, places)) is not None]
    sums = {each.sum for each in found}
    return [each for each in found if sums.isdisjoint(each.nodes)]


def _branch(node: onnx_ir.Node, places: Mapping[onnx_ir.Node, int]) -> Branch | None:
    if node.op_type != "Add" or node.domain not in ("", "ai.onnx"):
        return None
    for index in (0, 1):
        skip, value = required(node, 1 - index), required(node, index)
        if skip.const_value is not None or value.is_graph_output() or len(value.uses()) != 1:
            continue
        shape = dims(value)
        if shape is None or None in shape or shape != dims(skip):
            continue
        nodes = _only_for(node, value, skip, places)
        if any(factor for each in nodes for factor, _ in terms(each)):
            return Branch(node, index, nodes)
    return None


def _only_for(
    sum_: onnx_ir.Node, value: onnx_ir.Value, skip: onnx_ir.Value, places: Mapping[onnx_ir.Node, int]
) -> tuple[onnx_ir.Node, ...]:
    """The nodes that only ``value`` needs, from ``skip`` on; none where it does not come of ``skip``."""
    above: set[onnx_ir.Node] = set()
    stack, depends = [value], False
    while stack:
        one = stack.pop()
        depends |= one is skip
        maker = one.producer()
        if one is skip or maker is None or maker in above:
            continue
        above.add(maker)
        stack += [each for each in maker.inputs if each is not None]
    if not depends:
        return ()
    only = {sum_}
    # from the branch's end upwards: each node after all that use it
    for node in sorted(above, key=places.__getitem__, reverse=True):
        if not any(output.is_graph_output() for output in node.outputs) and all(
            use.node in only for output in node.outputs for use in output.uses()
        ):
            only.add(node)
    return tuple(sorted(only - {sum_}, key=places.__getitem__))


def added(model: onnx_ir.Model, found: Sequence[Branch], data: Iterable[Feeds]) -> list[float]:
    """What each branch adds: the squares of its numbers, as a share of those of the sum, over ``data``."""
    if not found:
        return []
    values = [value for each in found for value in (each.value, each.sum.outputs[0])]
    names = list(dict.fromkeys(value.name or "" for value in values))
    outputs = list(model.graph.outputs)
    model.graph.outputs[:] = list(dict.fromkeys(values))
    try:
        runner = session(model)
    finally:
        model.graph.outputs[:] = outputs
    squares = dict.fromkeys(names, 0.0)
    for feeds in data:
        given = {value.name: feeds[value.name or ""] for value in model.graph.inputs}
        for name, array in zip(names, runner.run(names, given), strict=True):
            squares[name] += float(np.square(array, dtype=np.float64).sum())
    return [
        squares[each.value.name or ""] / (squares[each.name] or math.inf)
        if math.isfinite(squares[each.name])
        else math.inf
        for each in found
    ]


def without(model: onnx_ir.Model, gone: Sequence[Branch]) -> onnx_ir.Model:
    """A copy of ``model`` without these branches; all that is left keeps its name."""
    return _changed(model, gone, _skipped)


def zeroed(model: onnx_ir.Model, gone: Sequence[Branch]) -> onnx_ir.Model:
    """A copy of ``model`` with these branches multiplied by zero: what :func:`without` must equal."""
    return _changed(model, gone, _times_zero)


def _changed(
    model: onnx_ir.Model, gone: Sequence[Branch], change: Callable[[onnx_ir.Node, int], None]
) -> onnx_ir.Model:
    copy = model.clone()
    indices = {each.sum: each.index for each in gone}
    for old, new in zip(list(model.graph), list(copy.graph), strict=True):
        if old in indices:
            change(new, indices[old])
    return drop_unused(copy)


def _skipped(node: onnx_ir.Node, index: int) -> None:
    graph, old = node.graph, node.outputs[0]
    assert graph is not None
    made = onnx_ir.node("Identity", [required(node, 1 - index)])
    result, name = made.outputs[0], old.name
    result.type, result.shape = old.type, old.shape
    onnx_ir.convenience.replace_nodes_and_values(graph, node, [node], [made], [old], [result])
    result.name = name


def _times_zero(node: onnx_ir.Node, index: int) -> None:
    graph, value = node.graph, required(node, index)
    assert graph is not None and value.dtype is not None
    zero = onnx_ir.tensor(np.zeros((), value.dtype.numpy()), dtype=value.dtype)
    constant = onnx_ir.node("Constant", [], {"value": zero})
    product = onnx_ir.node("Mul", [value, constant.outputs[0]])
    graph.insert_before(node, [constant, product])
    node.replace_input_with(index, product.outputs[0])


@dataclass(frozen=True)
class RemovedBranch:
    """A residual branch that is gone.

    ``name`` is that of its sum, ``added`` the share that it was of that, ``operators`` how many went.
    """

    name: str
    added: float
    operators: int


@dataclass(frozen=True, eq=False)
class Shallow:
    """``model`` is ``whole`` without the branches ``gone``."""

    whole: onnx_ir.Model
    model: onnx_ir.Model
    gone: tuple[RemovedBranch, ...]

    @staticmethod
    def of(whole: onnx_ir.Model, going: Sequence[tuple[Branch, float]]) -> Shallow:
        """A prepared model without some of its branches, each given with what it adds."""
        told = tuple(RemovedBranch(each.name, share, len(each.nodes)) for each, share in going)
        return Shallow(whole, without(whole, [each for each, _ in going]), told)

    def reference(self) -> onnx_ir.Model:
        """The whole model with the branches multiplied by zero."""
        names = {each.name for each in self.gone}
        return zeroed(self.whole, [each for each in branches(self.whole) if each.name in names])


def least(
    found: Sequence[tuple[Branch, float]], share: float, keep: Sequence[str] = ()
) -> list[tuple[Branch, float]]:
    """The ``share`` of the branches, rounded down, that add least; none with a weight that ``keep`` names.

    Each is given with what it adds. Raises :class:`PruneError` where there is no branch at all.
    """
    if not found:
        raise PruneError(
            "there is no residual branch to remove in this network",
            "it takes a sum `x + f(x)` whose branch f is used nowhere else; --ratio removes channels",
        )
    free = [
        each
        for each in found
        if not any(fnmatch.fnmatchcase(name, pattern) for name in each[0].weights() for pattern in keep)
    ]
    order = sorted(range(len(free)), key=lambda number: free[number][1])
    going = sorted(order[: math.floor(share * len(found) + 1e-9)])
    return [free[number] for number in going]
