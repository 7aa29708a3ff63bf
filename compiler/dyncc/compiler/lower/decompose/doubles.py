"""Operators whose numbers ONNX keeps as float32 attributes: written out for float64 tensors."""

from __future__ import annotations

import torch

from dyncc.compiler.lower.decompose.registry import decomposes

aten = torch.ops.aten


def _within(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return torch.where(x < low, low, torch.where(x > high, high, x))


@decomposes(aten.leaky_relu.default)
def leaky_relu(self: torch.Tensor, negative_slope: float = 0.01) -> torch.Tensor:
    if self.dtype is not torch.float64:
        return NotImplemented
    return torch.where(self > 0, self, self * negative_slope)


@decomposes(aten.elu.default)
def elu(
    self: torch.Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> torch.Tensor:
    if self.dtype is not torch.float64:
        return NotImplemented
    negative = (torch.exp(self * input_scale) - 1) * alpha
    return torch.where(self > 0, self, negative) * scale


@decomposes(aten.hardtanh.default)
def hardtanh(self: torch.Tensor, min_val: float = -1.0, max_val: float = 1.0) -> torch.Tensor:
    if self.dtype is not torch.float64:
        return NotImplemented
    return _within(self, min_val, max_val)


@decomposes(aten.hardsigmoid.default)
def hardsigmoid(self: torch.Tensor) -> torch.Tensor:
    if self.dtype is not torch.float64:
        return NotImplemented
    return _within(self + 3, 0.0, 6.0) / 6


@decomposes(aten.hardswish.default)
def hardswish(self: torch.Tensor) -> torch.Tensor:
    if self.dtype is not torch.float64:
        return NotImplemented
    return self * _within(self + 3, 0.0, 6.0) / 6


@decomposes(aten.softplus.default)
def softplus(self: torch.Tensor, beta: float = 1.0, threshold: float = 20.0) -> torch.Tensor:
    if self.dtype is not torch.float64:
        return NotImplemented
    scaled = self * beta
    return torch.where(scaled > threshold, self, torch.log1p(torch.exp(scaled)) / beta)


@decomposes(aten.addcmul.default)
def addcmul(
    self: torch.Tensor, tensor1: torch.Tensor, tensor2: torch.Tensor, *, value: float = 1.0
) -> torch.Tensor:
    if self.dtype is not torch.float64:
        return NotImplemented
    return self + tensor1 * tensor2 * value


@decomposes(aten.addcdiv.default)
def addcdiv(
    self: torch.Tensor, tensor1: torch.Tensor, tensor2: torch.Tensor, *, value: float = 1.0
) -> torch.Tensor:
    if self.dtype is not torch.float64:
        return NotImplemented
    return self + tensor1 / tensor2 * value


@decomposes(aten.celu.default)
def celu(self: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    return elu(self, alpha, 1.0, 1.0 / alpha)


@decomposes(aten.selu.default)
def selu(self: torch.Tensor) -> torch.Tensor:
    return elu(self, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0)
