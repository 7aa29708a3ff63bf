"""What a pass is, and what it may do to a graph.

A program pass is a frozen dataclass whose fields are its options (int, float, bool or str). It sees a
program whose graphs are of any kind ``G`` and edits them through :class:`GraphOps` alone, so that the
same pass serves recorded PyTorch code and ONNX.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from dyncc.ir import Dim, Program, TensorType, Type

if TYPE_CHECKING:
    import onnx_ir

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class FromOutput:
    """An input of the second graph that takes output ``index`` of the first."""

    index: int


@dataclass(frozen=True, slots=True)
class FromInput:
    """An input of the second graph that takes input ``index`` of the concatenated graph.

    The concatenated graph's inputs are those of the first graph, then new ones; so an ``index``
    below the first's number of inputs shares an input with it.
    """

    index: int


Source: TypeAlias = "FromOutput | FromInput"


@dataclass(frozen=True, slots=True)
class Size:
    """How much code a graph is, and how much work."""

    operators: int
    weights: int
    """Elements of the weights that it names."""
    elements: int | None
    """Elements of all that its calls give; None where a size is free or not known, or a call is heavy: its
    work is more than its elements."""


@dataclass(frozen=True, slots=True)
class Common(Generic[G]):
    """``shared`` takes one input of each of ``sources``, and fails for no data: it may run earlier, or in
    vain. ``rests[i]`` takes the inputs of graph ``i``, then what ``shared`` gives, and returns what that
    graph returns."""

    shared: G
    sources: tuple[Hashable, ...]
    rests: tuple[G, ...]


class GraphOps(Protocol[G]):
    """The edits of a graph that a program pass needs. None of them changes its arguments."""

    def signature(self, graph: G) -> tuple[int, int]:
        """The number of inputs and of outputs."""
        ...

    def types(self, graph: G) -> tuple[Sequence[Type | None], Sequence[Type | None]]:
        """The types of the inputs and of the outputs, None where they are not known.

        Their symbols are local to the graph; those of a Compute's operands and results say what
        they stand for in a block.
        """
        ...

    def concatenate(self, first: G, second: G, sources: Sequence[Source]) -> G:
        """``first`` then ``second``, whose input ``i`` comes from ``sources[i]``.

        Inputs: those of ``first``, then one for each larger index that a FromInput names (without
        a gap). Outputs: those of ``first``, then those of ``second``. The symbols of both graphs
        are taken for the same (see ``rename_symbols``).
        """
        ...

    def keep_outputs(self, graph: G, indices: Sequence[int]) -> G:
        """The graph with only these outputs, in this order, and without what nothing then needs."""
        ...

    def size(self, graph: G) -> Size:
        """How much code the graph is, and how much work."""
        ...

    def total(self, graph: G) -> bool:
        """Whether the graph fails for no data and writes nothing: it may run earlier, or in vain."""
        ...

    def host_step(self, op: str, operands: Sequence[Type]) -> tuple[G, TensorType] | None:
        """A host instruction as a graph of its operands, and its result; None where that is another thing.

        Numbers are 0-d tensors in it, also where an operand is given as a number.
        """
        ...

    def choice(self, type_: TensorType) -> G:
        """The graph of ``pred, a, b`` that gives ``a`` where ``pred``, a 0-d tensor, is true, or ``b``."""
        ...

    def dependencies(self, graph: G) -> tuple[frozenset[int], ...]:
        """For each output, the inputs that it needs; an input that is in none can be dropped."""
        ...

    def separate(self, graph: G) -> bool:
        """Whether the graph must not be joined to one before it: it asks about the sizes of its inputs."""
        ...

    def keep_inputs(self, graph: G, indices: Sequence[int]) -> G:
        """The graph with only these inputs, in this order. The others must be in no dependency."""
        ...

    def split(self, graph: G, fixed: Sequence[int]) -> tuple[G, G] | None:
        """The work that depends on the inputs ``fixed`` alone, and the rest; None where there is none.

        The first graph takes those inputs, in their order; the second all inputs, then what the first
        gives, and returns what ``graph`` returns. The first fails for no data: it may run earlier, or in
        vain. Its outputs have sizes in numbers.
        """
        ...

    def common(self, graphs: Sequence[G], sources: Sequence[Sequence[Hashable]]) -> Common[G] | None:
        """The work that all of ``graphs`` do on the same; None where there is none worth a value.

        ``sources[i][j]`` is what input ``j`` of graph ``i`` is: inputs of equal sources have one value.
        """
        ...

    def rename_symbols(self, graph: G, symbols: Mapping[str, Dim]) -> G:
        """The graph with the symbols of its types replaced (by numbers, symbols or expressions)."""
        ...

    def digest(self, graph: G) -> str:
        """A hexadecimal digest; graphs with equal digests compute the same, on the same types.

        It does not depend on the names of values, symbols or the run.
        """
        ...


@dataclass(frozen=True, slots=True)
class Result(Generic[G]):
    """``modified`` is whether the program changed at all; ``notes`` are for ``--explain-pass``."""

    program: Program[G]
    modified: bool
    notes: tuple[str, ...] = ()


class OnnxPass(Protocol):
    """A pass over the ONNX graphs of a program, after lowering. ``name`` as for :class:`Pass`."""

    name: ClassVar[str]

    def run_onnx(self, program: Program[onnx_ir.Model]) -> Result[onnx_ir.Model]:
        """The program after the pass. The graphs are changed in place; their inputs and outputs stay."""
        ...


class Pass(Protocol):
    """A program pass. ``name`` is its kebab-case name in a pipeline."""

    name: ClassVar[str]

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        """The program after the pass. ``program`` is left as it was; it must be valid."""
        ...
