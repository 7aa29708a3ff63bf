"""Small ONNX networks from text, with random weights, and how a pruned one is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnx.parser
import onnx_ir

from dyncc.passes.prune.check import check, difference, generic_weights, run_reference
from dyncc.passes.prune.groups import Network
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.model import Pruned, Pruning
from dyncc.passes.prune.selection import Selection

Weights = Mapping[str, Sequence[int] | np.ndarray]


def net(text: str, weights: Weights, opset: int = 18, seed: int = 0) -> onnx_ir.Model:
    """``text`` is ``(inputs) => (outputs) { nodes }`` in ONNX's own syntax.

    A weight is its shape or itself.
    """
    random = np.random.default_rng(seed)
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]> net {text}')
    for name, value in weights.items():
        array = (
            np.asarray(value)
            if isinstance(value, np.ndarray | np.generic)
            else 0.5 * random.standard_normal(list(value))
        )
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    onnx.checker.check_model(model)
    return onnx_ir.from_proto(model)


def pruned(model: onnx_ir.Model, ratio: float = 0.5, **importance: object) -> Pruned:
    """Prune and check: exact, and not just because nothing depends on what was removed."""
    before = onnx_ir.to_proto(model).SerializeToString(deterministic=True)
    result = Pruning(Selection(ratio=ratio), Importance(**importance)).run(model)  # type: ignore[arg-type]
    assert onnx_ir.to_proto(model).SerializeToString(deterministic=True) == before, "the input was changed"
    onnx.checker.check_model(onnx_ir.to_proto(result.model), full_check=True)
    assert result.report.error is not None and result.report.error < 1e-5
    assert effect(result) > 1e-3, "removing these channels changes nothing, so the check shows nothing"
    return result


def effect(result: Pruned) -> float:
    """How much the outputs of the original change when the removed channels are zeroed."""
    plan = result.plan
    with generic_weights(plan.model):
        masked, feeds = run_reference(plan.reference(), None, 0)
        original, _ = run_reference(plan.model, feeds, 0)
    return max(difference(one, other) for one, other in zip(masked, original, strict=True))


def sizes(network: Network) -> dict[str, int]:
    """The number of channels by the weight that makes them."""
    found: dict[str, int] = {}
    for group in network.groups:
        found[group.name] = found.get(group.name, 0) + group.size
    return found


def recheck(result: Pruned, seed: int) -> None:
    """The check once more, on other inputs."""
    check(result.model, result.plan.reference(), seed=seed)
