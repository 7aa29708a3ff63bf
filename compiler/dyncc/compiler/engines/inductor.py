"""TorchInductor: one AOTInductor package a block, for deployments that have torch.

A block holds no control flow, so that what TorchInductor does to ``torch.cond`` on the CPU (a layout chosen
outside of a branch is not that which its body was compiled for) cannot happen here. A package holds its
weights. Its code does not check its inputs' sizes; so blocks whose sizes vary are not taken: export decides
questions about sizes below two for good, and a call of such a size would be answered wrongly.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from dyncc.compiler.engines.base import BlockSource, Built, EngineOptions, Unable, requirements
from dyncc.compiler.graph import placeholders, run_graph
from dyncc.compiler.lower.quiet import quiet
from dyncc.runtime.engine import Port
from dyncc.runtime.errors import EngineMissing

REASON_LENGTH = 200


class InductorCompiler:
    """Compiles blocks in this process, one after the other."""

    name = "inductor"
    suffix = ".pt2"

    def __init__(self, options: EngineOptions) -> None:
        self.device = options.device.partition(":")[0]
        if options.target not in (None, "native"):
            raise ValueError("inductor compiles for the machine it runs on: leave the target out")

    def require(self) -> None:
        compilers = os.environ.get("CXX", "g++ clang++ c++").split()
        if not any(map(shutil.which, compilers)):
            raise EngineMissing("the engine inductor needs a C++ compiler: apt-get install g++")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise EngineMissing(f"torch {torch.__version__} has no CUDA device here")

    def runs_here(self) -> bool:
        return True

    def support(self) -> Mapping[str, Path]:
        return {}

    def compile(self, blocks: Sequence[BlockSource], folder: Path) -> Mapping[str, Built | Unable]:
        with quiet(), _cached_in(folder / "cache"):
            return {block.name: self._one(block, folder / f"{n}.pt2") for n, block in enumerate(blocks)}

    def _one(self, block: BlockSource, path: Path) -> Built | Unable:
        if block.recorded is None:
            return Unable("the program was pruned, and the recorded block is the one before it")
        if any(isinstance(size, str) for port in (*block.inputs, *block.outputs) for size in port.shape):
            return Unable("sizes of the block vary from call to call")
        if not block.inputs:
            return Unable("the block has no inputs")
        try:
            inputs = tuple(_example(port).to(self.device) for port in block.inputs)
            module = _Module(block.recorded, block.kept, block.weights).to(self.device).eval()
            exported = torch.export.export(module, inputs)
            torch._inductor.aoti_compile_and_package(exported, package_path=str(path))
        except Exception as error:  # exporting and generating code fail in many ways of their own
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
            return Unable(text[:REASON_LENGTH])
        return Built(path, (), requirements(torch=torch.__version__, device=self.device))


class _Module(nn.Module):
    """A recorded graph as a module: its parameters are the inputs that are kept, the weights are buffers.

    What it returns is never an input or a weight, of which a package would give out the memory.
    """

    def __init__(self, graph: fx.Graph, kept: Sequence[int], weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.graph = graph
        self.kept = kept
        self.unused = len(list(placeholders(graph))) - len(kept)
        self.names: dict[str, str] = {}
        for node in graph.nodes:
            if node.op == "get_attr" and node.target not in self.names:
                self.names[str(node.target)] = f"weight_{len(self.names)}"
                self.register_buffer(self.names[str(node.target)], weights[str(node.target)].detach())

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        by_position = dict(zip(self.kept, given, strict=True))
        missing = torch.zeros(())
        inputs = [by_position.get(index, missing) for index in range(len(given) + self.unused)]
        weights = {name: getattr(self, attribute) for name, attribute in self.names.items()}
        return tuple(tensor.clone() for tensor in run_graph(self.graph, inputs, weights))


def _example(port: Port) -> torch.Tensor:
    if port.dtype == "bfloat16":
        return torch.zeros(port.shape, dtype=torch.bfloat16)  # type: ignore[arg-type] -- sizes are fixed
    return torch.from_numpy(np.zeros(port.shape, port.dtype))  # type: ignore[arg-type]


@contextmanager
def _cached_in(folder: Path) -> Iterator[None]:
    """TorchInductor's files in ``folder``: nothing of an earlier compile is taken for this one's."""
    before: Any = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TORCHINDUCTOR_CACHE_DIR"]
        else:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = before
