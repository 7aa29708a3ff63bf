"""Recurrent networks as ONNX's own operators, whatever the length of the sequence.

PyTorch's exporter runs ``gru`` step by step to find out the shape of its result, and so takes the length to
be that of the example; and it unrolls ``rnn_tanh``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

import dyncc.compiler.size_checks  # noqa: F401  # makes the operator known
from dyncc.compiler.lower.opset import OPSET
from dyncc.compiler.packed import places, rows


@dataclass(frozen=True)
class _Kind:
    """``gates`` is ONNX's order of PyTorch's gates."""

    name: str
    gates: tuple[int, ...]
    attributes: dict[str, Any]


_KINDS = {
    torch.lstm: _Kind("LSTM", (0, 3, 1, 2), {}),
    torch.gru: _Kind("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    torch.rnn_tanh: _Kind("RNN", (0,), {}),
    torch.rnn_relu: _Kind("RNN", (0,), {"activations": ["Relu"]}),
}


def recurrent(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` (torch.lstm, gru, rnn_tanh or rnn_relu) of the same arguments, for the exporter.

    Float64 and projections, which ONNX Runtime lacks, are left to PyTorch.
    """
    kind = _KINDS[function]

    def replaced(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 9 or not isinstance(args[3], bool):
            return function(*args, **kwargs)
        input, state, params, has_biases, num_layers, dropout, train, bidirectional, batch_first = args
        states = list(state) if kind.name == "LSTM" else [state]
        projected = states[0].shape[-1] != states[-1].shape[-1]
        if projected or (train and dropout) or input.dtype is not torch.float32 or input.dim() != 3:
            return function(*args)
        stack = _Stack(kind, params, has_biases, 2 if bidirectional else 1)
        sequence = input.transpose(0, 1) if batch_first else input
        if not isinstance(
            sequence.shape[0], int
        ):  # of no steps PyTorch raises, and ONNX Runtime gives zeros
            sequence = torch.ops.dyncc.holds(sequence, ["lt"], [None, sequence], [0, 0])
        sequence, finals = stack.run(sequence, states, num_layers)
        return (sequence.transpose(0, 1) if batch_first else sequence, *finals)

    return replaced


def packed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same over packed sequences: padded, with their lengths for ONNX's operator, and packed again."""
    kind = _KINDS[function]

    def replaced(
        data: torch.Tensor,
        batch_sizes: torch.Tensor,
        state: Any,
        params: Sequence[torch.Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> Any:
        states = list(state) if kind.name == "LSTM" else [state]
        if states[0].shape[-1] != states[-1].shape[-1] or data.dtype is not torch.float32:
            return function(
                data, batch_sizes, state, params, has_biases, num_layers, dropout, train, bidirectional
            )
        length, batch = batch_sizes.shape[0], states[0].shape[1]
        place, mask = places(batch_sizes, batch)
        padded = data.index_select(0, place.flatten()).view(length, batch, data.shape[1])
        lengths = mask.sum(0).to(torch.int32)
        stack = _Stack(kind, params, has_biases, 2 if bidirectional else 1, lengths)
        sequence, finals = stack.run(padded, states, num_layers)
        chosen = rows(batch_sizes, data.shape[0], batch)
        return sequence.flatten(0, 1).index_select(0, chosen), *finals

    return replaced


@dataclass(frozen=True)
class _Stack:
    """Layers, each of one or two directions. ``lengths`` are those of the sequences, None for all."""

    kind: _Kind
    params: Sequence[torch.Tensor]
    has_biases: bool
    directions: int
    lengths: torch.Tensor | None = None

    def run(
        self, sequence: torch.Tensor, states: Sequence[torch.Tensor], layers: int
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        finals: list[list[torch.Tensor]] = [[] for _ in states]
        for layer in range(layers):
            first = layer * self.directions
            initial = [state[first : first + self.directions] for state in states]
            sequence, last = self._layer(sequence, initial, first)
            for found, value in zip(finals, last, strict=True):
                found.append(value)
        return sequence, [values[0] if layers == 1 else torch.cat(values) for values in finals]

    def _layer(
        self, sequence: torch.Tensor, initial: Sequence[torch.Tensor], first: int
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        each = 4 if self.has_biases else 2
        groups = [self.params[(first + i) * each : (first + i + 1) * each] for i in range(self.directions)]
        inputs: list[torch.Tensor | None] = [sequence]
        inputs += [torch.stack([self._ordered(group[place]) for group in groups]) for place in (0, 1)]
        inputs.append(
            torch.stack([torch.cat([self._ordered(bias) for bias in group[2:]]) for group in groups])
            if self.has_biases
            else None
        )
        inputs += [self.lengths, *initial]
        length, batch, hidden = sequence.shape[0], sequence.shape[1], initial[0].shape[-1]
        attributes = dict(self.kind.attributes)
        if self.directions == 2 and "activations" in attributes:
            attributes["activations"] = attributes["activations"] * 2
        outputs = torch.onnx.ops.symbolic_multi_out(
            self.kind.name,
            inputs,
            {
                "hidden_size": hidden,
                "direction": "bidirectional" if self.directions == 2 else "forward",
                **attributes,
            },
            dtypes=[sequence.dtype] * (1 + len(initial)),
            shapes=[(length, self.directions, batch, hidden)]
            + [(self.directions, batch, hidden)] * len(initial),
            version=OPSET,
        )
        flat = outputs[0].transpose(1, 2).reshape(length, batch, self.directions * hidden)
        return flat, list(outputs[1:])

    def _ordered(self, weight: torch.Tensor) -> torch.Tensor:
        """A weight or bias with its gates in ONNX's order."""
        if len(self.kind.gates) == 1:
            return weight
        # slices, since a split is not folded where the weight is a constant
        size = weight.shape[0] // len(self.kind.gates)
        return torch.cat([weight[index * size : (index + 1) * size] for index in self.kind.gates])
