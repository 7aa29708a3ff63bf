"""select-branches: small branches become choices, in the graph where nothing else needs the decision."""

from __future__ import annotations

import pytest
import torch
from tests.passes.toys import OPS, VECTORS, optimized, outcomes, read, show

from dyncc.compiler.markers import unmarked
from dyncc.ir import Compute, HostOp, Jump, Program
from dyncc.passes.merge_blocks import MergeBlocks
from dyncc.passes.select_branches import SelectBranches

CLIP = """\
program p

method forward(x: f32[2])
    entry start(x)

state

start(x: f32[2]):
    n: f32[] = compute norm(x)
    k: float = item(n)
    c: bool = gt(k, 1.5)
    branch c ? scale(x, n) : join(x)

scale(x: f32[2], n: f32[]):
    y: f32[2] = compute shrink(x, n)
    jump join(y)

join(x: f32[2]):
    y: f32[2] = compute relu(x)
    return y

graph norm {
    (x: f32[2]):
        s: f32[] = sum(x)
        return s
}

graph shrink {
    (x: f32[2], n: f32[]):
        y: f32[2] = mul(x, n)
        return y
}

graph relu {
    (x: f32[2]):
        y: f32[2] = relu(x)
        return y
}
"""
CALLS = [*VECTORS, (torch.tensor([0.75, 0.75]),), (torch.tensor([float("nan"), 1.0]),)]


def host_ops(program: Program[object]) -> list[str]:
    return [s.op for block in program.blocks.values() for s in block.steps if isinstance(s, HostOp)]


def test_a_choice_between_tensors_is_made_in_the_graph_and_nothing_is_read() -> None:
    result = optimized(SelectBranches(), CLIP, CALLS)
    assert list(result.program.blocks) == ["start", "join"]
    assert host_ops(result.program) == ["static_read"]
    program = MergeBlocks().run(unmarked(result.program), OPS).program
    (block,) = program.blocks.values()
    assert [type(step) for step in block.steps] == [Compute], show(program)
    assert outcomes(program, CALLS) == outcomes(read(CLIP), CALLS)


def test_a_number_that_is_needed_otherwise_is_read_and_the_host_chooses() -> None:
    text = CLIP.replace("join(x: f32[2]):", "join(x: f32[2], k: float):").replace(
        "return y\n\ngraph norm", "return tuple(y, k)\n\ngraph norm"
    )
    text = text.replace("scale(x, n) : join(x)", "scale(x, n, k) : join(x, k)")
    text = text.replace("scale(x: f32[2], n: f32[]):", "scale(x: f32[2], n: f32[], k: float):")
    text = text.replace("jump join(y)", "jump join(y, k)")
    result = optimized(SelectBranches(), text, CALLS)
    assert host_ops(result.program) == ["item", "gt", "select"]
    assert isinstance(result.program.blocks["start"].terminator, Jump)


def test_numbers_are_chosen_by_the_host() -> None:
    text = """\
program p

method forward(x: f32[2], n: int)
    entry start(x, n)

state

start(x: f32[2], n: int):
    c: bool = lt(n, 3)
    branch c ? more(x, n) : join(x, 0)

more(x: f32[2], n: int):
    m: int = add(n, 1)
    jump join(x, m)

join(x: f32[2], n: int):
    return tuple(x, n)
"""
    calls = [(x, n) for (x,) in VECTORS for n in (0, 3, 5)]
    result = optimized(SelectBranches(), text, calls)
    assert host_ops(result.program) == ["lt", "add", "select"]
    assert list(result.program.blocks) == ["start", "join"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("y: f32[2] = mul(x, n)", "y: f32[2] = floor_divide(x, n)", id="may fail"),
        pytest.param("y: f32[2] = mul(x, n)", "y = mul(x, n)", id="unknown size"),
        pytest.param("    jump join(y)", "    q: float = item(n)\n    jump join(y)", id="reads"),
        pytest.param("    jump join(y)", "    d: float = truediv(1, 0)\n    jump join(y)", id="host fails"),
    ],
)
def test_what_may_not_run_in_vain_stays_a_branch(before: str, after: str) -> None:
    text = CLIP.replace(before, after)
    assert text != CLIP
    assert not SelectBranches().run(read(text), OPS).modified


def test_large_sides_stay() -> None:
    program = read(CLIP)
    assert not SelectBranches(operators=0).run(program, OPS).modified
    assert not SelectBranches(elements=1).run(program, OPS).modified
