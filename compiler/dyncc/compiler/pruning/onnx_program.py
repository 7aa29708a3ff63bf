"""The reference interpreter over ONNX graphs, which ONNX Runtime runs one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir
import torch

from dyncc.compiler.reference import Interpreter, Observer
from dyncc.passes.prune.check import session
from dyncc.runtime.noise import Noise
from dyncc.runtime.program import Program


class OnnxInterpreter(Interpreter):
    """Runs a program of prepared graphs (their weights are in them); state starts from ``weights``."""

    def __init__(
        self,
        program: Program[onnx_ir.Model],
        weights: Mapping[str, np.ndarray] | None = None,
        *,
        observer: Observer | None = None,
        noise: Noise | None = None,
    ) -> None:
        self._sessions: dict[str, Any] = {}
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in (weights or {}).items()}
        super().__init__(program, tensors, observer=observer, noise=noise)  # type: ignore[arg-type]

    def graph(self, name: str, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        model: onnx_ir.Model = self.program.graphs[name]  # type: ignore[assignment]
        if name not in self._sessions:
            self._sessions[name] = session(model)
        given = {
            value.name: tensor.numpy(force=True)
            for value, tensor in zip(model.graph.inputs, inputs, strict=True)
        }
        results = self._sessions[name].run([value.name for value in model.graph.outputs], given)
        return tuple(torch.from_numpy(np.array(result)) for result in results)
