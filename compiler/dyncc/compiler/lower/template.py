"""Templates: recorded graphs that differ only in the weights that they name are exported once.

An unrolled loop over layers records the same calls again and again; the time of an export grows with
its nodes, so this is where most of it is saved. To make it sound, a weight is an *input* of the export
(nothing can be folded into it) and becomes an initializer when a template is instantiated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx

from dyncc.compiler.graph_names import stable_name, stable_value
from dyncc.ir.symbols import substitute, substitute_dim, symbols_of
from dyncc.runtime.program import Dim


@dataclass(frozen=True)
class Template:
    """A graph and all graphs that equal it up to the names of symbols and of same-shaped weights.

    ``instances`` maps the name of a graph to its weights, in the order of ``weights``, which are those
    of ``graph``, the first instance.
    """

    name: str
    graph: fx.Graph
    weights: tuple[str, ...]
    instances: dict[str, tuple[str, ...]] = field(default_factory=dict)


def templates(graphs: Mapping[str, fx.Graph], weights: Mapping[str, torch.Tensor]) -> list[Template]:
    """The templates of ``graphs``, in the order of their first instances."""
    found: dict[tuple[Any, ...], Template] = {}
    for name, graph in graphs.items():
        slots = _slots(graph)
        key = _key(graph, slots, weights)
        template = found.setdefault(key, Template(name, graph, tuple(slots)))
        template.instances[name] = tuple(slots)
    return list(found.values())


def _slots(graph: fx.Graph) -> dict[str, int]:
    """The weights that a graph names, numbered in order of first use."""
    slots: dict[str, int] = {}
    for node in graph.nodes:
        if node.op == "get_attr":
            slots.setdefault(node.target, len(slots))
    return slots


def _key(graph: fx.Graph, slots: Mapping[str, int], weights: Mapping[str, torch.Tensor]) -> tuple[Any, ...]:
    symbols: dict[str, Dim] = {}
    numbers: dict[fx.Node, str] = {}
    lines: list[Any] = []
    for node in graph.nodes:
        numbers[node] = f"%{len(numbers)}"
        match node.op:
            case "placeholder":
                lines.append(("input", *_input_key(node, symbols)))
            case "get_attr":
                weight = weights[node.target]
                lines.append((slots[node.target], weight.dtype, tuple(weight.shape), weight.stride()))
            case "output":
                lines.append(("output", stable_value(node.args, numbers)))
            case _:
                arguments: tuple[Any, ...] = (node.args, dict(sorted(node.kwargs.items())))
                mode = stable_value(node.meta.get("autocast"), numbers)
                lines.append((stable_name(node.target), stable_value(arguments, numbers), mode))
    return tuple(lines)


def _input_key(node: fx.Node, symbols: dict[str, Dim]) -> tuple[Any, ...]:
    """Type and stride of a placeholder with symbols numbered in order of occurrence."""
    type_, stride = node.meta.get("type"), node.meta.get("stride")
    if type_ is None:
        return (None, stride)
    for symbol in symbols_of(type_):
        symbols.setdefault(symbol, f"_{len(symbols)}")
    steps = None if stride is None else tuple(substitute_dim(step, symbols) for step in stride)
    return (substitute(type_, symbols), steps, node.meta.get("ranges"))
