"""Each call of the tables, in PyTorch and in ONNX Runtime, or refused.

All of them take minutes, so they are marked slow; the quick suite runs a selection in one export.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from tests.lower import cases_nn, cases_tensor
from tests.lower.harness import assert_same, lower, record, run_lowered

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.graph import run_graph

CASES = {**cases_tensor.CASES, **cases_nn.CASES}
REFUSED = frozenset(
    {
        # ONNX Runtime has no float64 kernel
        *("asin-f64", "acos-f64", "atan-f64", "erf-f64", "erfc-f64", "gelu-f64", "conv2d-f64", "pool-f64"),
        *("interpolate-nearest-f64", "interpolate-bilinear-f64", "interpolate-bicubic-f64"),
        # ONNX has nothing like it
        *("erfinv-f32", "erfinv-f64", "lgamma", "digamma", "gcd", "mode", "view-dtype"),
        # reaches into a storage that is not the tensor's own
        "as_strided-view",
    }
)
LOOSE = {  # resampling positions are computed in float32
    "interpolate-bilinear-odd-scale": 1e-4,
    "interpolate-bicubic-odd-scale": 1e-4,
    "interpolate-bicubic-recompute": 1e-4,
}
BATCH = 16
QUICK = (
    "floor_divide-f32-f32 remainder-neg-scalar-i64 div-trunc-i32 shifts-u8 max-nan sign-nan "
    "where-mixed argmax-ties median-f32 cumprod-f32 cummax index-mixed-apart index-bool masked_select "
    "setitem-mask-tensor setitem-mask-col setitem-neg index_put-accumulate scatter_reduce-mean "
    "scatter_add-smaller searchsorted topk sort-stable-ties unique-inverse tril-dtypes-bool einsum "
    "repeat_interleave-tensor squeeze as_strided as_strided-input max-all-bool max-i16 one_hot-auto "
    "item-slice item-slice-neg item-mul-float item-setitem-col item-roll item-zero-size "
    "number-floordiv number-mod number-truediv conv2d-options batch_norm-stats "
    "adaptive_avg_pool2d-odd adaptive_max_pool2d-odd avg_pool2d-divisor LSTM-deep-bidirectional "
    "GRU-state LSTMCell-state sdpa-masked-row sdpa-gqa mha-padding embedding_bag-offsets "
    "grid_sample-bilinear-border-True interpolate-bilinear-size pixel_shuffle fold pad-reflect "
    "softmax-dtype layer_norm cast-f32-int64 cholesky inverse solve"
).split()


def check_all(names: Sequence[str]) -> None:
    """Lower all cases together; whatever differs is reported at once."""
    weights: dict[str, torch.Tensor] = {}
    graphs = {name: record(*CASES[name], weights=weights) for name in names}
    lowered = lower(graphs, weights)
    wrong = {name: problem for name in names for problem in _differences(name, graphs, weights, lowered)}
    assert not wrong


def _differences(name: str, graphs: dict, weights: dict, lowered: object) -> Iterator[str]:
    inputs = CASES[name][1]
    with torch.no_grad():
        expected = run_graph(graphs[name], inputs, weights)
    tolerance = LOOSE.get(name, 1e-5)
    try:
        assert_same(run_lowered(lowered, name, inputs), expected, tolerance, tolerance / 10)
    except Exception as error:
        yield f"{type(error).__name__}: {error}"


def test_a_selection() -> None:
    check_all(QUICK)


@pytest.mark.parametrize("name", ["mode", "conv2d-f64", "as_strided-view"])
def test_what_cannot_be_done_is_refused_at_the_call(name: str) -> None:
    function, inputs = CASES[name]
    weights: dict[str, torch.Tensor] = {}
    graph = record(function, inputs, weights=weights)
    with pytest.raises(CompileError) as caught:
        lower({"g": graph}, weights)
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["DY401"]
    assert caught.value.diagnostics[0].span is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refusals(name: str) -> None:
    test_what_cannot_be_done_is_refused_at_the_call(name)


_NAMES = [name for name in CASES if name not in REFUSED]


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, len(_NAMES), BATCH))
def test_all(first: int) -> None:
    check_all(_NAMES[first : first + BATCH])
