"""``--verify-each`` for ONNX graphs: what a pass changed is run before and after, on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir

from dyncc.compiler.check.compare import END_TO_END, Tolerances, compare
from dyncc.compiler.diagnostics import CompileError, Diagnostic

FREE_SIZE = 3
"""The size that a free one has in the inputs."""


class GraphProbe:
    """Keeps what graphs give, and compares after each pass. Does nothing where no engine is installed."""

    def __init__(self, graphs: Mapping[str, onnx_ir.Model], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.inputs = {name: _inputs(model, rng) for name, model in graphs.items()}
        self.expected: dict[str, Sequence[Any] | None] = {}
        self.measure(graphs)

    def measure(self, graphs: Mapping[str, onnx_ir.Model]) -> None:
        """Expect what these give: after a pass that is right for the numbers of its program alone."""
        self.expected = {name: run_model(model, self.inputs[name]) for name, model in graphs.items()}

    def compare(
        self, graphs: Mapping[str, onnx_ir.Model], after: str, tolerances: Tolerances = END_TO_END
    ) -> None:
        """Raise CompileError (DY301) where a graph gives something else than before the pass ``after``."""
        problems: list[Diagnostic] = []
        for name, model in graphs.items():
            expected, actual = self.expected[name], run_model(model, self.inputs[name])
            if expected is None or actual is None:
                continue
            for difference in compare(list(expected), list(actual), tolerances).differences:
                text = f"the pass `{after}` changed the graph `{name}`: {difference}"
                problems.append(Diagnostic("DY301", text, None))
        if problems:
            raise CompileError(problems)


def run_model(model: onnx_ir.Model, inputs: Mapping[str, np.ndarray[Any, Any]]) -> Sequence[Any] | None:
    """What a model gives in ONNX Runtime without optimization; None where it cannot be run."""
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session: Any = onnxruntime.InferenceSession(
            onnx_ir.to_proto(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return session.run(None, dict(inputs))
    except (
        Exception
    ):  # onnxruntime's own classes: random inputs may not suit, the check of blocks has better
        return None


def _inputs(model: onnx_ir.Model, rng: np.random.Generator) -> dict[str, np.ndarray[Any, Any]]:
    return {str(value.name): _input(value, rng) for value in model.graph.inputs}


def _input(value: onnx_ir.Value, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    shape = tuple(size if isinstance(size, int) else FREE_SIZE for size in value.shape or ())
    dtype = (value.dtype or onnx_ir.DataType.FLOAT).numpy()
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, shape)).astype(dtype)
    if dtype.kind in "iu":
        return np.asarray(rng.integers(0, 2, shape)).astype(dtype)
    return np.asarray(rng.standard_normal(shape)).astype(dtype)
