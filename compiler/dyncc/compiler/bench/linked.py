"""The oracle of a bundle: the graphs that one call ran, in order, linked to one graph without decisions.

A call is made with an engine that writes down which graph took and gave which arrays. Arrays are told apart
by identity: what a graph takes came from an earlier graph, from the caller, or from the host, and is then a
constant of this path. So calls with the same graphs and the same constants share a linked graph, in which
nothing is left of what only decided (its results lead nowhere and are dropped).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx_ir
import onnx_ir.passes.common

from dyncc.compiler.bench.calls import Call, for_numpy, leaves
from dyncc.compiler.bench.contenders import INPUT
from dyncc.runtime import Path as Taken
from dyncc.runtime import load
from dyncc.runtime.bundle import make_engine
from dyncc.runtime.engine import Graph

Source: TypeAlias = "tuple[str, int, int]"
"""``("graph", run, output)``, ``("input", leaf, 0)`` or ``("constant", index, 0)``."""


class NotLinkable(Exception):
    """A call cannot be written as one graph; the text says why."""


@dataclass
class Recording:
    """What one call did."""

    decisions: tuple[tuple[str, int], ...] = ()
    runs: list[tuple[str, list[Source]]] = field(default_factory=list["tuple[str, list[Source]]"])
    constants: list[np.ndarray[Any, Any]] = field(default_factory=list["np.ndarray[Any, Any]"])
    results: list[Source] = field(default_factory=list[Source])
    """Where the arrays of the result come from."""

    def key(self) -> str:
        """Calls with equal keys are served by the same linked graph."""
        digest = hashlib.sha256(repr((self.runs, self.results)).encode())
        for array in self.constants:
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


class Recorder:
    """An engine that runs graphs and writes down what they took and gave."""

    keep = False

    def __init__(self, threads: int) -> None:
        self.inner = make_engine("onnxruntime", threads=threads)
        self.name = self.inner.name
        self.recording = Recording()
        self.known: dict[int, Source] = {}
        self.alive: list[Any] = []
        """What identities stand for: an array that were freed would give its identity to another."""

    def describe(self) -> Mapping[str, Any]:
        return self.inner.describe()

    def load(self, graph: Graph) -> Callable[..., Any]:
        run = self.inner.load(graph)

        def recorded(*inputs: Any) -> Any:
            number = len(self.recording.runs)
            dtypes = graph.numbers
            sources = [self.source(value, dtypes.get(index)) for index, value in enumerate(inputs)]
            self.recording.runs.append((graph.name, sources))
            outputs = run(*inputs)
            for index, value in enumerate([outputs] if len(graph.outputs) == 1 else outputs):
                self.learn(value, ("graph", number, index))
            return outputs

        return recorded

    def begin(self, arguments: Any) -> None:
        """Before a call with these arguments."""
        self.recording = Recording()
        self.known, self.alive = {}, []
        for index, leaf in enumerate(leaves(arguments)):
            if isinstance(leaf, np.ndarray):
                self.learn(leaf, ("input", index, 0))

    def learn(self, value: Any, source: Source) -> None:
        self.known[id(value)] = source
        self.alive.append(value)

    def source(self, value: Any, dtype: str | None = None) -> Source:
        """Where a value comes from; one that is not known is a constant, unless it is an input's copy."""
        if id(value) in self.known:
            return self.known[id(value)]
        array = np.asarray(value) if dtype is None or hasattr(value, "shape") else np.asarray(value, dtype)
        for known, source in zip(self.alive, self.known.values(), strict=False):
            if source[0] == "input" and _equal(known, array):
                return source
        self.recording.constants.append(array)
        source = ("constant", len(self.recording.constants) - 1, 0)
        if dtype is None:
            self.learn(value, source)
        return source


