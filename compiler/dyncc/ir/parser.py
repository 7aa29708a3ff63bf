"""Reads the text form of a program (see :mod:`dyncc.ir.printer`)."""

from __future__ import annotations

from typing import Any

from dyncc.ir.cursor import Cursor, ParseError
from dyncc.runtime.program import (
    Block,
    Branch,
    Cell,
    Compute,
    Const,
    Constraint,
    Edge,
    Entry,
    ExceptionType,
    Frozen,
    HostOp,
    Identity,
    Input,
    InputTree,
    Jump,
    Method,
    Parameter,
    Program,
    Raise,
    Return,
    Span,
    State,
    Step,
    Switch,
    Terminator,
    TextPart,
    Value,
    Write,
)

_TERMINATORS = ("jump", "branch", "switch", "return", "raise")


def parse_program(text: str) -> Program[str]:
    """The program that ``text`` describes; its graphs are their texts, verbatim.

    What the text leaves out (spans, by default) is None or empty. Lines at the margin that start
    with ``#`` are skipped. Raises :class:`~dyncc.ir.cursor.ParseError` with line and column; the
    rules of a program are the verifier's business.
    """
    return _Parser(text).program()


class _Parser:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.number = 0
        self.methods: dict[str, Method] = {}
        self.states: list[State] = []
        self.blocks: dict[str, Block] = {}
        self.graphs: dict[str, str] = {}
        self.frozen: list[Frozen] = []

    def blank(self) -> bool:
        line = self.lines[self.number]
        return not line.strip() or line.startswith("#")

    def section(self) -> Cursor | None:
        """The next line at the margin."""
        while self.number < len(self.lines) and self.blank():
            self.number += 1
        if self.number == len(self.lines):
            return None
        cursor = Cursor(self.lines[self.number], self.number)
        if cursor.text[0].isspace():
            raise cursor.error("expected a section at the margin")
        self.number += 1
        return cursor

    def indented(self) -> Cursor | None:
        """The next line of the section, if there is one."""
        while self.number < len(self.lines) and self.blank():
            self.number += 1
        if self.number == len(self.lines) or not self.lines[self.number][0].isspace():
            return None
        self.number += 1
        cursor = Cursor(self.lines[self.number - 1], self.number - 1)
        cursor.space()
        return cursor

    def program(self) -> Program[str]:
        cursor = self.section()
        if cursor is None:
            raise ParseError("the text is empty", 1, 1, "")
        cursor.word("program")
        name = cursor.name()
        cursor.end()
        while (cursor := self.section()) is not None:
            match cursor.peek_name() if cursor.peek() != "`" else None:
                case "method":
                    self.method(cursor)
                case "state":
                    self.state(cursor)
                case "frozen":
                    self.frozen_value(cursor)
                case "graph":
                    self.graph(cursor)
                case _:
                    self.block(cursor)
        return Program(name, self.methods, tuple(self.states), self.blocks, self.graphs, tuple(self.frozen))

    # ------------------------------------------------------------------------- the interface

    def method(self, cursor: Cursor) -> None:
        cursor.word("method")
        name = cursor.name()
        if name in self.methods:
            raise cursor.error(f"there is a method `{name}` already")
        parameters = cursor.sequence("(", ")", lambda: _parameter(cursor))
        span = _one(cursor.spans())
        cursor.end()
        constraints: list[Constraint] = []
        identities: list[Identity] = []
        entries: list[Entry] = []
        while (line := self.indented()) is not None:
            if line.take_word("require"):
                expression = line.string()
                constraints.append(
                    Constraint(expression, line.string() if line.take_word("because") else "")
                )
            elif (same := line.take_word("same")) or line.take_word("apart"):
                identities.append(Identity(line.name(), line.name(), bool(same)))
            else:
                line.word("entry")
                entries.append(Entry(line.name(), tuple(line.sequence("(", ")", line.name))))
            line.end()
        self.methods[name] = Method(
            name, tuple(parameters), tuple(entries), tuple(constraints), span, tuple(identities)
        )

    def state(self, cursor: Cursor) -> None:
        cursor.word("state")
        cursor.end()
        cells: list[Cell] = []
        while (line := self.indented()) is not None:
            line.word("cell")
            value = _value(line)
            line.word("at")
            path = line.string()
            initial: str | Const | None = None
            if line.take("="):
                initial = line.name() if line.take_word("weight") else Const(line.constant())
            line.end()
            cells.append(Cell(value.name, value.type, path, initial))
        self.states.append(State(tuple(cells)))

    def frozen_value(self, cursor: Cursor) -> None:
        cursor.word("frozen")
        what = cursor.string()
        cursor.expect("=")
        value = cursor.string()
        self.frozen.append(Frozen(what, value, _one(cursor.spans())))
        cursor.end()

    def graph(self, cursor: Cursor) -> None:
        cursor.word("graph")
        name = cursor.name()
        if name in self.graphs:
            raise cursor.error(f"there is a graph `{name}` already")
        nested = cursor.take("{")
        cursor.end()
        self.graphs[name] = self.nested(cursor) if nested else ""

    def nested(self, cursor: Cursor) -> str:
        """The lines up to a brace at the margin, without their indentation."""
        found: list[str] = []
        while self.number < len(self.lines):
            line = self.lines[self.number]
            self.number += 1
            if line == "}":
                return "\n".join(found)
            if line and not line.startswith("    "):
                raise Cursor(line, self.number - 1).error("expected an indented line or `}`")
            found.append(line[4:])
        raise cursor.error("the graph has no end")

    # ---------------------------------------------------------------------------- the blocks

    def block(self, cursor: Cursor) -> None:
        name = cursor.name()
        if name in self.blocks:
            raise cursor.error(f"there is a block `{name}` already")
        params = cursor.sequence("(", ")", lambda: _value(cursor))
        cursor.expect(":")
        spans = cursor.spans()
        note = _note(cursor)
        steps: list[Step] = []
        terminator: Terminator | None = None
        while (line := self.indented()) is not None:
            if terminator is not None:
                raise line.error("the block has ended")
            parsed = _terminator(line) if line.peek_name() in _TERMINATORS and not _defines(line) else None
            if parsed is None:
                steps.append(_step(line))
            terminator = parsed
            line.end()
        if terminator is None:
            raise cursor.error(f"block `{name}` has no end (a jump, branch, switch, return or raise)")
        self.blocks[name] = Block(name, tuple(params), tuple(steps), terminator, spans, note)


