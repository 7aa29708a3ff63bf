"""Long and deep programs: text that grows with the program, not with its nesting."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.runtime.test_host_random import compare, load

from dyncc.runtime import program as p
from dyncc.runtime.host import HELPERS, generate
from dyncc.runtime.host.expressions import Apply, Expr, Text, apply_op, constant, render
from dyncc.runtime.hostops import HOST_OPS

T = p.TensorType("int64", ())
INT = p.ScalarType("int")
BOOL = p.ScalarType("bool")


def program_of(blocks: list[p.Block], entry: str) -> p.Program[Any]:
    method = p.Method(
        "forward",
        (
            p.Parameter("x", "positional", p.Input("x", T)),
            p.Parameter("n", "positional", p.Input("n", INT)),
        ),
        (p.Entry(entry, ("x", "n")),),
    )
    graphs = {step.graph: None for block in blocks for step in block.steps if isinstance(step, p.Compute)}
    named = {block.name: block for block in blocks}
    return p.Program("Net", {"forward": method}, (p.State(),), named, graphs)


def decide(block: str, on: str, then: p.Edge, orelse: p.Edge, graph: str) -> p.Block:
    """A block over (h, n) that computes, reads a number and decides on it."""
    params = (p.Value("h", T), p.Value("n", INT))
    steps = (
        p.Compute(graph, (p.Ref("h"),), (p.Value("gate", T),)),
        p.HostOp("item", (p.Ref("gate"),), p.Value("g", INT)),
        p.HostOp(on, (p.Ref("g"), p.Const(4)), p.Value("c", BOOL)),
    )
    return p.Block(block, params, steps, p.Branch(p.Ref("c"), then, orelse))


def passing(block: str, graph: str, target: str) -> p.Block:
    """A block over (h, n) that computes and goes on."""
    steps = (p.Compute(graph, (p.Ref("h"),), (p.Value("h.1", T),)),)
    edge = p.Edge(target, (p.Ref("h.1"), p.Ref("n")))
    return p.Block(block, (p.Value("h", T), p.Value("n", INT)), steps, p.Jump(edge))


def ending(block: str, lines: int) -> p.Block:
    steps = tuple(
        p.Compute(f"tail{i}_1_1", (p.Ref(f"y.{i - 1}" if i else "h"),), (p.Value(f"y.{i}", T),))
        for i in range(lines)
    )
    last = p.Ref(f"y.{lines - 1}" if lines else "h")
    tree = p.Node("tuple", (p.Leaf(last), p.Leaf(p.Ref("n"))))
    return p.Block(block, (p.Value("h", T), p.Value("n", INT)), steps, p.Return(tree))


HN = (p.Ref("h"), p.Ref("n"))


def indentation(text: str) -> int:
    return max((len(line) - len(line.lstrip())) // 4 for line in text.splitlines())


def gates(count: int) -> p.Program[Any]:
    blocks = [ending("end", 1)]
    for i in range(count):
        after = f"gate{i + 1}" if i + 1 < count else "end"
        blocks.append(decide(f"gate{i}", "gt", p.Edge(f"run{i}", HN), p.Edge(after, HN), f"g{i}_1_1"))
        blocks.append(passing(f"run{i}", f"b{i}_1_1", after))
    return program_of(blocks, "gate0")


def exits(count: int, tail: int) -> p.Program[Any]:
    blocks = [ending("done", tail), passing(f"stage{count}", "last_1_1", "done")]
    for i in range(count):
        out = p.Edge("done", (p.Ref("gate"), p.Const(i)))
        blocks.append(decide(f"stage{i}", "gt", out, p.Edge(f"stage{i + 1}", HN), f"s{i}_1_1"))
    return program_of(blocks, "stage0")


def test_a_chain_of_gates_is_flat() -> None:
    text = generate(gates(54)).text
    assert indentation(text) == 3
    assert text.count("if ") == 54
    assert "else" not in text


@pytest.mark.parametrize("tail", [0, 1, 5])
def test_a_chain_of_exits_is_flat(tail: int) -> None:
    """Whether each exit may say ``return`` itself or all go to the same long end."""
    text = generate(exits(54, tail)).text
    assert indentation(text) <= 4
    assert len(text.splitlines()) < 54 * 6 + 100


def test_chains_mean_what_they_say() -> None:
    for program in (gates(9), exits(9, 0), exits(9, 5)):
        for x in range(6):
            assert compare(program, x, 1, 0)


def test_thousands_of_blocks() -> None:
    text = generate(gates(600)).text
    assert indentation(text) == 3
    load(generate(exits(600, 5)))


@pytest.mark.parametrize("count", [120, 300])
def test_a_deep_nest_of_decisions_is_written(count: int) -> None:
    """Python allows 100 levels of indentation: a deeper program is written as a loop over its blocks."""
    blocks = [ending("end", 3)]
    for i in range(count):
        inner = p.Edge(f"d{i + 1}" if i + 1 < count else "end", HN)
        blocks.append(decide(f"d{i}", "lt", inner, p.Edge(f"e{i}", HN), f"g{i}_1_1"))
        blocks.append(passing(f"e{i}", f"e{i}_1_1", f"f{i}"))
        blocks.append(passing(f"f{i}", f"f{i}_1_1", f"f{i - 1}" if i else "end"))
    program = program_of(blocks, "d0")
    load(generate(program))
    for x in range(4 if count < 200 else 1):
        assert compare(program, x, 1, 0)


def test_nested_loops_beyond_pythons_limit() -> None:
    """Python allows 20 nested loops."""
    count = 24
    blocks = [ending("end", 1)]
    for i in range(count):
        inner = f"l{i + 1}" if i + 1 < count else f"b{i}"
        blocks.append(decide(f"l{i}", "lt", p.Edge(inner, HN), p.Edge(f"o{i}", HN), f"g{i}_1_1"))
        blocks.append(passing(f"o{i}", f"o{i}_1_1", f"l{i - 1}" if i else "end"))
    blocks.append(passing(f"b{count - 1}", "in_1_1", f"l{count - 1}"))
    program = program_of(blocks, "l0")
    load(generate(program))
    for x in range(4):
        compare(program, x, 1, 0)


def test_many_arguments_are_wrapped() -> None:
    names = [f"activation_{i}" for i in range(30)]
    values = tuple(p.Value(name, T) for name in names)
    steps = (
        p.Compute("stem_1_30", (p.Ref("x"),), values),
        p.Compute("mix_30_1", tuple(map(p.Ref, names)), (p.Value("y", T),)),
    )
    block = p.Block("b", (p.Value("x", T), p.Value("n", INT)), steps, p.Return(p.Leaf(p.Ref("y"))))
    text = generate(program_of([block], "b")).text
    assert max(map(len, text.splitlines())) <= 120
    assert "            activation_7,\n" in text
    load(generate(program_of([block], "b")))


def test_user_names_survive() -> None:
    """Also those of builtins that the host does not use; keywords and the host's own names are changed."""
    block = passing("a", "g_1_1", "b")
    block = replace(block, params=(p.Value("input", T), p.Value("len", INT)))
    steps = (p.Compute("g_1_1", (p.Ref("input"),), (p.Value("next", T),)),)
    block = replace(block, steps=steps, terminator=p.Jump(p.Edge("b", (p.Ref("next"), p.Ref("len")))))
    text = generate(program_of([block, ending("b", 2)], "a")).text
    assert "h = self.g_1_1(input)" in text
    assert not re.search(r"\bt\d+\b|\blen = ", text)


