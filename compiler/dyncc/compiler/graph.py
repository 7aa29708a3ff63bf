"""The recorded graph: torch callables in the order in which the program called them.

A graph is a ``torch.fx.Graph`` of ``placeholder``, ``get_attr``, ``call_function`` and ``output``
nodes. ``get_attr`` names a weight of the program; ``output`` takes a tuple of tensor nodes; a number
enters as a 0-d tensor. Inside, a graph may write in place; outside it is pure, since what it writes to
it has made itself (a parameter that it changes is cloned at its head).

Metadata of a node: ``span`` (:class:`~dyncc.ir.Span`), ``type`` (the type of a tensor or number),
``stride`` (of a placeholder that is not contiguous), ``autocast`` (``(device_type, dtype, enabled)``, the
mode in force), ``mutates`` (true for a call that writes in place although its name does not say so),
``sizes_given`` (true for a call that asks about sizes, which must therefore enter with the graph's inputs).
"""

from __future__ import annotations

import hashlib
import inspect
import math
import types
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any

import torch
from torch import fx

from dyncc.compiler.graph_host_steps import choice, host_step
from dyncc.compiler.graph_names import last_name, readable_name, readable_value, stable_name, stable_value
from dyncc.compiler.graph_split import (
    common_results,
    invariant_results,
    is_heavy,
    is_total,
    may_share,
    value_numbers,
)
from dyncc.ir import Dim, TensorType, Type
from dyncc.ir.printer import type_text
from dyncc.ir.symbols import substitute, substitute_dim, symbols_of
from dyncc.passes.base import Common, FromOutput, Size, Source

_INPLACE_OPERATORS = frozenset(
    f"{left}{name}{right}"
    for name in (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
        *("and", "or", "xor", "lshift", "rshift"),
    )
    for left, right in (("i", ""), ("__i", "__"))
)
_WRITERS = _INPLACE_OPERATORS | {"__setitem__", "setitem", "__delitem__", "delitem", "__set__"}
_CHECKS = ("_assert", "_check", "_functional_assert", "sym_constrain")
_STATISTICS = {"batch_norm": "training", "instance_norm": "use_input_stats"}


def run_graph(
    graph: fx.Graph,
    inputs: Sequence[torch.Tensor],
    weights: Mapping[str, torch.Tensor],
    instead: Mapping[Any, Any] = MappingProxyType({}),
) -> tuple[torch.Tensor, ...]:
    """Execute a graph. ``inputs`` are its placeholders in order (a number is a 0-d tensor).

    ``instead`` holds functions to be called in place of others.

    Raises what the recorded calls raise, ``KeyError`` for a weight that is not there and
    ``ValueError`` for a wrong number of inputs.
    """
    values: dict[fx.Node, Any] = {}
    remaining = iter(inputs)
    for node in graph.nodes:
        match node.op:
            case "placeholder":
                try:
                    values[node] = next(remaining)
                except StopIteration:
                    raise ValueError(f"the graph has more inputs than the {len(inputs)} given") from None
            case "get_attr":
                values[node] = weights[node.target]
            case "call_function":
                target = instead.get(node.target, node.target) if instead else node.target
                with _mode(node):
                    values[node] = target(*_bound(node.args, values), **_bound(node.kwargs, values))  # type: ignore[operator]
            case "output":
                if next(remaining, None) is not None:
                    raise ValueError(f"the graph has fewer inputs than the {len(inputs)} given")
                return tuple(_bound(node.args[0], values))
            case other:
                raise ValueError(f"a recorded graph has no `{other}` nodes")
    raise ValueError("the graph has no output node")


def _mode(node: fx.Node) -> AbstractContextManager[Any]:
    autocast = node.meta.get("autocast")
    if autocast is None:
        return nullcontext()
    device_type, dtype = autocast
    return torch.autocast(device_type, dtype=dtype)


def _bound(argument: Any, values: Mapping[fx.Node, Any]) -> Any:
    """An argument with its nodes replaced by values, in plain containers."""
    match argument:
        case fx.Node():
            return values[argument]
        case torch.Size():
            return argument
        case tuple():
            return tuple(_bound(item, values) for item in argument)
        case list():
            return [_bound(item, values) for item in argument]
        case dict():
            return {key: _bound(item, values) for key, item in argument.items()}
        case slice():
            parts = (argument.start, argument.stop, argument.step)
            return slice(*(_bound(part, values) for part in parts))
        case _:
            return argument


def placeholders(graph: fx.Graph) -> list[fx.Node]:
    """The inputs of a graph in order."""
    return [node for node in graph.nodes if node.op == "placeholder"]


