"""tabulate: what depends on a number of few values is looked up."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir
import onnxruntime
import pytest
from tests.passes.onnx_graphs import read

from dyncc.ir import Program
from dyncc.ir.parser import parse_program
from dyncc.passes.base import Result
from dyncc.passes.tabulate import Tabulate

LOOP = """\
program p

method forward(x: f32[2], n: int)
    entry start(x, n)

state

start(x: f32[2], n: int):
    jump head(x, 0)

head(x: f32[2], i: int):
    c: bool = lt(i, 4)
    branch c ? body(x, i) : end(x)

body(x: f32[2], i: int):
    table: list<float> = list(0.5, 0.25, 2.0, 8.0)
    t: float = list_get(table, i)
    y: f32[2] = compute g(x, t)
    j: int = add(i, 1)
    jump head(y, j)

end(x: f32[2]):
    return x
"""
GRAPH = """g (float[2] x, double t, float[2,2] w) => (float[2] y) {
    f = Cast<to = 1>(t)
    a = Sin(f)
    b = Cos(f)
    shape = Constant<value_ints: ints = [1]>()
    c = Reshape(a, shape)
    d = Reshape(b, shape)
    e = Concat<axis = 0>(c, d)
    m = MatMul(e, w)
    s = Sigmoid(m)
    z = Mul(x, s)
    y = Add(z, f)
}"""
W = np.array([[1.0, -0.5], [0.25, 2.0]], np.float32)


def program(text: str, graph: str) -> Program[onnx_ir.Model]:
    parsed = parse_program(text)
    model = read(graph, {"w": W})
    return Program(parsed.name, parsed.methods, parsed.states, parsed.blocks, {"g": model})


def give(model: onnx_ir.Model, *inputs: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(onnx_ir.to_proto(model).SerializeToString())
    names = [each.name for each in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def tabulated(text: str, graph: str, **options: int) -> tuple[Result[onnx_ir.Model], list[str]]:
    result = Tabulate(**options).run_onnx(program(text, graph))
    return result, [node.op_type for node in result.program.graphs["g"].graph]


def test_the_values_of_a_schedule_are_looked_up() -> None:
    result, operators = tabulated(LOOP, GRAPH)
    assert operators == ["Equal", "Cast", "ArgMax", "Gather", "Cast", "Mul", "Add"]
    assert "table of 4 rows" in result.notes[0]
    before, after = program(LOOP, GRAPH).graphs["g"], result.program.graphs["g"]
    x = np.array([1.0, -3.0], np.float32)
    for value in (0.5, 0.25, 2.0, 8.0):
        given = x, np.array(value)
        np.testing.assert_allclose(give(after, *given)[0], give(before, *given)[0], rtol=1e-6)


def test_a_counter_that_is_tested_is_the_index() -> None:
    text = LOOP.replace("compute g(x, t)", "compute g(x, i)")
    graph = GRAPH.replace("double t", "int64 t")
    result, operators = tabulated(text, graph)
    assert operators == ["Gather", "Cast", "Mul", "Add"]
    x = np.array([1.0, -3.0], np.float32)
    before = program(text, graph).graphs["g"]
    for value in range(4):
        given = x, np.array(value)
        expected = give(before, *given)[0]
        np.testing.assert_allclose(give(result.program.graphs["g"], *given)[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("lt(i, 4)", "lt(i, n)", id="no end"),
        pytest.param("lt(i, 4)", "lt(i, 1000)", id="many"),
    ],
)
def test_a_counter_of_many_values_stays(before: str, after: str) -> None:
    text = LOOP.replace("compute g(x, t)", "compute g(x, i)").replace(before, after)
    if "n)" in after:
        text = text.replace("head(x: f32[2], i: int)", "head(x: f32[2], i: int, n: int)")
        text = text.replace("jump head(x, 0)", "jump head(x, 0, n)").replace("body(x, i)", "body(x, i, n)")
        text = text.replace("body(x: f32[2], i: int)", "body(x: f32[2], i: int, n: int)")
        text = text.replace("jump head(y, j)", "jump head(y, j, n)")
    result, _ = tabulated(text, GRAPH.replace("double t", "int64 t"))
    assert not result.modified


def test_an_argument_is_not_known() -> None:
    text = LOOP.replace("compute g(x, t)", "compute g(x, n)")
    text = text.replace("head(x: f32[2], i: int)", "head(x: f32[2], i: int, n: int)")
    text = text.replace("jump head(x, 0)", "jump head(x, 0, n)").replace("body(x, i)", "body(x, i, n)")
    text = text.replace("body(x: f32[2], i: int)", "body(x: f32[2], i: int, n: int)")
    text = text.replace("jump head(y, j)", "jump head(y, j, n)")
    result, _ = tabulated(text, GRAPH.replace("double t", "int64 t"))
    assert not result.modified


@pytest.mark.parametrize("values", ["0.0, -0.0, 2.0, 8.0", "0.5, 0.25, 2.0, nan"])
def test_values_that_equality_does_not_tell_apart_stay(values: str) -> None:
    result, _ = tabulated(LOOP.replace("0.5, 0.25, 2.0, 8.0", values), GRAPH)
    assert not result.modified


def test_little_work_stays() -> None:
    graph = """g (float[2] x, double t, float[2,2] w) => (float[2] y) {
        f = Cast<to = 1>(t)
        a = Sin(f)
        y = Mul(x, a)
    }"""
    result, _ = tabulated(LOOP, graph)
    assert not result.modified
    result, _ = tabulated(LOOP, GRAPH, limit=8)
    assert not result.modified


def test_another_way_with_another_value_makes_the_table_longer() -> None:
    text = LOOP.replace("jump head(x, 0)", "y: f32[2] = compute g(x, 3.5)\n    jump head(y, 0)")
    result, _ = tabulated(text, GRAPH)
    assert "table of 5 rows" in result.notes[0]


def test_sizes_inside_may_depend_on_the_value() -> None:
    graph = """g (float[2] x, int64 t, float[2,2] w) => (float[2] y) {
        one = Constant<value_ints: ints = [1]>()
        k = Reshape(t, one)
        f = Cast<to = 1>(k)
        r = Expand(f, k)
        q = Neg(r)
        s = ReduceSum<keepdims = 0>(q)
        u = Mul(q, q)
        v = ReduceSum<keepdims = 0>(u)
        z = Add(x, v)
        y = Add(z, s)
    }"""
    result, operators = tabulated(LOOP.replace("compute g(x, t)", "compute g(x, i)"), graph)
    assert operators == ["Gather", "Gather", "Add", "Add"] and result.modified
