"""The oracle of a bundle: the graphs that one call ran, in order, linked to one graph without decisions.

A call is made with an engine that writes down which graph took and gave which arrays. Arrays are told apart
by identity: what a graph takes came from an earlier graph, from the caller, from the weights, or is a
number of the host, and is then a constant of this path. What the host does with arrays (``stack``, ``cat``)
becomes a node. So calls with the same graphs and the same constants share a linked graph, in which nothing
is left of what only decided (its results lead nowhere and are dropped). What made a number that is
returned, or that a later graph takes (a token), stays: it is a further output, :data:`EXTRA`.
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
from dyncc.runtime.engine import Graph
from dyncc.runtime.engines import make_engine

Source: TypeAlias = "tuple[str, int, int]"
"""``("run", number, output)``, ``("input", leaf, 0)`` or ``("constant", index, 0)``."""
EXTRA = "extra_"
HOST_FUNCTIONS = ("stack", "cat")
"""What a host may do with arrays."""


class NotLinkable(Exception):
    """A call cannot be written as one graph; the text says why."""


@dataclass(frozen=True)
class Ran:
    """A graph, or a function of the host (then with an axis), and where its operands came from."""

    name: str
    sources: tuple[Source, ...]
    axis: int | None = None


@dataclass
class Recording:
    """What one call did."""

    decisions: tuple[tuple[str, int], ...] = ()
    runs: list[Ran] = field(default_factory=list[Ran])
    constants: list[np.ndarray[Any, Any]] = field(default_factory=list["np.ndarray[Any, Any]"])
    results: list[Source] = field(default_factory=list[Source])
    """Where the arrays of the result come from."""
    read: list[tuple[Any, Source]] = field(default_factory=list["tuple[Any, Source]"])
    """Numbers that the host read, and from which array."""
    extra: list[Source] = field(default_factory=list[Source])
    """Where numbers come from that are returned or given to a later graph."""
    refused: str = ""
    """Why it cannot be linked."""

    @property
    def engine_calls(self) -> int:
        """How many graphs ran."""
        return sum(ran.axis is None for ran in self.runs)

    def key(self) -> str:
        """Calls with equal keys are served by the same linked graph."""
        digest = hashlib.sha256(repr((self.runs, self.results, self.extra)).encode())
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
            dtypes = graph.numbers
            sources = tuple(self.source(value, dtypes.get(index)) for index, value in enumerate(inputs))
            outputs = run(*inputs)
            self._ran(Ran(graph.name, sources), [outputs] if len(graph.outputs) == 1 else outputs)
            return outputs

        return recorded

    def watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the host that makes an array of arrays, written down."""

        def recorded(items: Sequence[Any], axis: int) -> Any:
            sources = tuple(map(self.source, items))
            output = function(items, axis)
            self._ran(Ran(name, sources, axis), [output])
            return output

        return recorded

    def reading(self, item: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The host's way to read a number, written down."""

        def recorded(array: Any) -> Any:
            number = item(array)
            if id(array) in self.known:
                self.recording.read.append((number, self.known[id(array)]))
            return number

        return recorded

    def keep_number(self, number: Any) -> None:
        """What made a number that is more than a decision (the last one read that is equal) is needed."""
        for read, source in reversed(self.recording.read):
            if type(read) is type(number) and read == number:
                if source not in self.recording.extra:
                    self.recording.extra.append(source)
                return

    def _ran(self, ran: Ran, outputs: Sequence[Any]) -> None:
        self.recording.runs.append(ran)
        for index, value in enumerate(outputs):
            self.learn(value, ("run", len(self.recording.runs) - 1, index))

    def begin(self, arguments: Any, weights: Sequence[Any]) -> None:
        """Before a call with these arguments; ``weights`` are the arrays that the host knows."""
        self.recording = Recording()
        self.known, self.alive = {}, []
        self.weights = {id(weight): weight for weight in weights}
        for index, leaf in enumerate(leaves(arguments)):
            if isinstance(leaf, np.ndarray):
                self.learn(leaf, ("input", index, 0))

    def learn(self, value: Any, source: Source) -> None:
        self.known[id(value)] = source
        self.alive.append(value)

    def source(self, value: Any, dtype: str | None = None) -> Source:
        """Where a value comes from: a number (of ``dtype``) or a weight is a constant.

        With any other array that is not known the call cannot be linked: it would not be computed.
        """
        if id(value) in self.known:
            return self.known[id(value)]
        array = np.asarray(value) if dtype is None or hasattr(value, "shape") else np.asarray(value, dtype)
        if isinstance(value, np.ndarray) and id(value) not in self.weights:
            for known in self.alive:
                if self.known[id(known)][0] == "input" and _equal(known, array):
                    return self.known[id(known)]
            self.recording.refused = "the host makes an array that no graph gave it"
        if not isinstance(value, np.ndarray):
            self.keep_number(value)
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
        namespace = vars(self.net._machine.modules.traced.cls)["__init__"].__globals__
        for name in HOST_FUNCTIONS:
            if name in namespace:
                namespace[name] = self.recorder.watched(name, namespace[name])
        if "item" in namespace:
            namespace["item"] = self.recorder.reading(namespace["item"])
        self.models: dict[str, onnx_ir.Model] = {}

    def record(self, call: Call) -> Recording:
        """Make the call."""
        arguments = for_numpy((call.args, dict(call.kwargs)))
        self.net.reset()
        self.recorder.begin(arguments, tuple(self.net._machine.weights.values()))
        taken = Taken()
        output = self.net(*arguments[0], **arguments[1], trace=taken)
        recording = self.recorder.recording
        recording.decisions = tuple(taken.decisions(self.net.program))
        for leaf in leaves(output):
            if isinstance(leaf, np.ndarray):
                recording.results.append(self.recorder.source(leaf))
            elif isinstance(leaf, bool | int | float):
                self.recorder.keep_number(leaf)
        return recording

    def link(self, recording: Recording) -> onnx_ir.Model:
        """One model of what was recorded. Raises NotLinkable."""
        if recording.refused:
            raise NotLinkable(recording.refused)
        if not any(source[0] == "run" for source in recording.results):
            raise NotLinkable("its results come from no graph")
        names = dict.fromkeys(ran.name for ran in recording.runs if ran.axis is None)
        return _Linking(recording, {name: self._model(name) for name in names}).run()

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
        for number, ran in enumerate(self.recording.runs):
            if ran.axis is None:
                self._append(number, self.models[ran.name], ran.sources)
            else:
                self.values["run", number, 0] = self._joined(number, ran, ran.axis)
        for position, source in enumerate(self.recording.results):
            self.graph.outputs.append(self._output(f"output_{position}", source))
        for position, source in enumerate(self.recording.extra):
            if source[0] == "run" and source not in self.recording.results:
                self.graph.outputs.append(self._output(f"{EXTRA}{position}", source))
        model = onnx_ir.Model(self.graph, ir_version=self.ir_version, producer_name="dyncc")
        onnx_ir.passes.common.RemoveUnusedNodesPass()(model)
        onnx_ir.passes.common.DeduplicateInitializersPass()(model)
        unused = [value for value in self.graph.inputs if not value.uses()]
        self.graph.inputs[:] = [value for value in self.graph.inputs if value not in unused]
        return model

    def _append(self, number: int, model: onnx_ir.Model, sources: Sequence[Source]) -> None:
        """The nodes of a graph, their inputs replaced by where they come from."""
        graph = model.graph.clone()
        _rename_sizes(graph, number)
        inputs, outputs = list(graph.inputs), list(graph.outputs)
        graph.outputs.clear()  # an output may be an initializer, which is to go to the other graph
        for value, source in zip(inputs, sources, strict=True):
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
            if value in inputs:
                raise NotLinkable("a graph gives back what it was given")
            self.values["run", number, index] = value

    def _joined(self, number: int, ran: Ran, axis: int) -> onnx_ir.Value:
        """``stack`` or ``cat`` of earlier values."""
        operands = [self._value(source) for source in ran.sources]
        if ran.name == "stack":
            axes = onnx_ir.Value(
                name=f"{number}.axes", const_value=onnx_ir.tensor([axis], name=f"{number}.axes")
            )
            self.graph.register_initializer(axes)
            nodes = [onnx_ir.node("Unsqueeze", [operand, axes]) for operand in operands]
            for index, node in enumerate(nodes):
                node.outputs[0].name = f"{number}.row{index}"
            self.graph.extend(nodes)
            operands = [node.outputs[0] for node in nodes]
        node = onnx_ir.node("Concat", operands, {"axis": axis})
        node.outputs[0].name, node.outputs[0].type = f"{number}.joined", operands[0].type
        self.graph.append(node)
        return node.outputs[0]

    def _value(self, source: Source, like: onnx_ir.Value | None = None) -> onnx_ir.Value:
        if source not in self.values:
            if source[0] == "input" and like is None:
                raise NotLinkable("the host takes what it was given")
            self.values[source] = made = onnx_ir.Value(name=_name(source))
            if like is not None and source[0] == "input":
                made.shape, made.type = like.shape, like.type
                self.graph.inputs.append(made)
            else:
                made.const_value = onnx_ir.tensor(self.recording.constants[source[1]], name=made.name)
                self.graph.register_initializer(made)
        return self.values[source]

    def _output(self, name: str, source: Source) -> onnx_ir.Value:
        if source[0] == "run":
            value = self.values[source]
        elif source[0] == "constant":
            array = self.recording.constants[source[1]]
            value = onnx_ir.Value(name=f"constant_{name}", shape=onnx_ir.Shape(array.shape))
            value.const_value = onnx_ir.tensor(array, name=value.name)
            self.graph.register_initializer(value)
        else:
            raise NotLinkable("it returns what it was given")
        # a value that is returned twice, or is a constant, has a node of its own for each place
        node = onnx_ir.node("Identity", [value], name=f"result_{name}")
        node.outputs[0].name = name
        node.outputs[0].type, node.outputs[0].shape = value.type, value.shape
        self.graph.append(node)
        return node.outputs[0]


def _rename_sizes(graph: onnx_ir.Graph, number: int) -> None:
    """Symbolic sizes hold for one run: ONNX Runtime reuses buffers of sizes with one name."""
    values = [*graph.inputs, *graph.initializers.values()]
    values += [value for node in graph.all_nodes() for value in node.outputs]
    for value in values:
        if value.shape is not None and not value.shape.is_static():
            value.shape = onnx_ir.Shape(
                f"run{number}_{size.value}"
                if isinstance(size, onnx_ir.SymbolicDim) and size.value
                else size
                for size in value.shape
            )


def _name(source: Source) -> str:
    return f"{INPUT}{source[1]}" if source[0] == "input" else f"host_{source[1]}"
