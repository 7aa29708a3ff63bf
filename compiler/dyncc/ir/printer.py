"""The text form of a program: what tests compare, ``--dump-ir`` shows and a bug report holds.

.. code-block:: text

    program SkipNet

    method forward(x: f32[1, 3, 32, 32], steps?: int = 4)
        entry forward(x, steps)

    state
        cell hidden: f32[1, 8] at "self.hidden" = weight hidden

    forward(x: f32[1, 3, 32, 32], n: int, hidden: f32[1, 8]):  # SkipNet.forward:14
        h: f32[1, 16], p: bool[] = compute stem(x, hidden)
        m: int = add(n, 1)
        q: bool = item(p)
        branch q ? then(h) : exit(h, m)

    then(h: f32[1, 16]):
        return tuple(h, dict("left": h)) write x = h state 0 (h)

    graph stem {
        the text of the graph, as the caller prints it
    }

The text is deterministic and :func:`dyncc.ir.parser.parse_program` reads it back. A name that is not
an identifier with dots is written in backquotes, with the escapes of JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from dyncc.runtime.program import (
    Block,
    Branch,
    Cell,
    Compute,
    Const,
    Dim,
    Edge,
    Entry,
    Fixed,
    HostOp,
    Input,
    InputNode,
    InputTree,
    Jump,
    Leaf,
    ListType,
    Method,
    Node,
    Operand,
    Parameter,
    Program,
    Raise,
    Ref,
    Return,
    ScalarType,
    Span,
    Step,
    Switch,
    TensorType,
    Terminator,
    TextPart,
    Tree,
    Type,
    Value,
    Write,
)

G = TypeVar("G")

Place: TypeAlias = "tuple[str | int, ...]"
"""A part of a program: ``("method", m)``, ``("entry", m, i)``, ``("state", i)``, ``("cell", i, j)``,
``("block", b)``, ``("step", b, i)``, ``("terminator", b)``, ``("graph", g)``, ``("program",)``."""

CONSTANTS: dict[str, Any] = {
    "None": None,
    "True": True,
    "False": False,
    "inf": float("inf"),
    "nan": float("nan"),
}
"""Words that are values, and so are no bare names."""

SECTIONS = frozenset({"program", "method", "state", "frozen", "graph"})
"""Words that begin a line at the margin; a block of this name is written in backquotes."""

SHORT_DTYPES = {
    "float64": "f64",
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint64": "u64",
    "uint32": "u32",
    "uint16": "u16",
    "uint8": "u8",
    "complex64": "c64",
    "complex128": "c128",
}
LONG_DTYPES = {short: long for long, short in SHORT_DTYPES.items()}

NAME = re.compile(r"%?\w[\w.]*")
PLAIN_PATH = re.compile(r"[\w./+-]+")
PLAIN_DIM = re.compile(r"[A-Za-z0-9_ +*/()%-]+")
WHOLE_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class PrintedProgram:
    """The lines of a program, and on which of them (from 0) each of its parts is."""

    lines: tuple[str, ...]
    places: dict[Place, int]


def print_program(
    program: Program[G], print_graph: Callable[[G], str] | None = None, *, spans: bool = False
) -> str:
    """The text of ``program``, with a final newline.

    ``print_graph`` makes the text of a graph, which is nested verbatim. Without it, a graph that is
    itself a str is nested, and of any other only the name is shown. ``spans`` adds the places in the
    user's source; without them the text does not change when the source moves.
    """
    return "\n".join(print_lines(program, print_graph, spans=spans).lines) + "\n"


def print_lines(
    program: Program[G], print_graph: Callable[[G], str] | None = None, *, spans: bool = False
) -> PrintedProgram:
    """As :func:`print_program`, with the place of every part."""
    printer = _Printer(spans)
    printer.program(program)
    for name, graph in program.graphs.items():
        text = print_graph(graph) if print_graph else graph if isinstance(graph, str) else ""
        printer.graph(name, text)
    return PrintedProgram(tuple(printer.lines), printer.places)


# --------------------------------------------------------------------------------------- atoms


def name_text(name: str) -> str:
    """A name, in backquotes where it is not plain."""
    if NAME.fullmatch(name) and not name[0].isdigit() and name not in CONSTANTS:
        return name
    inner = string_text(name)[1:-1]
    return "`" + inner.replace("`", "\\u0060") + "`"


def string_text(text: str) -> str:
    """A string as JSON writes it; what cannot be printed is escaped."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def constant_text(value: bool | int | float | str | None) -> str:
    return string_text(value) if isinstance(value, str) else repr(value)


