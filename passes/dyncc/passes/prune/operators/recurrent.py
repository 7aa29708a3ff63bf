"""Recurrent networks: a hidden unit is a row of every gate, a column of the recurrence, and state."""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir

from dyncc.passes.prune.atoms import Indices
from dyncc.passes.prune.description import Description
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.operators.base import Operator, attribute, required, value_of

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(about: Description, node: onnx_ir.Node) -> None:
    """``X[T,N,I] W[d,gH,I] R[d,gH,H] B[d,2gH] h₀[d,N,H] c₀[d,N,H] P[d,3H]`` to ``Y[T,d,N,H] h[d,N,H]
    c[d,N,H]``.

    The two directions of one keep the same units.
    """
    hidden = attribute(node, "hidden_size")
    if attribute(node, "layout", 0) or hidden is None:
        return
    about.tie(required(node, 0), 2, required(node, 1), 2)
    about.contract(node, 0, 2)
    about.contract(node, 2, 2)
    unit = about.axis(required(node, 2), 2)
    for atoms in _units(about, node):
        if atoms.size % hidden or unit.size != hidden:
            about.ties.freeze(atoms, "the size of the hidden state is not known")
            about.ties.freeze(unit, "the size of the hidden state is not known")
        else:
            about.ties.tie(atoms.reshape(-1, hidden), unit)
    about.produce(required(node, 1), 1)
    _batch(about, node)


def _units(about: Description, node: onnx_ir.Node) -> Iterable[Indices]:
    for index, axis in ((1, 1), (2, 1), (3, 1), (5, 2), (6, 2), (7, 1)):
        value = value_of(node, index)
        if value is not None:
            yield about.axis(value, axis)
    for value, axis in zip(node.outputs, (3, 2, 2), strict=False):
        if value.name and about.rank(value):
            yield about.axis(value, axis)


def _batch(about: Description, node: onnx_ir.Node) -> None:
    value = required(node, 0)
    others = [(value_of(node, index), 1) for index in (5, 6)]
    others += [(o, axis) for o, axis in zip(node.outputs, (2, 1, 1), strict=False) if o.name]
    for other, axis in others:
        if other is not None and about.rank(other):
            about.tie(value, 1, other, axis)


def change(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    kept = int(rewrite.kept(required(old, 2), 2).sum())
    new.attributes["hidden_size"] = onnx_ir.AttrInt64("hidden_size", kept)


OPERATORS = {name: Operator(recurrent, change) for name in GATES}
