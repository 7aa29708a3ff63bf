"""Random operators: recorded as functions of noise, which the host draws before the graph runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.noise import DROPOUTS, OPERATORS
from dyncc.compiler.size_checks import as_size
from dyncc.compiler.specialize.lists.host_tensors import pre_tensor
from dyncc.compiler.specialize.recording import refusals
from dyncc.compiler.specialize.recording.cells import fake_of
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS
from dyncc.compiler.specialize.recording.tensor_types import dtype_name
from dyncc.compiler.specialize.values import is_scalar
from dyncc.compiler.specialize.values.decisions import Cut
from dyncc.runtime.program import Operand, Ref, TensorType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _random(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with torch._C._EnableTorchFunction(), recorder.recording():
        result = OPERATORS[func](_Recorded(recorder), *args, **kwargs)
    if result is not NotImplemented and func in DROPOUTS and recorder.training:
        raise refusals.training(func, recorder.block.span)
    return result


FUNCTIONS.update(dict.fromkeys(OPERATORS, _random))


class _Recorded:
    """Noise as parameters of the graph (a :class:`~dyncc.compiler.noise.Draw`)."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def like(self, kind: str, dtype: torch.dtype, tensor: torch.Tensor) -> Any:
        with torch._C.DisableTorchFunction():
            return self._drawn(kind, dtype, tuple(fake_of(self.recorder, tensor).shape))

    def sized(self, kind: str, dtype: torch.dtype, sizes: Sequence[Any]) -> Any:
        with torch._C.DisableTorchFunction():
            return self._drawn(kind, dtype, sizes)

    def _drawn(self, kind: str, dtype: torch.dtype, sizes: Sequence[Any]) -> Any:
        """``sizes``: numbers, numbers of the program that data decide, sizes of fake tensors.

        Raises Cut where one is known only after the graph.
        """
        block, recorder = self.recorder.block, self.recorder
        operands: list[Any] = []
        shape: list[int | str] = []
        known = [_as_fake(size) for size in sizes]
        for size in known:
            if isinstance(size, torch.SymInt):
                operand, name = self._size(size)
            elif is_scalar(size):
                if not block.make_pre(size.operand):
                    raise Cut
                operand, name = size.operand, recorder.facts_symbol()
            else:
                operand = name = int(size)
            operands.append(operand)
            shape.append(name)
        type_ = TensorType(dtype_name(dtype), tuple(shape))
        drawn = pre_tensor(recorder, "noise", (kind, type_.dtype, *operands), type_)
        block.drawn.append(block.pre[-1])
        if not any(map(is_scalar, known)):
            return drawn
        # what else is made of these numbers has the same sizes: said once, here
        return recorder.record(as_size, (drawn, tuple(sizes), False), {})

    def _size(self, size: torch.SymInt) -> tuple[Operand, str]:
        """A size of the graph as a number of the host, from a tensor that is there before; its name."""
        block = self.recorder.block
        for text, made in block.sizes.items():
            if made.node.expr != size.node.expr:
                continue
            values = (*block.params, *(op.result for op in block.pre))
            for value in values:
                if isinstance(value.type, TensorType) and text in value.type.shape:
                    return block.size_before(Ref(value.name), value.type.shape.index(text)), text
        raise Cut


def _as_fake(size: Any) -> Any:
    """The size of a tensor as that of the fake one; other numbers as they are."""
    if is_scalar(size) and size.expr.op == "dim":
        tensor, axis = size.expr.payload
        return tensor.fake.shape[axis]
    return size
