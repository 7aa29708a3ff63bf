"""Changing the copy of a network: new constants and sizes, nodes before, after and instead of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from dyncc.passes.prune.atoms import Indices, dims


@dataclass(eq=False)
class Rewrite:
    """What a change to a node may ask about the original network, and do to the new one."""

    keeps: Callable[[onnx_ir.Value, int], NDArray[np.bool_]]
    """Which indices of an axis of the original stay."""
    model: onnx_ir.Model
    """The new one."""
    opset: int
    _made: int = 0
    _counts: dict[tuple[onnx_ir.Value, int], int] = field(
        default_factory=dict["tuple[onnx_ir.Value, int]", int]
    )

    # -------------------------------------------------------------------------------- the original

    def rank(self, value: onnx_ir.Value) -> int:
        return len(dims(value) or ())

    def kept(self, value: onnx_ir.Value, axis: int) -> NDArray[np.bool_]:
        """Which indices of an axis stay; of an axis of unknown size an empty array."""
        return self.keeps(value, axis)

    def count(self, value: onnx_ir.Value, axis: int) -> int | str | None:
        """The new size of an axis; what it was where it is not known."""
        size = (dims(value) or ())[axis]
        if not isinstance(size, int):
            return size
        found = self._counts.get((value, axis))
        if found is None:
            found = self._counts[value, axis] = int(self.kept(value, axis).sum())
        return found

    def pruned(self, value: onnx_ir.Value) -> bool:
        return any(self.count(value, axis) != size for axis, size in enumerate(dims(value) or ()))

    # ------------------------------------------------------------------------------------- the new

    def constant(self, array: np.ndarray, what: str) -> onnx_ir.Value:
        """A new constant of the network."""
        self._made += 1
        name = f"pruned_{what}_{self._made}"
        while name in self.model.graph.initializers:
            self._made += 1
            name = f"pruned_{what}_{self._made}"
        # a copy that is contiguous would give a scalar an axis
        tensor = onnx_ir.tensor(np.ascontiguousarray(array).reshape(array.shape), name=name)
        value = onnx_ir.Value(
            name=name,
            type=onnx_ir.TensorType(tensor.dtype),
            shape=onnx_ir.Shape(list(array.shape)),
            const_value=tensor,
        )
        self.model.graph.register_initializer(value)
        return value

    def set_input(self, node: onnx_ir.Node, index: int, numbers: Sequence[object] | np.ndarray) -> None:
        """Give a node whole numbers as an input."""
        node.replace_input_with(index, self.constant(np.asarray(numbers, np.int64), "sizes"))

    def set_shape(self, node: onnx_ir.Node, index: int, result: onnx_ir.Value) -> None:
        """Give a node the new shape of ``result``.

        Sizes that are not known are taken from the old input.
        """
        counts = [self.count(result, axis) for axis in range(self.rank(result))]
        computed = node.inputs[index]
        assert computed is not None
        if all(isinstance(count, int) for count in counts):
            self.set_input(node, index, counts)
            return
        rank = len(counts)
        own = dims(computed)
        shift = rank - own[0] if own and isinstance(own[0], int) else 0
        pieces: list[onnx_ir.Value] = []
        for axis, count in enumerate(counts):
            if isinstance(count, int):
                pieces.append(self.constant(np.array([count], np.int64), "size"))
            else:
                place = self.constant(np.array([axis - shift], np.int64), "place")
                pieces.append(self._before(node, "Gather", [computed, place], {"axis": 0}))
        node.replace_input_with(index, self._before(node, "Concat", pieces, {"axis": 0}))

    def gather_before(self, node: onnx_ir.Node, index: int, axis: int, places: Indices) -> None:
        """Let a node take only these places of an axis of its input."""
        value = node.inputs[index]
        assert value is not None
        picked = self._before(
            node, "Gather", [value, self.constant(places.astype(np.int64), "places")], {"axis": axis}
        )
        node.replace_input_with(index, picked)

    def scale_input(self, node: onnx_ir.Node, index: int, factor: np.ndarray) -> None:
        """Multiply an input by a constant that broadcasts."""
        value = node.inputs[index]
        assert value is not None
        scaled = self._before(node, "Mul", [value, self.constant(factor, "factor")], {})
        node.replace_input_with(index, scaled)

    def scale_output(self, node: onnx_ir.Node, factor: np.ndarray) -> None:
        """Multiply the first output by a constant that broadcasts."""
        value = node.outputs[0]
        made = onnx_ir.node("Mul", [value, self.constant(factor, "factor")])
        result = made.outputs[0]
        result.type, result.shape = value.type, value.shape
        graph = node.graph
        assert graph is not None
        name = value.name
        value.replace_all_uses_with(result, replace_graph_outputs=True)
        made.replace_input_with(0, value)
        graph.insert_after(node, made)
        value.name, result.name = f"{name}_unscaled", name

    def replace(self, node: onnx_ir.Node, operator: str, inputs: Sequence[onnx_ir.Value | None]) -> None:
        """Let another operator make the first output of a node."""
        made = onnx_ir.node(operator, inputs)
        self.put(node, [made])

    def put(self, node: onnx_ir.Node, nodes: Sequence[onnx_ir.Node]) -> None:
        """Put nodes, of which the last makes the first output, in the place of one."""
        graph = node.graph
        assert graph is not None
        old, new = node.outputs[0], nodes[-1].outputs[0]
        new.type, new.shape = old.type, old.shape
        name = old.name
        outputs = [value for value in graph.outputs]
        onnx_ir.convenience.replace_nodes_and_values(graph, node, [node], nodes, [old], [new])
        assert all(value is not old for value in graph.outputs) or old not in outputs
        new.name = name

    def _before(
        self,
        node: onnx_ir.Node,
        operator: str,
        inputs: Sequence[onnx_ir.Value],
        attributes: dict[str, int],
    ) -> onnx_ir.Value:
        made = onnx_ir.node(operator, inputs, attributes)
        self._made += 1
        made.outputs[0].name = f"pruned_{operator.lower()}_{self._made}"
        graph = node.graph
        assert graph is not None
        graph.insert_before(node, made)
        return made.outputs[0]