def outputs(graph: fx.Graph) -> tuple[fx.Node, ...]:
    """The nodes that a graph returns, in order."""
    return tuple(graph.output_node().args[0])  # pyright: ignore[reportArgumentType] -- a tuple, see above


def print_fx_graph(graph: fx.Graph) -> str:
    """The graph as text, a line a call: ``h: f32[1, 8] = linear(x, @fc.weight, @fc.bias)``."""
    names = {node: node.name for node in graph.nodes}
    names |= {node: f"@{node.target}" for node in graph.nodes if node.op == "get_attr"}
    header = ", ".join(_typed(node, names[node]) for node in placeholders(graph))
    lines = [f"({header}):"]
    for node in graph.nodes:
        if node.op == "call_function":
            lines.append(f"    {_typed(node, node.name)} = {_call_text(node, names)}")
    results = ", ".join(names[node] for node in outputs(graph))
    return "\n".join([*lines, f"    return {results}".rstrip()])


def _typed(node: fx.Node, name: str) -> str:
    type_ = node.meta.get("type")
    return name if type_ is None else f"{name}: {type_text(type_)}"


def _call_text(node: fx.Node, names: Mapping[fx.Node, str]) -> str:
    show: Callable[[Any], str] = lambda value: readable_value(value, names)  # noqa: E731
    arguments = [show(value) for value in node.args]
    arguments += [f"{key}={show(value)}" for key, value in node.kwargs.items()]
    text = f"{readable_name(node.target)}({', '.join(arguments)})"
    if autocast := node.meta.get("autocast"):
        device_type, dtype = autocast
        text += f" under autocast({device_type}, {show(dtype)})"
    return text


