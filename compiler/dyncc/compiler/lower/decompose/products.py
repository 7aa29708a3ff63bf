"""Powers and products: of integers ONNX Runtime computes them in double precision.

They are exact here up to the dtype and wrap beyond it, as PyTorch's do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from dyncc.compiler.lower.decompose.reductions import prefixes
from dyncc.compiler.lower.decompose.registry import DECOMPOSITIONS, decomposes, is_symbolic

aten = torch.ops.aten


def _is_integer(dtype: torch.dtype) -> bool:
    return not dtype.is_floating_point and not dtype.is_complex and dtype is not torch.bool


_ROOTS = {0.5: torch.sqrt, -0.5: torch.rsqrt}
"""Powers that PyTorch takes as roots: of -inf nan, where a power is inf."""


def _of_integers(otherwise: Callable[..., Any] | None) -> Callable[..., Any]:
    """A power, by squaring where base and exponent are integers; else what ``otherwise`` makes of it."""

    def decomposed(self: Any, exponent: Any) -> Any:
        unknown = is_symbolic(self) or is_symbolic(exponent)
        dtype = None if unknown else torch.result_type(self, exponent)
        if dtype is None or not _is_integer(dtype):
            root = None if unknown or not isinstance(exponent, float) else _ROOTS.get(exponent)
            if root is not None and isinstance(self, torch.Tensor):
                return root(self.to(dtype))
            return NotImplemented if otherwise is None else otherwise(self, exponent)
        if isinstance(exponent, int):
            return _power(self.to(dtype), exponent)
        base = self if isinstance(self, torch.Tensor) else torch.full((), self, dtype=dtype)
        return _tensor_power(base.to(dtype), exponent.to(dtype))

    return decomposed


def _power(base: torch.Tensor, exponent: int) -> torch.Tensor:
    result = torch.ones_like(base) if exponent == 0 else None
    while exponent > 0:
        if exponent % 2:
            result = base if result is None else result * base
        exponent //= 2
        base = base * base if exponent else base
    assert result is not None, "PyTorch refuses negative exponents"
    return result


def _tensor_power(base: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    """One step for each bit of the exponent; with a negative one, only 1 and -1 give something but 0."""
    base, exponent = torch.broadcast_tensors(base, exponent)
    odd = exponent % 2 == 1
    inverse = torch.where(base == 1, 1, torch.where(base == -1, torch.where(odd, -1, 1), 0)).to(base.dtype)
    result, square, left = torch.ones_like(base), base, exponent.clamp(min=0)
    bits = torch.iinfo(base.dtype).bits
    for _ in range(bits if base.dtype is torch.uint8 else bits - 1):
        result = torch.where(left % 2 == 1, result * square, result)
        square, left = square * square, left // 2
    return torch.where(exponent < 0, inverse, result)


DECOMPOSITIONS[aten.pow.Tensor_Scalar] = _of_integers(DECOMPOSITIONS[aten.pow.Tensor_Scalar])
DECOMPOSITIONS[aten.pow.Scalar] = _of_integers(DECOMPOSITIONS[aten.pow.Scalar])
DECOMPOSITIONS[aten.pow.Tensor_Tensor] = _of_integers(DECOMPOSITIONS.get(aten.pow.Tensor_Tensor))


def _whole(self: torch.Tensor, dtype: torch.dtype | None) -> torch.dtype | None:
    """The dtype of a product of integers; None of others."""
    if dtype is not None or not self.dtype.is_floating_point:
        found = dtype or torch.int64
        return found if _is_integer(found) else None
    return None


@decomposes(aten.prod.dim_int)
def prod(self: torch.Tensor, dim: int, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Any:
    """By halves, where the length is fixed."""
    whole = _whole(self, dtype)
    if whole is None or self.dim() == 0 or not isinstance(self.shape[dim], int) or self.shape[dim] == 0:
        return NotImplemented
    factors = self.to(whole).movedim(dim, -1)
    while (count := factors.shape[-1]) > 1:
        half = count // 2
        product = factors[..., :half] * factors[..., half : 2 * half]
        factors = torch.cat([product, factors[..., 2 * half :]], -1) if count % 2 else product
    return factors.movedim(-1, dim) if keepdim else factors.squeeze(-1)


@decomposes(aten.prod.default)
def prod_of_all(self: torch.Tensor, *, dtype: torch.dtype | None = None) -> Any:
    flat = self.reshape(-1)
    found = prod(flat, 0, dtype=dtype)
    if found is NotImplemented and self.dim() != 1 and _whole(self, dtype) is not None:
        return aten.prod.dim_int(flat, 0, dtype=dtype)
    return found


@decomposes(aten.cumprod.default)
def cumprod(self: torch.Tensor, dim: int, *, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Of integers in steps of 1, 2, 4, … where the length is fixed."""
    whole = _whole(self, dtype)
    dtype = whole or dtype or self.dtype
    if self.dim() == 0:
        return self.to(dtype)
    if whole is None or not isinstance(self.shape[dim], int):
        values, past = prefixes(self.to(dtype), dim)
        return torch.where(past, values, 1).prod(-1).movedim(-1, dim)
    found, step = self.to(dtype).movedim(dim, -1), 1
    while step < found.shape[-1]:
        product = found[..., step:] * found[..., :-step]
        found = torch.cat([found[..., :step], product], -1)
        step *= 2
    return found.movedim(-1, dim)


@decomposes(aten.mv.default)
def mv(self: torch.Tensor, vec: torch.Tensor) -> torch.Tensor:
    """With a matrix of one column: ONNX Runtime fuses a transposition into a product with a vector, and
    then leaves it out."""
    return torch.mm(self, vec.unsqueeze(1)).squeeze(1)


@decomposes(aten.matmul.default)
def matmul(self: torch.Tensor, other: torch.Tensor) -> Any:
    if self.dim() < 2 or other.dim() != 1:
        return NotImplemented
    return torch.matmul(self, other.unsqueeze(1)).squeeze(-1)
