"""Batches: all graphs in as few exports as possible, and every failure brought home to its call.

An export fails as a whole. Where the exporter says which call is to blame, that call's template is taken
out and the rest tried again; where it does not, the batch is halved, and a template that fails alone is
cut to ever shorter prefixes until the first call that cannot be exported is found.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir
import torch
from torch import fx

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.lower.capture import Numbers, capture
from dyncc.compiler.lower.convert import convert
from dyncc.compiler.lower.failure import LoweringError, Place
from dyncc.compiler.lower.kernels import check_kernels
from dyncc.compiler.lower.nan import propagate_nan
from dyncc.compiler.lower.narrow import check_derived_sizes, check_sizes
from dyncc.compiler.lower.probabilities import precise_probabilities
from dyncc.compiler.lower.sizes import EQUAL, LARGE, SMALL
from dyncc.compiler.lower.split import split
from dyncc.compiler.lower.template import Template, templates
from dyncc.compiler.lower.types import input_types
from dyncc.ir.symbols import symbols_of
from dyncc.runtime.program import TensorType

NODES_PER_EXPORT = 4000
"""A bound on the memory of an export; its time is linear."""


def lower_graphs(
    graphs: Mapping[str, fx.Graph],
    weights: Mapping[str, torch.Tensor],
    arrays: Mapping[str, np.ndarray],
    hints: Mapping[str, int],
) -> dict[str, onnx_ir.Model]:
    """The ONNX model of each graph, in order. Raises :class:`CompileError` with all that failed."""
    tensors = {name: onnx_ir.tensor(array, name=name) for name, array in arrays.items()}
    work = _Work(graphs, weights, tensors, hints)
    for batch in _batches(templates(graphs, weights)):
        work.lower(batch, SMALL)
    if work.diagnostics:
        raise CompileError(list(dict.fromkeys(work.diagnostics)))
    return {name: work.models[name] for name in graphs}


def _batches(found: Sequence[Template]) -> list[list[Template]]:
    batches: list[list[Template]] = []
    room = 0
    for template in found:
        size = len(template.graph.nodes)
        if not batches or size > room:
            batches.append([])
            room = NODES_PER_EXPORT
        batches[-1].append(template)
        room -= size
    return batches


@dataclass
class _Work:
    graphs: Mapping[str, fx.Graph]
    weights: Mapping[str, torch.Tensor]
    tensors: Mapping[str, onnx_ir.TensorProtocol]
    hints: Mapping[str, int]
    models: dict[str, onnx_ir.Model] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def lower(self, batch: Sequence[Template], candidates: Sequence[int]) -> None:
        """Fill in ``models``, or ``diagnostics``, for every template of ``batch``."""
        if not batch:
            return
        try:
            self.models |= self._attempt(batch, candidates)
        except LoweringError as error:
            blamed = error.templates()
            if blamed:
                for index in sorted(blamed):
                    self._refuse(batch[index], functools.partial(error.of, index), candidates)
                rest = [template for index, template in enumerate(batch) if index not in blamed]
                self.lower(rest, candidates)
            elif len(batch) == 1:
                searched = functools.partial(self._searched, batch[0], error, candidates)
                self._refuse(batch[0], searched, candidates)
            else:
                middle = len(batch) // 2
                self.lower(batch[:middle], candidates)
                self.lower(batch[middle:], candidates)

    def _attempt(self, batch: Sequence[Template], candidates: Sequence[int]) -> dict[str, onnx_ir.Model]:
        numbers = Numbers()
        program = capture(batch, self.weights, self.hints, candidates, numbers)
        check_sizes(batch, program)
        natural = numbers.found_natural()
        try:
            model = convert(program)
        except LoweringError:
            if not natural:
                raise
            # a number used as an index first and as a size later: between the two traces of an export its
            # meaning changes, unless it is known from the start to be a size
            program = capture(batch, self.weights, self.hints, candidates, Numbers(natural))
            model = convert(program)
        check_derived_sizes(program)
        propagate_nan(model.graph)
        precise_probabilities(model.graph)
        check_kernels(model)
        return split(model, batch, self.graphs, self.tensors)

    def _refuse(
        self, template: Template, error: Callable[[], LoweringError], candidates: Sequence[int]
    ) -> None:
        """Try again with larger example sizes (a net may be too deep for small ones), then with equal ones
        (as they may be known to be), then give up."""
        symbols = {symbol for type_ in input_types(template.graph) for symbol in symbols_of(type_)}
        if symbols and candidates is SMALL:
            self.lower([template], LARGE)
            return
        if len(symbols) > 1 and candidates is LARGE:
            self.lower([template], EQUAL)
            return
        found = error()
        for name in template.instances:
            self.diagnostics.extend(found.diagnostics(self.graphs[name]))

    def _searched(
        self, template: Template, error: LoweringError, candidates: Sequence[int]
    ) -> LoweringError:
        """``error`` with its place: the first call whose graph, cut off after it, fails too."""
        calls = [index for index, node in enumerate(template.graph.nodes) if node.op == "call_function"]
        good, bad = 0, len(calls)
        while good + 1 < bad:
            middle = (good + bad) // 2
            if self._fails(_prefix(template, calls[middle - 1]), candidates):
                bad = middle
            else:
                good = middle
        if not calls:
            return error
        return error.at(Place(0, calls[bad - 1]))

    def _fails(self, template: Template, candidates: Sequence[int]) -> bool:
        try:
            self._attempt([template], candidates)
        except LoweringError:
            return True
        return False


def _prefix(template: Template, last: int) -> Template:
    """The template's graph up to and with the node at index ``last``, returning that and all tensors."""
    new = fx.Graph()
    values: dict[fx.Node, fx.Node] = {}
    for index, node in enumerate(template.graph.nodes):
        if node.op == "output" or (index > last and node.op != "placeholder"):
            continue
        values[node] = new.node_copy(node, values.__getitem__)
    tensors = [new_ for old, new_ in values.items() if isinstance(old.meta.get("type"), TensorType)]
    new.output(tuple(tensors))
    return Template(template.name, new, template.weights, {})
