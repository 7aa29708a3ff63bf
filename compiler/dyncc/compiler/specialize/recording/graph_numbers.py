"""Python numbers inside of a graph: as tensors without dimensions, or as sizes and indices."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from dyncc.compiler.specialize.recording.tensor_types import SCALAR_DTYPES
from dyncc.compiler.specialize.values import Expr, SymTensor, kind_of
from dyncc.compiler.specialize.values.decisions import Cut
from dyncc.runtime.program import Ref, ScalarType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.block import BlockBuilder


_IN_GRAPH: dict[str, Callable[..., torch.Tensor]] = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "truediv": torch.true_divide,
    "floordiv": torch.floor_divide, "mod": torch.remainder, "pow": torch.pow, "neg": torch.neg,
    "pos": torch.clone, "abs": torch.abs, "min": torch.minimum, "max": torch.maximum, "lt": torch.lt,
    "le": torch.le, "gt": torch.gt, "ge": torch.ge, "eq": torch.eq, "ne": torch.ne,
    "not": torch.logical_not, "select": torch.where, "and_": torch.bitwise_and, "or_": torch.bitwise_or,
    "xor": torch.bitwise_xor, "invert": torch.bitwise_not, "lshift": torch.bitwise_left_shift,
    "rshift": torch.bitwise_right_shift, "round": torch.round, "math.sqrt": torch.sqrt,
    "math.exp": torch.exp, "math.log": torch.log, "math.log2": torch.log2, "math.log10": torch.log10,
    "math.log1p": torch.log1p, "math.expm1": torch.expm1, "math.sin": torch.sin, "math.cos": torch.cos,
    "math.tan": torch.tan, "math.tanh": torch.tanh, "math.sinh": torch.sinh, "math.cosh": torch.cosh,
    "math.asin": torch.asin, "math.acos": torch.acos, "math.atan": torch.atan, "math.floor": torch.floor,
    "math.ceil": torch.ceil, "math.trunc": torch.trunc, "math.fabs": torch.abs, "math.erf": torch.erf,
    "math.isnan": torch.isnan, "math.isinf": torch.isinf, "math.isfinite": torch.isfinite,
    "math.pow": torch.pow, "math.atan2": torch.atan2, "math.fmod": torch.fmod, "math.hypot": torch.hypot,
    "math.degrees": torch.rad2deg, "math.radians": torch.deg2rad, "math.lgamma": torch.lgamma,
    "math.copysign": torch.copysign,
}  # fmt: skip
_ON_SIZES: dict[str, Callable[..., Any]] = {
    name: getattr(operator, name) for name in ("add", "sub", "mul", "floordiv", "mod")
}
"""What can be computed on a size of the graph."""


class GraphNumbers:
    """The numbers that a block's graph computes with, each computed there once.

    Raises Cut where one is only known after the graph: the block must end before it is needed.
    """

    def __init__(self, block: BlockBuilder) -> None:
        self.block = block
        self._tensors: dict[int, tuple[fx.Node, torch.Tensor]] = {}
        self._sizes: dict[int, tuple[fx.Node, Any]] = {}

    def tensor(self, expr: Expr) -> tuple[fx.Node, torch.Tensor]:
        """The number as a 0-d tensor (int64, float64, bool) of the graph."""
        found = self._tensors.get(id(expr))
        if found is None:
            found = self._tensor(expr)
            self._tensors[id(expr)] = found
        return found

    def _tensor(self, expr: Expr) -> tuple[fx.Node, torch.Tensor]:
        dtype = SCALAR_DTYPES[expr.kind]
        if expr.op == "param":
            return self._placeholder(expr)
        if expr.op == "host":
            if not self.block.make_pre(expr.operand):
                raise Cut
            return self._placeholder(expr)
        if expr.op == "item":
            self._note_inside(expr)
            source: SymTensor = expr.payload
            with self.block.fake_mode:
                flat = source.fake.reshape(()) if source.fake.dim() else source.fake
                fake = flat.to(dtype)
            node = source.node
            if source.fake.dim():
                node = self.block.emit(torch.reshape, (node, ()), {})
            return self.block.emit(torch.Tensor.to, (node, dtype), {}), fake
        if expr.op == "dim":
            node, sym = self.size(expr)
            with self.block.fake_mode:
                fake = torch.scalar_tensor(sym, dtype=dtype)
            return self.block.emit(torch.scalar_tensor, (node,), {"dtype": dtype}), fake
        return self._operation(expr, dtype)

    def _note_inside(self, expr: Expr) -> None:
        for op in self.block.host:
            if (
                isinstance(expr.operand, Ref)
                and op.result.name == expr.operand.name
                and op.span is not None
            ):
                self.block.recorder.inside.add(op.span)

    def _placeholder(self, expr: Expr) -> tuple[fx.Node, torch.Tensor]:
        assert isinstance(expr.operand, Ref)
        node = self.block.placeholder(expr.operand.name, ScalarType(expr.kind), expr.operand)  # type: ignore[arg-type]
        with self.block.fake_mode:
            return node, torch.empty((), dtype=SCALAR_DTYPES[expr.kind])

    def _operation(self, expr: Expr, dtype: torch.dtype) -> tuple[fx.Node, torch.Tensor]:
        if expr.kind == "int" and _divides(expr):
            raise Cut  # an engine does not survive a division by zero, where Python raises its exception
        parts = [self._operand_tensor(operand, expr) for operand in expr.operands]
        if expr.op in ("int", "float", "bool"):
            node, fake = parts[0]
        else:
            function = _IN_GRAPH.get(expr.op)
            if function is None:
                raise Cut
            with self.block.fake_mode:
                fake = function(*[p[1] for p in parts])
            node = self.block.emit(function, tuple(p[0] for p in parts), {})
        if fake.dtype is not dtype:
            if fake.dtype.is_floating_point and dtype is torch.int64:
                with self.block.fake_mode:
                    fake = torch.trunc(fake)
                node = self.block.emit(torch.trunc, (node,), {})
            with self.block.fake_mode:
                fake = fake.to(dtype)
            node = self.block.emit(torch.Tensor.to, (node, dtype), {})
        return node, fake

    def _operand_tensor(self, operand: Any, expr: Expr) -> tuple[fx.Node, torch.Tensor]:
        """An operand in the dtype in which Python would compute ``expr``."""
        floating = expr.op.startswith("math.") or expr.op == "truediv"
        if isinstance(operand, Expr):
            node, fake = self.tensor(operand)
            kinds = [o.kind if isinstance(o, Expr) else kind_of(o) for o in expr.operands]
            if operand.kind == "bool" and expr.op in ("select", "not", "and_", "or_", "xor", "bool"):
                return node, fake
            want = torch.float64 if floating or "float" in kinds else torch.int64
            if expr.op in ("int", "float", "bool"):
                want = fake.dtype
            if fake.dtype is not want:
                with self.block.fake_mode:
                    fake = fake.to(want)
                node = self.block.emit(torch.Tensor.to, (node, want), {})
            return node, fake
        kinds = [o.kind if isinstance(o, Expr) else kind_of(o) for o in expr.operands]
        dtype = SCALAR_DTYPES[kind_of(operand) or "float"]
        if floating or "float" in kinds:
            dtype = torch.float64
        elif dtype is torch.bool and expr.op not in ("and_", "or_", "xor"):
            dtype = torch.int64
        with self.block.fake_mode:
            fake = torch.scalar_tensor(operand, dtype=dtype)
        return self.block.emit(torch.scalar_tensor, (operand,), {"dtype": dtype}), fake

    def size(self, expr: Expr) -> tuple[fx.Node, Any]:
        """The number as a size or index of the graph: a node that gives a Python number there."""
        found = self._sizes.get(id(expr))
        if found is None:
            found = self._size(expr)
            self._sizes[id(expr)] = found
        return found

    def _size(self, expr: Expr) -> tuple[fx.Node, Any]:
        if expr.op == "dim":
            tensor, axis = expr.payload
            return self.block.emit(torch.Tensor.size, (tensor.node, axis), {}), tensor.fake.shape[axis]
        truths = any(
            kind_of(o) == "bool" or (isinstance(o, Expr) and o.kind == "bool") for o in expr.operands
        )
        if expr.kind == "int" and expr.op in _ON_SIZES and not _divides(expr) and not truths:
            parts = [self.size(o) if isinstance(o, Expr) else (o, o) for o in expr.operands]
            function = _ON_SIZES[expr.op]
            fake = function(*[p[1] for p in parts])
            return self.block.emit(function, tuple(p[0] for p in parts), {}), fake
        node, fake = self.tensor(expr)
        with self.block.fake_mode:
            sym = fake.item()
        return self.block.emit(torch.Tensor.item, (node,), {}), sym


def _divides(expr: Expr) -> bool:
    """Whether it is a division by a number that may be zero."""
    return expr.op in ("floordiv", "mod") and isinstance(expr.operands[1], Expr)
