"""A method of the program as a method of the host."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any

from dyncc.runtime import program as p
from dyncc.runtime.host import wording
from dyncc.runtime.host.conditions import merge_cases, merge_decisions, skip_empty
from dyncc.runtime.host.expressions import Apply, Expr, Read, Text, quoted, reads
from dyncc.runtime.host.flow import reverse_postorder, split_entries
from dyncc.runtime.host.joins import join_decisions
from dyncc.runtime.host.lowering import Lowered, live_params, lower
from dyncc.runtime.host.names import TRACE, Scope, identifier, name_values
from dyncc.runtime.host.shape import Exit, Place
from dyncc.runtime.host.statements import Line, Stmt, depths, tidy
from dyncc.runtime.host.structure import TOO_DEEP, Structurer, TooDeep
from dyncc.runtime.host.tables import Tables
from dyncc.runtime.records import frozen, replace
from dyncc.runtime.wellformed import inputs_of

MOST_LOOPS = 18
"""How many loops may be inside of each other. Python allows 20."""
ENTRY = "<entry>"
"""The place before the first block: it binds the inputs and picks the entry of the session's state."""


@frozen
class Attributes:
    """What the program's graphs and cells are called on ``self``."""

    graphs: Mapping[str, str]
    cells: tuple[Mapping[str, str], ...]
    """Of each state: cell's name → attribute."""


@frozen
class MethodText:
    """A method of the host: its parameters (by input) and its body."""

    name: str
    parameters: Mapping[str, str]
    body: list[Stmt]
    span: p.Span | None
    outputs: tuple[p.Tree, ...] = field(default=())


