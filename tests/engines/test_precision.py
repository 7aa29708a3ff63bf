"""Programs in float16: compared as such, through the whole compiler."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.engines.conftest import Gated, X

from dyncc.compiler import compile
from dyncc.runtime import replay


@torch.no_grad()
def test_half(tmp_path: Path) -> None:
    model = Gated().eval()
    net = compile(
        model, (X,), output=tmp_path / "g.dyncc", threads=1, precision="float16", examples=[(-X,)]
    )
    for x in (X, -X, X * 30, -X * 30):
        result = net(x)
        assert result.dtype == torch.float32
        torch.testing.assert_close(result, model(x), rtol=1e-2, atol=1e-2)
        assert not torch.equal(result, model(x))
    assert all(outcome.passed for outcome in replay(net))
    assert any(ran.name == "lower-precision" and ran.modified for ran in net.report.passes)


def test_no_such_precision(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no precision `int4`: one of float32, float16, bfloat16"):
        compile(Gated(), (X,), output=tmp_path / "g.dyncc", precision="int4")
