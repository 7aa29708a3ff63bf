from __future__ import annotations

import numpy as np
import pytest
from tests.passes.onnx_graphs import read, run

from dyncc.passes.flatten_linear import FlattenLinear
from dyncc.passes.merge_reshapes import MergeReshapes

RNG = np.random.default_rng(0)
W = RNG.standard_normal((4, 5)).astype(np.float32)
B = RNG.standard_normal(5).astype(np.float32)
LAYER = """g (float[2,3,4] x, float[4,5] w, float[5] b) => (float[2,3,5] y) {
    a = MatMul(x, w)
    y = Add(a, b)
}"""


def test_fires() -> None:
    operators, result = run(FlattenLinear(), read(LAYER, {"w": W, "b": B}))
    assert operators == ["Reshape", "Gemm", "Reshape"]
    assert result.notes == ("graph `g`: 1 linear layers",)


def test_takes_the_bias_from_either_side_and_a_stored_transposition() -> None:
    text = """g (float[2,3,4] x, float[5,4] w, float[5] b) => (float[2,3,5] y) {
        t = Transpose<perm = [1, 0]>(w)
        a = MatMul(x, t)
        y = Add(b, a)
    }"""
    operators, _ = run(FlattenLinear(), read(text, {"w": W.T.copy(), "b": B}))
    assert operators == ["Reshape", "Gemm", "Reshape"]


def test_layers_meet_without_reshapes_between() -> None:
    text = """g (float[2,3,4] x, float[4,5] w, float[5] b, float[5,5] v) => (float[2,3,5] y) {
        a = MatMul(x, w)
        c = Add(a, b)
        d = Relu(c)
        e = MatMul(d, v)
        y = Add(e, b)
    }"""
    model = read(text, {"w": W, "b": B, "v": RNG.standard_normal((5, 5)).astype(np.float32)})
    run(FlattenLinear(), model)
    operators, _ = run(MergeReshapes(), model)
    assert operators == ["Reshape", "Gemm", "Relu", "Gemm", "Reshape"]


REFUSED = {
    "a matrix": (LAYER.replace("2,3,4", "3,4").replace("2,3,5", "3,5"), {"w": W, "b": B}),
    "a bias that is no constant": (LAYER, {"w": W}),
    "a weight that is no constant": (LAYER, {"b": B}),
    "a free size": (LAYER.replace("2,3", "n,3"), {"w": W, "b": B}),
    "a bias that widens": (
        LAYER.replace("[5] b", "[1,3,5] b"),
        {"w": W, "b": np.ones((1, 3, 5), np.float32)},
    ),
    "a product that is used twice": (
        LAYER.replace("=> (float[2,3,5] y)", "=> (float[2,3,5] y, float[2,3,5] a)"),
        {"w": W, "b": B},
    ),
    "whole numbers": (
        LAYER.replace("float", "int64"),
        {"w": np.ones((4, 5), np.int64), "b": np.ones(5, np.int64)},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    text, weights = REFUSED[name]
    operators, result = run(FlattenLinear(), read(text, weights))
    assert operators == ["MatMul", "Add"] and not result.modified
