"""Frames of the abstract machine: explicit data, so that a fork is a copy."""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize.values import (
    decide,
)

if TYPE_CHECKING:
    pass


class EndBlock(BaseException):
    """The block has its terminator."""


@dataclass
class Frame:
    """An activation of an interpreted function.

    ``label`` and ``index`` are the next instruction (``index == len(instructions)``: the terminator).
    ``continuation`` says what the caller does with the result: ``call`` (store it in ``dst``), ``init``
    (store ``payload``, the new object), ``next`` (the caller is at a ForNext), ``truth`` (at an If),
    ``discard``, ``generator`` (``payload`` is the Generator that is being resumed), ….
    """

    function: cfg.Function
    globals: dict[str, Any]
    registers: dict[str, Any] = field(default_factory=dict[str, Any])
    cells: dict[str, types.CellType] = field(default_factory=dict[str, types.CellType])
    label: str = ""
    index: int = 0
    continuation: str = "call"
    dst: str | None = None
    payload: Any = None
    resume: str | None = None
    """Of a suspended generator: the register that takes what is sent in."""
    raising: BaseException | None = None
    """An exception to be raised when the frame goes on."""
    forked: bool = False
    """Whether a decision was taken in this activation: ways through it may meet again."""
    reads: tuple[Any, ...] = ()
    """What the next instruction has read from tensors, if it is to be executed again."""
    cleared: int = 0
    """Operations of the next instruction that are known not to raise."""
    answers: tuple[tuple[str, bool], ...] = ()
    """The next instruction's questions about sizes, each with its answer."""
    visits: dict[str, Any] = field(default_factory=dict[str, Any])
    """How far the block was when a loop's head was last reached."""

    def copy(self) -> Frame:
        return Frame(
            self.function, self.globals, dict(self.registers), dict(self.cells), self.label, self.index,
            self.continuation, self.dst, self.payload, self.resume, self.raising, self.forked,
            self.reads, self.cleared, self.answers, dict(self.visits),
        )  # fmt: skip

    def jump(self, label: str) -> None:
        """Go on at the first instruction of a block, of which nothing has been executed."""
        self.label, self.index = label, 0
        self.reads, self.cleared, self.answers = (), 0, ()

    @property
    def block(self) -> cfg.Block:
        return self.function.blocks[self.label]

    def live(self) -> frozenset[str]:
        """The registers that may still be read, also by the handler if a call that is open raises."""
        live = self.function.live_at[(self.label, self.index)]
        handler = self.block.handler
        if handler is None:
            return live
        return live | (self.function.live_in[handler] - {self.function.blocks[handler].catch})


@dataclass(eq=False)
class Generator:
    """A generator of the program. ``state``: created, suspended, running, finished."""

    frame: Frame | None
    state: str = "created"
    name: str = "generator"

    def __iter__(self) -> Generator:
        return self

    def __next__(self) -> Any:
        decide(self, "the next value of a generator")

    def send(self, value: Any) -> Any:
        decide(self, "the next value of a generator")

    def throw(self, *error: Any) -> Any:
        decide(self, "the next value of a generator")

    def close(self) -> None:
        decide(self, "the end of a generator")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("gi_"):
            decide(self, f"`{name}` of a generator")
        raise AttributeError(f"'generator' object has no attribute '{name}'")


@dataclass(frozen=True)
class Push:
    """Call ``func`` instead. ``resume``: go on with this generator, ``args`` as in ``Machine.resume``."""

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    continuation: str = ""
    payload: Any = None
    resume: Generator | None = None