def operand_text(operand: Operand) -> str:
    match operand:
        case Ref(name):
            return name_text(name)
        case Const(value):
            return constant_text(value)


def type_text(type_: Type) -> str:
    """``f32[1, s0]``, ``int``, ``list<i64[]>``."""
    match type_:
        case TensorType(dtype, shape):
            return f"{name_text(SHORT_DTYPES.get(dtype, dtype))}[{', '.join(map(_dim, shape))}]"
        case ScalarType(kind):
            return kind
        case ListType(element):
            return f"list<{type_text(element)}>"


def _dim(dim: Dim) -> str:
    if isinstance(dim, int):
        return str(dim)
    plain = PLAIN_DIM.fullmatch(dim) and dim == dim.strip() and not WHOLE_NUMBER.fullmatch(dim)
    return dim if plain else string_text(dim)


def value_text(value: Value) -> str:
    return f"{name_text(value.name)}: {type_text(value.type)}"


def span_text(span: Span) -> str:
    """``model.py:14:9-14:20 in Net.forward``."""
    path = span.path if PLAIN_PATH.fullmatch(span.path) else string_text(span.path)
    place = f"{path}:{span.line}:{span.column}-{span.end_line}:{span.end_column}"
    return f"{place} in {name_text(span.function)}" if span.function else place


def _list(texts: Iterable[str]) -> str:
    return f"({', '.join(texts)})"


def _operands(operands: Iterable[Operand]) -> str:
    return _list(map(operand_text, operands))


def _names(names: Iterable[str]) -> str:
    return _list(map(name_text, names))


def edge_text(edge: Edge) -> str:
    return name_text(edge.block) + _operands(edge.args)


def tree_text(tree: Tree | InputTree) -> str:
    match tree:
        case Leaf(value):
            return operand_text(value)
        case Input(name, type_):
            return f"{type_text(type_)} as {name_text(name)}"
        case Fixed(value, opaque):
            text = constant_text(value)
            return f"fixed({text}, {string_text(opaque)})" if opaque else f"fixed({text})"
        case Node() | InputNode():
            return _container_text(tree)


def _container_text(node: Node | InputNode) -> str:
    children = [tree_text(child) for child in node.children]
    named = f"[{string_text(node.name)}, {string_text(node.module)}]" if node.name or node.module else ""
    keys = [constant_text(key) for key in node.keys]
    if len(keys) == len(children):
        children = [f"{key}: {child}" for key, child in zip(keys, children, strict=True)]
        return f"{name_text(node.kind)}{named}{_list(children)}"
    loose = f"; {', '.join(keys)}" if keys else ""
    return f"{name_text(node.kind)}{named}({', '.join(children)}{loose})"


# ----------------------------------------------------------------------------------- the parts


class _Printer:
    def __init__(self, spans: bool) -> None:
        self.spans = spans
        self.lines: list[str] = []
        self.places: dict[Place, int] = {}

    def line(self, text: str, place: Place | None = None) -> None:
        if place is not None:
            self.places[place] = len(self.lines)
        self.lines.append(text)

    def at(self, *spans: Span | None) -> str:
        """The suffix of a line that names the places it comes from."""
        shown = [span_text(span) for span in spans if span is not None]
        return f" @ {', '.join(shown)}" if self.spans and shown else ""

    def program(self, program: Program[Any]) -> None:
        self.line(f"program {name_text(program.name)}", ("program",))
        for method in program.methods.values():
            self.line("")
            self.method(method)
        for index, state in enumerate(program.states):
            self.line("")
            self.line("state", ("state", index))
            for number, cell in enumerate(state.cells):
                self.line(f"    {_cell_text(cell)}", ("cell", index, number))
        if program.frozen:
            self.line("")
        for frozen in program.frozen:
            text = f"frozen {string_text(frozen.what)} = {string_text(frozen.value)}"
            self.line(text + self.at(frozen.span))
        for block in program.blocks.values():
            self.line("")
            self.block(block)

    def method(self, method: Method) -> None:
        head = f"method {name_text(method.name)}{_list(map(parameter_text, method.parameters))}"
        self.line(head + self.at(method.span), ("method", method.name))
        for constraint in method.constraints:
            because = f" because {string_text(constraint.reason)}" if constraint.reason else ""
            self.line(f"    require {string_text(constraint.expression)}{because}")
        for identity in method.identities:
            word = "same" if identity.same else "apart"
            self.line(f"    {word} {name_text(identity.first)} {name_text(identity.second)}")
        for index, entry in enumerate(method.entries):
            self.line(f"    {_entry_text(entry)}", ("entry", method.name, index))

    def block(self, block: Block) -> None:
        name = name_text(block.name)
        name = f"`{name}`" if name in SECTIONS else name
        note = f"  # {_note_text(block.note)}" if block.note else ""
        head = f"{name}{_list(map(value_text, block.params))}:{self.at(*block.spans)}{note}"
        self.line(head, ("block", block.name))
        for index, step in enumerate(block.steps):
            self.line(f"    {_step_text(step)}{self.at(step.span)}", ("step", block.name, index))
        terminator = block.terminator
        text = f"    {_terminator_text(terminator)}{self.at(terminator.span)}"
        self.line(text, ("terminator", block.name))

    def graph(self, name: str, text: str) -> None:
        self.line("")
        self.line(f"graph {name_text(name)}{' {' if text else ''}", ("graph", name))
        if not text:
            return
        for line in text.split("\n"):
            self.line(f"    {line}" if line else "")
        self.line("}")


