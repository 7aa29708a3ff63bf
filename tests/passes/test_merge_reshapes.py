from __future__ import annotations

import numpy as np
import pytest
from tests.passes.onnx_graphs import read, run

from dyncc.passes.merge_reshapes import MergeReshapes

CASES = {
    "two in a row": (
        """g (float[2,6] x) => (float[3,4] y) {
            s = Constant<value_ints: ints = [12]>()
            t = Constant<value_ints: ints = [3, 4]>()
            a = Reshape(x, s)
            y = Reshape(a, t)
        }""",
        ["Constant", "Constant", "Reshape"],
    ),
    "there and back": (
        """g (float[1,6] x) => (float[1,6] y) {
            axes = Constant<value_ints: ints = [0]>()
            a = Squeeze(x, axes)
            b = Unsqueeze(a, axes)
            y = Relu(b)
        }""",
        ["Relu"],
    ),
    "a transposition of ones": (
        """g (float[1,5,1,3] x) => (float[5,3] y) {
            t = Constant<value_ints: ints = [5, 3]>()
            a = Transpose<perm = [2, 1, 0, 3]>(x)
            y = Reshape(a, t)
        }""",
        ["Reshape"],
    ),
    "behind what works on elements": (
        """g (float[2,3,1] x, float half) => (bool[6] y) {
            axes = Constant<value_ints: ints = [2]>()
            t = Constant<value_ints: ints = [6]>()
            a = Squeeze(x, axes)
            b = Sigmoid(a)
            c = Greater(b, half)
            y = Reshape(c, t)
        }""",
        ["Sigmoid", "Greater", "Reshape"],
    ),
    "a result keeps its name": (
        """g (float[2,3] x) => (float[2,3] y) {
            axes = Constant<value_ints: ints = [0]>()
            a = Relu(x)
            b = Unsqueeze(a, axes)
            y = Squeeze(b, axes)
        }""",
        ["Relu"],
    ),
    "both are returned": (
        """g (float[2,3] x) => (float[6] a, float[3,2] y) {
            s = Constant<value_ints: ints = [6]>()
            t = Constant<value_ints: ints = [3, 2]>()
            a = Reshape(x, s)
            y = Reshape(a, t)
        }""",
        ["Reshape", "Reshape"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_fires(name: str) -> None:
    text, expected = CASES[name]
    operators, result = run(
        MergeReshapes(), read(text, {"half": np.float32(0.5)} if "half" in text else None)
    )
    assert [operator for operator in operators if operator != "Constant"] == [
        operator for operator in expected if operator != "Constant"
    ]
    assert result.modified and result.notes


REFUSED = {
    "a real transposition": "g (float[2,3] x) => (float[2,3] y) { a = Transpose<perm=[1,0]>(x)\n"
    " b = Relu(a)\n y = Transpose<perm=[1,0]>(b) }",
    "a free size": "g (float[n,1] x) => (float[1,n] y) { y = Transpose<perm=[1,0]>(x) }",
    "an argument that is returned": "g (float[2] x) => (float[2] y) { y = Identity(x) }",
    "one that is needed": "g (float[2,3] x) => (float[6] y) { s = Constant<value_ints: ints = [6]>()\n"
    " y = Reshape(x, s) }",
    "an operand with more axes": "g (float[1,3] x) => (float[1,1,3] y) {"
    " s = Constant<value_ints: ints = [3]>()\n c = Constant<value = float[1,1,1] {2.0}>()\n"
    " a = Reshape(x, s)\n y = Add(a, c) }",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    model = read(REFUSED[name])
    before = [node.op_type for node in model.graph]
    operators, result = run(MergeReshapes(), model)
    assert operators == before
    assert not result.modified
