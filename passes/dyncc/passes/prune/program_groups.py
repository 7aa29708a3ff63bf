"""The groups of a whole dynamic program: channels are coupled through block parameters as by an ``Add``.

The values of blocks have atoms of their own; an edge ties its arguments to the parameters of the block that
it leads to, a Compute ties its operands to the inputs of its graph. What the host looks at stays whole.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import onnx_ir

from dyncc.ir import Block, Compute, Operand, Program, Ref, TensorType, Type, successors
from dyncc.passes.prune.atoms import Atoms, Indices
from dyncc.passes.prune.description import Description
from dyncc.passes.prune.groups import Network, describe, found_groups, weights_of
from dyncc.passes.prune.prepare import prepared
from dyncc.passes.rewrite import entry_blocks, operands, own_operands, types_of

Onnx: TypeAlias = "Program[onnx_ir.Model]"
Arrays: TypeAlias = "Mapping[str, np.ndarray]"


def weight_key(name: str) -> Hashable:
    """The key of a weight's atoms, in whatever graph it is."""
    return ("weight", name)


def groups_of_program(program: Onnx, weights: Arrays, *, rewrites_graph: bool = True) -> Network:
    """The groups over all graphs of a program (prepared ones), tied over every edge."""
    opsets = {model.opset_imports.get("", 18) for model in program.graphs.values()}
    about = Description(Atoms(), opset=min(opsets, default=18), rewrites_graph=rewrites_graph)
    for model in program.graphs.values():
        for value in weights_of([model.graph]):
            array = weights.get(value.name or "")
            if (
                array is not None
                and value.const_value is not None
                and _same(value.const_value.numpy(), array)
            ):
                about.atoms.share(value, weight_key(value.name or ""))
    for model in program.graphs.values():
        describe(about, model.graph)
    _tie_blocks(about, program)
    _freeze_ends(about, program, weights)
    return found_groups(about, [model.graph for model in program.graphs.values()])


def with_prepared_graphs(program: Onnx) -> Onnx:
    """``program`` with its graphs prepared."""
    return replace(program, graphs={name: prepared(model) for name, model in program.graphs.items()})


def prepared_groups(program: Onnx, weights: Arrays) -> Network:
    """The groups of a lowered program as it is."""
    return groups_of_program(with_prepared_graphs(program), weights)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one is other or (one.shape == other.shape and bool(np.array_equal(one, other)))


def _tie_blocks(about: Description, program: Onnx) -> None:
    """Edges, and Computes with their graphs."""
    for block in program.blocks.values():
        types = types_of(block)
        for step in block.steps:
            if isinstance(step, Compute):
                graph = program.graphs[step.graph].graph
                names = [use.name if isinstance(use, Ref) else None for use in step.inputs]
                names += [value.name for value in step.outputs]
                for name, value in zip(names, [*graph.inputs, *graph.outputs], strict=True):
                    _tie(about, _atoms(about, block, types, name), about.atoms.of(value))
            else:
                reason = f"the host uses it (`{step.op}`)"
                _freeze(about, block, types, (*operands(step), Ref(step.result.name)), reason)
        for edge in successors(block.terminator):
            target = program.blocks[edge.block]
            inner = types_of(target)
            for use, parameter in zip(edge.args, target.params, strict=True):
                mine = _atoms(about, block, types, use.name if isinstance(use, Ref) else None)
                _tie(about, mine, _atoms(about, target, inner, parameter.name))


def _atoms(
    about: Description, block: Block, types: Mapping[str, Type], name: str | None
) -> tuple[Indices, ...]:
    """The atoms of a value of a block; none for a number, a list or a constant."""
    type_ = types.get(name) if name is not None else None
    if not isinstance(type_, TensorType):
        return ()
    return about.atoms.of_key((block.name, name), type_.shape)


def _tie(about: Description, one: Sequence[Indices], other: Sequence[Indices]) -> None:
    if len(one) == len(other):
        for mine, theirs in zip(one, other, strict=True):
            about.tie_atoms(mine, theirs)
        return
    for atoms in (*one, *other):
        about.ties.freeze(atoms, "its shape is not known where it goes from block to block")


def _freeze(
    about: Description, block: Block, types: Mapping[str, Type], uses: Iterable[Operand], reason: str
) -> None:
    for use in uses:
        for atoms in _atoms(about, block, types, use.name if isinstance(use, Ref) else None):
            about.ties.freeze(atoms, reason)


def _freeze_ends(about: Description, program: Onnx, weights: Arrays) -> None:
    """What is given, what is returned, and the state between calls."""
    entries = entry_blocks(program)
    for block in program.blocks.values():
        types = types_of(block)
        _freeze(about, block, types, own_operands(block.terminator), "the program returns it or keeps it")
        if block.name in entries:
            uses = [Ref(value.name) for value in block.params]
            _freeze(about, block, types, uses, "an input of the program, or state that it keeps")
    for state in program.states:
        for cell in state.cells:
            if isinstance(cell.initial, str) and cell.initial in weights:
                for atoms in about.atoms.of_key(weight_key(cell.initial), weights[cell.initial].shape):
                    about.ties.freeze(atoms, "state of the program starts with it")
