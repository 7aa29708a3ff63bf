"""The host generator: from a program to a Python module that a person can read.

``generate(program)`` gives the text of ``host.py`` and a map from its lines to the user's source. The
module holds one class: made with the program's blocks (callables by the name of their graph) and the
weights that cells start with, it has one method for each compiled method and one attribute for each cell.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from dyncc.runtime import program as p
from dyncc.runtime.host.emit import Emitter, Sources, one_line
from dyncc.runtime.host.expressions import constant, quoted
from dyncc.runtime.host.methods import Attributes, MethodText, MethodWriter
from dyncc.runtime.host.names import RESERVED, TRACE, identifier
from dyncc.runtime.host.tables import Tables
from dyncc.runtime.host.wording import ClassNames, holds, text
from dyncc.runtime.hostops import HOST_OPS
from dyncc.runtime.records import frozen
from dyncc.runtime.wellformed import draws, inputs_of, reachable

KEYWORDS = frozenset(keyword.kwlist)

HELPERS = {
    "dyncc.runtime.hostops": [
        name for name, spec in HOST_OPS.items() if spec.expression is None and name not in ("list", "noise")
    ],
    "dyncc.runtime.noise": ["Noise"],
    "dyncc.runtime.values": [
        "bfloat16",
        "bfloat16_of_numbers",
        "item_bfloat16",
        "nested_list",
        "numpy_array",
        "numpy_number",
    ],
    "dyncc.runtime.classes": ["dataclass_class", "error_class", "namedtuple_class", "record_class"],
}
"""What a host may import, by module."""


@frozen
class Origin:
    """What the header says: who made the module, from what, and how to make it again."""

    generator: str = "dyncc"
    command: str = ""
    sources: tuple[tuple[str, str], ...] = ()
    """Paths and SHA-256 digests of the user's files."""


@frozen
class HostSource:
    """A generated module."""

    text: str
    spans: Mapping[int, p.Span]
    """Line of the text → place in the user's source."""
    class_name: str
    methods: Mapping[str, Mapping[str, str]]
    """Method → input → parameter of the host's method, in order."""
    cells: tuple[Mapping[str, str], ...] = field(default=())
    """Of each state: cell → attribute of the host."""


def generate(
    program: p.Program[Any],
    *,
    sources: Sources | None = None,
    origin: Origin | None = None,
    traced: bool = False,
) -> HostSource:
    """The host of ``program``.

    ``sources`` are lines of the user's files, for comments. With ``traced``, each method takes one more
    argument, ``on_edge``, and calls ``on_edge(block, edge, target)`` on every edge that it takes (``block``
    is empty for the way in).
    """
    return _Module(program, sources or {}, origin or Origin(), traced).run()


