"""``program.json``: what a bundle says of itself. Written by the compiler, read by :func:`read_manifest`.

::

    {"schema": 1,
     "generator": "dyncc 0.1.0",                     who wrote it
     "command":   "dyncc skipnet.py:SkipNet",        how to make it again
     "sources":   [{"path", "sha256", "lines": {"14": "        h = self.stem(x)"}}],
     "program":   …,                                 see dyncc.runtime.codec
     "engine":    {"name": "onnxruntime", "options": {"asked": "auto", …}},    of blocks without an artifact
     "graphs":    {graph: {"file": "blocks/stem.onnx",
                           "inputs":  [{"name", "dtype", "shape"}],     in the order of Compute.inputs
                           "outputs": [{"name", "dtype", "shape"}]}},
     "artifacts": {graph: {"engine": "tvm", "file": "blocks/stem.tvm.so",      schema 2; the blocks that
                           "weights": [weight, …], "requires": {…}}},           another engine runs
     "choices":   {graph: {"engine", "seconds": {engine: …}, "refused": {engine: why}}},
     "weights":   {weight: {"dtype", "shape", "offset", "nbytes"}},     in blocks/weights.bin
     "examples":  [{"method", "session", "inputs", "expected" or "raises", "atol", "rtol"}],
     "checks":    {"paths", "edges",                                    null where it was not checked
                   "unchecked": [{"block", "way", "why", "reached", "span"}]},  edges not compared
     "digests":   {"host.py": sha256, …}}            of every other file

``lines`` are the source lines that the program's spans name, for comments, ``inspect`` and tracebacks; the
host is a function of this file alone. Every graph has its ONNX file, whichever engine runs it. A bundle is
written with the earliest schema that has what it needs: 1, or 2 where blocks have artifacts. A later
version of the schema may add fields here (they are ignored), never inside ``program``.
"""

from __future__ import annotations

import json
from dataclasses import field
from typing import Any

from dyncc.runtime import program as p
from dyncc.runtime.codec import DIM, PROGRAM, SCHEMA, SPAN, program_from_json
from dyncc.runtime.engine import Port
from dyncc.runtime.errors import DamagedBundle, NewerBundle
from dyncc.runtime.examples import EXAMPLE, Example
from dyncc.runtime.forms import BOOL, CONSTANT, INT, STR, Form, fail, many, optional, record, table
from dyncc.runtime.records import defaults_of, frozen


@frozen
class Source:
    """A file of the user's that the program comes from; ``lines`` by number."""

    path: str
    sha256: str
    lines: dict[int, str] = field(default_factory=dict)


@frozen
class GraphFile:
    """Where a graph is (a path in the bundle, with ``/``), and its inputs and outputs in order."""

    file: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