def _equal(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and np.array_equal(one, other)


class Linker:
    """Records calls of a bundle and links their graphs."""

    def __init__(self, bundle: Path, threads: int) -> None:
        self.bundle = bundle
        self.recorder = Recorder(threads)
        self.net = load(bundle, threads=threads, engine=self.recorder)
        self.models: dict[str, onnx_ir.Model] = {}

    def record(self, call: Call) -> Recording:
        """Make the call."""
        arguments = for_numpy((call.args, dict(call.kwargs)))
        self.net.reset()
        self.recorder.begin(arguments)
        taken = Taken()
        output = self.net(*arguments[0], **arguments[1], trace=taken)
        recording = self.recorder.recording
        recording.decisions = tuple(taken.decisions(self.net.program))
        for leaf in leaves(output):
            if isinstance(leaf, np.ndarray):
                recording.results.append(self.recorder.source(leaf))
        return recording

    def link(self, recording: Recording) -> onnx_ir.Model:
        """One model of what was recorded. Raises NotLinkable."""
        if not any(source[0] == "graph" for source in recording.results):
            raise NotLinkable("its results come from no graph")
        return _Linking(recording, {name: self._model(name) for name, _ in recording.runs}).run()

    def _model(self, name: str) -> onnx_ir.Model:
        if name not in self.models:
            model = onnx_ir.load(self.bundle / self.net.manifest.graphs[name].file)
            onnx_ir.external_data.load_to_model(model)
            self.models[name] = model
        return self.models[name]


class _Linking:
    def __init__(self, recording: Recording, models: Mapping[str, onnx_ir.Model]) -> None:
        self.recording = recording
        self.models = models
        first = next(iter(models.values()))
        self.graph = onnx_ir.Graph(
            [], [], nodes=[], opset_imports=dict(first.graph.opset_imports), name="path"
        )
        self.ir_version = first.ir_version
        self.values: dict[Source, onnx_ir.Value] = {}

    def run(self) -> onnx_ir.Model:
        for number, (name, sources) in enumerate(self.recording.runs):
            self._append(number, self.models[name], sources)
        for position, source in enumerate(self.recording.results):
            self.graph.outputs.append(self._output(position, source))
        model = onnx_ir.Model(self.graph, ir_version=self.ir_version, producer_name="dyncc")
        onnx_ir.passes.common.RemoveUnusedNodesPass()(model)
        onnx_ir.passes.common.DeduplicateInitializersPass()(model)
        unused = [value for value in self.graph.inputs if not value.uses()]
        self.graph.inputs[:] = [value for value in self.graph.inputs if value not in unused]
        return model

    def _append(self, number: int, model: onnx_ir.Model, sources: Sequence[Source]) -> None:
        """The nodes of a graph, their inputs replaced by where they come from."""
        graph = model.graph.clone()
        outputs = list(graph.outputs)
        for value, source in zip(list(graph.inputs), sources, strict=True):
            onnx_ir.convenience.replace_all_uses_with(value, self._value(source, value))
        for value in list(graph.initializers.values()):
            del graph.initializers[value.name or ""]
            value.name = f"w{number}.{value.name}"
            self.graph.register_initializer(value)
        nodes = list(graph)
        graph.remove(nodes)
        for node in nodes:
            node.name = f"{number}.{node.name}"
            for value in node.outputs:
                value.name = f"{number}.{value.name}"
        self.graph.extend(nodes)
        for index, value in enumerate(outputs):
            if value in graph.inputs:
                raise NotLinkable("a graph gives back what it was given")
            self.values["graph", number, index] = value

    def _value(self, source: Source, like: onnx_ir.Value) -> onnx_ir.Value:
        if source not in self.values:
            self.values[source] = made = onnx_ir.Value(name=_name(source), shape=like.shape, type=like.type)
            if source[0] == "input":
                self.graph.inputs.append(made)
            else:
                made.const_value = onnx_ir.tensor(self.recording.constants[source[1]], name=made.name)
                self.graph.register_initializer(made)
        return self.values[source]

    def _output(self, position: int, source: Source) -> onnx_ir.Value:
        if source[0] == "graph":
            value = self.values[source]
        elif source[0] == "constant":
            array = self.recording.constants[source[1]]
            value = onnx_ir.Value(name=f"constant_{position}", shape=onnx_ir.Shape(array.shape))
            value.const_value = onnx_ir.tensor(array, name=value.name)
            self.graph.register_initializer(value)
        else:
            raise NotLinkable("it returns what it was given")
        # a value that is returned twice, or is a constant, has a node of its own for each place
        node = onnx_ir.node("Identity", [value], name=f"result_{position}")
        node.outputs[0].name = f"output_{position}"
        node.outputs[0].type, node.outputs[0].shape = value.type, value.shape
        self.graph.append(node)
        return node.outputs[0]


def _name(source: Source) -> str:
    return f"{INPUT}{source[1]}" if source[0] == "input" else f"host_{source[1]}"
