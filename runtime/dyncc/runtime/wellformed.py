"""What must hold of a program across its nodes, checked where a program comes from outside.

``dyncc.ir``'s verifier is the compiler's, prints the program and knows more; this one is what the runtime
needs to execute a program without surprises: every reference is defined, every edge fits its block, every
name that becomes Python is one.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from inspect import CO_VARARGS
from types import FunctionType
from typing import Any, cast

from dyncc.runtime import program as p
from dyncc.runtime.errors import DamagedBundle
from dyncc.runtime.hostops import HOST_OPS, HostOpSpec
from dyncc.runtime.texts import NO_FORMAT, pieces

KEYED = ("dict", "namedtuple", "dataclass", "record")


def check_program(program: p.Program[Any], where: str = "program") -> None:
    """Raise DamagedBundle, with a path below ``where``, unless ``program`` is well formed."""
    if not program.methods:
        raise DamagedBundle(f"{where}.methods: a program has at least one method")
    if not program.states:
        raise DamagedBundle(f"{where}.states: a program has at least one state")
    for name, method in program.methods.items():
        _check_method(program, name, method, f"{where}.methods.{name}")
    for index, state in enumerate(program.states):
        _unique((cell.name for cell in state.cells), f"{where}.states[{index}].cells", "cell")
        for cell in state.cells:
            if (cell.initial is None) == (index == 0):
                has = "has no" if index == 0 else "has an"
                raise DamagedBundle(f"{where}.states[{index}]: the cell {cell.name!r} {has} initial value")
    arities: dict[str, tuple[int, int]] = {}
    for name, block in program.blocks.items():
        _Block(program, block, f"{where}.blocks.{name}", arities).check(name)


def inputs_of(method: p.Method) -> dict[str, p.Input]:
    """The inputs of ``method`` by name, in the order of its parameters."""
    found: dict[str, p.Input] = {}
    stack: list[p.InputTree] = [parameter.tree for parameter in reversed(method.parameters)]
    while stack:
        tree = stack.pop()
        if isinstance(tree, p.Input):
            found[tree.name] = tree
        elif isinstance(tree, p.InputNode):
            stack.extend(reversed(tree.children))
    return found


def written_inputs(program: p.Program[Any], method: p.Method) -> tuple[str, ...]:
    """The inputs of ``method`` that one of its paths writes to, in the order of its parameters."""
    names: set[str] = set()
    for block in reachable(program, (entry.block for entry in method.entries)):
        terminator = program.blocks[block].terminator
        if isinstance(terminator, p.Return | p.Raise):
            names.update(write.input for write in terminator.writes)
    return tuple(name for name in inputs_of(method) if name in names)


def draws(program: p.Program[Any]) -> bool:
    """Whether a way through ``program`` takes random numbers."""
    return any(
        isinstance(step, p.HostOp) and step.op == "noise"
        for block in program.blocks.values()
        for step in block.steps
    )


def reachable(program: p.Program[Any], roots: Iterable[str]) -> list[str]:
    """The blocks that ``roots`` lead to, in the order of a depth-first walk."""
    seen: dict[str, None] = {}
    stack = list(dict.fromkeys(roots))[::-1]
    while stack:
        name = stack.pop()
        if name not in seen:
            seen[name] = None
            stack.extend(edge.block for edge in reversed(p.successors(program.blocks[name].terminator)))
    return list(seen)


@cache
def operand_count(spec: HostOpSpec) -> int | None:
    """How many operands an instruction takes; None where it takes any number."""
    if spec.expression is not None:
        return len(set(re.findall(r"\{(\d+)", spec.expression)))
    code = cast("FunctionType", spec.evaluate).__code__  # (those without an expression are functions)
    return None if code.co_flags & CO_VARARGS else code.co_argcount


def _check_template(step: p.HostOp, where: str) -> None:
    """The template of a text: the host writes it as code."""
    template = step.operands[0] if step.operands else None
    try:
        if not isinstance(template, p.Const) or not isinstance(template.value, str):
            raise ValueError("its template is no text")
        fields = [piece for piece in pieces(template.value) if not isinstance(piece, str)]
    except ValueError as error:
        raise DamagedBundle(f"{where}.operands[0]: {error}") from None
    if len(fields) != len(step.operands) - 1:
        raise DamagedBundle(f"{where}: {len(fields)} places have {len(step.operands) - 1} values")


# ---------------------------------------------------------------------------------------- methods


def _unique(names: Iterable[str], where: str, what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DamagedBundle(f"{where}: two {what}s are called {name!r}")
        seen.add(name)


def _identifier(name: str, where: str, what: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise DamagedBundle(f"{where}: {name!r} is no name for {what}")


def _check_keys(tree: p.Node | p.InputNode, where: str) -> None:
    wanted = len(tree.children) if tree.kind in KEYED else 0
    if len(tree.keys) != wanted:
        raise DamagedBundle(f"{where}: a {tree.kind} of {len(tree.children)} has {len(tree.keys)} keys")
    if tree.kind in ("ndarray", "scalar") and not (
        len(tree.children) == 1 and isinstance(tree.children[0], p.Leaf)
    ):
        raise DamagedBundle(f"{where}: a {tree.kind} is made of one tensor")
    if tree.kind == "rows" and len(tree.children) != 1:
        raise DamagedBundle(f"{where}: rows are of one form")
    if tree.kind in ("namedtuple", "dataclass", "record"):
        _identifier(tree.name.rpartition(".")[2], where, "a class")
        for key in tree.keys:
            _identifier(str(key), where, "a field")
            if tree.kind == "namedtuple" and str(key).startswith("_"):
                raise DamagedBundle(f"{where}: a named tuple has no field {key!r}")
    if tree.kind in KEYED:
        _unique(map(repr, tree.keys), where, "key")


def _input_leaves(tree: p.InputTree, where: str) -> Iterator[p.Input]:
    if isinstance(tree, p.Input):
        yield tree
    elif isinstance(tree, p.InputNode):
        _check_keys(tree, where)
        for index, child in enumerate(tree.children):
            yield from _input_leaves(child, f"{where}.children[{index}]")


def _check_method(program: p.Program[Any], name: str, method: p.Method, where: str) -> None:
    if method.name != name:
        raise DamagedBundle(f"{where}.name: expected {name!r}, found {method.name!r}")
    _identifier(name, where, "a method")
    if name.startswith("__") and name != "__call__":
        raise DamagedBundle(f"{where}: {name!r} is no name for a method")
    _unique((parameter.name for parameter in method.parameters), f"{where}.parameters", "parameter")
    leaves: list[p.Input] = []
    for index, parameter in enumerate(method.parameters):
        at = f"{where}.parameters[{index}]"
        _identifier(parameter.name, at, "a parameter")
        leaves.extend(_input_leaves(parameter.tree, f"{at}.tree"))
        variadic = {"var_positional": "tuple", "var_keyword": "dict"}.get(parameter.kind)
        if variadic and getattr(parameter.tree, "kind", None) != variadic:
            raise DamagedBundle(f"{at}.tree: a {parameter.kind} parameter is a {variadic}")
    _unique((leaf.name for leaf in leaves), f"{where}.parameters", "input")
    types = {leaf.name: leaf.type for leaf in leaves}
    if len(method.entries) != len(program.states):
        raise DamagedBundle(
            f"{where}.entries: {len(program.states)} states have {len(method.entries)} entries"
        )
    for index, (entry, state) in enumerate(zip(method.entries, program.states, strict=True)):
        at = f"{where}.entries[{index}]"
        block = program.blocks.get(entry.block)
        if block is None:
            raise DamagedBundle(f"{at}.block: there is no block {entry.block!r}")
        for input_name in entry.inputs:
            if input_name not in types:
                raise DamagedBundle(f"{at}.inputs: {input_name!r} is no input of {name!r}")
        given = [types[input_name] for input_name in entry.inputs] + [cell.type for cell in state.cells]
        _check_arguments(given, block, at)


def _kind(of: p.Type) -> tuple[str, ...]:
    """What must agree between a value and the parameter that it is passed to (sizes are local)."""
    match of:
        case p.TensorType(dtype=dtype, shape=shape):
            return ("tensor", dtype, str(len(shape)))
        case p.ScalarType(kind=kind):
            return (kind,)
        case p.ListType(element=element):
            return ("list", *_kind(element))


def _check_arguments(given: Sequence[p.Type | None], block: p.Block, where: str) -> None:
    if len(given) != len(block.params):
        raise DamagedBundle(
            f"{where}: the block {block.name!r} takes {len(block.params)} values, not {len(given)}"
        )
    for of, param in zip(given, block.params, strict=True):
        if of is not None and _kind(of) != _kind(param.type):
            found, wanted = (" ".join(_kind(t)) for t in (of, param.type))
            raise DamagedBundle(
                f"{where}: {param.name!r} of the block {block.name!r} takes {wanted}, not {found}"
            )


# ----------------------------------------------------------------------------------------- blocks


class _Block:
    """Checks one block: walks its steps in order with the values that are defined so far."""

    def __init__(
        self, program: p.Program[Any], block: p.Block, where: str, arities: dict[str, tuple[int, int]]
    ) -> None:
        self.program = program
        self.block = block
        self.where = where
        self.arities = arities
        self.types: dict[str, p.Type] = {}

    def check(self, name: str) -> None:
        if self.block.name != name:
            raise DamagedBundle(f"{self.where}.name: expected {name!r}, found {self.block.name!r}")
        for value in self.block.params:
            self.define(value, f"{self.where}.params")
        for index, step in enumerate(self.block.steps):
            self.check_step(step, f"{self.where}.steps[{index}]")
        self.check_terminator(self.block.terminator, f"{self.where}.terminator")

    def define(self, value: p.Value, where: str) -> None:
        if value.name in self.types:
            raise DamagedBundle(f"{where}: {value.name!r} is defined twice")
        self.types[value.name] = value.type

    def use(self, operand: p.Operand, where: str) -> p.Type | None:
        """The type of ``operand``; None for a constant None."""
        if isinstance(operand, p.Ref):
            if operand.name not in self.types:
                raise DamagedBundle(f"{where}: {operand.name!r} is not defined here")
            return self.types[operand.name]
        kinds: Mapping[type, p.Type] = {
            bool: p.ScalarType("bool"),
            int: p.ScalarType("int"),
            float: p.ScalarType("float"),
            str: p.ScalarType("str"),
        }
        return kinds.get(type(operand.value))

    def check_step(self, step: p.Step, where: str) -> None:
        if isinstance(step, p.Compute):
            if step.graph not in self.program.graphs:
                raise DamagedBundle(f"{where}.graph: there is no graph {step.graph!r}")
            for index, operand in enumerate(step.inputs):
                of = self.use(operand, f"{where}.inputs[{index}]")
                if of is None or isinstance(of, p.ListType) or of == p.ScalarType("str"):
                    raise DamagedBundle(f"{where}.inputs[{index}]: a graph takes tensors and numbers")
            arity = (len(step.inputs), len(step.outputs))
            if self.arities.setdefault(step.graph, arity) != arity:
                raise DamagedBundle(f"{where}: the graph {step.graph!r} is called with differing arity")
            for value in step.outputs:
                if not isinstance(value.type, p.TensorType):
                    raise DamagedBundle(f"{where}.outputs: {value.name!r} is no tensor")
                self.define(value, f"{where}.outputs")
            return
        if step.op not in HOST_OPS:
            raise DamagedBundle(f"{where}.op: there is no instruction {step.op!r}")
        for index, operand in enumerate(step.operands):
            self.use(operand, f"{where}.operands[{index}]")
        count = operand_count(HOST_OPS[step.op])
        if count is not None and count != len(step.operands):
            raise DamagedBundle(f"{where}: {step.op!r} takes {count} operands, not {len(step.operands)}")
        if step.op == "text":
            _check_template(step, where)
        self.define(step.result, f"{where}.result")

    def check_edge(self, edge: p.Edge, where: str) -> None:
        target = self.program.blocks.get(edge.block)
        if target is None:
            raise DamagedBundle(f"{where}.block: there is no block {edge.block!r}")
        given = [self.use(arg, f"{where}.args[{index}]") for index, arg in enumerate(edge.args)]
        _check_arguments(given, target, where)

    def check_terminator(self, terminator: p.Terminator, where: str) -> None:
        match terminator:
            case p.Jump(target=target):
                self.check_edge(target, f"{where}.target")
            case p.Branch(pred=pred, then=then, orelse=orelse):
                self.check_scalar(pred, ("bool",), f"{where}.pred")
                self.check_edge(then, f"{where}.then")
                self.check_edge(orelse, f"{where}.orelse")
            case p.Switch(index=index, values=values, cases=cases, default=default):
                self.check_scalar(index, ("int", "bool"), f"{where}.index")
                if len(values) != len(cases):
                    raise DamagedBundle(f"{where}: {len(values)} values have {len(cases)} cases")
                for number, edge in enumerate(cases):
                    self.check_edge(edge, f"{where}.cases[{number}]")
                self.check_edge(default, f"{where}.default")
            case p.Return(output=output):
                self.check_leaving(terminator, where)
                self.check_tree(output, f"{where}.output")
            case p.Raise(error=error, message=message):
                self.check_leaving(terminator, where)
                base = getattr(builtins, error.base, None)
                if not (isinstance(base, type) and issubclass(base, BaseException)):
                    raise DamagedBundle(f"{where}.error.base: {error.base!r} is no builtin exception")
                _identifier(error.name.rpartition(".")[2], f"{where}.error.name", "an exception")
                for index, part in enumerate(message or ()):
                    self.use(part.value, f"{where}.message[{index}]")
                    if set(part.spec) & NO_FORMAT:
                        raise DamagedBundle(f"{where}.message[{index}].spec: {part.spec!r} is no format")

    def check_scalar(self, operand: p.Operand, kinds: tuple[str, ...], where: str) -> None:
        of = self.use(operand, where)
        if not isinstance(of, p.ScalarType) or of.kind not in kinds:
            raise DamagedBundle(f"{where}: a decision is made on {' or '.join(kinds)}")

    def check_leaving(self, leaving: p.Return | p.Raise, where: str) -> None:
        known = {name for method in self.program.methods.values() for name in inputs_of(method)}
        for index, write in enumerate(leaving.writes):
            if write.input not in known:
                raise DamagedBundle(f"{where}.writes[{index}]: there is no input {write.input!r}")
            self.use(write.value, f"{where}.writes[{index}]")
        if not 0 <= leaving.state < len(self.program.states):
            raise DamagedBundle(f"{where}.state: there is no state {leaving.state}")
        cells = self.program.states[leaving.state].cells
        if len(cells) != len(leaving.cells):
            raise DamagedBundle(
                f"{where}.cells: the state has {len(cells)} cells, not {len(leaving.cells)}"
            )
        for index, (operand, cell) in enumerate(zip(leaving.cells, cells, strict=True)):
            of = self.use(operand, f"{where}.cells[{index}]")
            if of is not None and _kind(of) != _kind(cell.type):
                raise DamagedBundle(f"{where}.cells[{index}]: not the type of the cell {cell.name!r}")

    def check_tree(self, tree: p.Tree, where: str) -> None:
        if isinstance(tree, p.Leaf):
            self.use(tree.value, where)
            return
        _check_keys(tree, where)
        for index, child in enumerate(tree.children):
            self.check_tree(child, f"{where}.children[{index}]")