# ----------------------------------------------------------------------------------- expressions

NUMBERS = [
    op
    for op, spec in HOST_OPS.items()
    if spec.expression is not None and op != "dim" and not op.startswith("list_")
]


def evaluated(op: str, *operands: Any) -> Any:
    try:
        return HOST_OPS[op].evaluate(*operands)
    except (ArithmeticError, ValueError, TypeError) as error:
        return type(error)


def python(expr: Expr) -> Any:
    import math

    try:
        return eval(render(expr, str), {"math": math})
    except (ArithmeticError, ValueError, TypeError) as error:
        return type(error)


@pytest.mark.parametrize("outer", NUMBERS)
def test_parentheses(outer: str) -> None:
    """Every instruction in every place of every other means the same as Python text."""
    from dyncc.runtime.wellformed import operand_count

    count = operand_count(HOST_OPS[outer]) or 2
    for inner in NUMBERS:
        if inner == "pow" and outer == "pow":
            continue
        inner_count = operand_count(HOST_OPS[inner]) or 2
        for place in range(count):
            plain = [3, -2, 5][:count]
            nested: list[Any] = [-3, 2, 4][:inner_count]
            value = evaluated(inner, *nested)
            operands: list[Expr] = [constant(number) for number in plain]
            operands[place] = apply_op(inner, tuple(map(constant, nested)), (INT,) * inner_count)
            expr = apply_op(outer, tuple(operands), (INT,) * count)
            if isinstance(value, type):
                continue
            plain[place] = value
            expected = evaluated(outer, *plain)
            if outer == "select" and isinstance(expected, type):
                continue
            found = python(expr)
            assert found == expected or (found != found and expected != expected), render(expr, str)


def test_power_of_power() -> None:
    two, three = constant(2), constant(3)
    inner = apply_op("pow", (two, three), (INT, INT))
    assert python(apply_op("pow", (inner, two), (INT, INT))) == 64
    assert python(apply_op("pow", (two, inner), (INT, INT))) == 256
    assert python(apply_op("pow", (constant(-2), two), (INT, INT))) == 4


def test_constants() -> None:
    for value in (float("inf"), -float("inf"), -0.0, 1e300, -3, True, None, 'a"b', "a'b", "\n"):
        assert repr(python(constant(value))) == repr(value)
    assert np.isnan(python(constant(float("nan"))))


def test_no_useless_parentheses() -> None:
    total = apply_op("add", (Text("a"), apply_op("mul", (Text("b"), Text("c")), (INT, INT))), (INT, INT))
    assert isinstance(total, Apply)
    assert render(apply_op("lt", (total, Text("d")), (INT, INT)), str) == "a + b * c < d"


def test_what_a_host_may_import_is_there() -> None:
    for module, names in HELPERS.items():
        assert set(names) <= set(vars(importlib.import_module(module)))
