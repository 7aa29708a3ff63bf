from __future__ import annotations

import numpy as np
from tests.passes.onnx_graphs import read, run

from dyncc.passes.fold_weights import FoldWeights

RNG = np.random.default_rng(0)


def weights(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    made = {name: RNG.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return {name: np.abs(array) + 0.5 if name == "var" else array for name, array in made.items()}


NORM = """g (float[1,3,6,6] x, float[4,3,3,3] w, float[4] gamma, float[4] beta, float[4] mean, float[4] var)
    => (float[1,4,4,4] y) {
    a = Conv(x, w)
    y = BatchNormalization(a, gamma, beta, mean, var)
}"""
SHAPES = {"w": (4, 3, 3, 3), "gamma": (4,), "beta": (4,), "mean": (4,), "var": (4,)}


def test_batch_normalization_goes_into_the_convolution() -> None:
    operators, result = run(FoldWeights(), read(NORM, weights(**SHAPES)))
    assert operators == ["Conv"]
    assert result.notes == ("graph `g`: 2 → 1 operators",)


def test_a_convolution_that_is_also_returned_stays_as_it_is() -> None:
    text = NORM.replace("=> (float[1,4,4,4] y)", "=> (float[1,4,4,4] y, float[1,4,4,4] a)")
    operators, result = run(FoldWeights(), read(text, weights(**SHAPES)))
    assert operators == ["Conv", "BatchNormalization"] and not result.modified


def test_what_weights_alone_decide_is_computed() -> None:
    text = """g (float[2,4] x, float[5,4] w) => (float[2,5] y) {
        t = Transpose<perm = [1, 0]>(w)
        n = Neg(t)
        y = MatMul(x, n)
    }"""
    model = read(text, weights(w=(5, 4)))
    operators, _ = run(FoldWeights(), model)
    assert operators == ["MatMul"]
    assert list(model.graph.initializers) == ["w.transpose.neg"]


def test_a_constant_does_not_grow() -> None:
    text = """g (float[300,4] x, float[1,4] w) => (float[300,4] y) {
        s = Constant<value_ints: ints = [300, 4]>()
        t = Expand(w, s)
        y = Add(x, t)
    }"""
    operators, _ = run(FoldWeights(), read(text, weights(w=(1, 4))))
    assert "Expand" in operators
    operators, _ = run(FoldWeights(limit=1 << 20), read(text, weights(w=(1, 4))))
    assert operators == ["Add"]


def test_an_argument_is_no_constant() -> None:
    operators, result = run(FoldWeights(), read(NORM))
    assert operators == ["Conv", "BatchNormalization"] and not result.modified