class MethodWriter:
    """Writes one method. ``traced``: with a call of ``on_edge`` on every edge."""

    def __init__(
        self,
        program: p.Program[Any],
        method: p.Method,
        attributes: Attributes,
        classes: wording.ClassNames,
        tables: Tables,
        reserved: set[str],
        traced: bool,
    ) -> None:
        self.program = program
        self.method = method
        self.attributes = attributes
        self.classes = classes
        self.tables = tables
        self.reserved = reserved
        self.traced = traced
        graph: dict[str, list[str]] = {ENTRY: [entry.block for entry in method.entries]}
        for name, block in program.blocks.items():
            graph[name] = [edge.block for edge in p.successors(block.terminator)]
        self.order = reverse_postorder(ENTRY, graph)[1:]
        self.blocks = {name: program.blocks[name] for name in self.order}
        self.live = live_params(self.blocks)
        self.code = {
            name: lower(block, attributes.graphs, self.live, tables) for name, block in self.blocks.items()
        }
        self.inputs = inputs_of(method)
        self.names = self._name()

    # ------------------------------------------------------------------------------------------ names

    def _entry_scope(self) -> Scope:
        code = Lowered(edges=[list(self._entry_args(index)) for index in range(len(self.method.entries))])
        return Scope(ENTRY, tuple(self.inputs), code, tuple(entry.block for entry in self.method.entries))

    def _entry_args(self, state: int) -> Iterator[Expr]:
        entry = self.method.entries[state]
        cells = [Text(f"self.{name}") for name in self.attributes.cells[state].values()]
        args: list[Expr] = [*map(Read, entry.inputs), *cells]
        for arg, live in zip(args, self.live[entry.block], strict=True):
            if live:
                yield arg

    def _name(self) -> dict[tuple[str, str], str]:
        self.entry = self._entry_scope()
        scopes = [self.entry]
        for name, block in self.blocks.items():
            params = tuple(
                value.name for value, live in zip(block.params, self.live[name], strict=True) if live
            )
            targets = tuple(edge.block for edge in p.successors(block.terminator))
            scopes.append(Scope(name, params, self.code[name], targets))
        self.params = {scope.name: scope.params for scope in scopes}
        for block in self.blocks.values():
            self.classes.note(block.terminator)
        return name_values(scopes, {*self.reserved, *self.tables.taken})

    def bind(self, expr: Expr, scope: str, args: Mapping[str, Expr] | None = None) -> Expr:
        """``expr`` with the variables' names (or ``args``) in place of the values'."""
        if isinstance(expr, Read):
            given = args.get(expr.value) if args else None
            return Text(self.names[scope, expr.value]) if given is None else given
        if isinstance(expr, Apply):
            return replace(expr, operands=tuple(self.bind(item, scope, args) for item in expr.operands))
        return expr

    # ----------------------------------------------------------------------------------------- places

    def write(self) -> MethodText:
        """The method's text as a tree of statements."""
        body = self._body()
        parameters = {name: self.names[ENTRY, name] for name in self.inputs}
        outputs = tuple(
            block.terminator.output
            for block in self.blocks.values()
            if isinstance(block.terminator, p.Return)
        )
        return MethodText(self.method.name, parameters, body, self.method.span, outputs)

    def _body(self) -> list[Stmt]:
        try:
            body = self._structured(flat=False)
        except TooDeep:
            return self._structured(flat=True)
        indent, loops = depths(body)
        if indent > TOO_DEEP or loops > MOST_LOOPS:
            return self._structured(flat=True)
        return body

    def _structured(self, flat: bool) -> list[Stmt]:
        places = {ENTRY: self._entry_place(), **{name: self._place(name) for name in self.blocks}}
        taken = {*self.reserved, *self.names.values()}
        selector = identifier("at", taken)
        taken.add(selector)

        def graph() -> dict[str, list[str]]:
            return {name: [exit.target for exit in place.exits] for name, place in places.items()}

        def dispatch(entries: list[str]) -> str:
            name = f"<dispatch {entries[0]}>"
            number = {entry: index for index, entry in enumerate(entries)}
            for place in places.values():
                for exit in place.exits:
                    if exit.target in number:
                        exit.moves = [*exit.moves, Line(f"{selector} = {number[exit.target]}")]
                        exit.target, exit.args = name, None
            exits = [Exit(entry) for entry in entries]
            places[name] = Place(
                name,
                [],
                exits,
                Text(selector),
                tuple((number,) for number in range(len(entries) - 1)),
                label=f"dispatch_{selector}",
            )
            return name

        if not self.traced:
            skip_empty(places, ENTRY)
            merge_cases(places)
            merge_decisions(places, ENTRY)
            join_decisions(places, ENTRY, taken)
        if flat:
            dispatch([name for name in places if name != ENTRY])
        else:
            split_entries(ENTRY, reverse_postorder(ENTRY, graph()), graph, dispatch)
        return tidy(Structurer(ENTRY, places, taken).run())

    def _entry_place(self) -> Place:
        entries = self.method.entries
        exits = [
            self._exit(ENTRY, index, entry.block, args)
            for index, (entry, args) in enumerate(zip(entries, self.entry.code.edges, strict=True))
        ]
        if len(entries) == 1:
            return Place(ENTRY, [], exits)
        return Place(
            ENTRY, [], exits, Text("self.state"), tuple((state,) for state in range(len(entries) - 1))
        )

    def _place(self, name: str) -> Place:
        block, code = self.blocks[name], self.code[name]
        lines = [
            Line(
                self._statement_text(statement.targets, self.bind(statement.expr, name), name),
                statement.span,
            )
            for statement in code.statements
        ]
        terminator = block.terminator
        reword: Callable[[tuple[Expr, ...]], list[Line] | None] = _cannot
        if isinstance(terminator, p.Return | p.Raise):
            if not lines:
                reword = self._reworder(terminator, name)
            lines.extend(self._leaving(terminator, name))
        exits = [
            self._exit(name, index, edge.block, args)
            for index, (edge, args) in enumerate(zip(p.successors(terminator), code.edges, strict=True))
        ]
        spans = [line.span for line in lines] + [terminator.span, *block.spans]
        first = next((span for span in spans if span is not None), None)
        return Place(
            name,
            lines,
            exits,
            None if code.decision is None else self.bind(code.decision, name),
            tuple((value,) for value in terminator.values) if isinstance(terminator, p.Switch) else None,
            terminator.span,
            f"line_{first.line}" if first else name,
            reword,
        )

    def _reworder(
        self, terminator: p.Return | p.Raise, name: str
    ) -> Callable[[tuple[Expr, ...]], list[Line] | None]:
        def reword(args: tuple[Expr, ...]) -> list[Line] | None:
            if not all(isinstance(arg, Text) for arg in args):
                return None
            return list(self._leaving(terminator, name, dict(zip(self.params[name], args, strict=True))))

        return reword

    def _statement_text(self, targets: tuple[str | None, ...], expr: Expr, scope: str) -> str:
        if not any(targets):
            return wording.text(expr)
        names = ["_" if target is None else self.names[scope, target] for target in targets]
        target = ", ".join(names)
        return assignment(target if len(target) < 60 else f"({target})", expr)

    # ------------------------------------------------------------------------------------------ edges

    def _exit(self, source: str, index: int, target: str, args: list[Expr]) -> Exit:
        bound = [self.bind(arg, source) for arg in args]
        moves = {
            self.names[target, param]: arg for param, arg in zip(self.params[target], bound, strict=True)
        }
        span = self.method.span if source == ENTRY else self.blocks[source].terminator.span
        lines = [Line(text, span) for text in ordered_moves(moves)]
        trace: list[Line] = []
        if self.traced:
            where = "" if source == ENTRY else source
            trace = [Line(f"{TRACE}({quoted(where)}, {index}, {quoted(target)})", span)]
        return Exit(target, lines, trace, tuple(bound))

    # ---------------------------------------------------------------------------------------- leaving

    def _leaving(
        self, terminator: p.Return | p.Raise, scope: str, args: Mapping[str, Expr] | None = None
    ) -> Iterator[Line]:
        texts = iter([self.bind(expr, scope, args or {}) for expr in self.code[scope].leaving])
        span = terminator.span
        if terminator.writes:
            items = [
                f"{wording.quoted(write.input)}: {wording.text(next(texts))}" for write in terminator.writes
            ]
            yield Line(f"self.writes = {{{', '.join(items)}}}", span)
        cells = self.attributes.cells[terminator.state].values()
        for cell in cells:
            yield Line(f"self.{cell} = {wording.text(next(texts))}", span)
        if len(self.program.states) > 1:
            yield Line(f"self.state = {terminator.state}", span)
        if isinstance(terminator, p.Return):
            types = {value.name: value.type for value in _values(self.blocks[scope])}
            output = wording.output_text(terminator.output, texts, types, self.classes)
            yield Line(f"return {output}", span, leaves=True)
            return
        error = self.classes.of_error(terminator.error)
        if terminator.message is not None:
            error += f"({wording.message_text(terminator.message, list(texts))})"
        yield Line(f"raise {error}", span, leaves=True)


