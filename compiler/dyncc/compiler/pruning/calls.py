"""The batches of ``data`` as calls of a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from dyncc.compiler.check.report import Example
from dyncc.passes.prune.errors import OptionError


def calls_of(data: Sequence[Any], example: Example, *, dynamic: bool = False) -> list[Example]:
    """Calls of the method of ``example``.

    A batch is what the method is called with, a tensor or a tuple, or an :class:`Example`, which is taken
    as it is. Where its tensors are longer in their first axis than those of the example, it is cut into
    calls of the example's size (what is left over is left out). Where sizes are ``dynamic``, other shapes
    are calls too. Raises :class:`OptionError` for what fits the method in neither way.
    """
    found: list[Example] = []
    for batch in data:
        if isinstance(batch, Example):
            found.append(batch)
            continue
        args = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
        if len(args) != len(example.args):
            raise OptionError(
                f"a batch of `data` has {len(args)} tensors, the network takes {len(example.args)}",
                "for obspa a batch is what the module is called with, without labels",
            )
        found += _cut(args, example, dynamic)
    return found


def _cut(args: tuple[Any, ...], example: Example, dynamic: bool) -> list[Example]:
    tensors = [
        (torch.as_tensor(mine), theirs)
        for mine, theirs in zip(args, example.args, strict=True)
        if isinstance(theirs, torch.Tensor)
    ]
    if all(mine.shape == theirs.shape for mine, theirs in tensors):
        return [Example(example.method, args, example.kwargs)]
    counts = {_times(mine, theirs) for mine, theirs in tensors}
    if len(counts) == 1 and (count := counts.pop()):
        return [_part(args, example, number) for number in range(count)]
    if dynamic:
        return [Example(example.method, args, example.kwargs)]
    mine, theirs = next((a, b) for a, b in tensors if a.shape != b.shape)
    raise OptionError(
        f"`data` has the shape {list(mine.shape)} where the network takes {list(theirs.shape)}"
    )


def _times(mine: torch.Tensor, theirs: torch.Tensor) -> int:
    """How often the example's size fits into a batch; 0 where the batch has another shape."""
    fits = mine.dim() == theirs.dim() > 0 and mine.shape[1:] == theirs.shape[1:] and theirs.shape[0]
    return mine.shape[0] // theirs.shape[0] if fits else 0


def _part(args: tuple[Any, ...], example: Example, number: int) -> Example:
    def part(mine: Any, theirs: Any) -> Any:
        if not isinstance(theirs, torch.Tensor):
            return mine
        size = theirs.shape[0]
        return torch.as_tensor(mine)[number * size : (number + 1) * size]

    parts = tuple(part(mine, theirs) for mine, theirs in zip(args, example.args, strict=True))
    return Example(example.method, parts, example.kwargs)
