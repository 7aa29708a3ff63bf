"""Operators whose numbers ONNX keeps as float32 attributes: written out for float64 tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from dyncc.compiler.lower.decompose.registry import decomposes

aten = torch.ops.aten
Decomposition = Callable[..., torch.Tensor]


def for_doubles(operator: Any) -> Callable[[Decomposition], Decomposition]:
    """Decompose ``operator`` where its first tensor is of float64, and leave it alone otherwise."""

    def register(function: Decomposition) -> Decomposition:
        @functools.wraps(function)
        def of_doubles(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            return function(self, *args, **kwargs) if self.dtype is torch.float64 else NotImplemented

        decomposes(operator)(of_doubles)
        return function

    return register


def _within(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return torch.where(x < low, low, torch.where(x > high, high, x))


@for_doubles(aten.leaky_relu.default)
def leaky_relu(self: torch.Tensor, negative_slope: float = 0.01) -> torch.Tensor:
    return torch.where(self > 0, self, self * negative_slope)


@for_doubles(aten.elu.default)
def elu(
    self: torch.Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> torch.Tensor:
    negative = (torch.exp(self * input_scale) - 1) * alpha
    return torch.where(self > 0, self, negative) * scale


@for_doubles(aten.hardtanh.default)
def hardtanh(self: torch.Tensor, min_val: float = -1.0, max_val: float = 1.0) -> torch.Tensor:
    return _within(self, min_val, max_val)


@for_doubles(aten.hardsigmoid.default)
def hardsigmoid(self: torch.Tensor) -> torch.Tensor:
    return _within(self + 3, 0.0, 6.0) / 6


@for_doubles(aten.hardswish.default)
def hardswish(self: torch.Tensor) -> torch.Tensor:
    return self * _within(self + 3, 0.0, 6.0) / 6


@for_doubles(aten.softplus.default)
def softplus(self: torch.Tensor, beta: float = 1.0, threshold: float = 20.0) -> torch.Tensor:
    scaled = self * beta
    return torch.where(scaled > threshold, self, torch.log1p(torch.exp(scaled)) / beta)


@for_doubles(aten.addcmul.default)
def addcmul(
    self: torch.Tensor, tensor1: torch.Tensor, tensor2: torch.Tensor, *, value: float = 1.0
) -> torch.Tensor:
    return self + tensor1 * tensor2 * value


@for_doubles(aten.addcdiv.default)
def addcdiv(
    self: torch.Tensor, tensor1: torch.Tensor, tensor2: torch.Tensor, *, value: float = 1.0
) -> torch.Tensor:
    return self + tensor1 / tensor2 * value


@for_doubles(aten.celu.default)
def celu(self: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    return elu(self, alpha, 1.0, 1.0 / alpha)


@for_doubles(aten.selu.default)
def selu(self: torch.Tensor) -> torch.Tensor:
    return elu(self, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0)
