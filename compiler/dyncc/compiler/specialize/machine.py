"""The abstract machine: executes control-flow graphs on values of which some are not known yet.

What is known runs natively in CPython; tensor code is recorded; a decision on a value that is not known
ends the block. Calls run natively first: where one decides, that is remembered, and the next attempt
interprets it (see :mod:`dyncc.compiler.specialize.calls`).
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize import calls, lists, models, operators, prelude
from dyncc.compiler.specialize.block import BlockBuilder, Cut
from dyncc.compiler.specialize.frames import Frame, Generator
from dyncc.compiler.specialize.models import Push
from dyncc.compiler.specialize.native import Raised, run_native
from dyncc.compiler.specialize.values import (
    Decision,
    DynamicList,
    DynamicTag,
    DynamicText,
    Scalar,
    SymTensor,
    is_scalar,
)
from dyncc.runtime.program import Span

if TYPE_CHECKING:
    from dyncc.compiler.specialize.specializer import Specializer

MAX_DEPTH = 150


class EndBlock(BaseException):
    """The block has its terminator."""


class Machine:
    """Runs frames until the current block ends. ``owner`` resolves what the block goes on to."""

    def __init__(self, owner: Specializer, frames: list[Frame]) -> None:
        self.owner = owner
        self.frames = frames
        self.facts = owner.facts
        self.recorder = owner.recorder
        self.started = False
        self.executing: tuple[Frame, tuple[str, int]] = (frames[-1], ("", 0))
        for frame in frames:
            frame.visits = {frame.label: (self.block.name, self.block.length())}

    @property
    def block(self) -> BlockBuilder:
        return self.recorder.block

    # ------------------------------------------------------------------------------------- loop

    def run(self) -> None:
        """Execute until the block ends."""
        try:
            error, self.frames[-1].raising = self.frames[-1].raising, None
            if error is not None:
                self.raise_(error)
            while True:
                self.owner.tick(self)
                frame = self.frames[-1]
                instructions = frame.block.instructions
                if frame.index < len(instructions):
                    self._instruction(frame, instructions[frame.index])
                else:
                    self._terminator(frame, frame.block.terminator)
        except EndBlock:
            return

    def _instruction(self, frame: Frame, instruction: cfg.Instruction) -> None:
        self._at(instruction.span)
        frame.index += 1
        self._guarded(frame, instruction, lambda: EXECUTE[type(instruction)](self, frame, instruction))

    def _terminator(self, frame: Frame, terminator: cfg.Terminator) -> None:
        self._at(terminator.span)
        self._guarded(frame, terminator, lambda: EXECUTE[type(terminator)](self, frame, terminator))

    def _guarded(self, frame: Frame, node: Any, action: Callable[[], None]) -> None:
        at = (frame.label, frame.index - (0 if isinstance(node, TERMINATORS) else 1))
        self.executing = (frame, at)
        try:
            action()
        except Raised as raised:
            self.raise_(raised.error)
        except Cut as cut:
            self._rewind(frame, at)
            if not self.started:
                early = "a number is needed before it can be computed"
                refusal = cut.refusal or self.diagnose("DY110", early)
                raise CompileError([refusal]) from None
            self.cut()
        except Decision as decision:
            self._rewind(frame, at)
            self._resolve(frame, decision)
        self.started = True

    def _rewind(self, frame: Frame, at: tuple[str, int]) -> None:
        while self.frames[-1] is not frame:
            self.frames.pop()
        frame.label, frame.index = at

    def _at(self, span: Span) -> None:
        block = self.block
        if span.path == prelude.__file__:
            span = self._user_span(span)
        block.span = span
        if not block.spans or block.spans[-1] is not span:
            block.spans.append(span)

    def _user_span(self, span: Span) -> Span:
        """The user's expression on whose behalf the prelude runs."""
        for frame in reversed(self.frames[:-1]):
            if frame.function.code.co_filename != prelude.__file__:
                instructions = frame.block.instructions
                position = max(frame.index - 1, 0)
                if isinstance(frame.block.terminator, cfg.ForNext) and frame.index == len(instructions):
                    return frame.block.terminator.span
                return instructions[position].span if instructions else frame.block.terminator.span
        return span

    def diagnose(self, code: str, message: str, label: str = "", **more: Any) -> Diagnostic:
        return Diagnostic(code, message, self.block.span, label=label, **more)

    def refuse(self, code: str, message: str, label: str = "", **more: Any) -> NoReturn:
        raise CompileError([self.diagnose(code, message, label, **more)])

    # -------------------------------------------------------------------------------- decisions

    def _resolve(self, frame: Frame, decision: Decision) -> None:
        """An instruction needs a value that is not known: fork on it, or have it static, or refuse."""
        subject = decision.subject
        if is_scalar(subject):
            if subject.kind == "bool" and self._holds(frame, subject):
                self.fork_values(frame, subject, (False, True))
            self.facts.demand(subject.origins, self._native(decision))
            if subject.kind == "bool":
                self._refuse_native(decision)
            if decision.what.startswith("the text"):
                self.refuse(
                    "DY104", "the text of a tensor's value is used to decide", "its text is needed here",
                    helps=("decide on the number itself, or index a list with it",),
                )  # fmt: skip
            self.refuse(
                "DY110", f"{decision.what} is needed while compiling", "known only when the network runs",
                helps=("use it in tensor operations or comparisons, or to index a list of modules",),
            )  # fmt: skip
        if type(subject) is DynamicTag:
            self.facts.demand(subject.scalar.origins)
            if self._holds(frame, subject):
                self.fork_tag(frame, subject)
        if isinstance(subject, DynamicList):
            self.facts.demand(subject.origins, self._native(decision))
        if type(subject) is DynamicText:
            self.facts.demand(subject.origins())
            self.refuse(
                "DY104", "the text of a tensor's value is used to decide", "its text is needed here",
                helps=("decide on the number itself, or index a list with it",),
            )  # fmt: skip
        self._refuse_native(decision)

    def _refuse_native(self, decision: Decision) -> NoReturn:
        raise CompileError([self._native(decision)])

    def _native(self, decision: Decision) -> Diagnostic:
        return self.diagnose(
            "DY103",
            f"{decision.what} decides inside of native code",
            "dyncc cannot look into this call",
            helps=("write the decision in Python, or keep the value a tensor (`torch.where`)",),
        )

    @staticmethod
    def _holds(frame: Frame, subject: Any) -> bool:
        """Whether the instruction would see another value if the subject were replaced."""
        return any(value is subject for value in frame.registers.values())

    def fork(self, pred: Scalar, then: Callable[[], None], orelse: Callable[[], None]) -> NoReturn:
        """End the block with a branch on ``pred``; each callable puts the frames where its side goes on."""
        self._mark_forked()
        saved = [frame.copy() for frame in self.frames]
        forked = [frame.forked for frame in self.frames]
        operand = pred.operand
        edges = []
        for side in (then, orelse):
            self.frames = [frame.copy() for frame in saved]
            for frame, mark in zip(self.frames, forked, strict=True):
                frame.forked = mark
            side()
            edges.append(self.owner.edge(self))
        self.owner.branch(operand, edges[0], edges[1])
        raise EndBlock

    def _rewind_current(self) -> None:
        """Put the frames back to just before the instruction that is being executed."""
        frame, at = self.executing
        self._rewind(frame, at)

    def fork_values(self, frame: Frame, subject: Any, values: tuple[Any, ...]) -> NoReturn:
        """Fork on a bool: the instruction is executed again, with the value static on each side.

        The two sides differ in the bool alone; it must not be generalized again where they begin.
        """
        self._rewind_current()
        point = tuple((f.function.code, f.label, f.index) for f in self.frames)
        self.facts.demand(frozenset(origin for origin in subject.origins if origin[0] == point))

        def put(value: Any) -> Callable[[], None]:
            return lambda: self._substitute(subject, value)

        self.fork(subject, put(True), put(False))

    def _substitute(self, subject: Any, value: Any) -> None:
        for frame in self.frames:
            for name, held in frame.registers.items():
                if held is subject:
                    frame.registers[name] = value

    def switch(
        self, subject: Scalar, values: tuple[int, ...], outside: int, error: BaseException | None = None
    ) -> NoReturn:
        """Fork on an int: one case for each of ``values``.

        Every other number raises ``error``, or does what ``outside`` does, which stands for them.
        """
        self._rewind_current()
        self._mark_forked()
        saved = [frame.copy() for frame in self.frames]
        operand = subject.operand
        edges = []
        for position, value in enumerate((*values, outside)):
            self.frames = [frame.copy() for frame in saved]
            if position == len(values) and error is not None:
                self.frames[-1].raising = error
            else:
                self._substitute(subject, value)
            edges.append(self.owner.edge(self))
        self.owner.switch(operand, values, edges[:-1], edges[-1])
        raise EndBlock

    def fork_tag(self, frame: Frame, tag: DynamicTag) -> NoReturn:
        self._rewind_current()
        self._mark_forked()
        saved = [f.copy() for f in self.frames]
        edges = []
        for value in tag.table:
            self.frames = [f.copy() for f in saved]
            self._substitute(tag, value)
            edges.append(self.owner.edge(self))
        self.owner.switch(tag.scalar.operand, tuple(range(len(edges) - 1)), edges[:-1], edges[-1])
        raise EndBlock

    def _mark_forked(self) -> None:
        for frame in self.frames:
            frame.forked = True
            self.facts.interpret.add(frame.function.code)
            live = frame.live()
            for name, value in frame.registers.items():
                if (
                    type(value) is prelude.SequenceIterator
                    and value._dyncc_loop is not None
                    and name in live
                ):
                    self.facts.deciding.add(value._dyncc_loop)

    def cut(self) -> NoReturn:
        """End the block here and go on in the one for this state."""
        self.owner.jump(self.owner.edge(self))
        raise EndBlock

    def goto(self, frame: Frame, label: str) -> None:
        frame.label, frame.index = label, 0
        block = frame.block
        if (block.loop_header and not self._idle(frame)) or (block.join and frame.forked):
            self.cut()

    def _idle(self, frame: Frame) -> bool:
        """Whether the block recorded nothing since the frame was last at the head of its loop.

        Such a turn is decided by what is known (going through modules, building names): the loop runs on.
        A generator of which no decision is known is taken to be such at its first turn.
        """
        before, now = frame.visits.get(frame.label), (self.block.name, self.block.length())
        frame.visits[frame.label] = now
        if before is None:
            return frame.function.is_generator and frame.function.code not in self.facts.interpret
        return before == now

    # ------------------------------------------------------------------------------- exceptions

    def raise_(self, error: BaseException) -> None:
        """Unwind to the handler of ``error``; out of all frames it ends the program."""
        while self.frames:
            frame = self.frames[-1]
            handler = frame.block.handler
            if handler is not None:
                catch = frame.function.blocks[handler].catch
                if catch is not None:
                    frame.registers[catch] = error
                self.goto(frame, handler)
                return
            self.frames.pop()
            if frame.continuation.startswith("generator"):
                frame.payload.state, frame.payload.frame = "finished", None
            if frame.continuation in ("next", "generator next") and isinstance(error, StopIteration):
                self._exhausted()
                return
            if frame.forked and self.frames:
                self.frames[-1].forked = True
        self.owner.raised(error)
        raise EndBlock

    def _exhausted(self) -> None:
        frame = self.frames[-1]
        terminator = frame.block.terminator
        assert isinstance(terminator, cfg.ForNext)
        self.goto(frame, terminator.orelse)

    # ------------------------------------------------------------------------------------ calls

    def native(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return run_native(self, func, args, kwargs)

    def invoke(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        dst: str | None,
        continuation: str = "call",
        payload: Any = None,
    ) -> None:
        """Call ``func``; its result goes where ``continuation`` says, now or after its frames ran."""
        while True:
            result = models.apply(self, func, args, kwargs)
            if isinstance(result, Push):
                func, args, kwargs = result.func, result.args, result.kwargs
                if result.continuation:
                    continuation, payload = result.continuation, result.payload
                if result.resume is not None:
                    self.resume(result.resume, dst, continuation, result.args)
                    return
                continue
            if result is not NotImplemented:
                self.deliver(result, dst, continuation, payload)
                return
            target = calls.resolve(self, func, args, kwargs)
            if target is None:
                self.deliver(run_native(self, func, args, kwargs), dst, continuation, payload)
                return
            if isinstance(target, Push):
                func, args, kwargs = target.func, target.args, target.kwargs
                if target.continuation:
                    continuation, payload = target.continuation, target.payload
                continue
            made = target.make_frame(self)
            if isinstance(made, Generator):
                self.deliver(made, dst, continuation, payload)
                return
            self.push(made, dst, continuation, payload)
            return

    def push(self, frame: Frame, dst: str | None, continuation: str, payload: Any) -> None:
        if len(self.frames) >= MAX_DEPTH:
            self.refuse(
                "DY105", "calls are nested too deep to be unrolled", "this call",
                notes=(f"{MAX_DEPTH} calls are open; recursion must end on values known while compiling",),
                helps=("write the recursion as a loop with an explicit stack of tensors",),
            )  # fmt: skip
        frame.dst, frame.continuation, frame.payload = dst, continuation, payload
        self.frames.append(frame)

    def resume(
        self, generator: Generator, dst: str | None, continuation: str, sent: tuple[Any, ...]
    ) -> None:
        """Go on with a generator; ``sent`` is () for next, (value,) for send, ("throw", error) to throw."""
        if generator.state == "finished" or generator.frame is None:
            if sent and sent[0] == "throw":
                raise Raised(sent[1])
            raise Raised(StopIteration())
        frame = generator.frame
        started = generator.state == "suspended"
        generator.frame, generator.state = None, "running"
        frame.dst, frame.payload = dst, generator
        frame.continuation = "generator next" if continuation == "next" else "generator"
        self.frames.append(frame)
        if sent and sent[0] == "throw":
            raise Raised(sent[1])
        if started:
            assert frame.resume is not None
            frame.registers[frame.resume] = sent[0] if sent else None

    def deliver(self, value: Any, dst: str | None, continuation: str, payload: Any) -> None:
        """Hand a call's result to the frame on top."""
        frame = self.frames[-1]
        if continuation == "call":
            if dst is not None:
                _name(value, dst)
                frame.registers[dst] = value
        elif continuation == "init":
            if dst is not None:
                frame.registers[dst] = payload
        elif continuation == "next":
            terminator = frame.block.terminator
            assert isinstance(terminator, cfg.ForNext)
            frame.registers[terminator.dst] = value
            self.goto(frame, terminator.body)
        elif continuation == "truth":
            self._branch(frame, value)
        elif continuation == "not":
            assert dst is not None
            frame.registers[dst] = operators.negate(self, value)

    def return_(self, value: Any) -> None:
        frame = self.frames.pop()
        if not self.frames:
            self.owner.returned(self, value)
            raise EndBlock
        if frame.continuation.startswith("generator"):
            frame.payload.state, frame.payload.frame = "finished", None
            stop = StopIteration() if value is None else StopIteration(value)
            if frame.continuation == "generator next":
                self._exhausted()
                return
            self.raise_(stop)
            return
        self.deliver(value, frame.dst, frame.continuation, frame.payload)
        if frame.forked:
            self.frames[-1].forked = True
            self.cut()

    def _branch(self, frame: Frame, value: Any) -> None:
        terminator = frame.block.terminator
        assert isinstance(terminator, cfg.If)
        truth = operators.truth(self, value)
        if truth is None:
            method = operators.python_truth(self, value)
            self.invoke(method, (value,), {}, None, "truth")
            return
        if not is_scalar(truth):
            self.goto(frame, terminator.then if truth else terminator.orelse)
            return
        depth = len(self.frames) - 1

        def side(label: str) -> Callable[[], None]:
            def place() -> None:
                top = self.frames[depth]
                top.label, top.index = label, 0

            return place

        self.fork(truth, side(terminator.then), side(terminator.orelse))


# ---------------------------------------------------------------------------------- instructions


def _const(machine: Machine, frame: Frame, i: cfg.Const) -> None:
    frame.registers[i.dst] = i.value


def _name(value: Any, register: str) -> None:
    """Let a value have the name of the variable that it is assigned to."""
    if register.startswith("%"):
        return
    if isinstance(value, SymTensor) or (is_scalar(value) and not value.hint):
        value.hint = register.split("$")[0]


def _move(machine: Machine, frame: Frame, i: cfg.Move) -> None:
    if i.src not in frame.registers:
        name = i.src.split("$")[0]
        raise Raised(
            UnboundLocalError(
                f"cannot access local variable '{name}' where it is not associated with a value"
            )
        )
    value = frame.registers[i.src]
    _name(value, i.dst)
    frame.registers[i.dst] = value


def _delete(machine: Machine, frame: Frame, i: cfg.Delete) -> None:
    frame.registers.pop(i.register, None)


def _load_global(machine: Machine, frame: Frame, i: cfg.LoadGlobal) -> None:
    if i.name in frame.globals:
        frame.registers[i.dst] = frame.globals[i.name]
        return
    builtins = frame.globals.get("__builtins__", __builtins__)
    namespace = builtins if isinstance(builtins, dict) else vars(builtins)
    if i.name not in namespace:
        raise Raised(NameError(f"name '{i.name}' is not defined"))
    frame.registers[i.dst] = namespace[i.name]


def _store_global(machine: Machine, frame: Frame, i: cfg.StoreGlobal) -> None:
    machine.owner.track_globals(frame.globals)
    frame.globals[i.name] = frame.registers[i.src]


def _delete_global(machine: Machine, frame: Frame, i: cfg.DeleteGlobal) -> None:
    machine.owner.track_globals(frame.globals)
    if i.name not in frame.globals:
        raise Raised(NameError(f"name '{i.name}' is not defined"))
    del frame.globals[i.name]


def _load_deref(machine: Machine, frame: Frame, i: cfg.LoadDeref) -> None:
    try:
        frame.registers[i.dst] = frame.cells[i.name].cell_contents
    except ValueError:
        name = i.name.split("$")[0]
        where = "where it is not associated with a value in enclosing scope"
        text = f"cannot access free variable '{name}' {where}"
        raise Raised(NameError(text)) from None


def _store_deref(machine: Machine, frame: Frame, i: cfg.StoreDeref) -> None:
    frame.cells[i.name].cell_contents = frame.registers[i.src]


def _delete_deref(machine: Machine, frame: Frame, i: cfg.DeleteDeref) -> None:
    try:
        del frame.cells[i.name].cell_contents
    except ValueError:
        raise Raised(UnboundLocalError(f"cannot access local variable '{i.name}'")) from None


def _new_cell(machine: Machine, frame: Frame, i: cfg.NewCell) -> None:
    frame.cells[i.name] = types.CellType()


def _get_attr(machine: Machine, frame: Frame, i: cfg.GetAttr) -> None:
    obj = frame.registers[i.obj]
    getter = calls.attribute_getter(machine, obj, i.name)
    if getter is not None:
        machine.invoke(getter, (obj,), {}, i.dst)
        return
    frame.registers[i.dst] = operators.get_attribute(machine, obj, i.name)


def _set_attr(machine: Machine, frame: Frame, i: cfg.SetAttr) -> None:
    obj, value = frame.registers[i.obj], frame.registers[i.src]
    setter = calls.attribute_setter(machine, obj, i.name)
    if setter is not None:
        machine.invoke(setter[0], (obj, *setter[1], value), {}, None)
        return
    if isinstance(obj, type):
        machine.owner.track_class(obj)
    machine.native(setattr, obj, i.name, value)


def _del_attr(machine: Machine, frame: Frame, i: cfg.DelAttr) -> None:
    machine.native(delattr, frame.registers[i.obj], i.name)


def _get_item(machine: Machine, frame: Frame, i: cfg.GetItem) -> None:
    obj, index = frame.registers[i.obj], frame.registers[i.index]
    method = calls.special_method(machine, obj, "__getitem__")
    if method is not None and (not is_scalar(index) or type(obj) is prelude.RecordList):
        machine.invoke(method, (obj, index), {}, i.dst)
        return
    result = operators.get_item(machine, obj, index)
    if isinstance(result, Push):
        machine.invoke(result.func, result.args, result.kwargs, i.dst)
        return
    frame.registers[i.dst] = result


def _set_item(machine: Machine, frame: Frame, i: cfg.SetItem) -> None:
    obj, index, value = frame.registers[i.obj], frame.registers[i.index], frame.registers[i.src]
    method = calls.special_method(machine, obj, "__setitem__")
    if method is not None:
        machine.invoke(method, (obj, index, value), {}, None)
        return
    operators.set_item(machine, obj, index, value)


def _del_item(machine: Machine, frame: Frame, i: cfg.DelItem) -> None:
    obj, index = frame.registers[i.obj], frame.registers[i.index]
    method = calls.special_method(machine, obj, "__delitem__")
    if method is not None:
        machine.invoke(method, (obj, index), {}, None)
        return
    operators.delete_item(machine, obj, index)


def _unary(machine: Machine, frame: Frame, i: cfg.Unary) -> None:
    value = frame.registers[i.operand]
    if i.op == "not":
        truth = operators.truth(machine, value)
        if truth is None:
            machine.invoke(operators.python_truth(machine, value), (value,), {}, i.dst, "not")
            return
        frame.registers[i.dst] = operators.negate(machine, truth)
        return
    frame.registers[i.dst] = operators.unary(machine, i.op, value)


def _binary(machine: Machine, frame: Frame, i: cfg.Binary) -> None:
    left, right = frame.registers[i.left], frame.registers[i.right]
    method = calls.operator_method(machine, i.op, left, right, i.inplace)
    if method is not None:
        machine.invoke(method[0], method[1], {}, i.dst)
        return
    value = operators.binary(machine, i.op, left, right, i.inplace)
    _name(value, i.dst)
    frame.registers[i.dst] = value


def _compare(machine: Machine, frame: Frame, i: cfg.Compare) -> None:
    left, right = frame.registers[i.left], frame.registers[i.right]
    method = calls.operator_method(machine, i.op, left, right, False)
    if method is not None:
        machine.invoke(method[0], method[1], {}, i.dst)
        return
    frame.registers[i.dst] = operators.compare(machine, i.op, left, right)


def _items(machine: Machine, frame: Frame, args: tuple[cfg.Arg, ...]) -> list[Any]:
    values: list[Any] = []
    for arg in args:
        value = frame.registers[arg.register]
        values.extend(operators.unpacked(machine, value) if arg.starred else (value,))
    return values


def _build(machine: Machine, frame: Frame, i: cfg.Build) -> None:
    if i.kind == "list":
        grown = lists.display(machine, [(frame.registers[arg.register], arg.starred) for arg in i.items])
        if grown is not None:
            frame.registers[i.dst] = grown
            return
    values = _items(machine, frame, i.items)
    if i.kind == "set":
        frame.registers[i.dst] = machine.native(set, values)
    else:
        frame.registers[i.dst] = values if i.kind == "list" else tuple(values)


def _build_dict(machine: Machine, frame: Frame, i: cfg.BuildDict) -> None:
    made: dict[Any, Any] = {}
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
    frame.registers[i.dst] = operators.formatted(machine, frame.registers[i.value], i.conversion, spec)


def _join(machine: Machine, frame: Frame, i: cfg.Join) -> None:
    frame.registers[i.dst] = operators.concatenate_text([frame.registers[p] for p in i.parts])


def _call(machine: Machine, frame: Frame, i: cfg.Call) -> None:
    args = tuple(_items(machine, frame, i.args))
    kwargs: dict[str, Any] = {}
    for name, register in i.kwargs:
        if name is not None:
            kwargs[name] = frame.registers[register]
            continue
        mapping = frame.registers[register]
        kwargs.update({key: mapping[key] for key in mapping})
    machine.invoke(frame.registers[i.func], args, kwargs, i.dst)


def _get_iter(machine: Machine, frame: Frame, i: cfg.GetIter) -> None:
    result = operators.iterator(machine, frame.registers[i.src])
    if isinstance(result, Push):
        machine.invoke(result.func, result.args, result.kwargs, i.dst)
        return
    frame.registers[i.dst] = result


def _unpack(machine: Machine, frame: Frame, i: cfg.Unpack) -> None:
    values = list(operators.unpacked(machine, frame.registers[i.src]))
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


def _make_function(machine: Machine, frame: Frame, i: cfg.MakeFunction) -> None:
    closure = tuple(frame.cells[name] for name in i.closure)
    defaults = tuple(frame.registers[r] for r in i.defaults) or None
    function = types.FunctionType(i.code, frame.globals, i.code.co_name, defaults, closure)
    function.__qualname__ = i.code.co_qualname
    if i.kwdefaults:
        function.__kwdefaults__ = {name: frame.registers[r] for name, r in i.kwdefaults}
    frame.registers[i.dst] = function


def _import(machine: Machine, frame: Frame, i: cfg.Import) -> None:
    frame.registers[i.dst] = machine.native(__import__, i.module, frame.globals, None, i.fromlist, i.level)


def _import_from(machine: Machine, frame: Frame, i: cfg.ImportFrom) -> None:
    module = frame.registers[i.module]
    if hasattr(module, i.name):
        frame.registers[i.dst] = getattr(module, i.name)
        return
    found = sys.modules.get(f"{module.__name__}.{i.name}")
    if found is None:
        raise Raised(ImportError(f"cannot import name '{i.name}' from '{module.__name__}'"))
    frame.registers[i.dst] = found


def _list_append(machine: Machine, frame: Frame, i: cfg.ListAppend) -> None:
    collection = frame.registers[i.collection]
    add = collection.append if i.kind == "list" else collection.add
    machine.native(add, frame.registers[i.item])


def _dict_set(machine: Machine, frame: Frame, i: cfg.DictSet) -> None:
    machine.native(
        frame.registers[i.collection].__setitem__, frame.registers[i.key], frame.registers[i.value]
    )


def _with_enter(machine: Machine, frame: Frame, i: cfg.WithEnter) -> None:
    manager = frame.registers[i.manager]
    cls = type(manager)
    exit_ = getattr(cls, "__exit__", None)
    enter = getattr(cls, "__enter__", None)
    if enter is None or exit_ is None:
        name = "__exit__" if exit_ is None and enter is not None else "__enter__"
        raise Raised(
            TypeError(
                f"'{cls.__name__}' object does not support the context manager protocol "
                f"(missed {name} method)"
            )
        )
    frame.registers[i.exit] = types.MethodType(exit_, manager)
    machine.invoke(enter, (manager,), {}, i.dst)


def _with_exit(machine: Machine, frame: Frame, i: cfg.WithExit) -> None:
    error = None if i.exc is None else frame.registers[i.exc]
    args = (None, None, None) if error is None else (type(error), error, error.__traceback__)
    machine.invoke(frame.registers[i.exit], args, {}, i.dst)


def _exc_match(machine: Machine, frame: Frame, i: cfg.ExcMatch) -> None:
    frame.registers[i.dst] = machine.native(isinstance, frame.registers[i.exc], frame.registers[i.types])


def _yield(machine: Machine, frame: Frame, i: cfg.Yield) -> None:
    value = frame.registers[i.value]
    generator: Generator = frame.payload
    frame.resume = i.dst
    machine.frames.pop()
    continuation, dst = frame.continuation, frame.dst
    frame.payload, frame.dst, frame.continuation = None, None, "call"
    generator.frame, generator.state = frame, "suspended"
    machine.deliver(value, dst, "next" if continuation == "generator next" else "call", None)
    if frame.forked:
        machine.frames[-1].forked = True
        machine.cut()


def _unsupported(machine: Machine, frame: Frame, i: cfg.Unsupported) -> None:
    machine.refuse("DY101", f"{i.what} is not supported", "here")


# ----------------------------------------------------------------------------------- terminators


def _goto(machine: Machine, frame: Frame, t: cfg.Goto) -> None:
    machine.goto(frame, t.target)


def _if(machine: Machine, frame: Frame, t: cfg.If) -> None:
    machine._branch(frame, frame.registers[t.cond])


def _for_next(machine: Machine, frame: Frame, t: cfg.ForNext) -> None:
    iterator = frame.registers[t.iterator]
    if isinstance(iterator, Generator):
        machine.resume(iterator, None, "next", ())
        return
    method = calls.special_method(machine, iterator, "__next__")
    if method is not None:
        machine.invoke(method, (iterator,), {}, None, "next")
        return
    try:
        value = machine.native(next, iterator)
    except Raised as raised:
        if isinstance(raised.error, StopIteration):
            machine._exhausted()
            return
        raise
    machine.deliver(value, None, "next", None)


def _return(machine: Machine, frame: Frame, t: cfg.Return) -> None:
    machine.return_(frame.registers[t.value])


def _raise(machine: Machine, frame: Frame, t: cfg.Raise) -> None:
    if t.exc is None:
        raise Raised(RuntimeError("No active exception to reraise"))
    error = frame.registers[t.exc]
    if isinstance(error, type):
        error = machine.native(error)
    if not isinstance(error, BaseException):
        error = TypeError("exceptions must derive from BaseException")
    raise Raised(error)


def _reraise(machine: Machine, frame: Frame, t: cfg.Reraise) -> None:
    raise Raised(frame.registers[t.exc])


TERMINATORS = (cfg.Goto, cfg.If, cfg.ForNext, cfg.Return, cfg.Raise, cfg.Reraise)
EXECUTE: dict[type, Callable[[Machine, Frame, Any], None]] = {
    cfg.Const: _const, cfg.Move: _move, cfg.Delete: _delete, cfg.LoadGlobal: _load_global,
    cfg.StoreGlobal: _store_global, cfg.DeleteGlobal: _delete_global, cfg.LoadDeref: _load_deref,
    cfg.StoreDeref: _store_deref, cfg.DeleteDeref: _delete_deref, cfg.NewCell: _new_cell,
    cfg.GetAttr: _get_attr, cfg.SetAttr: _set_attr, cfg.DelAttr: _del_attr, cfg.GetItem: _get_item,
    cfg.SetItem: _set_item, cfg.DelItem: _del_item, cfg.Unary: _unary, cfg.Binary: _binary,
    cfg.Compare: _compare, cfg.Build: _build, cfg.BuildDict: _build_dict, cfg.BuildSlice: _build_slice,
    cfg.Format: _format, cfg.Join: _join, cfg.Call: _call, cfg.GetIter: _get_iter, cfg.Unpack: _unpack,
    cfg.MakeFunction: _make_function, cfg.Import: _import, cfg.ImportFrom: _import_from,
    cfg.ListAppend: _list_append, cfg.DictSet: _dict_set, cfg.WithEnter: _with_enter,
    cfg.WithExit: _with_exit, cfg.ExcMatch: _exc_match, cfg.Yield: _yield, cfg.Unsupported: _unsupported,
    cfg.Goto: _goto, cfg.If: _if, cfg.ForNext: _for_next, cfg.Return: _return, cfg.Raise: _raise,
    cfg.Reraise: _reraise,
}  # fmt: skip
