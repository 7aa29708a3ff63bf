"""Instructions that compute: operators, displays, texts, functions, unpacking."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import calls, mappings, operator_methods, sequences
from dyncc.compiler.specialize.execution.frames import Frame
from dyncc.compiler.specialize.execution.instructions.names import name_value
from dyncc.compiler.specialize.execution.native import Raised
from dyncc.compiler.specialize.execution.operators import arithmetic, conditions, iteration, texts
from dyncc.compiler.specialize.lists import operations
from dyncc.compiler.specialize.values import is_scalar, kind_of

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


_UNARY_METHODS = {"-": "__neg__", "+": "__pos__", "~": "__invert__"}


def _unary(machine: Machine, frame: Frame, i: cfg.Unary) -> None:
    value = frame.registers[i.operand]
    if i.op == "not":
        truth = conditions.truth(machine, value)
        if truth is None:
            machine.invoke(conditions.python_truth(machine, value), (value,), {}, i.dst, "not")
            return
        frame.registers[i.dst] = conditions.negate(machine, truth)
        return
    method = calls.special_method(machine, value, _UNARY_METHODS[i.op])
    if method is not None:
        machine.invoke(method, (value,), {}, i.dst)
        return
    frame.registers[i.dst] = arithmetic.unary(machine, i.op, value)


def _binary(machine: Machine, frame: Frame, i: cfg.Binary) -> None:
    left, right = frame.registers[i.left], frame.registers[i.right]
    if i.inplace and type(left) is set and type(right) is prelude.KeyedSet:
        mappings.take_key(machine, left)  # it changes under all of its names
    method = operator_methods.operation(machine, i.op, left, right, i.inplace)
    if method is not None:
        machine.invoke(prelude.operate, method, {}, i.dst)
        return
    if i.op == "**" and is_scalar(right) and {kind_of(left), right.kind} <= {"int", "bool"}:
        machine.invoke(prelude.functions.power, (left, right), {}, i.dst)
        return
    value = arithmetic.binary(machine, i.op, left, right, i.inplace)
    name_value(value, i.dst)
    frame.registers[i.dst] = value


def _compare(machine: Machine, frame: Frame, i: cfg.Compare) -> None:
    left, right = frame.registers[i.left], frame.registers[i.right]
    if i.op in ("in", "not-in"):
        method = calls.special_method(machine, right, "__contains__")
        if method is not None:
            machine.invoke(prelude.contained, (method, right, left, i.op == "not-in"), {}, i.dst)
            return
        if conditions.is_searched(left, right):
            machine.invoke(prelude.is_in, (right, left, i.op == "not-in"), {}, i.dst)
            return
    method = operator_methods.operation(machine, i.op, left, right, False)
    if method is not None:
        machine.invoke(prelude.operate, method, {}, i.dst)
        return
    definition = sequences.comparison(machine, i.op, left, right)
    if definition is not None:
        machine.invoke(*definition, {}, i.dst)
        return
    frame.registers[i.dst] = conditions.compare(machine, i.op, left, right)


def items_of(machine: Machine, frame: Frame, args: tuple[cfg.Arg, ...]) -> list[Any]:
    values: list[Any] = []
    for arg in args:
        value = frame.registers[arg.register]
        values.extend(iteration.unpacked(machine, value) if arg.starred else (value,))
    return values


def _build(machine: Machine, frame: Frame, i: cfg.Build) -> None:
    if i.kind == "list":
        parts = [(frame.registers[arg.register], arg.starred) for arg in i.items]
        if any(starred and type(value) is prelude.RecordList for value, starred in parts):
            machine.invoke(prelude.records.displayed, (parts,), {}, i.dst)
            return
        grown = operations.display(machine, parts)
        if grown is not None:
            frame.registers[i.dst] = grown
            return
    values = items_of(machine, frame, i.items)
    if i.kind == "set" and mappings.is_keyed(machine):
        machine.invoke(prelude.mappings.keyed, (set, (values,), {}), {}, i.dst)
    elif i.kind == "set":
        frame.registers[i.dst] = mappings.made(machine, machine.native(set, values))
    else:
        frame.registers[i.dst] = values if i.kind == "list" else tuple(values)


def _build_dict(machine: Machine, frame: Frame, i: cfg.BuildDict) -> None:
    if mappings.is_keyed(machine):
        unpacked, known = prelude.mappings.UNPACKED, frame.registers
        items = [(unpacked if key is None else known[key], known[value]) for key, value in i.items]
        machine.invoke(prelude.mappings.displayed, (items,), {}, i.dst)
        return
    made: dict[Any, Any] = mappings.made(machine, {})
    for key, value in i.items:
        if key is None:
            machine.native(made.update, frame.registers[value])
        else:
            machine.native(made.__setitem__, frame.registers[key], frame.registers[value])
    frame.registers[i.dst] = made


def _build_slice(machine: Machine, frame: Frame, i: cfg.BuildSlice) -> None:
    parts = [None if r is None else frame.registers[r] for r in (i.lower, i.upper, i.step)]
    frame.registers[i.dst] = slice(*parts)


def _format(machine: Machine, frame: Frame, i: cfg.Format) -> None:
    spec = "" if i.spec is None else frame.registers[i.spec]
    frame.registers[i.dst] = texts.formatted(machine, frame.registers[i.value], i.conversion, spec)


def _join(machine: Machine, frame: Frame, i: cfg.Join) -> None:
    frame.registers[i.dst] = texts.concatenate_text([frame.registers[p] for p in i.parts])


def _make_function(machine: Machine, frame: Frame, i: cfg.MakeFunction) -> None:
    closure = tuple(frame.cells[name] for name in i.closure)
    defaults = tuple(frame.registers[r] for r in i.defaults) or None
    function = types.FunctionType(i.code, frame.globals, i.code.co_name, defaults, closure)
    function.__qualname__ = i.code.co_qualname
    if i.kwdefaults:
        function.__kwdefaults__ = {name: frame.registers[r] for name, r in i.kwdefaults}
    frame.registers[i.dst] = function


def _list_append(machine: Machine, frame: Frame, i: cfg.ListAppend) -> None:
    collection = frame.registers[i.collection]
    if type(collection) is prelude.KeyedSet:
        machine.invoke(prelude.KeyedSet.add, (collection, frame.registers[i.item]), {}, None)
        return
    add = collection.append if i.kind == "list" else collection.add
    machine.native(add, frame.registers[i.item])


def _dict_set(machine: Machine, frame: Frame, i: cfg.DictSet) -> None:
    collection, key, value = (frame.registers[r] for r in (i.collection, i.key, i.value))
    if type(collection) is prelude.KeyedDict:
        machine.invoke(prelude.KeyedDict.__setitem__, (collection, key, value), {}, None)
        return
    machine.native(collection.__setitem__, key, value)


def _unpack(machine: Machine, frame: Frame, i: cfg.Unpack) -> None:
    values = list(iteration.unpacked(machine, frame.registers[i.src]))
    before, after = len(i.before), len(i.after)
    if i.star is None and len(values) != before:
        what = "not enough" if len(values) < before else "too many"
        got = f", got {len(values)}" if len(values) < before else ""
        raise Raised(ValueError(f"{what} values to unpack (expected {before}{got})"))
    if i.star is not None and len(values) < before + after:
        got = len(values)
        raise Raised(
            ValueError(f"not enough values to unpack (expected at least {before + after}, got {got})")
        )
    for name, value in zip(i.before, values, strict=False):
        frame.registers[name] = value
    if i.star is not None:
        frame.registers[i.star] = values[before : len(values) - after]
        for name, value in zip(i.after, values[len(values) - after :], strict=True):
            frame.registers[name] = value


EXPRESSIONS: dict[type, Callable[[Machine, Frame, Any], None]] = {
    cfg.Unary: _unary,
    cfg.Binary: _binary,
    cfg.Compare: _compare,
    cfg.Build: _build,
    cfg.BuildDict: _build_dict,
    cfg.BuildSlice: _build_slice,
    cfg.Format: _format,
    cfg.Join: _join,
    cfg.MakeFunction: _make_function,
    cfg.ListAppend: _list_append,
    cfg.DictSet: _dict_set,
    cfg.Unpack: _unpack,
}
