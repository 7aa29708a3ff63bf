"""An engine whose graphs are Python functions, and which records what it is asked to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from dyncc.runtime import program as p
from dyncc.runtime.bundle import host_modules, number_inputs
from dyncc.runtime.engine import Graph, Port, Run, as_numbers
from dyncc.runtime.manifest import GraphFile, Manifest
from dyncc.runtime.net import Net
from dyncc.runtime.session import Machine


class FakeEngine:
    """``functions`` by graph: from arrays to an array or a tuple of arrays."""

    name = "fake"
    keep = False

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.functions = functions
        self.loaded: list[str] = []
        self.calls: list[str] = []
        self.lock = threading.Lock()

    def load(self, graph: Graph) -> Run:
        self.loaded.append(graph.name)
        function = self.functions[graph.name]

        def run(*inputs: Any) -> Any:
            with self.lock:
                self.calls.append(graph.name)
            return function(*as_numbers(inputs, graph.numbers))

        return run

    def describe(self) -> Mapping[str, Any]:
        return {"engine": self.name}


def fake_net(
    program: p.Program[Any],
    functions: Mapping[str, Callable[..., Any]],
    weights: Mapping[str, Any] | None = None,
) -> Net:
    """``program`` as a net over a fake engine (``net.engine``), without files."""
    arity = {
        step.graph: (len(step.inputs), len(step.outputs))
        for block in program.blocks.values()
        for step in block.steps
        if isinstance(step, p.Compute)
    }
    files = {
        name: GraphFile(
            f"blocks/{name}.onnx",
            tuple(Port(f"i{index}", "float32") for index in range(inputs)),
            tuple(Port(f"o{index}", "float32") for index in range(outputs)),
        )
        for name, (inputs, outputs) in arity.items()
    }
    manifest = Manifest(program, files, generator="dyncc test")
    engine = FakeEngine(functions)
    kinds = number_inputs(program)
    blocks = {
        name: engine.load(Graph(name, file.file, file.inputs, file.outputs, kinds.get(name, {})))
        for name, file in files.items()
    }
    machine = Machine(program, host_modules(manifest, "host.py"), blocks, weights or {})
    return Net(manifest, machine, engine, "nowhere.dyncc")
