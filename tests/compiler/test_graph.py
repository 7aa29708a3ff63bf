"""The recorded graph: execution, text, digest and the edits that passes make."""

from __future__ import annotations

import operator
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import fx

from dyncc.compiler.graph import FxGraphOps, mutates, print_fx_graph, run_graph
from dyncc.compiler.graph_names import stable_name
from dyncc.ir import ScalarType, TensorType
from dyncc.passes.base import FromInput, FromOutput

OPS = FxGraphOps()


class Recorder:
    """Builds a recorded graph call by call."""

    def __init__(self) -> None:
        self.graph = fx.Graph()

    def input(self, name: str, type_: Any = None, **meta: Any) -> fx.Node:
        node = self.graph.placeholder(name)
        node.meta = {"type": type_, **meta} if type_ is not None else dict(meta)
        return node

    def weight(self, name: str) -> fx.Node:
        return self.graph.create_node("get_attr", name, (), {})

    def call(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        return self.graph.create_node("call_function", target, args, kwargs)

    def done(self, *outputs: fx.Node) -> fx.Graph:
        self.graph.output(outputs)
        return self.graph


def linear_relu() -> fx.Graph:
    """relu(x @ weight.T + n)"""
    r = Recorder()
    x, n = r.input("x", TensorType("float32", ("s0", 3))), r.input("n", ScalarType("int"))
    h = r.call(F.linear, x, r.weight("fc.weight"))
    return r.done(r.call(F.relu, r.call(torch.add, h, n)))


def double(name: str = "x") -> fx.Graph:
    r = Recorder()
    return r.done(r.call(torch.mul, r.input(name), 2))


# --------------------------------------------------------------------------------- run_graph


def test_run_graph_calls_in_order_with_weights_and_numbers() -> None:
    weights = {"fc.weight": torch.tensor([[1.0, 2.0, 3.0], [-1.0, -1.0, -1.0]])}
    (y,) = run_graph(linear_relu(), [torch.ones(1, 3), torch.tensor(4)], weights)
    assert y.tolist() == [[10.0, 1.0]]


def test_run_graph_maps_nodes_inside_containers_and_slices() -> None:
    r = Recorder()
    x = r.input("x")
    stacked = r.call(torch.stack, [x, x], dim=0)
    part = r.call(operator.getitem, stacked, (slice(None), slice(0, 2, None), [0, 1]))
    (y,) = run_graph(r.done(part), [torch.arange(6).reshape(3, 2)], {})
    assert y.tolist() == [[[0, 1], [2, 3]]] * 2


def test_run_graph_returns_what_in_place_calls_made() -> None:
    r = Recorder()
    y = r.call(torch.clone, r.input("x"))
    r.call(torch.Tensor.add_, y, 1)
    x = torch.zeros(2)
    assert run_graph(r.done(y), [x], {})[0].tolist() == [1.0, 1.0]
    assert x.tolist() == [0.0, 0.0]


def test_run_graph_honours_the_recorded_autocast_mode() -> None:
    r = Recorder()
    x = r.input("x")
    low, high = r.call(torch.mm, x, x), r.call(torch.mm, x, x)
    low.meta["autocast"] = ("cpu", torch.bfloat16)
    outputs = run_graph(r.done(low, high), [torch.ones(2, 2)], {})
    assert [y.dtype for y in outputs] == [torch.bfloat16, torch.float32]


@pytest.mark.parametrize("count", [0, 2])
def test_run_graph_refuses_a_wrong_number_of_inputs(count: int) -> None:
    with pytest.raises(ValueError, match=r"the graph has (more|fewer) inputs"):
        run_graph(double(), [torch.ones(1)] * count, {})


# -------------------------------------------------------------------------------------- text


def test_print_fx_graph() -> None:
    r = Recorder()
    x, n = r.input("x", TensorType("float32", (1, 3, "s0", "s0"))), r.input("n", ScalarType("int"))
    h = r.call(torch.conv2d, x, r.weight("conv.weight"), stride=(1, 1))
    h.meta["type"] = TensorType("float32", (1, 8, "s0", "s0"))
    width = r.call(torch.Tensor.shape.__get__, h)  # pyright: ignore[reportAttributeAccessIssue]
    last = r.call(torch.Tensor.__getitem__, h, (..., slice(None, -1), None))
    cast = r.call(torch.Tensor.to, last, torch.float64)
    cast.meta["autocast"] = ("cpu", torch.bfloat16)
    r.call(torch.ops.aten.add.Tensor, cast, n, alpha=2)
    assert print_fx_graph(r.done(cast, width)) == (
        "(x: f32[1, 3, s0, s0], n: int):\n"
        "    conv2d: f32[1, 8, s0, s0] = conv2d(x, @conv.weight, stride=(1, 1))\n"
        "    __get__ = shape(conv2d)\n"
        "    __getitem__ = __getitem__(conv2d, (..., :-1, None))\n"
        "    to = to(__getitem__, float64) under autocast(cpu, bfloat16)\n"
        "    add_tensor = aten.add.Tensor(to, n, alpha=2)\n"
        "    return to, __get__"
    )


# ------------------------------------------------------------------------------------ digest


def test_digest_ignores_names_of_nodes_and_symbols() -> None:
    def graph(x: str, symbol: str) -> fx.Graph:
        r = Recorder()
        return r.done(r.call(torch.relu, r.input(x, TensorType("float32", (symbol, f"{symbol} + 1")))))

    assert OPS.digest(graph("x", "s0")) == OPS.digest(graph("y", "s7"))


def _variant(change: str) -> fx.Graph:
    r = Recorder()
    shape = (2, 3) if change == "shape" else ("s0", "s1") if change == "symbols" else ("s0", "s0")
    stride = {"stride": (1, 2)} if change == "stride" else {}
    x = r.input("x", TensorType("float32", shape), **stride)
    w = r.weight("b" if change == "weight" else "a")
    y = r.call(torch.sub if change == "target" else torch.add, x, w)
    if change == "autocast":
        y.meta["autocast"] = ("cpu", torch.bfloat16)
    constant = {"float": 1.0, "bool": True, "zero": -0.0}.get(change, 1)
    z = r.call(torch.Tensor.mul if change == "method" else torch.mul, y, constant)
    return r.done(y if change == "output" else z)


_CHANGES = ("shape", "symbols", "stride", "weight", "target", "autocast", "float", "bool", "zero", "method")


@pytest.mark.parametrize("change", [*_CHANGES, "output"])
def test_digest_depends_on(change: str) -> None:
    assert OPS.digest(_variant("")) == OPS.digest(_variant("nothing"))
    assert OPS.digest(_variant(change)) != OPS.digest(_variant(""))


def test_digest_tells_closures_apart() -> None:
    def scaled(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: x * factor

    def graph(function: Callable[..., Any]) -> fx.Graph:
        r = Recorder()
        return r.done(r.call(function, r.input("x")))

    twice = scaled(2.0)
    assert OPS.digest(graph(twice)) != OPS.digest(graph(scaled(3.0)))
    assert OPS.digest(graph(twice)) == OPS.digest(graph(twice))


def test_digest_is_the_same_in_another_process() -> None:
    program = (
        "import torch, torch.nn.functional as F; from torch import fx\n"
        "from dyncc.compiler.graph import FxGraphOps\n"
        "g = fx.Graph(); x = g.placeholder('x')\n"
        "for f in (F.gelu, torch.Tensor.relu, torch.Tensor.shape.__get__, torch.ops.aten.relu.default):\n"
        "    y = g.create_node('call_function', f, (x,), {'dtype': torch.float32})\n"
        "g.output((y,)); digest = FxGraphOps().digest(g)\n"
    )
    here: dict[str, Any] = {}
    exec(program, here)
    command = [sys.executable, "-c", f"{program}print(digest)"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stdout.strip() == here["digest"], run.stderr


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (F.conv2d, "torch._VariableFunctionsClass.conv2d"),
        (F.gelu, "torch._C._nn.gelu"),
        (torch.Tensor.add_, "torch._C.TensorBase.add_"),
        (torch.Tensor.split, "torch._tensor.Tensor.split"),
        (operator.add, "_operator.add"),
        (torch.ops.aten.add.Tensor, "op aten.add.Tensor"),
    ],
)
def test_stable_name(target: Any, name: str) -> None:
    assert stable_name(target) == name


# ------------------------------------------------------------------------------------- edits


def test_concatenate_feeds_outputs_and_shares_inputs_and_weights() -> None:
    first = linear_relu()
    r = Recorder()
    a, b, c = r.input("x"), r.input("y"), r.input("z")
    second = r.done(r.call(torch.add, r.call(F.linear, b, r.weight("fc.weight")), r.call(torch.mul, a, c)))
    joined = OPS.concatenate(first, second, [FromOutput(0), FromInput(0), FromInput(2)])
    assert OPS.signature(joined) == (3, 2)
    assert sum(node.op == "get_attr" for node in joined.nodes) == 1

    weights = {"fc.weight": torch.randn(2, 3)}
    x, n, z = torch.randn(4, 3), torch.tensor(2), torch.randn(4, 2)
    (h,) = run_graph(first, [x, n], weights)
    (y,) = run_graph(second, [h, x, z], weights)
    for got, wanted in zip(run_graph(joined, [x, n, z], weights), (h, y), strict=True):
        assert torch.equal(got, wanted)


def test_concatenate_leaves_its_arguments_and_keeps_metadata() -> None:
    first, second = double(), double()
    next(node for node in second.nodes if node.op == "call_function").meta["span"] = "here"
    before = str(first), str(second)
    joined = OPS.concatenate(first, second, [FromOutput(0)])
    assert (str(first), str(second)) == before
    assert [node.meta.get("span") for node in joined.nodes if node.op == "call_function"] == [None, "here"]
    assert run_graph(joined, [torch.ones(1)], {})[1].tolist() == [4.0]


def test_keep_outputs_drops_dead_code_but_no_writes() -> None:
    r = Recorder()
    x = r.input("x")
    y = r.call(torch.clone, x)
    r.call(torch.Tensor.add_, y, 1)
    z = r.call(torch.relu, x)
    graph = OPS.keep_outputs(r.done(y, z), [0])
    assert [node.name for node in graph.nodes] == ["x", "clone", "add_", "output"]
    assert run_graph(graph, [torch.zeros(1)], {})[0].tolist() == [1.0]


def test_keep_inputs_drops_what_is_unused() -> None:
    r = Recorder()
    r.input("unused")
    x, dead = r.input("x"), r.input("dead")
    r.call(torch.relu, dead)
    graph = r.done(x)
    assert OPS.dependencies(graph) == (frozenset({1}),)
    assert OPS.signature(OPS.keep_inputs(graph, [1])) == (1, 1)
    with pytest.raises(ValueError, match="these inputs are used: x"):
        OPS.keep_inputs(graph, [0])


def test_dependencies_of_each_output() -> None:
    r = Recorder()
    a, b, c = r.input("a"), r.input("b"), r.input("c")
    assert OPS.dependencies(r.done(r.call(torch.add, a, b), b, r.call(torch.zeros, 2))) == (
        frozenset({0, 1}),
        frozenset({1}),
        frozenset(),
    )
    r = Recorder()
    a, b, c = r.input("a"), r.input("b"), r.input("c")
    r.call(torch.Tensor.add_, r.call(torch.clone, a), b)
    assert OPS.dependencies(r.done(c)) == (frozenset({0, 1, 2}),)


def test_types() -> None:
    graph = linear_relu()
    assert OPS.types(graph) == ([TensorType("float32", ("s0", 3)), ScalarType("int")], [None])


def test_rename_symbols() -> None:
    r = Recorder()
    x = r.input("x", TensorType("float32", ("s0", "s1")), stride=(1, "s0"))
    graph = r.done(r.call(torch.relu, x))
    renamed = OPS.rename_symbols(graph, {"s0": 4, "s1": "s9"})
    assert print_fx_graph(renamed).startswith("(x: f32[4, s9])")
    assert next(iter(renamed.nodes)).meta["stride"] == (1, 4)
    assert print_fx_graph(graph).startswith("(x: f32[s0, s1])")


def _calls() -> list[tuple[bool, Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    return [
        (True, torch.Tensor.copy_, (0,), {}),
        (True, torch.Tensor.__setitem__, (0, 1), {}),
        (True, torch.Tensor.__iadd__, (1,), {}),
        (True, operator.iadd, (1,), {}),
        (True, operator.setitem, (0, 1), {}),
        (True, F.relu, (True,), {}),
        (True, F.relu, (), {"inplace": True}),
        (True, F.batch_norm, (None, None), {"training": True}),
        (True, torch.ops.aten.relu_.default, (), {}),
        (True, torch.ops.aten._assert_async.default, (), {}),
        (False, F.relu, (False,), {}),
        (False, F.batch_norm, (None, None), {}),
        (False, torch.Tensor.__invert__, (), {}),
        (False, torch.Tensor.__pow__, (2,), {}),
        (True, torch.Tensor.__ipow__, (2,), {}),
        (False, torch.ops.aten.relu.default, (), {}),
        (False, operator.getitem, (0,), {}),
        (False, torch.Tensor.shape.__get__, (), {}),  # pyright: ignore[reportAttributeAccessIssue]
    ]


@pytest.mark.parametrize(("expected", "target", "args", "kwargs"), _calls())
def test_mutates(expected: bool, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    r = Recorder()
    x = r.input("x")
    assert mutates(r.call(target, x, *args, **kwargs)) is expected
    assert mutates(r.call(torch.add, x, x, out=x))
    assert not mutates(r.call(torch.add, x, x))


@pytest.mark.parametrize(
    "expected, target, args, kwargs",
    [
        (True, torch.div, (2.0,), {}),
        (True, torch.Tensor.__rtruediv__, (2.0,), {}),
        (True, operator.truediv, (2.0,), {}),
        (True, torch.div, (2.0,), {"rounding_mode": None}),
        (True, torch.Tensor.__rsub__, (1,), {}),
        (False, torch.div, (2,), {"rounding_mode": "floor"}),
        (False, torch.Tensor.__floordiv__, (2,), {}),
        (False, operator.floordiv, (2,), {}),
        (False, torch.remainder, (2,), {}),
        (False, torch.Tensor.div_, (2.0,), {}),
    ],
)
def test_what_fails_for_no_data_is_total(
    expected: bool, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    r = Recorder()
    graph = r.done(r.call(target, r.input("x", TensorType("int64", (3,))), *args, **kwargs))
    assert OPS.total(graph) is expected
