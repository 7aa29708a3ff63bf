"""Whole networks from PyTorch: half of the channels go without a hint, exactly."""

from __future__ import annotations

import contextlib
import io

import onnx_ir
import pytest
import torch
from tests.prune.modules import NETWORKS
from tests.prune.nets import pruned
from torch import nn


def export(model: nn.Module, *args: torch.Tensor) -> onnx_ir.Model:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            made = torch.onnx.export(
                model.eval(), args, dynamo=True, optimize=False, verbose=False, opset_version=18
            )
    except torch.onnx.errors.OnnxExporterError as error:
        if torch.__version__.startswith("2.11.") and "aten.adaptive_max_pool2d" in str(error):
            pytest.skip("torch.onnx of PyTorch 2.11 has no adaptive_max_pool2d")
        raise
    assert made is not None
    return made.model


@pytest.mark.parametrize("name", NETWORKS)
def test_half(name: str) -> None:
    torch.manual_seed(0)
    make, example, most = NETWORKS[name]
    result = pruned(export(make(), example))
    report = result.report
    assert report.after.parameters <= most * report.before.parameters
    assert report.after.flops < 0.6 * report.before.flops
