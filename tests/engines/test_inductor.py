"""TorchInductor: one AOTInductor package a block. Compiling one takes many seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tests.engines.conftest import Gated, X
from tests.engines.test_protocol import requiring
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.engines import EngineOptions, require_engine
from dyncc.runtime import EngineMissing, IncompatibleArtifact, load

slow = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler (g++) here"),
]


class TestPackages:
    pytestmark = slow

    def test_a_network(self, tmp_path: Path) -> None:
        model, bundle = Gated().eval(), tmp_path / "g.dyncc"
        net = compile(model, (X,), output=bundle, threads=1, engine="inductor", examples=[(-X,)])
        assert {choice.engine for choice in net.report.engines.choices.values()} == {"inductor"}
        for x in (X, -X, X * 30, -X * 30):
            torch.testing.assert_close(net(x), model(x), rtol=1e-4, atol=1e-5)
        requiring(bundle, torch="1.13.1")
        with pytest.raises(IncompatibleArtifact, match=r"compiled by torch 1\.13\.1, and here is "):
            load(bundle, threads=1)(X.numpy())

    def test_results_are_memory_of_their_own(self, tmp_path: Path) -> None:
        """Where a block returns a view of its input or of a weight, a package gives out their memory."""

        class Views(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weight = nn.Parameter(torch.arange(4.0))

            def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
                y = x * 2 if x.sum() > 0 else x * 3
                return y.reshape(4, 2), y, self.weight.reshape(2, 2)

        net = compile(Views().eval(), (X,), output=tmp_path / "v.dyncc", threads=1, engine="inductor")
        first = net(X.numpy())
        kept = [array.copy() for array in first]
        for array in first:
            if array.flags.writeable:
                array += 1
        for array, expected in zip(net(X.numpy()), kept, strict=True):
            assert (array == expected).all()


def test_sizes_that_vary_are_left_to_onnxruntime(tmp_path: Path) -> None:
    net = compile(
        Gated().eval(),
        (X,),
        dynamic_shapes={"x": {0: torch.export.Dim("n")}},
        output=tmp_path / "g.dyncc",
        threads=1,
        engine="inductor",
    )
    for choice in net.report.engines.choices.values():
        assert choice.engine == "onnxruntime"
        assert choice.refused == {"inductor": "sizes of the block vary from call to call"}


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(EngineMissing, match=r"needs a C\+\+ compiler: apt-get install g\+\+"):
        require_engine(EngineOptions("inductor"))
    with pytest.raises(ValueError, match="leave the target out"):
        require_engine(EngineOptions("inductor", target="aarch64"))