def _values(block: p.Block) -> Iterator[p.Value]:
    yield from block.params
    for step in block.steps:
        if isinstance(step, p.Compute):
            yield from step.outputs
        else:
            yield step.result


def ordered_moves(moves: Mapping[str, Expr]) -> list[str]:
    """Assignments that together do ``moves`` at once, in an order in which none destroys what another
    reads; where there is none, as one tuple assignment."""
    pending = {name: expr for name, expr in moves.items() if expr != Text(name)}
    needed = {name: variables(expr) for name, expr in pending.items()}
    lines: list[str] = []
    while pending:
        free = (
            name for name in pending if not any(name in needed[other] for other in pending if other != name)
        )
        name = next(free, None)
        if name is None:
            left, right = ", ".join(pending), ", ".join(wording.text(expr) for expr in pending.values())
            return [*lines, f"{left} = {right}"]
        lines.append(assignment(name, pending.pop(name)))
    return lines


def assignment(name: str, expr: Expr) -> str:
    """``name = expr``, or ``name += …`` where that is what it is."""
    if isinstance(expr, Apply) and expr.operands and expr.operands[0] == Text(name):
        found = re.fullmatch(r"\{0\} ([-+*/%&|^]|//|\*\*|<<|>>) \{1\}", expr.template)
        if found:
            return f"{name} {found[1]}= {wording.text(expr.operands[1])}"
    return f"{name} = {wording.text(expr)}"


def _cannot(_: tuple[Expr, ...]) -> None:
    return None


def variables(expr: Expr) -> set[str]:
    """The names in an expression whose names are given."""
    if isinstance(expr, Apply):
        return set[str]().union(*(variables(operand) for operand in expr.operands))
    return {expr.text} if isinstance(expr, Text) else set(reads(expr))
