"""Einsum as products of matrices where a size is free.

ONNX Runtime's divides by sizes: where one is zero, the process ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from dyncc.compiler.lower.decompose.registry import decomposes, is_symbolic

aten = torch.ops.aten


@dataclass(frozen=True)
class _Labelled:
    """A tensor with a label for each axis, all different."""

    labels: tuple[str, ...]
    tensor: torch.Tensor

    def in_order(self, labels: Sequence[str]) -> torch.Tensor:
        return self.tensor.permute([self.labels.index(label) for label in labels])

    def summed_but(self, kept: Collection[str], dtype: torch.dtype | None) -> _Labelled:
        """Without the other axes; ``dtype`` None: as ``sum`` makes it, of small integers int64."""
        axes = [axis for axis, label in enumerate(self.labels) if label not in kept]
        if not axes:
            return self
        labels = tuple(label for label in self.labels if label in kept)
        return _Labelled(labels, self.tensor.sum(axes, dtype=dtype))


@decomposes(aten.einsum.default)
def einsum(equation: str, tensors: list[torch.Tensor], *, path: Any = None) -> Any:
    if not any(is_symbolic(size) for tensor in tensors for size in tensor.shape):
        return NotImplemented
    return written_out(equation, tensors)


def written_out(equation: str, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """``torch.einsum``, from the left to the right."""
    inputs, output = _parsed(equation, [tensor.dim() for tensor in tensors])
    terms = [_diagonal(labels, tensor) for labels, tensor in zip(inputs, tensors, strict=True)]
    result = terms[0]
    for index, term in enumerate(terms[1:], 1):
        later = {label for other in terms[index + 1 :] for label in other.labels}
        result = _product(result, term, {*output, *later})
    return result.summed_but(output, None).in_order(output)


def _parsed(equation: str, ranks: Sequence[int]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """The labels of the operands' axes and of the result's; those of an ellipsis are numbers."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    hidden = [rank - len(text.replace("...", "")) for text, rank in zip(texts, ranks, strict=True)]
    most = max((count for text, count in zip(texts, hidden, strict=True) if "..." in text), default=0)

    def labels(text: str, count: int) -> tuple[str, ...]:
        before, dots, after = text.partition("...")
        return (*before, *(map(str, range(most - count, most)) if dots else ()), *after)

    inputs = [labels(text, count) for text, count in zip(texts, hidden, strict=True)]
    if arrow:
        return inputs, labels(right, most)
    letters = [label for text in texts for label in text.replace(".", "")]
    once = sorted(label for label in set(letters) if letters.count(label) == 1)
    return inputs, (*map(str, range(most)), *once)


def _diagonal(labels: tuple[str, ...], tensor: torch.Tensor) -> _Labelled:
    """A tensor whose label stands for several axes: their diagonal."""
    while True:
        again = next((label for label in labels if labels.count(label) > 1), None)
        if again is None:
            return _Labelled(labels, tensor)
        first = labels.index(again)
        second = labels.index(again, first + 1)
        tensor = tensor.diagonal(0, first, second)
        labels = (*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], again)


def _product(one: _Labelled, other: _Labelled, kept: Collection[str]) -> _Labelled:
    """The product of two, summed over what is not ``kept``."""
    one, other = _without_ones(one, other), _without_ones(other, one)
    dtype = one.tensor.dtype
    one, other = (
        one.summed_but({*kept, *other.labels}, dtype),
        other.summed_but({*kept, *one.labels}, dtype),
    )
    both = [label for label in one.labels if label in other.labels]
    batch = [label for label in both if label in kept]
    inner = [label for label in both if label not in kept]
    rows = [label for label in one.labels if label not in both]
    columns = [label for label in other.labels if label not in both]
    left, right = one.in_order([*batch, *rows, *inner]), other.in_order([*batch, *inner, *columns])
    sizes = [*left.shape[: len(batch) + len(rows)], *right.shape[len(batch) + len(inner) :]]
    left = _grouped(left, len(batch), len(rows), len(inner))
    right = _grouped(right, len(batch), len(inner), len(columns))
    return _Labelled((*batch, *rows, *columns), torch.matmul(left, right).reshape(sizes))


def _without_ones(one: _Labelled, other: _Labelled) -> _Labelled:
    """Without axes of one element that are as long as those of ``other``."""
    axes = [
        axis
        for axis, label in enumerate(one.labels)
        if label in other.labels
        and isinstance(one.tensor.shape[axis], int)
        and one.tensor.shape[axis] == 1
        and not _is_one(other.tensor.shape[other.labels.index(label)])
    ]
    labels = tuple(label for axis, label in enumerate(one.labels) if axis not in axes)
    return _Labelled(labels, one.tensor.squeeze(axes)) if axes else one


def _is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


def _grouped(tensor: torch.Tensor, batch: int, first: int, second: int) -> torch.Tensor:
    """A batch of matrices: ``first`` and ``second`` axes behind those of the batch become one each."""
    shape = tensor.shape
    if first == second == 1:
        return tensor
    parts = [shape[batch : batch + first], shape[batch + first :]]
    return tensor.reshape([*shape[:batch], *(_elements(sizes) for sizes in parts)])


def _elements(sizes: Sequence[Any]) -> Any:
    count: Any = 1
    for size in sizes:
        count = count * size
    return count
