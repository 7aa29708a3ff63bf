"""An engine of somebody else's, both halves in one file: the ONNX reference evaluator runs the blocks.

Its artifact is a file with the ONNX model and a stamp; it takes no block that has ``Tanh``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnx.reference
import onnx_ir

from dyncc.compiler.engines import BlockSource, Built, EngineOptions, Unable
from dyncc.runtime import EngineError, IncompatibleArtifact
from dyncc.runtime.engine import Graph, Run, Setup, as_numbers

STAMP = b"toy1"
VERSION = 1


class ToyCompiler:
    name = "toy"
    suffix = ".toy"

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    def require(self) -> None:
        pass

    def runs_here(self) -> bool:
        return True

    def support(self) -> Mapping[str, Path]:
        return {}

    def compile(self, blocks: Sequence[BlockSource], folder: Path) -> Mapping[str, Built | Unable]:
        return {block.name: self._one(block, folder / f"{n}.toy") for n, block in enumerate(blocks)}

    def _one(self, block: BlockSource, path: Path) -> Built | Unable:
        if any(node.op_type == "Tanh" for node in block.model.graph):
            return Unable("toy has no Tanh")
        path.write_bytes(STAMP + onnx_ir.to_proto(block.model).SerializeToString())
        return Built(path, (), {"version": VERSION})


class LyingCompiler(ToyCompiler):
    """Makes artifacts that give something else: the model's first Relu is left out."""

    name = "lying"

    def _one(self, block: BlockSource, path: Path) -> Built | Unable:
        proto = onnx_ir.to_proto(block.model)
        for node in proto.graph.node:
            if node.op_type == "Relu":
                node.op_type = "Identity"
        path.write_bytes(STAMP + proto.SerializeToString())
        return Built(path, (), {"version": VERSION})


class ToyEngine:
    name = "toy"
    keep = False

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.calls: list[str] = []

    def load(self, graph: Graph) -> Run:
        if graph.requires["version"] != VERSION:
            raise IncompatibleArtifact(f"the block {graph.name!r} was compiled by another toy")
        data = graph.path.read_bytes()
        if not data.startswith(STAMP):
            raise EngineError(f"toy refuses {graph.path}")
        evaluator = onnx.reference.ReferenceEvaluator(onnx.ModelProto.FromString(data[len(STAMP) :]))
        names = [port.name for port in graph.inputs]
        outputs = [port.name for port in graph.outputs]

        def run(*inputs: Any) -> Any:
            self.calls.append(graph.name)
            feeds = dict(zip(names, as_numbers(inputs, graph.numbers), strict=True))
            results: Any = evaluator.run(outputs, feeds)
            return results[0] if len(outputs) == 1 else results

        return run

    def describe(self) -> Mapping[str, Any]:
        return {"engine": self.name}
