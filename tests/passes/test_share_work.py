"""share-work: what blocks compute of the same values is computed once."""

from __future__ import annotations

import torch
from tests.passes.toys import OPS, optimized, read, show

from dyncc.ir import Compute
from dyncc.passes.share_work import ShareWork

SIDES = """\
program p

method forward(x: f32[2, 2], n: int)
    entry start(x, n)

state

start(x: f32[2, 2], n: int):
    c: bool = lt(n, 2)
    branch c ? low(x, n) : high(n, x)

low(x: f32[2, 2], n: int):
    z: f32[2, 2] = compute f(x)
    return tuple(z, n)

high(n: int, y: f32[2, 2]):
    z: f32[2, 2] = compute g(y)
    return z

graph f {
    (x: f32[2, 2]):
        m: f32[2, 2] = matmul(x, x)
        r: f32[2, 2] = relu(m)
        s: f32[2, 2] = add(r, x)
        return s
}

graph g {
    (a: f32[2, 2]):
        m: f32[2, 2] = matmul(a, a)
        r: f32[2, 2] = relu(m)
        s: f32[2, 2] = neg(r)
        return s
}
"""
CALLS = [(torch.tensor([[1.0, -2.0], [0.5, 3.0]]) * k, n) for k in (1, -1) for n in (0, 2, 5)]


def test_what_both_sides_compute_is_computed_before() -> None:
    result = optimized(ShareWork(sides=True), SIDES, CALLS)
    (step,) = (s for s in result.program.blocks["start"].steps if isinstance(s, Compute))
    assert "matmul" in show(result.program).partition(f"graph {step.graph} {{")[2].partition("}")[0]
    assert show(result.program).count("= matmul(") == 1


AGAIN = """\
program p

method forward(x: f32[2, 2])
    entry start(x)

state

start(x: f32[2, 2]):
    z: f32[] = compute f(x)
    k: float = item(z)
    c: bool = lt(k, 2.0)
    branch c ? low(x) : high(x)

low(x: f32[2, 2]):
    z: f32[2, 2] = compute g(x)
    return z

high(x: f32[2, 2]):
    return x

graph f {
    (x: f32[2, 2]):
        m: f32[2, 2] = matmul(x, x)
        r: f32[2, 2] = relu(m)
        s: f32[] = sum(r)
        return s
}

graph g {
    (a: f32[2, 2]):
        m: f32[2, 2] = matmul(a, a)
        r: f32[2, 2] = relu(m)
        s: f32[2, 2] = neg(r)
        return s
}
"""


def test_what_is_computed_again_is_passed_on() -> None:
    result = optimized(ShareWork(), AGAIN, [(x,) for x, _ in CALLS])
    assert show(result.program).count("= matmul(") == 1
    assert result.notes == ("`low` is given 1 values that `start` computes",)


def test_other_values_and_work_that_may_fail_stay() -> None:
    other = SIDES.replace("high(n, x)", "high(n, w)").replace(
        "start(x: f32[2, 2], n: int):", "start(x: f32[2, 2], n: int):\n    w: f32[2, 2] = compute h(x)"
    )
    other += "\ngraph h {\n    (x: f32[2, 2]):\n        y: f32[2, 2] = neg(x)\n        return y\n}\n"
    assert not ShareWork(sides=True).run(read(other), OPS).modified
    for text in (SIDES.replace("matmul(", "mv("), SIDES.replace("m: f32[2, 2] = ", "m = ")):
        assert not ShareWork(sides=True).run(read(text), OPS).modified


def test_a_block_to_which_others_lead_stays() -> None:
    text = SIDES.replace("return tuple(z, n)", "jump high(n, z)")
    assert not ShareWork(sides=True).run(read(text), OPS).modified
