"""The rules of a program, checked.

A faulty program is a bug of the compiler or of a pass, so the error is for their authors: it shows the
program with the message under the offending line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from dyncc.ir.block_rules import BlockRules
from dyncc.ir.interface_rules import InterfaceRules
from dyncc.ir.printer import PrintedProgram, print_lines
from dyncc.ir.rules import Problem
from dyncc.runtime.program import Program

G = TypeVar("G")


class VerifyError(Exception):
    """A program breaks rules. The text shows it with each message under the line it is about."""

    def __init__(self, problems: Sequence[Problem], printed: PrintedProgram) -> None:
        self.problems = tuple(problems)
        super().__init__(_annotated(self.problems, printed))


def verify(
    program: Program[G],
    graph_signature: Callable[[G], tuple[int, int]] | None = None,
) -> None:
    """Check every rule of :mod:`dyncc.runtime.program`. Raises :class:`VerifyError` with all faults.

    ``graph_signature`` gives the number of inputs and outputs of a graph; without it, what a Compute
    passes is not compared with its graph.
    """
    found: list[Problem] = []
    InterfaceRules(program, found).check()
    BlockRules(program, found, graph_signature).check()
    if found:
        raise VerifyError(found, print_lines(program))


def _annotated(problems: Iterable[Problem], printed: PrintedProgram) -> str:
    messages: dict[int, list[str]] = {}
    for problem in problems:
        messages.setdefault(printed.places.get(problem.place, 0), []).append(problem.message)
    lines = [f"the program breaks {sum(map(len, messages.values()))} of its rules", ""]
    for number, line in enumerate(printed.lines):
        lines.append(line)
        indent = len(line) - len(line.lstrip())
        for message in messages.get(number, ()):
            lines.append(f"{' ' * indent}{'^' * (len(line) - indent)} {message}")
    return "\n".join(lines)
