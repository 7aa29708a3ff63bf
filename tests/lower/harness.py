"""Recorded graphs made from a Python function, and the comparison of PyTorch with ONNX Runtime."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir
import onnxruntime
import torch
from torch import fx
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from dyncc.compiler.graph import placeholders, run_graph
from dyncc.compiler.lower import Lowered, lower_program
from dyncc.passes.pipeline import DEFAULT_PIPELINE, parse_pipeline, run_onnx_passes
from dyncc.runtime.program import Block, Compute, Leaf, Program, Ref, Return, Span, State, TensorType, Value


class _Number:
    """Mixed into the numbers that a recorder knows: their arithmetic is recorded."""

    recorder: _Recorder


def _arithmetic(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)
    base = {"int": int, "float": float}

    def method(self: Any, *others: Any) -> Any:
        plain = [
            base[type(value).__name__](value) if isinstance(value, _Number) else value
            for value in (self, *others)
        ]
        node = self.recorder.graph.call_function(
            function, tuple(self.recorder.known(value) for value in (self, *others))
        )
        return self.recorder.number(function(*plain), node)

    return method


_OPERATORS = {
    f"__{name}__": _arithmetic(name)
    for name in ["add", "sub", "mul", "floordiv", "mod", "neg", "truediv", "pow"]
}
_INT = type("int", (_Number, int), _OPERATORS)
_FLOAT = type("float", (_Number, float), _OPERATORS)


class _Recorder(TorchFunctionMode):
    """Records the outermost torch calls on tensors, as the specializer does."""

    def __init__(self, graph: fx.Graph, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.graph, self.weights = graph, weights
        self.nodes: dict[int, fx.Node] = {}
        self.alive: list[Any] = []

    def bind(self, value: Any, node: fx.Node) -> None:
        self.alive.append(value)
        self.nodes[id(value)] = node
        if isinstance(value, torch.Tensor):
            node.meta["type"] = TensorType(str(value.dtype).removeprefix("torch."), tuple(value.shape))

    def known(self, value: Any) -> Any:
        """The node of a value; a tensor that comes from nowhere is a weight."""
        if isinstance(value, slice):
            return slice(*map(self.known, (value.start, value.stop, value.step)))
        if isinstance(value, torch.Tensor) and id(value) not in self.nodes:
            name = next((n for n, w in self.weights.items() if w is value), f"w{len(self.weights)}")
            self.weights[name] = value
            self.bind(value, self.graph.get_attr(name))
        return self.nodes.get(id(value), value) if isinstance(value, (torch.Tensor, _Number)) else value

    def number(self, value: Any, node: fx.Node) -> Any:
        if type(value) not in (int, float):
            return value
        wrapped = (_INT if type(value) is int else _FLOAT)(value)
        wrapped.recorder = self
        self.bind(wrapped, node)
        return wrapped

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*pytree.tree_map(_plain, args), **pytree.tree_map(_plain, kwargs))
        node = self.graph.call_function(
            func, pytree.tree_map(self.known, args), pytree.tree_map(self.known, kwargs)
        )
        node.meta["span"] = Span("net.py", len(self.graph.nodes), 1, len(self.graph.nodes), 9)
        if isinstance(result, (tuple, list)) and not isinstance(result, torch.Size):
            for index, item in enumerate(result):
                if isinstance(item, torch.Tensor):
                    self.bind(item, self.graph.call_function(_item, (node, index)))
        elif isinstance(result, torch.Tensor):
            self.bind(result, node)
        elif func in (torch.Tensor.item, torch.Tensor.__int__, torch.Tensor.__float__):
            return self.number(result, node)
        return result


def _plain(value: Any) -> Any:
    match value:
        case slice():
            return slice(*map(_plain, (value.start, value.stop, value.step)))
        case _Number():
            return int.__int__(value) if isinstance(value, int) else float.__float__(value)
        case _:
            return value


def _item(values: Any, index: int) -> Any:
    return values[index]


def record(
    function: Callable[..., Any],
    inputs: Sequence[torch.Tensor],
    types: Sequence[TensorType] | None = None,
    weights: dict[str, torch.Tensor] | None = None,
) -> fx.Graph:
    """The graph of ``function(*inputs)``; tensors that it uses besides are its weights.

    They have the names that ``weights`` gives them; those that it lacks are added to it.
    ``types`` of the inputs are those of the given tensors unless told. Numbers drawn out of a tensor
    (``item()``) are followed only into other torch calls.
    """
    graph = fx.Graph()
    recorder = _Recorder(graph, {} if weights is None else weights)
    for index, tensor in enumerate(inputs):
        node = graph.placeholder(f"x{index}")
        recorder.bind(tensor, node)
        if types is not None:
            node.meta["type"] = types[index]
        if not tensor.is_contiguous():
            node.meta["stride"] = tensor.stride()
    with torch.no_grad(), recorder:
        result = function(*inputs)
    results = result if isinstance(result, tuple) else (result,)
    graph.output(tuple(recorder.known(value) for value in results))
    return graph


def program_of(graphs: Mapping[str, fx.Graph]) -> Program[fx.Graph]:
    """A program with a block for each graph, which runs it on the block's parameters."""
    blocks = {}
    for name, graph in graphs.items():
        params = tuple(Value(node.name, node.meta["type"]) for node in placeholders(graph))
        results = graph.output_node().args[0]
        outputs = tuple(
            Value(f"r{i}", node.meta.get("type", TensorType("float32", ())))
            for i, node in enumerate(results)
        )
        step = Compute(name, tuple(Ref(p.name) for p in params), outputs)
        blocks[name] = Block(name, params, (step,), Return(Leaf(Ref("r0"))))
    return Program("test", {}, (State(),), blocks, dict(graphs))


