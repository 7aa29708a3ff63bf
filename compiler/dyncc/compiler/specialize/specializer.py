"""The specializer: one attempt at polyvariant specialization, by a worklist of states.

Each state gets a block, recorded by the machine until a decision. A state whose memo key is known goes to
the block that is there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import torch
from torch import fx

from dyncc.compiler.code_origin import users_first
from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize import limits
from dyncc.compiler.specialize.execution.calls import Target
from dyncc.compiler.specialize.execution.frames import Frame, Generator
from dyncc.compiler.specialize.execution.machine import Machine
from dyncc.compiler.specialize.facts import Facts
from dyncc.compiler.specialize.interface.inputs import InputBuilder, Inputs, Method
from dyncc.compiler.specialize.interface.outputs import OutputBuilder, exception_type, message_parts
from dyncc.compiler.specialize.interface.roots import named_tensors, unbound
from dyncc.compiler.specialize.naming import cell_path, described, line_of, user_frame
from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.recording.recorder import Recorder, may_be
from dyncc.compiler.specialize.state.begin import begin
from dyncc.compiler.specialize.state.capture import Capture
from dyncc.compiler.specialize.state.generalize import generalize
from dyncc.compiler.specialize.state.heap import Content, Heap, content_of, same_content
from dyncc.compiler.specialize.state.leaves import Leaf, has_argument
from dyncc.compiler.specialize.state.snapshot import Snapshot
from dyncc.compiler.specialize.values import SESSION, Restart, SymTensor, current
from dyncc.runtime import program as ir

MANY_BLOCKS = 600
"""Blocks beyond which small loops are no longer unrolled."""


MAX_STEPS = 3_000_000


@dataclass(frozen=True)
class Recorded:
    """A program of recorded PyTorch graphs, the real tensors it refers to, and what to tell the user."""

    program: ir.Program[fx.Graph]
    weights: Mapping[str, torch.Tensor]
    warnings: tuple[str, ...] = ()
    hints: Mapping[str, int] = field(default_factory=dict[str, int])
    inside: frozenset[ir.Span] = frozenset()
    """Reads whose number a graph also uses, computed from the tensor: a check cannot script those."""
    unseen: frozenset[ir.Span] = frozenset()
    """Reads that NumPy makes in the original: a check sees nothing of them there."""


@dataclass
class _Pending:
    """A block that is to be recorded: from a snapshot, or an entry of a method in a state variant."""

    name: str
    snapshot: Snapshot | None
    method: Method | None = None
    state: int = 0
    asked: tuple[Any, ...] = ()
    """The numbers among the arguments that were decided on, on the way here, the last one first."""


class Specializer:
    """One attempt to specialize; ``facts`` carries what earlier ones learned."""

    def __init__(
        self, methods: Sequence[Method], roots: Sequence[tuple[str, Any]], facts: Facts, name: str
    ) -> None:
        self.methods = methods
        self.facts = facts
        self.name = name
        self.heap = Heap()
        self.heap.add_roots(
            (*roots, *((m.name, getattr(m.function, "__func__", m.function)) for m in methods))
        )
        self.recorder = Recorder(facts)
        self.recorder.inputs = lambda: self.active_inputs.tensors
        self.active_inputs = Inputs((), {}, (), (), {}, {}, {})
        self.before: dict[str, Content] = {}
        """The containers among the arguments, as the block found them."""
        self.recorder.name_constants(named_tensors(roots))
        self.recorder.name_constants(facts.cells)
        modules = [root for _, root in roots if isinstance(root, torch.nn.Module)]
        self.recorder.training = any(module.training for module in modules)
        self.blocks: dict[str, ir.Block] = {}
        self.graphs: dict[str, fx.Graph] = {}
        self.memo: dict[Any, str] = {}
        self.variants: dict[Any, list[Snapshot]] = {}
        self.shapeless: dict[Any, list[Snapshot]] = {}
        self.dirty: dict[Any, frozenset[int]] = {}
        """Program point → the objects that differed from the start when it was met first."""
        self.states: dict[Any, int] = {}
        self.state_snapshots: list[Snapshot] = []
        self.entries: dict[str, list[ir.Entry]] = {m.name: [] for m in methods}
        self.inputs: dict[str, Inputs] = {}
        self.pending: deque[_Pending] = deque()
        self.warnings: list[str] = []
        self.steps = 0
        self.terminator: ir.Terminator | None = None
        self.names: set[str] = set()
        self.current_inputs: dict[int, Inputs] = {}
        self.asked: tuple[Any, ...] = ()
        self.asking: frozenset[Any] = frozenset()
        """The origins of the number on which a block that ends decides."""
        self.sites: dict[int, tuple[Any, Any]] = {}
        """The dicts and sets that the program made, by identity, and where (see ``execution/mappings``)."""
        self.returns = 0
        self.raises: list[tuple[BaseException, ir.Span | None]] = []
        """What leaves the program, and where it was raised."""
        self.origins: dict[int, tuple[BaseException, ir.Span | None]] = {}
        """By identity of an exception."""
        self.lost = False
        """Whether something was learned for which everything begins again."""

    # ------------------------------------------------------------------------------------- run

    def run(self) -> Recorded:
        self._initial_state()
        self._record_all()
        if not self.returns and self.raises:
            error, span = self.raises[0]
            raise CompileError(
                [
                    Diagnostic(
                        "DY150",
                        f"the program raises on every path: {described(error)}",
                        span,
                        label="raised here",
                        helps=("check that the example arguments are ones that the program accepts",),
                    )
                ]
            )
        self._refuse_kept_identities()
        methods = {m.name: self._method(m) for m in self.methods}
        frozen = tuple(
            ir.Frozen(
                f"argument `{'.'.join(map(str, place[2]))}` of `{place[1]}`",
                repr(value),
                self.facts.needed.get(place),
            )
            for place, value in self.facts.frozen.items()
        )
        made = ir.Program(self.name, methods, tuple(self._states()), self.blocks, self.graphs, frozen)
        warnings = tuple(dict.fromkeys(self.warnings))
        inside = frozenset(self.recorder.inside)
        unseen = frozenset(self.recorder.unseen)
        return Recorded(made, self.recorder.weights, warnings, dict(self.recorder.hints), inside, unseen)

    def _record_all(self) -> None:
        """Record what is pending.

        An attempt that is lost goes on for as many blocks again: what it learns there need not be learned
        by another one. What it is refused there, another one is asked again.
        """
        most = MANY_BLOCKS
        while self.pending and not (self.lost and len(self.blocks) >= most):
            try:
                self._record(self.pending.popleft())
            except Restart:
                if not self.lost:
                    self.lost, most = True, min(2 * len(self.blocks), MANY_BLOCKS)
            except CompileError:
                if not self.lost:
                    raise
        if self.lost:
            raise Restart

    def _initial_state(self) -> None:
        """Variant 0: the module as it was built; cells for the weights that calls change."""
        block = BlockBuilder("init", self.recorder, {})
        current.append(block)
        try:
            for name, tensor in self.facts.cells.items():
                node, fake = self.recorder.constant(tensor)
                self.recorder.cells[name] = SymTensor.make(fake, node, name.rpartition(".")[2])
            snapshot = self._capture((), SESSION)
            _arguments(snapshot)
            if not all(map(_has_initial, snapshot.leaves)):
                snapshot = self._capture((), SESSION, touched=False)
                _arguments(snapshot)
        finally:
            current.pop()
        self._state(snapshot)

    def _state(self, snapshot: Snapshot) -> int:
        """The variant of the session's state that ``snapshot`` is; a new one gets entries."""
        found = self.states.get(snapshot.key)
        if found is not None:
            return found
        index = len(self.state_snapshots)
        self.states[snapshot.key] = index
        self.state_snapshots.append(snapshot)
        if index > 40:
            self.refuse_limit(
                "the state that calls leave behind takes ever new forms"
                + limits.growth(*self.state_snapshots[-2:]),
                help="keep a count or a tensor instead, or start afresh in each call",
            )
        for method in self.methods:
            name = self.unique(method.name if index == 0 else f"{method.name}.state{index}")
            self.pending.append(_Pending(name, None, method, index))
        return index

    def _record(self, pending: _Pending) -> None:
        if len(self.blocks) >= MANY_BLOCKS:
            self.facts.roll_loops()
            self.facts.follow_few()
        if len(self.blocks) >= self.facts.most_blocks:
            self.refuse_limit(
                f"the program has more than {self.facts.most_blocks} blocks",
                f"allow more: `--max-blocks {4 * self.facts.most_blocks}`",
            )
        block = BlockBuilder(pending.name, self.recorder, {})
        current.append(block)
        self.terminator, self.asked, self.asking = None, pending.asked, frozenset()
        try:
            if pending.snapshot is not None:
                frames = begin(pending.snapshot, self.heap, self.recorder, block)
                inputs = pending.snapshot.inputs
            else:
                assert pending.method is not None
                frames, inputs = self._begin_entry(pending.method, pending.state, block)
            self.active_inputs = inputs
            self.before = {place: content_of(obj) for place, obj in inputs.containers.items()}
            machine = Machine(self, frames)
            with torch._C._EnableTorchFunction():  # and what the block leaves open of it is closed
                machine.run()
            assert self.terminator is not None
            self._finish(block, self.terminator)
        except CompileError:
            # perhaps what is refused is of use only with other arguments than the given ones: fix them
            for place in () if self.lost else pending.asked:
                self.facts.demand(frozenset((place,)))
            raise
        finally:
            current.pop()

    def _begin_entry(self, method: Method, state: int, block: BlockBuilder) -> tuple[list[Frame], Inputs]:
        inputs = InputBuilder(method, block, self.recorder, self.facts).build()
        begin(self.state_snapshots[state], self.heap, self.recorder, block)
        self.inputs[method.name] = inputs
        self.entries[method.name].append(ir.Entry(block.name, inputs.names))
        function, args = unbound(method.function, inputs.args)
        made = Target(function, args, inputs.kwargs).make_frame(_Builder(self))  # type: ignore[arg-type]
        if isinstance(made, Generator):
            raise CompileError([Diagnostic("DY101", "a generator cannot be compiled as a whole", None)])
        return [made], inputs

    def _finish(self, block: BlockBuilder, terminator: ir.Terminator) -> None:
        steps, graph = block.steps(block.name)
        if graph is not None:
            self.graphs[block.name] = graph
        spans = tuple(users_first(dict.fromkeys(block.spans)))
        note = f"{spans[0].function}:{spans[0].line}" if spans else block.name
        self.blocks[block.name] = ir.Block(
            block.name, tuple(block.params), steps, terminator, spans[:50], note
        )

    # ----------------------------------------------------------------------------------- edges

    def edge(self, machine: Machine) -> ir.Edge:
        """The block for the machine's present state, and what it is given."""
        self._refuse_changed_arguments()
        snapshot = self._capture(machine.frames)
        name = self.memo.get(snapshot.key)
        if name is None and self._touch(snapshot):
            snapshot = self._capture(machine.frames)
            name = self.memo.get(snapshot.key)
        if name is None and generalize(snapshot, self.variants, self.shapeless, self.facts):
            snapshot = self._capture(machine.frames)
            name = self.memo.get(snapshot.key)
        marked = self.facts.mark(snapshot.point, snapshot.marks)
        if marked and name is not None and not any(p.name == name for p in self.pending):
            self.facts.note(f"aliases at {snapshot.point[-1]}")  # the block was recorded without them
        if name is None:
            frame = user_frame(machine.frames)
            line = line_of(frame)
            name = self.unique(f"{frame.function.name.rpartition('.')[2]}.{line}")
            self.memo[snapshot.key] = name
            self.variants.setdefault(snapshot.skeleton, []).append(snapshot)
            self.shapeless.setdefault(snapshot.shapeless, []).append(snapshot)
            snapshot.inputs = self.active_inputs
            asked = sorted((origin for origin in self.asking if origin[0] == "entry"), key=str)
            self.pending.append(_Pending(name, snapshot, asked=(*asked, *self.asked)))
        return ir.Edge(name, _arguments(snapshot))

    def _touch(self, snapshot: Snapshot) -> bool:
        """Learn which objects are changed on some ways to a point and not on others; whether any are."""
        dirty = self.dirty.setdefault(snapshot.point, snapshot.dirty)
        new = (dirty ^ snapshot.dirty) - self.facts.touched
        if new:
            self.facts.touched |= new
            self.facts.note(f"changed on some ways to {snapshot.point[-1] if snapshot.point else ''}")
        return bool(new)

    def _capture(
        self, frames: Sequence[Frame], point: tuple[Any, ...] | None = None, *, touched: bool = True
    ) -> Snapshot:
        if point is None:
            point = tuple((f.function.code, f.label, f.index) for f in frames)
        extra = tuple(sorted(self.active_inputs.tensors)) if frames else ()
        capture = Capture(self.heap, self.recorder, self.facts, point, extra)
        roots = list(self.active_inputs.tensors.items()) if frames and self.facts.written else []
        for name, tensor in roots:
            if name in self.facts.written:
                capture.visit(tensor, ("input", name))
        return capture.run(list(frames), self.facts.touched if touched else ())

    def unique(self, hint: str) -> str:
        name, index = hint, 0
        while name in self.names:
            index += 1
            name = f"{hint}.{index}"
        self.names.add(name)
        return name

    # ----------------------------------------------------------------------------- terminators

    def jump(self, edge: ir.Edge) -> None:
        self.terminator = ir.Jump(edge, self.recorder.block.span)

    def branch(self, pred: ir.Operand, then: ir.Edge, orelse: ir.Edge) -> None:
        self.terminator = ir.Branch(pred, then, orelse, self.recorder.block.span)

    def switch(
        self, index: ir.Operand, values: tuple[int, ...], cases: list[ir.Edge], default: ir.Edge
    ) -> None:
        self.terminator = ir.Switch(index, values, tuple(cases), default, self.recorder.block.span)

    def returned(self, machine: Machine, value: Any) -> None:
        self.returns += 1
        span = self.recorder.block.span
        output = OutputBuilder(self.recorder, span).tree(value)
        state, cells, writes = self._leave()
        self.terminator = ir.Return(output, writes, state, cells, span)

    def raising(self, error: BaseException) -> None:
        """Note where an exception is raised first: a handler may raise it again."""
        self.origins.setdefault(id(error), (error, self.recorder.block.span))

    def raised(self, error: BaseException) -> None:
        known, span = self.origins.get(id(error), (None, None))
        self.raises.append((error, span if known is error else self.recorder.block.span))
        message = message_parts(self.recorder, error)
        state, cells, writes = self._leave()
        self.terminator = ir.Raise(
            exception_type(error), message, writes, state, cells, self.recorder.block.span
        )

    def _leave(self) -> tuple[int, tuple[ir.Operand, ...], tuple[ir.Write, ...]]:
        self._refuse_changed_arguments()
        snapshot = self._capture((), SESSION)
        found = self.states.get(snapshot.key)
        if found is None and self._touch(snapshot):
            raise Restart
        if found is None and generalize(
            snapshot, self.variants, self.shapeless, self.facts, self.state_snapshots
        ):
            raise Restart
        if self.facts.mark(snapshot.point, snapshot.marks):
            self.facts.note("aliases of the state")
        state = self._state(snapshot)
        writes: list[ir.Write] = []
        for name, tensor in self.active_inputs.tensors.items():
            if name in self.facts.written:
                writes.append(ir.Write(name, self.recorder.block.tensor_operand(tensor)))
        return state, _arguments(snapshot), tuple(writes)

    def _refuse_changed_arguments(self) -> None:
        """A list or dict that the caller has as well must be as it was: only tensors are written back."""
        for place, content in self.before.items():
            obj = self.active_inputs.containers[place]
            if not same_content(content_of(obj), content):
                raise CompileError(
                    [
                        Diagnostic(
                            "DY121",
                            f"the argument `{place}`, a {type(obj).__name__}, is changed by the call",
                            self.recorder.block.span,
                            label="changed here, or before",
                            notes=("tensors among the arguments may be written to, containers may not",),
                            helps=(
                                f"change a copy and return it: `{place} = copy.copy({place})`",
                                "or keep it as an attribute of the module, which calls may change",
                            ),
                        )
                    ]
                )

    # --------------------------------------------------------------------------------- results

    def _method(self, method: Method) -> ir.Method:
        inputs = self.inputs[method.name]
        entries = tuple(self.entries[method.name])
        identities = tuple(self._identities(method, inputs))
        return ir.Method(method.name, inputs.parameters, entries, inputs.constraints, identities=identities)

    def _identities(self, method: Method, inputs: Inputs) -> Iterator[ir.Identity]:
        """What the program asked of its arguments, as the example answers it."""
        examples = inputs.examples
        together = {pair for name, pair in self.facts.together if name == method.name}
        for first, second in sorted(self.recorder.identities | together):
            if first not in examples or second not in examples:
                continue
            same = examples[first] is examples[second]
            if same:
                self.facts.bind_together(method.name, (first, second))
            yield ir.Identity(first, second, same)

    def _refuse_kept_identities(self) -> None:
        """A caller can give back what the state holds; whether a later call is given that is not known."""
        kept = [t.fake for snapshot in self.state_snapshots for t in snapshot.tensor_paths.values()]
        for name, fake, span in self.recorder.kept_identities:
            if any(may_be(fake, other) for other in kept):
                raise CompileError(
                    [
                        Diagnostic(
                            "DY112",
                            f"whether the argument `{name}` is a tensor that an earlier call kept is asked",
                            span,
                            label="asked here",
                            notes=("the compiled program returns copies of what it keeps",),
                            helps=("keep a flag or a count instead, or compare values: `torch.equal`",),
                        )
                    ]
                )

    def _states(self) -> list[ir.State]:
        made: list[ir.State] = []
        for index, snapshot in enumerate(self.state_snapshots):
            leaves = [leaf for leaf in snapshot.leaves if has_argument(leaf)]
            entry = self.blocks[self.entries[self.methods[0].name][index].block]
            params = entry.params[len(entry.params) - len(leaves) :]
            cells: list[ir.Cell] = []
            for leaf, param in zip(leaves, params, strict=True):
                operand = leaf.operand_at_capture
                initial: Any = None
                if index == 0:
                    initial = operand if isinstance(operand, ir.Const) else leaf.weight or leaf.path[1]
                cells.append(ir.Cell(param.name, param.type, cell_path(leaf.path), initial))
            made.append(ir.State(tuple(cells)))
        return made

    # --------------------------------------------------------------------------------- services

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def tick(self, machine: Machine) -> None:
        self.steps += 1
        if self.steps % 64 == 0 and time.process_time() > self.facts.deadline:
            self.refuse_limit(
                "the program takes too long to specialize: decisions multiply, or a loop does not end",
                "allow more time: `--max-seconds 600`",
            )
        if self.steps > MAX_STEPS:
            self.refuse_limit("the program runs on and on while it is compiled: a loop does not end")

    def has_unknown_numbers(self) -> bool:
        """Whether the block holds numbers that are not known: native code may have stumbled over one."""
        return bool(self.recorder.block._exprs)

    def track_class(self, cls: type, name: str) -> None:
        """A class is about to change: part of the state where it is the user's, refused otherwise."""
        if self.heap.tracks(cls, name):
            return
        raise CompileError(
            [
                Diagnostic(
                    "DY121",
                    f"the class `{cls.__qualname__}` is changed while the network runs",
                    self.recorder.block.span,
                    label="changed here",
                    helps=("keep the value on the instance: `self.…`",),
                )
            ]
        )

    def refuse_limit(
        self,
        message: str,
        more: str = "",
        help: str = "keep decisions out of loops that unroll, or make the loop depend on a tensor",
    ) -> NoReturn:
        snapshots = [snapshot for group in self.variants.values() for snapshot in group]
        span = self.recorder.block.span if current else None
        problem = limits.recursion(snapshots) or limits.too_large(message, span, snapshots, (help, more))
        why = limits.reason(snapshots, self.facts.reasons)
        if why is not None:
            note = f"with what is needed here static, {message}"
            problem = replace(why, notes=(*why.notes, note))
        raise CompileError([problem])


class _Builder:
    """Stands in for the machine where only a refusal is needed."""

    def __init__(self, owner: Specializer) -> None:
        self.facts = owner.facts

    def refuse(self, code: str, message: str, label: str = "", **more: Any) -> None:
        raise CompileError([Diagnostic(code, message, None, label=label, **more)])


def _has_initial(leaf: Leaf) -> bool:
    """Whether a leaf of the first state is a number or a weight, which a program begins with."""
    named = bool(leaf.weight) or leaf.path[0] == "cell"
    return not has_argument(leaf) or named or isinstance(leaf.operand_at_capture, ir.Const)


def _arguments(snapshot: Snapshot) -> tuple[ir.Operand, ...]:
    operands: list[ir.Operand] = []
    for leaf in snapshot.leaves:
        if has_argument(leaf):
            leaf.operand_at_capture = leaf.operand()
            operands.append(leaf.operand_at_capture)
    return tuple(operands)
