from __future__ import annotations

import numpy as np
import onnx_ir
import onnxruntime
import pytest
from tests.passes.onnx_graphs import program, read

from dyncc.passes.lower_precision import LowerPrecision
from dyncc.passes.pipeline import PipelineError, parse_pipeline

RNG = np.random.default_rng(0)
W = RNG.standard_normal((4, 6)).astype(np.float32)
B = RNG.standard_normal(6).astype(np.float32)


def lowered(text: str, to: str = "float16", **weights: np.ndarray) -> onnx_ir.Model:
    model = read(text, weights)
    names = [value.name for value in (*model.graph.inputs, *model.graph.outputs)]
    types = [value.dtype for value in (*model.graph.inputs, *model.graph.outputs)]
    assert LowerPrecision(to).run_onnx(program(model)).modified == ("Cast" in operators(model))
    assert [value.name for value in (*model.graph.inputs, *model.graph.outputs)] == names
    assert [value.dtype for value in (*model.graph.inputs, *model.graph.outputs)] == types
    return model


def operators(model: onnx_ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


def run(model: onnx_ir.Model, **inputs: np.ndarray) -> list[np.ndarray]:
    data = onnx_ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


LINEAR = """g (float[3,4] x, float[4,6] w, float[6] b) => (float[3,6] y, bool[3,6] p) {
    z = Constant<value_float: float = 0.5>()
    a = MatMul(x, w)
    c = Add(a, b)
    d = Relu(c)
    y = Softmax(d)
    p = Greater(d, z)
}"""


def test_products_and_what_follows_them() -> None:
    model = lowered(LINEAR, w=W, b=B)
    assert operators(model) == ["Constant", "Cast", "MatMul", "Add", "Relu", "Cast", "Softmax", "Greater"]
    names = {value.dtype for value in model.graph.initializers.values()}
    assert names == {onnx_ir.DataType.FLOAT16}
    x = RNG.standard_normal((3, 4)).astype(np.float32)
    plain, lower = run(read(LINEAR, {"w": W, "b": B}), x=x), run(model, x=x)
    assert lower[0].dtype == np.float32
    np.testing.assert_allclose(lower[0], plain[0], 1e-2, 1e-2)
    assert not np.array_equal(lower[0], plain[0])


def test_nothing_without_a_product() -> None:
    text = "g (float[3] x) => (float[3] y) { a = Exp(x)\n y = Relu(a) }"
    assert operators(lowered(text)) == ["Exp", "Relu"]


def test_a_weight_that_is_too_large() -> None:
    model = lowered(LINEAR, w=W * 1e5, b=B)
    assert "Cast" not in operators(model)
    assert "Cast" in operators(lowered(LINEAR, "bfloat16", w=W * 1e5, b=B))
    assert "Cast" in operators(lowered(LINEAR, w=np.where(W > 1, np.float32(-np.inf), W), b=B))


def test_both_precisions_of_a_value() -> None:
    """A product that is returned, and used by one that follows and one that does not."""
    text = """g (float[3,4] x, float[4,4] w) => (float[3,4] a, float[3,4] y, float[3,4] z) {
        a = MatMul(x, w)
        y = Relu(a)
        z = Exp(a)
    }"""
    model = lowered(text, w=W[:, :4])
    assert sorted(operators(model)) == ["Cast", "Cast", "Cast", "Exp", "MatMul", "Relu"]
    x = RNG.standard_normal((3, 4)).astype(np.float32)
    for lower, plain in zip(run(model, x=x), run(read(text, {"w": W[:, :4]}), x=x), strict=True):
        np.testing.assert_allclose(lower, plain, 2e-2, 2e-2)


def test_what_follows_of_two_precisions_is_left() -> None:
    text = """g (float[3,4] x, float[4,4] w, float[3,4] other) => (float[3,4] y) {
        a = MatMul(x, w)
        y = Add(a, other)
    }"""
    assert operators(lowered(text, w=W[:, :4])) == ["Cast", "MatMul", "Cast", "Add"]


@pytest.mark.parametrize("to", ["float16", "bfloat16"])
def test_indices_stay(to: str) -> None:
    text = """g (float[1,4,6,6] x, float[4,4,3,3] w) => (float[1,4,2,2] y, int64[1,4,2,2] i) {
        a = Conv(x, w)
        y, i = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(a)
    }"""
    model = lowered(text, to, w=RNG.standard_normal((4, 4, 3, 3)).astype(np.float32))
    assert operators(model) == (
        ["Cast", "Conv", "MaxPool", "Cast"] if to == "float16" else ["Conv", "MaxPool"]
    )


def test_in_a_pipeline() -> None:
    (each,) = parse_pipeline("lower-precision{to=bfloat16}")
    assert each == LowerPrecision("bfloat16")
    with pytest.raises(PipelineError, match="no precision `int4`"):
        parse_pipeline("lower-precision{to=int4}")
