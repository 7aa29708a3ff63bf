"""Operators of users: recorded by their fake, compiled by their ONNX form, checked against their code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from onnxscript import opset18 as op

from dyncc.compiler import CompileError, compile, register_onnx
from dyncc.compiler.lower import custom


@torch.library.custom_op("dyncc_tests::halves", mutates_args=())
def halves(x: torch.Tensor, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    middle = x.shape[-1] // 2
    return x[..., :middle] * scale, x[..., middle:].clone()


@halves.register_fake
def _(x: torch.Tensor, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    middle = x.shape[-1] // 2
    return x.new_empty(*x.shape[:-1], middle), x.new_empty(*x.shape[:-1], x.shape[-1] - middle)


class Net(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = halves(x, 2.0)
        if first.sum() > second.sum():
            first, _ = torch.ops.dyncc_tests.halves(torch.cat([second, first], -1), 0.5)
        return first


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    before = dict(custom.CUSTOM)
    yield
    custom.CUSTOM.clear()
    custom.CUSTOM.update(before)


def in_onnx(x: Any, scale: float, factor: float = 1.0) -> Any:
    first, second = op.Split(x, axis=-1, num_outputs=2)
    return op.Mul(first, op.Constant(value_float=scale * factor)), second


def test_without_an_onnx_form_each_call_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile(Net(), (torch.ones(1, 4),), output=tmp_path / "net.dyncc")
    assert [d.code for d in caught.value.diagnostics] == ["DY401", "DY401"]
    assert "register_onnx" in caught.value.diagnostics[0].helps[0]


def test_an_operator_is_compiled_by_its_onnx_form(tmp_path: Path) -> None:
    register_onnx(halves)(in_onnx)
    net = compile(Net(), (torch.ones(1, 4),), output=tmp_path / "net.dyncc", threads=1)
    for x in (torch.tensor([[1.0, 2, 3, 4]]), torch.tensor([[4.0, 3, 2, 1]])):
        assert torch.equal(net(x), Net()(x))


def test_an_onnx_form_that_differs_is_found_out(tmp_path: Path) -> None:
    register_onnx(torch.ops.dyncc_tests.halves)(lambda x, scale: in_onnx(x, scale, 1.5))
    with pytest.raises(CompileError) as caught:
        compile(Net(), (torch.ones(1, 4),), output=tmp_path / "net.dyncc", threads=1)
    assert {d.code for d in caught.value.diagnostics} == {"DY301"}
    assert not (tmp_path / "net.dyncc").exists()


@pytest.mark.parametrize("operator", [torch.relu, "mine::op", torch.ops.aten.add])
def test_what_is_no_single_operator_is_named(operator: Any) -> None:
    with pytest.raises(TypeError, match=r"no operator|several overloads"):
        register_onnx(operator)