def _one(spans: tuple[Span, ...]) -> Span | None:
    return spans[0] if spans else None


def _note(cursor: Cursor) -> str:
    if not cursor.take("#"):
        cursor.end()
        return ""
    rest = cursor.text[cursor.at :].strip()
    if rest.startswith('"'):
        note = cursor.string()
        cursor.end()
        return note
    return rest


def _value(cursor: Cursor) -> Value:
    name = cursor.name()
    cursor.expect(":")
    return Value(name, cursor.type())


def _defines(cursor: Cursor) -> bool:
    """Whether a line starts with a definition (of a value that may be called ``jump``)."""
    ahead = Cursor(cursor.text, cursor.number, cursor.at)
    ahead.name()
    return ahead.peek() == ":"


def _parameter(cursor: Cursor) -> Parameter:
    kind = "positional"
    if cursor.take("**"):
        kind = "var_keyword"
    elif cursor.take("*"):
        kind = "var_positional"
    name = cursor.name()
    if kind == "positional" and name == "keyword" and cursor.peek() not in (":", "?"):
        kind, name = "keyword", cursor.name()
    optional = cursor.take("?")
    cursor.expect(":")
    tree = _parameter_tree(cursor, name)
    default = cursor.constant() if cursor.take("=") else None
    return Parameter(name, kind, tree, optional, default)  # pyright: ignore[reportArgumentType] -- one of the kinds


