"""One entry of the operator table, and what entries are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx_ir

from dyncc.passes.prune.description import Description

if TYPE_CHECKING:
    from dyncc.passes.prune.edit import Rewrite

Describe: TypeAlias = "Callable[[Description, onnx_ir.Node], None]"
Change: TypeAlias = "Callable[[Rewrite, onnx_ir.Node, onnx_ir.Node], None]"


@dataclass(frozen=True)
class Operator:
    """``describe`` says what an operator ties; ``change`` brings a node of a pruned network up to date.

    ``change(rewrite, old, new)`` is given the node of the original network, whose values ``rewrite`` knows
    the kept channels of, and the node to change. None where there is nothing to do but slice constants.
    """

    describe: Describe
    change: Change | None = None


def value_of(node: onnx_ir.Node, index: int) -> onnx_ir.Value | None:
    """Input ``index``, None where it is left out."""
    return node.inputs[index] if index < len(node.inputs) else None


def required(node: onnx_ir.Node, index: int) -> onnx_ir.Value:
    value = value_of(node, index)
    assert value is not None, f"`{node.op_type}` without input {index}"
    return value


def result_of(node: onnx_ir.Node, index: int) -> onnx_ir.Value | None:
    """Output ``index``, None where it is left out."""
    value = node.outputs[index] if index < len(node.outputs) else None
    return value if value is not None and value.name else None


def constant(value: onnx_ir.Value | None) -> np.ndarray | None:
    """The array of a constant, None for everything else."""
    if value is None or value.const_value is None:
        return None
    return value.const_value.numpy()


def integers(value: onnx_ir.Value | None) -> list[int] | None:
    """A constant of whole numbers as a list (a scalar as a list of one)."""
    array = constant(value)
    return None if array is None else [int(number) for number in array.ravel()]


def attribute(node: onnx_ir.Node, name: str, default: Any = None) -> Any:
    """The value of an attribute: int, float, text, or a list of them."""
    found = node.attributes.get(name)
    if found is None:
        return default
    value = found.value
    return list(value) if isinstance(value, tuple | list) else value


def integers_of(node: onnx_ir.Node, name: str, index: int) -> list[int] | None:
    """What newer operator sets pass as input ``index`` and older ones as attribute ``name``.

    None where it is computed when the network runs; the empty list where it is not there at all.
    """
    if name in node.attributes:
        return [int(number) for number in attribute(node, name)]
    value = value_of(node, index)
    return [] if value is None else integers(value)