def lower(
    graphs: Mapping[str, fx.Graph], weights: Mapping[str, torch.Tensor] | None = None, **options: Any
) -> Lowered:
    return lower_program(program_of(graphs), weights or {}, **options)


def run_onnx(model: onnx_ir.Model, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        onnx_ir.to_proto(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(inputs))


def run_lowered(lowered: Lowered, name: str, inputs: Sequence[torch.Tensor]) -> list[np.ndarray]:
    """Run the block ``name`` on ``inputs``, its parameters in order."""
    block = lowered.program.blocks[name]
    values = {param.name: tensor.numpy() for param, tensor in zip(block.params, inputs, strict=True)}
    (step,) = (step for step in block.steps if isinstance(step, Compute))
    model = lowered.program.graphs[name]
    feeds = {
        head.name: values[operand.name]
        for head, operand in zip(model.graph.inputs, step.inputs, strict=True)
    }
    return run_onnx(model, feeds)


def assert_same(
    actual: Sequence[np.ndarray], expected: Sequence[torch.Tensor], rtol: float, atol: float
) -> None:
    """Same number, dtypes, shapes and values (NaN where NaN is expected)."""
    assert len(actual) == len(expected)
    for array, tensor in zip(actual, expected, strict=True):
        wanted = tensor.detach().numpy()
        assert array.dtype == wanted.dtype
        assert array.shape == wanted.shape
        np.testing.assert_allclose(array, wanted, rtol=rtol, atol=atol, equal_nan=True)


def check(
    function: Callable[..., Any], *inputs: torch.Tensor, rtol: float = 1e-5, atol: float = 1e-6
) -> None:
    """``function`` recorded, run by torch and run by ONNX Runtime gives the same; so after the passes."""
    weights: dict[str, torch.Tensor] = {}
    graph = record(function, inputs, weights=weights)
    lowered = lower({"g": graph}, weights)
    expected = run_graph(graph, inputs, weights)
    assert_same(run_lowered(lowered, "g", inputs), expected, rtol, atol)
    passed = run_onnx_passes(lowered.program, parse_pipeline(DEFAULT_PIPELINE))
    if any(ran.modified for ran in passed.ran):
        assert_same(
            run_lowered(replace(lowered, program=passed.program), "g", inputs), expected, rtol, atol
        )
