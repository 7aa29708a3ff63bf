"""The abstract machine: executes control-flow graphs on values of which some are not known yet.

What is known runs natively in CPython; tensor code is recorded; a decision on a value that is not known
ends the block. Calls run natively first: where one decides, that is remembered, and the next attempt
interprets it (see :mod:`dyncc.compiler.specialize.execution.calls`).
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import calls, forks, mappings
from dyncc.compiler.specialize.execution.frames import EndBlock, Frame, Generator, Push
from dyncc.compiler.specialize.execution.instructions.names import name_value
from dyncc.compiler.specialize.execution.instructions.table import EXECUTE, TERMINATORS
from dyncc.compiler.specialize.execution.models import dispatch
from dyncc.compiler.specialize.execution.native import Raised, run_native
from dyncc.compiler.specialize.execution.operators import conditions
from dyncc.compiler.specialize.execution.program_code import codes_between
from dyncc.compiler.specialize.execution.risks import Risks
from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.values import (
    Decision,
    DynamicList,
    DynamicTag,
    DynamicText,
    is_scalar,
)
from dyncc.compiler.specialize.values.decisions import Cut, MayRaise, SizeQuestion
from dyncc.compiler.specialize.values.numbers import HASH
from dyncc.runtime.program import Span

if TYPE_CHECKING:
    from dyncc.compiler.specialize.specializer import Specializer


MAX_DEPTH = 150


class Machine:
    """Runs frames until the current block ends. ``owner`` resolves what the block goes on to."""

    def __init__(self, owner: Specializer, frames: list[Frame]) -> None:
        self.owner = owner
        self.frames = frames
        self.facts = owner.facts
        self.recorder = owner.recorder
        self.started = False
        self.executing: tuple[Frame, tuple[str, int]] = (frames[-1], ("", 0))
        self.risks = Risks(self)
        self.block.risks = self.risks
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
        self.risks.passed = 0
        self.block.executes(frame.reads, frame.answers)
        try:
            action()
            frame.cleared, frame.reads, frame.answers = 0, (), ()
        except Raised as raised:
            self.raise_(raised.error)
        except Cut as cut:
            self.rewind(frame, at)
            self._execute_again(frame, cut)
            if not self.started:
                early = "a number is needed before it can be computed"
                refusal = cut.refusal or self.diagnose("DY110", early)
                raise CompileError([refusal]) from None
            self.cut()
        except Decision as decision:
            self.rewind(frame, at)
            self._execute_again(frame, decision)
            self._resolve(frame, node, decision)
        self.started = True

    def _execute_again(self, frame: Frame, why: BaseException) -> None:
        """The instruction will be executed again: with what it has read, and with what it draws then."""
        frame.reads = tuple(self.block.reads)
        if not self.block.forget_draws():
            self.facts.must_interpret(codes_between(why))
            self.refuse(
                "DY120", "random numbers decide inside of native code", "dyncc cannot look into this call",
                helps=("draw them in Python code of the program",),
            )  # fmt: skip

    def rewind(self, frame: Frame, at: tuple[str, int]) -> None:
        while self.frames[-1] is not frame:
            self.frames.pop()
        frame.label, frame.index = at

    def _at(self, span: Span) -> None:
        block = self.block
        if span.path in prelude.FILES:
            span = self._user_span(span)
        block.span = span
        if not block.spans or block.spans[-1] is not span:
            block.spans.append(span)

    def _user_span(self, span: Span) -> Span:
        """The user's expression on whose behalf the prelude runs."""
        for frame in reversed(self.frames[:-1]):
            if frame.function.code.co_filename not in prelude.FILES:
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

    def _resolve(self, frame: Frame, node: Any, decision: Decision) -> None:
        """An instruction needs a value that is not known: fork on it, or have it static, or refuse."""
        subject = decision.subject
        if isinstance(decision, MayRaise):
            forks.fork_raising(self, subject, decision.errors)  # type: ignore[arg-type]
        if isinstance(decision, SizeQuestion):
            forks.fork_size(self, subject, decision.key)  # type: ignore[arg-type]
        if is_scalar(subject):
            if subject.kind == "bool" and self._holds(frame, subject):
                forks.fork_bool(self, subject)
            self.facts.demand(subject.origins, self._native(decision))
            if decision.what == HASH:
                mappings.resolve_hash(self, frame, node)
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
                forks.fork_tag(self, subject)
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

    def cut(self) -> NoReturn:
        """End the block here and go on in the one for this state."""
        self.owner.jump(self.owner.edge(self))
        raise EndBlock

    def goto(self, frame: Frame, label: str) -> None:
        frame.jump(label)
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
        self.owner.raising(error)
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
                self.exhausted(error.value)
                return
            if frame.forked and self.frames:
                self.frames[-1].forked = True
        self.owner.raised(error)
        raise EndBlock

    def exhausted(self, value: Any) -> None:
        """The iterator of the ForNext that the frame is at has no further item, and returned ``value``."""
        frame = self.frames[-1]
        terminator = frame.block.terminator
        assert isinstance(terminator, cfg.ForNext)
        if terminator.result is not None:
            frame.registers[terminator.result] = value
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
            if type(func) is types.GenericAlias and func.__origin__ in mappings.PLAIN:
                func = func.__origin__  # ``dict[int, Tensor]()``
            result = dispatch.apply(self, func, args, kwargs)
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
        """Go on with a generator; ``sent``: () for ``next``, ("send", value) or ("throw", error)."""
        how, what = sent or ("send", None)
        started = generator.state == "suspended"
        if generator.state == "running":
            raise Raised(ValueError("generator already executing"))
        if how == "throw" and not started:
            generator.state, generator.frame = "finished", None
            raise Raised(what)
        if generator.frame is None:
            raise Raised(StopIteration())
        if what is not None and not started:
            raise Raised(TypeError("can't send non-None value to a just-started generator"))
        frame = generator.frame
        if what is not None and frame.resume is None:
            self.refuse(
                "DY101", "a value or an exception for the generator that another delegates to", "this call",
                notes=(f"`{generator.name}` is in a `yield from`",),
                helps=("write the `yield from` as a loop, or call the inner generator directly",),
            )  # fmt: skip
        generator.frame, generator.state = None, "running"
        frame.dst, frame.payload = dst, generator
        frame.continuation = "generator next" if continuation == "next" else "generator"
        self.frames.append(frame)
        if how == "throw":
            raise Raised(what)
        if started and frame.resume is not None:
            frame.registers[frame.resume] = what

    def deliver(self, value: Any, dst: str | None, continuation: str, payload: Any) -> None:
        """Hand a call's result to the frame on top."""
        frame = self.frames[-1]
        if continuation == "call":
            if dst is not None:
                name_value(value, dst)
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
            frame.registers[dst] = conditions.negate(self, value)

    def return_(self, value: Any) -> None:
        frame = self.frames.pop()
        if not self.frames:
            self.owner.returned(self, value)
            raise EndBlock
        if frame.continuation.startswith("generator"):
            frame.payload.state, frame.payload.frame = "finished", None
            stop = StopIteration() if value is None else StopIteration(value)
            if frame.continuation == "generator next":
                self.exhausted(value)
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
        truth = conditions.truth(self, value)
        if truth is None:
            method = conditions.python_truth(self, value)
            self.invoke(method, (value,), {}, None, "truth")
            return
        if not is_scalar(truth):
            self.goto(frame, terminator.then if truth else terminator.orelse)
            return
        depth = len(self.frames) - 1

        def side(label: str) -> Callable[[], None]:
            def place() -> None:
                self.frames[depth].jump(label)

            return place

        forks.fork(self, truth, side(terminator.then), side(terminator.orelse))
