"""Texts with numbers in them as values of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from dyncc.compiler.specialize.values import DynamicText, is_scalar
from dyncc.runtime.program import Const, Operand, ScalarType
from dyncc.runtime.texts import NO_FORMAT, Piece, template_of

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.block import BlockBuilder


class Unwritable(Exception):
    """``what`` cannot be made by the host, and ``instead`` can."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.what, self.instead = what, instead


def text_operand(block: BlockBuilder, text: DynamicText) -> Operand:
    """The text as a value of the block's host. Raises Unwritable."""
    template: list[Piece] = []
    operands: list[Operand] = []
    for part in text.parts:
        if isinstance(part, str):
            template.append(part)
            continue
        value, conversion, spec = part
        if isinstance(value, torch.Tensor):
            raise Unwritable("the text of a tensor", "return the tensor, or numbers that are read from it")
        if NO_FORMAT & {*spec}:
            raise Unwritable(f"a number in the format {spec!r}", "return the number")
        template.append((conversion, spec))
        operands.append(value.operand if is_scalar(value) else Const(value))
    made = [Const(template_of(iter(template))), *operands]
    return block.host_op("text", made, ScalarType("str"), "note")