@frozen
class Weight:
    """A tensor in ``blocks/weights.bin``."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    nbytes: int


@frozen
class EngineChoice:
    """The engine of the blocks that have no artifact; ``options``: what was asked for (``asked``), …"""

    name: str = "onnxruntime"
    options: dict[str, Any] = field(default_factory=dict)


@frozen
class UncheckedEdge:
    """A way between blocks that no compared call took: it was compiled as all others, from types alone."""

    block: str
    """The block that decides, as it was called when it was recorded (passes may have merged it since)."""
    way: str
    """Which way it is, in words."""
    why: str
    """Why no call took it."""
    reached: bool
    """Whether a call came to the decision, and went another way."""
    span: p.Span | None = None
    """The decision."""


@frozen
class Checks:
    """What was compared when the bundle was compiled: so many calls, of the ways between blocks."""

    paths: int
    edges: int
    unchecked: tuple[UncheckedEdge, ...] = ()


@frozen
class Artifact:
    """What an engine's compiler made of a graph: its file, the weights that it takes after its inputs (by
    their names in ``weights``), and what it requires of the place where it runs."""

    engine: str
    file: str
    weights: tuple[str, ...] = ()
    requires: dict[str, Any] = field(default_factory=dict)


@frozen
class Choice:
    """Why a graph runs where it does: the time of a call in each engine that was timed, in seconds, and
    the reason of each that did not take it."""

    engine: str
    seconds: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@frozen
class Manifest:
    """Everything that ``program.json`` holds."""

    program: p.Program[Any]
    graphs: dict[str, GraphFile]
    generator: str = ""
    command: str = ""
    sources: tuple[Source, ...] = ()
    engine: EngineChoice = field(default_factory=EngineChoice)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)
    weights: dict[str, Weight] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    checks: Checks | None = None
    digests: dict[str, str] = field(default_factory=dict)


def _read_lines(data: object, where: str) -> dict[int, str]:
    lines = table(STR).read(data, where)
    if not all(number.isdecimal() for number in lines):
        fail(where, "line numbers as keys", data)
    return {int(number): text for number, text in lines.items()}


_LINES: Form[Any] = Form(
    lambda lines: {str(number): text for number, text in sorted(lines.items())}, _read_lines
)
_SHAPE = many(DIM)
_PORT = record(Port, name=STR, dtype=STR, shape=_SHAPE)
_MANIFEST = record(
    Manifest,
    program=Form(PROGRAM.write, program_from_json),
    graphs=table(record(GraphFile, file=STR, inputs=many(_PORT), outputs=many(_PORT))),
    generator=STR,
    command=STR,
    sources=many(record(Source, path=STR, sha256=STR, lines=_LINES)),
    engine=record(EngineChoice, name=STR, options=table(CONSTANT)),
    artifacts=table(
        record(Artifact, engine=STR, file=STR, weights=many(STR), requires=table(CONSTANT)),
    ),
    choices=table(record(Choice, engine=STR, seconds=table(CONSTANT), refused=table(STR))),
    weights=table(record(Weight, dtype=STR, shape=many(INT), offset=INT, nbytes=INT)),
    examples=many(EXAMPLE),
    checks=optional(
        record(
            Checks,
            paths=INT,
            edges=INT,
            unchecked=many(
                record(UncheckedEdge, block=STR, way=STR, why=STR, reached=BOOL, span=optional(SPAN))
            ),
        )
    ),
    digests=table(STR),
)


def manifest_to_json(manifest: Manifest) -> dict[str, Any]:
    """``manifest`` as JSON-able data, with its schema."""
    return {"schema": schema_of(manifest), **_MANIFEST.write(manifest)}


def schema_of(manifest: Manifest) -> int:
    """The earliest schema whose readers run ``manifest`` as it is meant."""
    return 2 if manifest.artifacts else 1


def manifest_text(manifest: Manifest) -> str:
    """The text of ``program.json``: deterministic, strict JSON, one line a field of the top level."""
    data = manifest_to_json(manifest)
    fields = [f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in data.items()]
    return "{" + ",\n ".join(fields) + "}\n"


def read_manifest(text: str | bytes, where: str = "program.json") -> Manifest:
    """The manifest that ``text`` spells.

    Raises NewerBundle for a later schema, DamagedBundle for anything that is not what it must be.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedBundle(f"{where} is no JSON ({error}): the file is damaged or cut short") from error
    if not isinstance(data, dict):
        raise DamagedBundle(f"{where}: expected an object")
    schema = data.get("schema")
    if type(schema) is not int or schema < 1:
        raise DamagedBundle(f"{where}: the field 'schema' is missing or no version")
    if schema > SCHEMA:
        raise NewerBundle(
            f"{where} has schema {schema}, this runtime reads up to {SCHEMA}: "
            "install a newer dyncc here (pip install -U dyncc) or compile with an older one"
        )
    known = {name: value for name, value in data.items() if name in defaults_of(Manifest)}
    try:
        manifest = _MANIFEST.read(known, where)
    except RecursionError as error:
        raise DamagedBundle(f"{where} is nested too deeply") from error
    _check_tables(manifest, where)
    return manifest


def _check_tables(manifest: Manifest, where: str) -> None:
    for name in manifest.program.graphs:
        if name not in manifest.graphs:
            raise DamagedBundle(f"{where}.graphs: the graph {name!r} of the program is missing")
    for name, artifact in manifest.artifacts.items():
        if name not in manifest.graphs:
            raise DamagedBundle(f"{where}.artifacts: {name!r} is no graph of the program")
        for weight in artifact.weights:
            if weight not in manifest.weights:
                raise DamagedBundle(f"{where}.artifacts.{name}: the weight {weight!r} is missing")
    for name, block in manifest.program.blocks.items():
        for step in block.steps:
            if not isinstance(step, p.Compute):
                continue
            graph = manifest.graphs[step.graph]
            if (len(step.inputs), len(step.outputs)) != (len(graph.inputs), len(graph.outputs)):
                raise DamagedBundle(
                    f"{where}.graphs.{step.graph}: has {len(graph.inputs)} inputs and {len(graph.outputs)} "
                    f"outputs, the block {name!r} gives {len(step.inputs)} and takes {len(step.outputs)}"
                )
    for state in manifest.program.states:
        for cell in state.cells:
            if isinstance(cell.initial, str) and cell.initial not in manifest.weights:
                raise DamagedBundle(
                    f"{where}.weights: {cell.initial!r}, which a cell starts with, is missing"
                )


def source_lines(program: p.Program[Any], checks: Checks | None = None) -> dict[str, set[int]]:
    """The source lines that spans of a bundle start on, by path: what ``sources`` should hold."""
    found: dict[str, set[int]] = {}

    def add(span: p.Span | None) -> None:
        if span is not None:
            found.setdefault(span.path, set()).add(span.line)

    for method in program.methods.values():
        add(method.span)
    for block in program.blocks.values():
        for step in block.steps:
            add(step.span)
        add(block.terminator.span)
        for span in block.spans:
            add(span)
    for item in (*program.frozen, *(checks.unchecked if checks else ())):
        add(item.span)
    return found