class FxGraphOps:
    """Edits of ``torch.fx.Graph``. Dead code goes, but a call that writes in place or checks stays."""

    def signature(self, graph: fx.Graph) -> tuple[int, int]:
        return len(placeholders(graph)), len(outputs(graph))

    def types(self, graph: fx.Graph) -> tuple[list[Type | None], list[Type | None]]:
        known = [
            [node.meta.get("type") for node in nodes] for nodes in (placeholders(graph), outputs(graph))
        ]
        return known[0], known[1]

    def concatenate(self, first: fx.Graph, second: fx.Graph, sources: Sequence[Source]) -> fx.Graph:
        new, values = fx.Graph(), {}
        heads = [_copy_placeholder(node, new) for node in placeholders(first)]
        values.update(zip(placeholders(first), heads, strict=True))
        for node, source in zip(placeholders(second), sources, strict=True):
            if isinstance(source, FromOutput):
                continue
            if source.index == len(heads):
                heads.append(_copy_placeholder(node, new))
            values[node] = heads[source.index]
        _copy_nodes(_body(first), new, values)
        for node, source in zip(placeholders(second), sources, strict=True):
            if isinstance(source, FromOutput):
                values[node] = values[outputs(first)[source.index]]
        weights = {node.target: values[node] for node in _body(first) if node.op == "get_attr"}
        for node in _body(second):
            if node.op == "get_attr" and node.target in weights:
                values[node] = weights[node.target]
            else:
                _copy_nodes([node], new, values)
        new.output(tuple(values[node] for node in (*outputs(first), *outputs(second))))
        return new

    def keep_outputs(self, graph: fx.Graph, indices: Sequence[int]) -> fx.Graph:
        results = outputs(graph)
        return _rebuilt(graph, placeholders(graph), [results[index] for index in indices])

    def size(self, graph: fx.Graph) -> Size:
        calls = sum(node.op == "call_function" for node in graph.nodes)
        weights = {node.target: _elements(node) or 0 for node in graph.nodes if node.op == "get_attr"}
        return Size(calls, sum(weights.values()), _work(graph))

    def total(self, graph: fx.Graph) -> bool:
        calls = [node for node in graph.nodes if node.op == "call_function"]
        return all(is_total(node) and not mutates(node) for node in calls)

    def host_step(self, op: str, operands: Sequence[Type]) -> tuple[fx.Graph, TensorType] | None:
        return host_step(op, operands)

    def choice(self, type_: TensorType) -> fx.Graph:
        return choice(type_)

    def dependencies(self, graph: fx.Graph) -> tuple[frozenset[int], ...]:
        numbers = {node: index for index, node in enumerate(placeholders(graph))}
        needed = (_live(graph, [result]) for result in outputs(graph))
        return tuple(frozenset(numbers[node] for node in live if node in numbers) for live in needed)

    def separate(self, graph: fx.Graph) -> bool:
        return any(node.meta.get("sizes_given") for node in graph.nodes)

    def keep_inputs(self, graph: fx.Graph, indices: Sequence[int]) -> fx.Graph:
        heads = placeholders(graph)
        return _rebuilt(graph, [heads[index] for index in indices], outputs(graph))

    def split(self, graph: fx.Graph, fixed: Sequence[int]) -> tuple[fx.Graph, fx.Graph] | None:
        heads = placeholders(graph)
        if any(mutates(node) for node in graph.nodes):
            return None
        order = {node: index for index, node in enumerate(graph.nodes)}
        found = invariant_results(_body(graph), [heads[index] for index in fixed], outputs(graph))
        if not found:
            return None
        found.sort(key=order.__getitem__)
        first = _rebuilt(graph, [heads[index] for index in fixed], found)
        rest = fx.Graph()
        values = {node: _copy_placeholder(node, rest) for node in heads}
        for node in found:
            values[node] = rest.placeholder(f"{node.name}_fixed")
            values[node].meta = {"type": node.meta["type"]}
        _copy_nodes([node for node in _body(graph) if node not in found], rest, values)
        rest.output(tuple(values[node] for node in outputs(graph)))
        return first, _rebuilt(rest, placeholders(rest), outputs(rest))

    def common(
        self, graphs: Sequence[fx.Graph], sources: Sequence[Sequence[Hashable]]
    ) -> Common[fx.Graph] | None:
        if not may_share(graphs) or any(mutates(node) for graph in graphs for node in graph.nodes):
            return None
        numbers = [
            value_numbers(graph, given, _value_number) for graph, given in zip(graphs, sources, strict=True)
        ]
        found = common_results(graphs, numbers, [outputs(graph) for graph in graphs])
        if not found:
            return None
        first, known = graphs[0], numbers[0]
        results = [next(node for node, own in known.items() if own == number) for number in found]
        live = _live(first, results)
        heads = [node for node in placeholders(first) if node in live]
        wanted = dict(zip(placeholders(first), sources[0], strict=True))
        rests = [
            _with_given(graph, own, results, found) for graph, own in zip(graphs, numbers, strict=True)
        ]
        return Common(_rebuilt(first, heads, results), tuple(wanted[node] for node in heads), tuple(rests))

    def rename_symbols(self, graph: fx.Graph, symbols: Mapping[str, Dim]) -> fx.Graph:
        new = _rebuilt(graph, placeholders(graph), outputs(graph))
        for node in new.nodes:
            if (type_ := node.meta.get("type")) is not None:
                node.meta["type"] = substitute(type_, symbols)
            if (stride := node.meta.get("stride")) is not None:
                node.meta["stride"] = tuple(substitute_dim(step, symbols) for step in stride)
        return new

    def digest(self, graph: fx.Graph) -> str:
        """Depends on calls, weights' names, constants, autocast, and inputs' types and strides."""
        symbols: dict[str, Dim] = {}
        numbers: dict[fx.Node, str] = {}
        hashed = hashlib.sha256()
        for node in graph.nodes:
            numbers[node] = f"%{len(numbers)}"
            hashed.update(f"{_line(node, numbers, symbols)}\n".encode("utf-8", "surrogatepass"))
        return hashed.hexdigest()


def _value_number(node: fx.Node, numbers: Mapping[fx.Node, str]) -> str:
    digest = hashlib.sha256(_line(node, dict(numbers), {}).encode("utf-8", "surrogatepass")).hexdigest()
    return f"call {digest}"


def _with_given(
    graph: fx.Graph, numbers: Mapping[fx.Node, str], given: Sequence[fx.Node], found: Sequence[str]
) -> fx.Graph:
    """``graph`` with further inputs in the place of the values ``found``, which are typed as ``given``."""
    new = fx.Graph()
    values = {node: _copy_placeholder(node, new) for node in placeholders(graph)}
    for node, number in zip(given, found, strict=True):
        head = new.placeholder(f"{node.name}_shared")
        head.meta = {"type": node.meta["type"]}
        for own, other in numbers.items():
            if other == number:
                values[own] = head
    _copy_nodes([node for node in _body(graph) if node not in values], new, values)
    new.output(tuple(values[node] for node in outputs(graph)))
    return _rebuilt(new, placeholders(new), outputs(new))


