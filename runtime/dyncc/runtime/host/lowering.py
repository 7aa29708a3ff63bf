"""A block as Python statements over expressions: which instructions become part of a larger expression.

An instruction is written where its result is used, instead of on a line of its own, when that changes
nothing: it is used once, and either it cannot raise, or nothing else that can raise or run stands between
its place and the place where it is used. A graph is run inside of an expression only where ``item`` reads
its one output: ``if item(self.gate(h)) > 0.5:``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from dyncc.runtime import program as p
from dyncc.runtime.host.expressions import Expr, Read, apply_op, call, constant, reads
from dyncc.runtime.host.tables import Tables, operands_before
from dyncc.runtime.records import frozen

TOTAL = frozenset(
    {
        *("item", "static_read", "dim", "bool", "and_", "or_", "xor", "not", "select"),
        *("eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "neg", "pos", "invert"),
        *("abs", "min", "max", "list", "list_append", "list_extend", "list_len"),
        *("list_insert", "list_contains", "list_count"),
        *("math.fabs", "math.isnan", "math.isinf", "math.isfinite", "math.erf"),
    }
)
"""Instructions that raise for none of the operands that the compiler gives them."""


@frozen
class Statement:
    """``targets = expr`` (no target: ``expr`` alone). A target that nothing reads is None."""

    targets: tuple[str | None, ...]
    expr: Expr
    span: p.Span | None


class Lowered:
    """A block's statements, the operand of its decision, and the arguments of its edges."""

    def __init__(self, edges: list[list[Expr]] | None = None) -> None:
        self.statements: list[Statement] = []
        self.decision: Expr | None = None
        self.edges: list[list[Expr]] = edges or []
        self.leaving: list[Expr] = []
        """For Return and Raise: the expressions of :func:`leaving_operands`, in that order."""

    def ends(self) -> Iterator[Expr]:
        """The expressions behind the statements."""
        if self.decision is not None:
            yield self.decision
        yield from self.leaving
        for edge in self.edges:
            yield from edge

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each value is read."""
        expressions = [*(statement.expr for statement in self.statements), *self.ends()]
        return Counter(value for expr in expressions for value in reads(expr))


LONG = 4
"""So many instructions are enough for one expression."""


def leaving_operands(terminator: p.Return | p.Raise) -> Iterator[p.Operand]:
    """The operands of a Return or Raise, in the order in which the host evaluates them."""
    for write in terminator.writes:
        yield write.value
    yield from terminator.cells
    if isinstance(terminator, p.Return):
        yield from tree_operands(terminator.output)
    else:
        for part in terminator.message or ():
            yield part.value


def operands_of(step: p.Step) -> tuple[p.Operand, ...]:
    """What a step reads."""
    return step.inputs if isinstance(step, p.Compute) else step.operands


def results_of(step: p.Step) -> tuple[p.Value, ...]:
    """What a step defines."""
    return step.outputs if isinstance(step, p.Compute) else (step.result,)


def is_total(step: p.Step) -> bool:
    """Whether a step cannot raise (a graph can)."""
    return isinstance(step, p.HostOp) and step.op in TOTAL


def tree_operands(tree: p.Tree) -> Iterator[p.Operand]:
    """The operands of an output tree, from left to right."""
    if isinstance(tree, p.Leaf):
        yield tree.value
    else:
        for child in tree.children:
            yield from tree_operands(child)


class _Lowering:
    def __init__(
        self,
        block: p.Block,
        methods: Mapping[str, str],
        live: Live,
        tables: Tables,
    ) -> None:
        self.block = block
        self.tables = tables
        self.methods = methods
        self.live = live
        self.types = {value.name: value.type for value in block.params}
        self.definitions: dict[str, tuple[int, p.Step]] = {}
        for index, step in enumerate(block.steps):
            results = results_of(step)
            self.types.update((value.name, value.type) for value in results)
            if len(results) == 1:
                self.definitions[results[0].name] = (index, step)
        self.needed = needed_steps(block, live)[0]
        self.uses = self._count_uses()
        self.busy = [index for index, step in enumerate(block.steps) if not is_total(step)]
        """Where something runs that may raise."""
        self.inlined: set[str] = set()

    def _edge_args(self) -> Iterator[tuple[p.Operand, ...]]:
        return edge_args(self.block, self.live)

    def _count_uses(self) -> Counter[str]:
        operands = list(terminator_operands(self.block, self.live))
        for step, needed in zip(self.block.steps, self.needed, strict=True):
            operands.extend(operands_of(step) if needed else ())
        return Counter(operand.name for operand in operands if isinstance(operand, p.Ref))

    def run(self) -> Lowered:
        for index, step in enumerate(self.block.steps):
            if self.needed[index]:
                op = step.op if isinstance(step, p.HostOp) else ""
                # Python evaluates one side of a conditional expression only.
                self._consume(operands_of(step), index, only_total=op == "select", graphs=op == "item")
        self._consume_terminator()
        out = Lowered()
        for step, needed in zip(self.block.steps, self.needed, strict=True):
            if not needed:
                continue
            statement = self._statement(step)
            if statement is not None:
                out.statements.append(statement)
        self._finish(out)
        return out

    # ---------------------------------------------------------------- which instructions are inlined

    def _consume(
        self, operands: Iterable[p.Operand], at: int, only_total: bool = False, graphs: bool = False
    ) -> None:
        for operand in operands:
            if isinstance(operand, p.Ref) and self._may_move(operand.name, at, only_total, graphs):
                self.inlined.add(operand.name)

    def _may_move(self, name: str, to: int, only_total: bool, graphs: bool) -> bool:
        if name not in self.definitions or self.uses[name] != 1:
            return False
        start, step = self.definitions[name]
        if isinstance(step, p.Compute) and not graphs:
            return False
        if sum(1 for _ in self._members(step)) >= LONG:
            return False
        if all(map(is_total, self._members(step))):
            return True
        return not only_total and not any(start < index < to for index in self.busy)

    def _members(self, step: p.Step) -> Iterator[p.Step]:
        """The step and those that were inlined into it."""
        yield step
        for operand in operands_of(step):
            if isinstance(operand, p.Ref) and operand.name in self.inlined:
                yield from self._members(self.definitions[operand.name][1])

    def _consume_terminator(self) -> None:
        end = len(self.block.steps)
        terminator = self.block.terminator
        if isinstance(terminator, p.Branch):
            self._consume([terminator.pred], end)
        elif isinstance(terminator, p.Switch):
            self._consume([terminator.index], end)
        elif isinstance(terminator, p.Return | p.Raise):
            # The session's state changes before the output is built: what may raise comes before that.
            changes = terminator.writes or terminator.cells
            self._consume(leaving_operands(terminator), end, only_total=bool(changes))
        arguments = list(self._edge_args())
        # On one of several edges it would run only where that edge is taken, and among several arguments
        # the order is that of the assignments: an instruction that may raise stays where it is.
        alone = len(arguments) == 1 and len(arguments[0]) == 1
        for args in arguments:
            self._consume(args, end, only_total=not alone)

    # -------------------------------------------------------------------------------- what is written

    def expr(self, operand: p.Operand) -> Expr:
        if isinstance(operand, p.Const):
            return constant(operand.value)
        if operand.name not in self.inlined:
            return Read(operand.name)
        return self._apply(self.definitions[operand.name][1])

    def _apply(self, step: p.Step) -> Expr:
        if isinstance(step, p.Compute):
            return call(f"self.{self.methods[step.graph]}", tuple(map(self.expr, step.inputs)))
        table = self.tables.applied(step, tuple(map(self.expr, operands_before(step))))
        if table is not None:
            return table
        types = tuple(map(self._type, step.operands))
        return apply_op(step.op, tuple(map(self.expr, step.operands)), types)

    def _type(self, operand: p.Operand) -> p.Type | None:
        if isinstance(operand, p.Ref):
            return self.types[operand.name]
        kinds: dict[type, p.Type] = {int: p.ScalarType("int"), bool: p.ScalarType("bool")}
        return kinds.get(type(operand.value))

    def _statement(self, step: p.Step) -> Statement | None:
        results = results_of(step)
        if len(results) == 1 and results[0].name in self.inlined:
            return None
        targets = tuple(value.name if self.uses[value.name] else None for value in results)
        return Statement(targets, self._apply(step), step.span)

    def _finish(self, out: Lowered) -> None:
        terminator = self.block.terminator
        if isinstance(terminator, p.Branch):
            out.decision = self.expr(terminator.pred)
        elif isinstance(terminator, p.Switch):
            out.decision = self.expr(terminator.index)
        elif isinstance(terminator, p.Return | p.Raise):
            out.leaving = [self.expr(operand) for operand in leaving_operands(terminator)]
        out.edges = [[self.expr(operand) for operand in args] for args in self._edge_args()]


def lower(block: p.Block, methods: Mapping[str, str], live: Live, tables: Tables) -> Lowered:
    """``block`` as statements.

    ``methods`` maps graphs to attributes of ``self``; ``live`` says of every block which of its
    parameters it reads (the others are not passed).
    """
    return _Lowering(block, methods, live, tables).run()


Live: TypeAlias = "Mapping[str, Sequence[bool]]"
"""Of each block, which of its parameters are read."""


def edge_args(block: p.Block, live: Live) -> Iterator[tuple[p.Operand, ...]]:
    """Of each edge, the arguments that the target reads."""
    for edge in p.successors(block.terminator):
        yield tuple(arg for arg, is_live in zip(edge.args, live[edge.block], strict=True) if is_live)


def terminator_operands(block: p.Block, live: Live) -> Iterator[p.Operand]:
    """What the end of a block reads."""
    terminator = block.terminator
    if isinstance(terminator, p.Branch):
        yield terminator.pred
    elif isinstance(terminator, p.Switch):
        yield terminator.index
    elif isinstance(terminator, p.Return | p.Raise):
        yield from leaving_operands(terminator)
    for args in edge_args(block, live):
        yield from args


def needed_steps(block: p.Block, live: Live) -> tuple[list[bool], set[str]]:
    """Which steps do anything: all but instructions that cannot raise and whose result is unread. And all
    that is read, by them and by the block's end."""
    read = {operand.name for operand in terminator_operands(block, live) if isinstance(operand, p.Ref)}
    needed: list[bool] = []
    for step in reversed(block.steps):
        idle = is_total(step) and results_of(step)[0].name not in read
        needed.append(not idle)
        if not idle:
            read.update(operand.name for operand in operands_of(step) if isinstance(operand, p.Ref))
    return needed[::-1], read


def live_params(blocks: dict[str, p.Block]) -> dict[str, tuple[bool, ...]]:
    """Of each block's parameters, which are read: by it, or by a block that it passes them to."""
    live = {name: [False] * len(block.params) for name, block in blocks.items()}
    sources: dict[str, dict[str, None]] = {name: {} for name in blocks}
    for name, block in blocks.items():
        for edge in p.successors(block.terminator):
            sources[edge.block][name] = None
    pending = dict.fromkeys(reversed(blocks))
    while pending:
        name = next(iter(pending))
        del pending[name]
        block = blocks[name]
        read = needed_steps(block, live)[1]
        found = [value.name in read for value in block.params]
        if found != live[name]:
            live[name] = found
            pending |= sources[name]
    return {name: tuple(flags) for name, flags in live.items()}