def _note_text(note: str) -> str:
    plain = note.isprintable() and note == note.strip() and not note.startswith('"')
    return note if plain else string_text(note)


_KIND_PREFIX = {"positional": "", "keyword": "keyword ", "var_positional": "*", "var_keyword": "**"}


def parameter_text(parameter: Parameter) -> str:
    tree = parameter.tree
    if isinstance(tree, Input) and tree.name == parameter.name:
        shown = type_text(tree.type)
    else:
        shown = tree_text(tree)
    text = f"{_KIND_PREFIX[parameter.kind]}{name_text(parameter.name)}"
    text += f"{'?' if parameter.optional else ''}: {shown}"
    return text if parameter.default is None else f"{text} = {constant_text(parameter.default)}"


def _entry_text(entry: Entry) -> str:
    return f"entry {name_text(entry.block)}{_names(entry.inputs)}"


def _cell_text(cell: Cell) -> str:
    text = f"cell {name_text(cell.name)}: {type_text(cell.type)} at {string_text(cell.path)}"
    match cell.initial:
        case None:
            return text
        case Const(value):
            return f"{text} = {constant_text(value)}"
        case weight:
            return f"{text} = weight {name_text(weight)}"


def _step_text(step: Step) -> str:
    match step:
        case Compute(graph, inputs, outputs):
            results = ", ".join(map(value_text, outputs))
            call = f"compute {name_text(graph)}{_operands(inputs)}"
            return f"{results} = {call}" if outputs else call
        case HostOp(op, operands, result):
            return f"{value_text(result)} = {name_text(op)}{_operands(operands)}"


def _terminator_text(terminator: Terminator) -> str:
    match terminator:
        case Jump(target):
            return f"jump {edge_text(target)}"
        case Branch(pred, then, orelse):
            return f"branch {operand_text(pred)} ? {edge_text(then)} : {edge_text(orelse)}"
        case Switch(index, values, cases, default):
            chosen = zip(values, cases, strict=False)
            arms = [f"{value}: {edge_text(case)}" for value, case in chosen]
            return f"switch {operand_text(index)} {{{', '.join([*arms, f'else: {edge_text(default)}'])}}}"
        case Return(output):
            return f"return {tree_text(output)}{_leaving_text(terminator)}"
        case Raise(error, message):
            named = (error.module, error.base) != ("builtins", error.name)
            where = f"[{string_text(error.module)}, {string_text(error.base)}]" if named else ""
            parts = "" if message is None else _list(map(_part_text, message))
            return f"raise {name_text(error.name)}{where}{parts}{_leaving_text(terminator)}"


def _part_text(part: TextPart) -> str:
    conversion = f"!{name_text(part.conversion)}" if part.conversion else ""
    spec = f": {string_text(part.spec)}" if part.spec else ""
    return f"{operand_text(part.value)}{conversion}{spec}"


def _leaving_text(terminator: Return | Raise) -> str:
    text = ""
    if terminator.writes:
        text += f" write {', '.join(map(_write_text, terminator.writes))}"
    if terminator.state or terminator.cells:
        text += f" state {terminator.state} {_operands(terminator.cells)}"
    return text


def _write_text(write: Write) -> str:
    return f"{name_text(write.input)} = {operand_text(write.value)}"
