"""The facts of a report: collected once (:mod:`~dyncc.compiler.report.collect`), shown as page, text, JSON.

Plain data, so that ``dyncc inspect`` reads them back from a bundle's ``report.json`` without onnx or torch.
Blocks are called by their numbers, 1 for the first; a *way* is an edge between blocks. Costs are those of
:mod:`~dyncc.compiler.report.costs`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from dyncc.runtime.forms import BOOL, CONSTANT, INT, STR, Form, many, optional, record, table

SCHEMA = 1

Numbers: TypeAlias = "tuple[int, ...]"


@dataclass(frozen=True, slots=True)
class Route:
    """A path through the program: its blocks, their weights counted once, and their work added up."""

    blocks: Numbers
    parameters: int
    flops: int


@dataclass(frozen=True, slots=True)
class Way:
    """An edge. ``label`` says when it is taken; empty where there is no choice."""

    target: int
    label: str = ""
    back: bool = False
    """Whether it goes back to the head of a loop."""
    taken: Numbers = ()
    """How often, by each of ``Facts.runs``."""


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """A block. ``end`` is its terminator's kind, ``decides`` the source of what it decides or leaves by."""

    number: int
    name: str
    function: str
    place: str
    """Its file and lines, ``model.py:38-41``; empty for a block without a source."""
    operators: tuple[Operator, ...]
    host: int
    """Instructions of the host."""
    parameters: int
    flops: int
    free: bool
    """Whether sizes that are free were counted as 1 in ``flops``."""
    end: str
    decides: str
    by: str
    """What a decision is made by: ``tensor``, ``number`` (a count, a size, an argument), or nothing."""
    ways: tuple[Way, ...]
    entered: Numbers = ()
    """How often, by each of ``Facts.runs``."""


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """Where a method starts; ``state`` names the variant of the state, where there are several."""

    method: str
    signature: str
    block: int
    state: str = ""


@dataclass(frozen=True, slots=True)
class ExitFacts:
    """A block that leaves, with the cheapest way to it, and the dearest that turns each loop once."""

    block: int
    cheapest: Route
    dearest: Route
    bounded: bool
    """Whether no loop lies on a way to it."""


@dataclass(frozen=True, slots=True)
class LoopFacts:
    """A loop: the block that decides whether it goes on (else its first one), and a turn of it."""

    head: int
    cheapest: Route
    dearest: Route


@dataclass(frozen=True, slots=True)
class Spread:
    least: int
    mean: float
    most: int


@dataclass(frozen=True, slots=True)
class Runs:
    """What calls did: ``raised`` ended in an exception of the program, ``failed`` in one of the engine."""

    label: str
    calls: int
    raised: int
    failed: int
    blocks: Spread
    """Different blocks that a call entered."""
    flops: Spread
    """The work of a call, a block as often as it was entered."""


@dataclass(frozen=True, slots=True)
class Fixed:
    what: str
    value: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class PassFacts:
    name: str
    changed: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A way that no compared call took."""

    place: str
    way: str
    why: str


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """What was compared with eager PyTorch."""

    paths: int
    ways: int
    unchecked: tuple[NotChecked, ...]
    largest_error: float | None
    ties: tuple[str, ...]
    """Decisions of the examples that lie within rounding of their threshold."""


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    text: str
    blocks: Numbers = ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Lines of a file of the user's; where numbers jump, lines were left out."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """The engine; ``graphs`` says of each graph that another one runs which it is."""

    name: str
    graphs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a report shows."""

    schema: int
    name: str
    sha256: str
    """The digest of the ``program.json`` that this is about."""
    generator: str
    command: str
    versions: dict[str, str]
    engine: EngineFacts
    summary: tuple[str, ...]
    """Why the network is dynamic, in words; the first sentence is the one to read."""
    entries: tuple[EntryFacts, ...]
    blocks: tuple[BlockFacts, ...]
    whole: Route
    """All blocks once."""
    exits: tuple[ExitFacts, ...]
    loops: tuple[LoopFacts, ...]
    state: tuple[str, ...]
    runs: tuple[Runs, ...]
    fixed: tuple[Fixed, ...]
    passes: tuple[PassFacts, ...]
    pruning: tuple[str, ...]
    checks: CheckFacts | None
    sources: tuple[SourceFile, ...]

    def block(self, number: int) -> BlockFacts:
        return self.blocks[number - 1]


# ----------------------------------------------------------------------------------------------- JSON

_NUMBERS = many(INT)
_ROUTE = record(Route, blocks=_NUMBERS, parameters=INT, flops=INT)
_WAY = record(Way, target=INT, label=STR, back=BOOL, taken=_NUMBERS)
_BLOCK = record(
    BlockFacts,
    number=INT,
    name=STR,
    function=STR,
    place=STR,
    operators=many(record(Operator, name=STR, count=INT)),
    host=INT,
    parameters=INT,
    flops=INT,
    free=BOOL,
    end=STR,
    decides=STR,
    by=STR,
    ways=many(_WAY),
    entered=_NUMBERS,
)
_SPREAD = record(Spread, least=INT, mean=CONSTANT, most=INT)
_RUNS = record(Runs, label=STR, calls=INT, raised=INT, failed=INT, blocks=_SPREAD, flops=_SPREAD)
_CHECKS = record(
    CheckFacts,
    paths=INT,
    ways=INT,
    unchecked=many(record(NotChecked, place=STR, way=STR, why=STR)),
    largest_error=CONSTANT,
    ties=many(STR),
)
_LINE = record(Line, number=INT, text=STR, blocks=_NUMBERS)
FACTS: Form[Facts] = record(
    Facts,
    schema=INT,
    name=STR,
    sha256=STR,
    generator=STR,
    command=STR,
    versions=table(STR),
    engine=record(EngineFacts, name=STR, graphs=table(STR)),
    summary=many(STR),
    entries=many(record(EntryFacts, method=STR, signature=STR, block=INT, state=STR)),
    blocks=many(_BLOCK),
    whole=_ROUTE,
    exits=many(record(ExitFacts, block=INT, cheapest=_ROUTE, dearest=_ROUTE, bounded=BOOL)),
    loops=many(record(LoopFacts, head=INT, cheapest=_ROUTE, dearest=_ROUTE)),
    state=many(STR),
    runs=many(_RUNS),
    fixed=many(record(Fixed, what=STR, value=STR, place=STR)),
    passes=many(record(PassFacts, name=STR, changed=BOOL, notes=many(STR))),
    pruning=many(STR),
    checks=optional(_CHECKS),
    sources=many(record(SourceFile, name=STR, lines=many(_LINE))),
)


def facts_data(facts: Facts) -> dict[str, Any]:
    """``facts`` as JSON-able data."""
    return FACTS.write(facts)


def facts_text(facts: Facts) -> str:
    """The text of ``report.json``: deterministic, strict JSON, one line a field of the top level."""
    lines = [
        f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}"
        for key, value in facts_data(facts).items()
    ]
    return "{" + ",\n ".join(lines) + "}\n"


def read_facts(text: str, sha256: str) -> Facts | None:
    """The facts that ``report.json`` holds; None where they are of another ``program.json`` or version.

    Raises DamagedBundle where it is no such file.
    """
    from dyncc.runtime.errors import DamagedBundle

    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedBundle(f"report.json is no JSON ({error})") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or data.get("sha256") != sha256:
        return None
    return FACTS.read(data, "report.json")
