"""Recurrent networks over packed sequences (``nn.utils.rnn.PackedSequence``), as calls of a graph.

PyTorch's own functions read the sizes of the batches from a tensor, which no fake tensor can do. Those here
are the same functions of the same arguments, and know the shapes of their results; the lowering has ONNX's
operators with the lengths of the sequences in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor


def is_packed(args: Sequence[Any]) -> bool:
    """Whether these are the arguments of a packed call: ``(data, batch_sizes, hx, weights, …)``."""
    return len(args) == 9 and isinstance(args[1], torch.Tensor) and isinstance(args[3], (list, tuple))


def _packed(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(
        data: torch.Tensor,
        batch_sizes: torch.Tensor,
        state: Any,
        weights: Sequence[torch.Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> Any:
        if isinstance(data, FakeTensor):
            states = list(state) if isinstance(state, (tuple, list)) else [state]
            width = states[0].shape[-1] * (2 if bidirectional else 1)
            return data.new_empty((data.shape[0], width)), *(torch.empty_like(each) for each in states)
        return function(
            data, batch_sizes, state, weights, has_biases, num_layers, dropout, train, bidirectional
        )

    call.__name__ = call.__qualname__ = name
    call.__module__ = "torch"
    return call


PACKED: dict[Any, Callable[..., Any]] = {
    function: _packed(function, f"packed_{function.__name__}")
    for function in (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)
}
"""PyTorch's function → that for packed sequences."""


def places(batch_sizes: torch.Tensor, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the elements of padded sequences are among the packed ones (0 for padding), and a mask of them.

    Both are [length, ``batch``]; the sequences are sorted, the longest first.
    """
    sizes = batch_sizes.unsqueeze(1)
    lane = torch.arange(batch).unsqueeze(0)
    mask = lane < sizes
    place = batch_sizes.cumsum(0).unsqueeze(1) - sizes + lane
    return torch.where(mask, place, 0), mask


def rows(batch_sizes: torch.Tensor, count: Any, batch: Any) -> torch.Tensor:
    """The inverse: the row of each of ``count`` packed elements in ``[length * batch]`` padded ones."""
    begins = batch_sizes.cumsum(0) - batch_sizes
    number = torch.arange(count)
    step = (number.unsqueeze(1) >= begins.unsqueeze(0)).sum(1) - 1
    return step * batch + number - begins.index_select(0, step)