def mutates(node: fx.Node) -> bool:
    """Whether a call may write in place or checks something, so that it stays though unused."""
    if node.op != "call_function":
        return False
    name = last_name(node.target)
    if node.meta.get("mutates") or name in _WRITERS or name.startswith(_CHECKS):
        return True
    if name.endswith("_") and not name.endswith("__"):
        return True
    if isinstance(node.target, torch._ops.OpOverload):
        return node.target._schema.is_mutable
    if node.kwargs.get("out") is not None or node.kwargs.get("inplace"):
        return True
    return _flag(node, "inplace") or _flag(node, _STATISTICS.get(name, "inplace"))


def _elements(node: fx.Node) -> int | None:
    """How many elements a tensor has, where its sizes are numbers."""
    type_ = node.meta.get("type")
    if not isinstance(type_, TensorType) or any(isinstance(size, str) for size in type_.shape):
        return None
    return math.prod(map(int, type_.shape))


def _work(graph: fx.Graph) -> int | None:
    calls = [node for node in graph.nodes if node.op == "call_function"]
    counts = [None if is_heavy(node) else _elements(node) for node in calls]
    return None if None in counts else sum(count for count in counts if count is not None)


def _flag(node: fx.Node, parameter: str) -> bool:
    """Whether a Python function is given a true value for this parameter (or it may be one)."""
    if not isinstance(node.target, types.FunctionType):
        # torch.batch_norm and torch.instance_norm have their flag at the same place
        positional = parameter in _STATISTICS.values() and len(node.args) > 5 and node.args[5]
        return bool(positional or node.kwargs.get(parameter))
    try:
        signature = inspect.signature(node.target)
    except ValueError:  # a wrapper of a builtin method, as torch.Tensor.__pow__ is
        return bool(node.kwargs.get(parameter))
    if parameter not in signature.parameters:
        return False
    try:
        arguments = signature.bind_partial(*node.args, **node.kwargs).arguments
    except TypeError:
        return True
    default = signature.parameters[parameter].default
    return bool(arguments.get(parameter, default is not inspect.Parameter.empty and default))


def _live(graph: fx.Graph, results: Sequence[fx.Node]) -> set[fx.Node]:
    """The nodes that are needed for these results, or for calls that stay anyway."""
    pending = [*results, *(node for node in graph.nodes if mutates(node))]
    live: set[fx.Node] = set()
    while pending:
        node = pending.pop()
        if node not in live:
            live.add(node)
            pending.extend(node.all_input_nodes)
    return live


def _rebuilt(graph: fx.Graph, heads: Sequence[fx.Node], results: Sequence[fx.Node]) -> fx.Graph:
    """A copy with these inputs and outputs, without dead code."""
    live = _live(graph, results)
    missing = [node.name for node in placeholders(graph) if node in live and node not in heads]
    if missing:
        raise ValueError(f"these inputs are used: {', '.join(missing)}")
    new = fx.Graph()
    values = {node: _copy_placeholder(node, new) for node in heads}
    _copy_nodes([node for node in _body(graph) if node in live], new, values)
    new.output(tuple(values[node] for node in results))
    return new


def _copy_nodes(nodes: Iterable[fx.Node], into: fx.Graph, values: dict[fx.Node, fx.Node]) -> None:
    for node in nodes:
        values[node] = into.node_copy(node, values.__getitem__)


def _body(graph: fx.Graph) -> list[fx.Node]:
    """The weights and calls of a graph, in order."""
    return [node for node in graph.nodes if node.op in ("get_attr", "call_function")]


def _copy_placeholder(node: fx.Node, into: fx.Graph) -> fx.Node:
    new = into.placeholder(node.name)
    new.meta = dict(node.meta)
    return new


def _line(node: fx.Node, numbers: Mapping[fx.Node, str], symbols: dict[str, Dim]) -> str:
    match node.op:
        case "placeholder":
            type_ = node.meta.get("type")
            for symbol in symbols_of(type_) if type_ is not None else ():
                symbols.setdefault(symbol, f"${len(symbols)}")
            shown = "" if type_ is None else type_text(substitute(type_, symbols))
            stride = node.meta.get("stride")
            steps = None if stride is None else tuple(substitute_dim(step, symbols) for step in stride)
            return f"input {shown} {steps} {node.meta.get('ranges')}"
        case "get_attr":
            return f"weight {node.target!r}"
        case "output":
            return f"output {stable_value(node.args, numbers)}"
        case _:
            arguments: tuple[Any, ...] = (node.args, dict(sorted(node.kwargs.items())))
            mode = stable_value((node.meta.get("autocast"), node.meta.get("sizes_given")), numbers)
            return f"{stable_name(node.target)} {stable_value(arguments, numbers)} {mode}"
