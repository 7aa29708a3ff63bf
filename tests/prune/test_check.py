"""The comparison of a pruned network with its reference, where it must fail."""

from __future__ import annotations

import onnx_ir
import pytest
from tests.prune.nets import net

from dyncc.passes.prune.check import check
from dyncc.passes.prune.errors import InexactError

TEXT = "(float[1, 3, 6, 6] x) => (float[1, 4, 6, 6] y) { h = Conv(x, a)  y = Conv(h, b) }"


def chain(outputs: int = 8, inputs: int = 8, seed: int = 0) -> onnx_ir.Model:
    return net(TEXT, {"a": (outputs, 3, 1, 1), "b": (4, inputs, 1, 1)}, seed=seed)


def test_a_difference_is_refused() -> None:
    assert check(chain(), chain()).error == 0
    with pytest.raises(InexactError, match="output `y` differs by"):
        check(chain(seed=1), chain())


def test_a_pruned_network_that_does_not_run_is_refused() -> None:
    with pytest.raises(InexactError, match="the pruned network does not run"):
        check(chain(8, 7), chain())
