"""The refit against its closed form, and what it is worth without data."""

from __future__ import annotations

import numpy as np
import pytest
from tests.prune.nets import net

from dyncc.compiler.pruning.onnx_torch import run_torch, tensors
from dyncc.compiler.pruning.synthesize import synthesized
from dyncc.passes.prune.check import difference, session
from dyncc.passes.prune.errors import PruneError
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.model import Plan, Pruning
from dyncc.passes.prune.obspa import column_scores, refit
from dyncc.passes.prune.prepare import prepared
from dyncc.passes.prune.selection import Selection

MLP = "(float[N, 6] x) => (float[N, 4] y) { h = Gemm(x, a, p)  i = Relu(h)  y = Gemm(i, b, q) }"
WEIGHTS = {"a": (6, 16), "p": (16,), "b": (16, 4), "q": (4,)}
CNN = (
    "(float[N, 3, 6, 6] x) => (float[N, 5, 3, 3] y) { g = Conv<pads = [1, 1, 1, 1]>(x, a) "
    "h = Relu(g)  d = Conv<group = 8, strides = [2, 2], pads = [1, 1, 1, 1]>(h, e) "
    "n = BatchNormalization(d, s, t, m, v) "
    "i = Relu(n)  y = Conv<dilations = [1, 1]>(i, b, q) }"
)
KERNELS = {
    "a": (8, 3, 3, 3), "e": (8, 1, 3, 3), "b": (5, 8, 1, 1), "q": (5,), "s": (8,), "t": (8,), "m": (8,),
    "v": np.linspace(1, 2, 8),
}  # fmt: skip


def batch(*shape: int, seed: int = 0) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(seed).standard_normal(shape).astype(np.float32)}


def refitted(
    text: str, weights: dict[str, object], data: list[dict[str, np.ndarray]]
) -> tuple[Plan, object, object]:
    model = net(text, weights)  # type: ignore[arg-type]
    plain = Pruning(Selection(ratio=0.5), Importance()).run(model)
    better = Pruning(Selection(ratio=0.5), Importance()).run(
        model, lambda plan, small: _count(refit(plan, small, data))
    )
    return plain.plan, plain.model, better.model


def _count(layers: int) -> None:
    assert layers >= 2


def outputs(model, data: dict[str, np.ndarray]) -> np.ndarray:
    return session(model).run(None, data)[0]


def test_last_layer_is_least_squares() -> None:
    data = [batch(400, 6)]
    plan, plain, better = refitted(MLP, WEIGHTS, data)
    hidden = np.maximum(data[0]["x"] @ _array(better, "a") + _array(better, "p"), 0)
    wanted = outputs(plan.model, data[0])
    centred, target = hidden - hidden.mean(0), wanted - wanted.mean(0)
    gram = centred.T @ centred
    strength = 1e-2 * np.trace(gram) / len(gram)
    old = _array(plain, "b")
    closed = np.linalg.solve(gram + strength * np.eye(len(gram)), centred.T @ target + strength * old)
    assert np.allclose(_array(better, "b"), closed, atol=1e-4)


def _array(model, name: str) -> np.ndarray:
    return model.graph.initializers[name].const_value.numpy()


@pytest.mark.parametrize(
    ("text", "weights", "shape"), [(MLP, WEIGHTS, (300, 6)), (CNN, KERNELS, (40, 3, 6, 6))]
)
def test_refit_is_closer_on_new_data(text: str, weights: dict[str, object], shape: tuple[int, ...]) -> None:
    plan, plain, better = refitted(text, weights, [batch(*shape)])
    new = batch(*shape, seed=9)
    wanted = outputs(plan.model, new)
    assert (
        np.square(outputs(better, new) - wanted).mean()
        < 0.6 * np.square(outputs(plain, new) - wanted).mean()
    )


def test_score_is_the_error_that_refitting_leaves() -> None:
    """The loss of a channel, against least squares without it."""
    model = prepared(net("(float[N, 6] x) => (float[N, 4] y) { y = Gemm(x, a) }", {"a": (6, 4)}))
    data = batch(200, 6)
    axis, scores = column_scores(model, [data], damping=0.0)["a"]
    weights = _array(model, "a").astype(np.float64)
    x = data["x"].astype(np.float64)
    wanted = x @ weights
    for column in range(6):
        rest = np.delete(x, column, 1)
        left = rest @ np.linalg.lstsq(rest, wanted, rcond=None)[0] - wanted
        assert np.isclose(scores[column], np.square(left).sum() / np.square(wanted).sum(), rtol=1e-5)
    assert axis == 0


def test_data_that_do_not_fit() -> None:
    with pytest.raises(PruneError, match="the network does not run on the data"):
        refitted(MLP, WEIGHTS, [batch(4, 7)])


def test_torch_computes_the_same() -> None:
    import torch

    model = prepared(net(CNN, KERNELS))  # type: ignore[arg-type]
    data = batch(2, 3, 6, 6)
    values = run_torch(model, {"x": torch.from_numpy(data["x"])}, tensors(model))
    assert difference(values["y"].numpy(), outputs(model, data)) < 1e-5


@pytest.mark.parametrize("where", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(("size", "kernel", "stride"), [(6, 3, 2), (7, 3, 2), (7, 2, 1), (9, 1, 2)])
def test_torch_pads_the_same(where: str, size: int, kernel: int, stride: int) -> None:
    import torch

    text = (
        f"(float[2, 3, {size}, 8] x) => (float[2, 4, H, W] y) "
        f'{{ y = Conv<auto_pad = "{where}", strides = [{stride}, {stride}]>(x, a) }}'
    )
    model = prepared(net(text, {"a": (4, 3, kernel, kernel)}))
    data = batch(2, 3, size, 8)
    values = run_torch(model, {"x": torch.from_numpy(data["x"])}, tensors(model))
    assert difference(values["y"].numpy(), outputs(model, data)) < 1e-5


def test_made_up_inputs_have_the_statistics() -> None:
    import torch

    model = prepared(net(CNN, {**KERNELS, "m": np.full(8, 0.2), "v": np.full(8, 0.6)}))  # type: ignore[arg-type]
    batches, how = synthesized(model, count=64, steps=80)
    assert "1 batch norm" in how
    values = run_torch(model, {"x": torch.from_numpy(batches[0]["x"])}, tensors(model))
    noise = run_torch(model, {"x": torch.randn(64, 3, 6, 6)}, tensors(model))
    apart = [
        abs(v["d"].mean((0, 2, 3)) - 0.2).mean() + abs(v["d"].var((0, 2, 3)) - 0.6).mean()
        for v in (values, noise)
    ]
    assert apart[0] < 0.3 * apart[1]
    batches, how = synthesized(prepared(net(MLP, WEIGHTS)), count=8)
    assert "no batch norm" in how and len(batches) == 4