def _parameter_tree(cursor: Cursor, name: str) -> InputTree:
    if cursor.at_container() or cursor.at_fixed():
        return cursor.input_tree()
    type_ = cursor.type()
    return Input(cursor.name() if cursor.take_word("as") else name, type_)


def _step(cursor: Cursor) -> Step:
    outputs: list[Value] = []
    if _defines(cursor):
        outputs.append(_value(cursor))
        while cursor.take(","):
            outputs.append(_value(cursor))
        cursor.expect("=")
    op = cursor.name()
    if op == "compute" and cursor.peek() != "(":
        graph = cursor.name()
        inputs = cursor.sequence("(", ")", cursor.operand)
        return Compute(graph, tuple(inputs), tuple(outputs), _one(cursor.spans()))
    operands = cursor.sequence("(", ")", cursor.operand)
    if len(outputs) != 1:
        raise cursor.error(f"`{op}` has one result, not {len(outputs)}")
    return HostOp(op, tuple(operands), outputs[0], _one(cursor.spans()))


def _edge(cursor: Cursor) -> Edge:
    return Edge(cursor.name(), tuple(cursor.sequence("(", ")", cursor.operand)))


def _terminator(cursor: Cursor) -> Terminator:
    match cursor.name():
        case "jump":
            return Jump(_edge(cursor), _one(cursor.spans()))
        case "branch":
            pred = cursor.operand()
            cursor.expect("?")
            then = _edge(cursor)
            cursor.expect(":")
            return Branch(pred, then, _edge(cursor), _one(cursor.spans()))
        case "switch":
            return _switch(cursor)
        case "return":
            output = cursor.tree()
            return Return(output, *_leaving(cursor))
        case _:
            error = _exception(cursor)
            message = (
                tuple(cursor.sequence("(", ")", lambda: _part(cursor))) if cursor.peek() == "(" else None
            )
            return Raise(error, message, *_leaving(cursor))


def _switch(cursor: Cursor) -> Switch:
    index = cursor.operand()
    arms = cursor.sequence("{", "}", lambda: _arm(cursor))
    if not arms or arms[-1][0] is not None or any(value is None for value, _ in arms[:-1]):
        raise cursor.error("the last case of a switch is `else`")
    values = tuple(value for value, _ in arms if value is not None)
    cases = tuple(edge for _, edge in arms)
    return Switch(index, values, cases[:-1], cases[-1], _one(cursor.spans()))


def _arm(cursor: Cursor) -> tuple[int | None, Edge]:
    value = None if cursor.take_word("else") else cursor.integer()
    cursor.expect(":")
    return value, _edge(cursor)


def _exception(cursor: Cursor) -> ExceptionType:
    name = cursor.name()
    if cursor.peek() != "[":
        return ExceptionType(name, "builtins", name)
    module, base = cursor.sequence("[", "]", cursor.string, count=2)
    return ExceptionType(name, module, base)


def _part(cursor: Cursor) -> TextPart:
    value = cursor.operand()
    conversion = cursor.name() if cursor.take("!") else ""
    return TextPart(value, conversion, cursor.string() if cursor.take(":") else "")


def _leaving(cursor: Cursor) -> tuple[Any, ...]:
    writes: list[Write] = []
    if cursor.take_word("write"):
        writes.append(_write(cursor))
        while cursor.take(","):
            writes.append(_write(cursor))
    state, cells = 0, list[Any]()
    if cursor.take_word("state"):
        state = cursor.integer()
        cells = cursor.sequence("(", ")", cursor.operand)
    return tuple(writes), state, tuple(cells), _one(cursor.spans())


def _write(cursor: Cursor) -> Write:
    name = cursor.name()
    cursor.expect("=")
    return Write(name, cursor.operand())


__all__ = ["ParseError", "parse_program"]