class _Module:
    def __init__(self, program: p.Program[Any], sources: Sources, origin: Origin, traced: bool) -> None:
        self.program = program
        self.origin = origin
        self.traced = traced
        self.out = Emitter(sources)
        self.class_name = identifier(program.name or "Host", HELPERS_ALL)
        self.reserved = {
            *RESERVED,
            *HELPERS_ALL,
            self.class_name,
            "blocks",
            "weights",
            "namedtuple",
            "OrderedDict",
        }
        self.graphs = self._graphs()
        self.attributes = self._attributes()

    def _graphs(self) -> list[str]:
        """The graphs that the methods call, in the order of the text."""
        roots = [entry.block for method in self.program.methods.values() for entry in method.entries]
        found: dict[str, None] = {}
        for name in reachable(self.program, roots):
            for step in self.program.blocks[name].steps:
                if isinstance(step, p.Compute):
                    found[step.graph] = None
        return list(found)

    def _attributes(self) -> Attributes:
        taken = {*self.program.methods, "state", "writes", "noise"}
        graphs: dict[str, str] = {}
        for graph in self.graphs:
            graphs[graph] = identifier(graph, taken, KEYWORDS)
            taken.add(graphs[graph])
        attributes: dict[str, str] = {}
        cells: list[dict[str, str]] = []
        for state in self.program.states:
            for cell in state.cells:
                if cell.name not in attributes:
                    attributes[cell.name] = identifier(cell.name.removeprefix("self."), taken, KEYWORDS)
                    taken.add(attributes[cell.name])
            cells.append({cell.name: attributes[cell.name] for cell in state.cells})
        return Attributes(graphs, tuple(cells))

    def run(self) -> HostSource:
        classes = ClassNames(set(self.reserved))
        tables = Tables(classes.taken)
        methods = [
            MethodWriter(
                self.program, method, self.attributes, classes, tables, self.reserved, self.traced
            ).write()
            for method in self.program.methods.values()
        ]
        body = Emitter(self.out.sources)
        self._class(body, methods)
        definitions = [*classes.definitions(), *tables.definitions()]
        self._head("\n".join([*definitions, *body.lines]))
        for line in definitions:
            self.out.add(line)
        if definitions:
            self.out.add()
        self.out.add()
        offset = len(self.out.lines)
        self.out.lines.extend(body.lines)
        spans = {offset + number: span for number, span in body.spans.items()}
        return HostSource(
            self.out.text(),
            spans,
            self.class_name,
            {method.name: method.parameters for method in methods},
            self.attributes.cells,
        )

    # ------------------------------------------------------------------------------------------- text

    def _head(self, code: str) -> None:
        words = set(re.findall(r"\w+", code))
        add = self.out.add
        made_from = ", ".join(f"{path} (sha256 {digest[:12]}…)" for path, digest in self.origin.sources)
        line = f"# Generated by {self.origin.generator}"
        line += f" from {made_from}." if made_from else "."
        add(one_line(line + (f"  Again: {self.origin.command}" if self.origin.command else "")))
        add(f'"""The host of {self.class_name}: its control flow over blocks of tensor code."""')
        add()
        add("from __future__ import annotations")
        add()
        if "math" in words:
            add("import math")
        if "OrderedDict" in words:
            add("from collections import OrderedDict")
        add("from collections.abc import Callable, Mapping")
        add("from typing import Any")
        add()
        if "np" in words:
            add("import numpy as np")
            add()
        imports = 0
        for module, names in sorted(HELPERS.items()):
            used = [name for name in names if name in words]
            if used:
                add(f"from {module} import {', '.join(sorted(used))}")
                imports += 1
        if imports:
            add()

    def _class(self, out: Emitter, methods: list[MethodText]) -> None:
        out.add(f"class {self.class_name}:")
        cells = self.program.states[0].cells
        out.add('"""Made with the blocks, by name, and the weights that its state starts with."""', 1)
        out.add()
        blocks, weights = "blocks: Mapping[str, Callable[..., Any]]", "weights: Mapping[str, Any]"
        out.add(f"def __init__(self, {blocks}, {weights}) -> None:", 1)
        for graph, attribute in self.attributes.graphs.items():
            out.add(f"self.{attribute} = blocks[{quoted(graph)}]", 2)
        if len(self.program.states) > 1:
            out.add("self.state = 0", 2)
        initial = {
            self.attributes.cells[0][cell.name]: text(constant(cell.initial.value))
            if isinstance(cell.initial, p.Const)
            else f"weights[{quoted(str(cell.initial))}]"
            for cell in cells
        }
        every = {attribute: None for names in self.attributes.cells for attribute in names.values()}
        for attribute in every:
            out.add(f"self.{attribute} = {initial.get(attribute, 'None')}", 2)
        if self._writes():
            out.add("self.writes: dict[str, Any] = {}", 2)
        if draws(self.program):
            out.add("self.noise = Noise()", 2)
        elif (
            not self.attributes.graphs
            and not every
            and not self._writes()
            and len(self.program.states) == 1
        ):
            out.add("pass", 2)
        for method in methods:
            self._method(out, method)

    def _writes(self) -> bool:
        return any(
            isinstance(block.terminator, p.Return | p.Raise) and block.terminator.writes
            for block in self.program.blocks.values()
        )

    def _method(self, out: Emitter, method: MethodText) -> None:
        inputs = inputs_of(self.program.methods[method.name])
        params = [
            "self",
            *(f"{name}: {annotation(inputs[key].type)}" for key, name in method.parameters.items()),
        ]
        if self.traced:
            params.append(f"{TRACE}: Callable[[str, int, str], None]")
        out.add()
        out.last = None
        out.add(f"def {method.name}({', '.join(params)}) -> Any:", 1, method.span)
        out.body(method.body, 2)


def annotation(of: p.Type) -> str:
    """A type as Python writes it."""
    match of:
        case p.TensorType():
            return "np.ndarray"
        case p.ScalarType(kind=kind):
            return kind
        case p.ListType(element=element):
            return f"tuple[{annotation(element)}, ...]"


HELPERS_ALL = frozenset(name for names in HELPERS.values() for name in names)

__all__ = ["HostSource", "Origin", "annotation", "generate", "holds"]
