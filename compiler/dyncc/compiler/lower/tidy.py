"""Tidy: what ``onnxscript.optimizer.optimize`` does to a model, in less time.

That tries each of its rewrite rules at each node. A rule whose pattern names an operator that the model
does not have cannot match, and most rules are of this kind: they are left out. So is the one rule whose
pattern has two results (slices that halve an axis become a Split), for which the whole graph is walked at
each node.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import onnx_ir
import onnx_ir.passes.common as common
import onnxscript.optimizer
import onnxscript.rewriter

try:
    from onnxscript.optimizer._constant_folding import FoldConstantsPass
    from onnxscript.rewriter import _DEFAULT_REWRITE_RULES as RULES
except ImportError:  # private names
    FoldConstantsPass, RULES = None, ()

_ROUNDS = 2
_RANGE = ("", "Range", "")
"""An operator of integers in the patterns, which are exact."""
LARGEST_INPUT, LARGEST_OUTPUT = 8192, 512 * 512
"""Elements of a constant that is computed with, and of what comes out: a file must not grow by folding."""


def tidy(model: onnx_ir.Model) -> None:
    """Fold constants, rewrite, and remove what is not used or is there twice, in place."""
    if FoldConstantsPass is None or not all(hasattr(rule, "_target_pattern") for rule in RULES):
        onnxscript.optimizer.inline(model)
        onnxscript.optimizer.fold_constants(model)
        onnxscript.optimizer.remove_unused_nodes(model)
        return
    common.InlinePass()(model)
    for _ in range(_ROUNDS):
        changed = FoldConstantsPass(
            shape_inference=True, input_size_limit=8192, output_size_limit=512 * 512
        )(model).modified
        rules = possible_rules(model, RULES)
        if rules:
            changed |= onnxscript.rewriter.RewritePass(rules)(model).modified
            _keep_constants(model.graph)
        changed |= common.RemoveUnusedNodesPass()(model).modified
        if not changed:
            break
    for each in (
        common.RemoveUnusedFunctionsPass(),
        common.RemoveUnusedOpsetsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.LiftSubgraphInitializersToMainGraphPass(),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.OutputFixPass(),
        common.NameFixPass(),
    ):
        each(model)


def _keep_constants(graph: onnx_ir.Graph) -> None:
    """Let constants that rules made stay in the graph: two clips of one value give theirs the same name."""
    taken = set(graph.initializers) | {value.name for node in graph for value in node.outputs}
    for node in graph:
        for value in node.inputs:
            if value is None or value.const_value is None or value.producer() is not None:
                continue
            name = value.name or "constant"
            if graph.initializers.get(name) is value or value.is_graph_input():
                continue
            fresh = next(text for n in itertools.count() if (text := f"{name}_of_{n}") not in taken)
            taken.add(fresh)
            value.name = fresh
            graph.register_initializer(value)


def possible_rules(model: onnx_ir.Model, rules: Iterable[Any]) -> Sequence[Any]:
    """The exact rules with one result, all of whose operators ``model`` has."""
    present = {node.op_identifier() for node in model.graph.all_nodes()}
    return [
        rule
        for rule in rules
        if rule._target_pattern.has_single_output_node and _named(rule) <= present and _is_exact(rule)
    ]


def _is_exact(rule: Any) -> bool:
    """Whether a rule compares no number with a tolerance: ``x + 1e-9`` is not ``x`` to divide by."""
    return not any(
        isinstance(getattr(value, "_value", None), int | float) and node.op_identifier() != _RANGE
        for node in rule._target_pattern
        for value in node.inputs
    )


def _named(rule: Any) -> set[Any]:
    """The operators that a rule's pattern names (one that may be any of several is not looked at)."""
    return {identifier for node in rule._target_pattern if (identifier := node.op_identifier()) is not None}
