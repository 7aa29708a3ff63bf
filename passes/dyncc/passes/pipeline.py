"""Pipelines: which passes run, written as text such as ``merge-blocks,drop-dead,prune{ratio=0.5}``.

.. code-block:: text

    pipeline ::= pass ("," pass)* | nothing
    pass     ::= name ("{" option ("," option)* "}")?
    option   ::= name "=" value          value: true, false, a number, a word, or a quoted string
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, get_type_hints

from typing_extensions import TypeIs

from dyncc.ir import Program
from dyncc.ir.verifier import VerifyError, verify
from dyncc.passes.base import GraphOps, OnnxPass, Pass, Result
from dyncc.passes.registry import PASSES

if TYPE_CHECKING:
    import onnx_ir

G = TypeVar("G")

DEFAULT_PIPELINE = (
    "drop-dead,dedupe-params,fold-numbers,drop-dead,dedupe-params,fold-numbers,"
    "dedupe-blocks,merge-blocks,dedupe-blocks,drop-dead,merge-blocks,"
    "share-work,merge-blocks,select-branches,drop-dead,merge-blocks,hoist-invariants,drop-dead,merge-blocks,"
    "duplicate-tails,merge-blocks,drop-dead,dedupe-graphs,"
    "fold-weights,tabulate,flatten-linear,merge-reshapes"
)
"""Clean-up of what the specializer makes: share first, then lengthen, then drop what was between; then
loops, and small blocks where ways meet. After lowering: what weights alone decide, then forms that engines
run well."""

PRUNING_PIPELINE = DEFAULT_PIPELINE.replace("duplicate-tails,", "")
"""The default one for a program that is to be pruned: a weight that several graphs have is not refitted."""

AnyPass: TypeAlias = "Pass | OnnxPass"


class PipelineError(ValueError):
    """A pipeline's text is wrong. ``position`` (from 0) is where; ``str()`` shows it with a caret."""

    def __init__(self, text: str, position: int, message: str) -> None:
        self.text = text
        self.position = position
        self.message = message
        super().__init__(f"{message}\n  {text}\n  {' ' * position}^")


@dataclass(frozen=True, slots=True)
class Ran:
    """What one pass of a pipeline did."""

    name: str
    modified: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PipelineResult(Generic[G]):
    program: Program[G]
    ran: tuple[Ran, ...]


def run_pipeline(
    program: Program[G],
    passes: Sequence[AnyPass],
    graphs: GraphOps[G],
    *,
    verify_each: bool = False,
    observe: Callable[[Pass, Result[G]], None] | None = None,
) -> PipelineResult[G]:
    """Run passes in order, but for those that run after lowering. ``observe`` is called after each.

    ``verify_each`` checks the program before the first pass and after each one; VerifyError then
    has a note that names the pass.
    """
    ran: list[Ran] = []
    if verify_each:
        _verified(program, graphs, "before the first pass")
    for each in passes:
        if is_onnx_pass(each):
            continue
        result = each.run(program, graphs)
        program = result.program
        if verify_each:
            _verified(program, graphs, f"after `{each.name}`")
        if observe is not None:
            observe(each, result)
        ran.append(Ran(each.name, result.modified, result.notes))
    return PipelineResult(program, tuple(ran))


def is_onnx_pass(each: AnyPass) -> TypeIs[OnnxPass]:
    """Whether a pass of a pipeline runs after lowering."""
    return hasattr(each, "run_onnx")


def run_onnx_passes(
    program: Program[onnx_ir.Model],
    passes: Sequence[AnyPass],
    observe: Callable[[OnnxPass, Program[onnx_ir.Model]], None] | None = None,
) -> PipelineResult[onnx_ir.Model]:
    """Run the passes over ONNX graphs in order. ``observe`` is called after each that changed something."""
    ran: list[Ran] = []
    for each in passes:
        if not is_onnx_pass(each):
            continue
        result = each.run_onnx(program)
        program = result.program
        if observe is not None and result.modified:
            observe(each, program)
        ran.append(Ran(each.name, result.modified, result.notes))
    return PipelineResult(program, tuple(ran))


def _verified(program: Program[G], graphs: GraphOps[G], when: str) -> None:
    try:
        verify(program, graphs.signature)
    except VerifyError as error:
        error.add_note(f"found {when}")
        raise


# ------------------------------------------------------------------------------------- parsing

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORD = re.compile(r"[^\s,{}=\"]+")


def parse_pipeline(text: str) -> tuple[AnyPass, ...]:
    """The passes that a text names, with their options. Raises :class:`PipelineError`."""
    return _Parser(text).pipeline()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, message: str, position: int | None = None) -> PipelineError:
        return PipelineError(self.text, self.at if position is None else position, message)

    def space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def take(self, symbol: str) -> bool:
        self.space()
        if self.text[self.at : self.at + 1] != symbol:
            return False
        self.at += 1
        self.space()
        return True

    def match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def pipeline(self) -> tuple[AnyPass, ...]:
        self.space()
        passes: list[AnyPass] = []
        if self.at == len(self.text):
            return ()
        passes.append(self.one_pass())
        while self.take(","):
            passes.append(self.one_pass())
        self.space()
        if self.at < len(self.text):
            raise self.error("expected `,` or the end")
        return tuple(passes)

    def one_pass(self) -> AnyPass:
        start = self.at
        name = self.match(_NAME)
        if name is None:
            raise self.error("expected the name of a pass")
        if name not in PASSES:
            near = difflib.get_close_matches(name, PASSES, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(sorted(PASSES))}"
            raise self.error(f"there is no pass `{name}`; {hint}", start)
        kind = PASSES[name]()
        options: dict[str, bool | int | float | str] = {}
        if self.take("{") and not self.take("}"):
            self.option(kind, options)
            while self.take(","):
                self.option(kind, options)
            if not self.take("}"):
                raise self.error("expected `,` or `}`")
        try:
            return kind(**options)
        except (TypeError, ValueError) as error:
            raise self.error(f"`{name}`: {error}", start) from None

    def option(self, kind: type[AnyPass], options: dict[str, bool | int | float | str]) -> None:
        fields = {field.name: field for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType] -- a pass is a dataclass
        start = self.at
        name = self.match(_NAME)
        if name is None:
            raise self.error("expected the name of an option")
        field = name.replace("-", "_")
        if field not in fields:
            names = ", ".join(f"`{known.replace('_', '-')}`" for known in fields) or "none"
            raise self.error(f"`{kind.name}` has no option `{name}`; it has {names}", start)
        if field in options:
            raise self.error(f"option `{name}` is given twice", start)
        if not self.take("="):
            raise self.error("expected `=`")
        options[field] = self.value(get_type_hints(kind)[field])

    def value(self, kind: type) -> bool | int | float | str:
        start = self.at
        quoted = self.match(_STRING)
        word = None if quoted is not None else self.match(_WORD)
        if quoted is None and word is None:
            raise self.error("expected a value")
        try:
            if kind is str:
                return str(json.loads(quoted)) if quoted is not None else str(word)
            if quoted is None and word is not None:
                return _converted(word, kind)
        except ValueError:
            pass
        names = {bool: "`true` or `false`", int: "a whole number", float: "a number"}
        raise self.error(f"expected {names.get(kind, kind.__name__)}", start)


def _converted(word: str, kind: type) -> bool | int | float:
    if kind is not bool:
        return int(word) if kind is int else float(word)
    if word not in ("true", "false"):
        raise ValueError(word)
    return word == "true"
