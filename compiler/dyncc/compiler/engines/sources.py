"""Blocks as engines' compilers take them, out of a program that was lowered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from dyncc.compiler.check.blocks import random_inputs, to_numpy
from dyncc.compiler.engines.base import BlockSource
from dyncc.compiler.lower import Lowered
from dyncc.compiler.lower.ports import ports_of
from dyncc.runtime.bundle import number_inputs
from dyncc.runtime.program import Program

MOST_EXAMPLES = 4

Harvest = Mapping[str, Sequence[Sequence[torch.Tensor]]]


def block_sources(
    program: Program[fx.Graph],
    lowered: Lowered,
    weights: Mapping[str, torch.Tensor],
    harvest: Harvest,
    *,
    pruned: bool = False,
) -> list[BlockSource]:
    """The blocks of ``lowered``. ``harvest`` holds inputs of the recorded graphs of ``program``; a graph
    without any gets random ones. ``pruned``: the models are no longer equal to the recorded graphs."""
    numbers = number_inputs(lowered.program)
    sources: list[BlockSource] = []
    for name, model in lowered.program.graphs.items():
        inputs, outputs = ports_of(model)
        recorded = None if pruned else program.graphs[name]
        examples = () if pruned else _examples(program.graphs[name], harvest.get(name, ()))
        kept = lowered.kept[name]
        sources.append(
            BlockSource(
                name,
                model,
                inputs,
                outputs,
                numbers[name],
                recorded,
                kept,
                weights,
                tuple(tuple(example[index] for index in kept) for example in examples),
            )
        )
    return sources


def _examples(graph: fx.Graph, given: Sequence[Sequence[torch.Tensor]]) -> list[list[np.ndarray[Any, Any]]]:
    found = list(given)[:MOST_EXAMPLES] or random_inputs(graph)
    return [[_bits(to_numpy(tensor)) for tensor in inputs] for inputs in found]


def _bits(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array
