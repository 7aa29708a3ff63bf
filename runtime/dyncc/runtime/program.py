"""The program: control flow over blocks of straight-line tensor code, as plain data.

This is what the compiler makes, what the passes change and what the runtime executes; it is defined
once, here, because the runtime may import nothing else of ours. ``dyncc.ir`` re-exports it and adds
the text form, the parser and the verifier. Everything is a frozen dataclass over tuples, so a
program can be hashed, compared and written as JSON (see :mod:`dyncc.runtime.codec`).

Grammar::

    Program    ::= methods, states, blocks, graphs
    Method     ::= signature, entry block per state variant
    Block      ::= name (params) { Step* Terminator }
    Step       ::= Compute(graph, inputs -> outputs)          one call into an engine
                 | HostOp(op, operands -> result)             one Python instruction of the host
    Terminator ::= Jump | Branch | Switch | Return | Raise
    Operand    ::= Ref(name) | Const(python value)
    Type       ::= TensorType(dtype, shape) | ScalarType(kind) | ListType(element)

Values are immutable and defined once in a block (SSA); blocks pass values by block parameters, as in
MLIR and Swift's SIL. Names are local to a block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Generic, Literal, TypeAlias, TypeVar

from dyncc.runtime.records import frozen

G = TypeVar("G")

# --------------------------------------------------------------------------------------- types

Dim: TypeAlias = "int | str"
"""A size: a number, or the text of a symbolic expression such as ``s0`` or ``s0 + 1``."""


@frozen
class TensorType:
    """A tensor. ``dtype`` is NumPy's name (``bfloat16`` besides); symbols are local to a block."""

    dtype: str
    shape: tuple[Dim, ...]


@frozen
class ScalarType:
    """A Python number (or the text that a table lookup yields), weakly typed in promotion.

    In the host it is a Python object; where a :class:`Compute` takes it, it is passed as a 0-d
    array of int64, float64 or bool.
    """

    kind: Literal["int", "float", "bool", "str"]


@frozen
class ListType:
    """A list whose length is decided at run time. Values are functional: append makes a new one."""

    element: Type


Type: TypeAlias = "TensorType | ScalarType | ListType"


@frozen
class Value:
    """A definition: a block parameter or the result of a step."""

    name: str
    type: Type


@frozen
class Ref:
    """A use of a value of the same block."""

    name: str


@frozen
class Const:
    """A static Python value: ``None``, bool, int, float or str."""

    value: bool | int | float | str | None


Operand: TypeAlias = "Ref | Const"


@frozen
class Span:
    """A place in the user's source: 1-based lines and columns, ``end`` exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    function: str = ""
    """Qualified name of the function that the place is in (for tracebacks)."""


# --------------------------------------------------------------------------------------- steps


@frozen
class Compute:
    """Run a graph: a pure function from ``inputs`` to ``outputs``, in order.

    An input may be a tensor or a number (passed as a 0-d array); outputs are tensors.
    """

    graph: str
    inputs: tuple[Operand, ...]
    outputs: tuple[Value, ...]
    span: Span | None = None


@frozen
class HostOp:
    """A Python instruction of the host. ``op`` is a key of :data:`dyncc.runtime.hostops.HOST_OPS`."""

    op: str
    operands: tuple[Operand, ...]
    result: Value
    span: Span | None = None


Step: TypeAlias = "Compute | HostOp"

# --------------------------------------------------------------------------------- terminators


@frozen
class Edge:
    """A jump to ``block`` with one argument for each of its parameters."""

    block: str
    args: tuple[Operand, ...] = ()


@frozen
class Jump:
    target: Edge
    span: Span | None = None


@frozen
class Branch:
    """Two-way decision on a bool scalar."""

    pred: Operand
    then: Edge
    orelse: Edge
    span: Span | None = None


@frozen
class Switch:
    """Decision on an int scalar: ``cases[i]`` is taken when it equals ``values[i]``, else ``default``."""

    index: Operand
    values: tuple[int, ...]
    cases: tuple[Edge, ...]
    default: Edge
    span: Span | None = None


@frozen
class Write:
    """An argument that the program changed in place: the host copies ``value`` back into it."""

    input: str
    value: Operand


@frozen
class Return:
    """Leave with ``output``; the session's next state is variant ``state`` with these cells."""

    output: Tree
    writes: tuple[Write, ...] = ()
    state: int = 0
    cells: tuple[Operand, ...] = ()
    span: Span | None = None


@frozen
class ExceptionType:
    """An exception class by name. ``base`` is the nearest builtin class of its MRO."""

    name: str
    module: str
    base: str


@frozen
class TextPart:
    """A piece of an error message: literal text, or a value with a format (``conversion``, ``spec``)."""

    value: Operand
    conversion: str = ""
    spec: str = ""


def lone_value(message: Sequence[TextPart]) -> Operand | None:
    """What an exception has as its argument where that is no text made of parts."""
    plain = len(message) == 1 and not message[0].conversion and not message[0].spec
    return message[0].value if plain else None


@frozen
class Raise:
    """Leave by an exception; ``message`` is None where the exception has no argument.

    Its parts make a text. A lone part without conversion and spec is the argument itself, a number, say:
    the ``str`` of a ``KeyError(9)`` is ``9``, that of a ``KeyError("9")`` is ``'9'``.

    ``state`` and ``cells`` as for Return: what the program changed before it raised stays changed.
    """

    error: ExceptionType
    message: tuple[TextPart, ...] | None
    writes: tuple[Write, ...] = ()
    state: int = 0
    cells: tuple[Operand, ...] = ()
    span: Span | None = None


Terminator: TypeAlias = "Jump | Branch | Switch | Return | Raise"

# --------------------------------------------------------------------------------------- trees


@frozen
class Leaf:
    """A value (tensor, number, list) or a constant."""

    value: Operand


@frozen
class Node:
    """A Python container.

    ========== =========================== =====================================================
    kind       ``keys``                    rebuilt as
    ========== =========================== =====================================================
    tuple      ()                          ``tuple``
    list       ()                          ``list``
    set        ()                          ``set``
    dict       the keys (str, int, …)      ``dict`` (``OrderedDict`` where ``name`` says so)
    namedtuple field names                 the class itself if importable data, else an equivalent
    dataclass  field names                 likewise
    record     keys                        a ``dict`` that also has its keys as attributes
                                           (Hugging Face ``ModelOutput``)
    ndarray    ()                          of one tensor: NumPy's array of it, in PyTorch too
    scalar     ()                          of one tensor of no dimensions: ``numpy.float32`` and the like
    rows       ()                          a ``list`` of what the one child describes, in whose leaves are
                                           lists that are equally long: of each one element
    ========== =========================== =====================================================

    ``name`` and ``module`` are those of the Python class.
    """

    kind: Literal[
        "tuple", "list", "set", "dict", "namedtuple", "dataclass", "record", "ndarray", "scalar", "rows"
    ]
    children: tuple[Tree, ...]
    keys: tuple[bool | int | float | str | None, ...] = ()
    name: str = ""
    module: str = ""


Tree: TypeAlias = "Leaf | Node"

# ----------------------------------------------------------------------------------- interface


@frozen
class Fixed:
    """An argument (or a part of one) that was compiled in. ``value`` is checked at the call.

    ``opaque`` is the type's name of an object that has no JSON form (a config object): such an
    argument may be left out of the call; where it is given, its type's name is compared.
    """

    value: bool | int | float | str | None = None
    opaque: str = ""


@frozen
class Input:
    """A tensor or number that the program takes. A dim of ``type`` that is a str is free."""

    name: str
    type: Type


@frozen
class InputNode:
    """A container among the arguments; as :class:`Node`, over :class:`Input` and :class:`Fixed`."""

    kind: str
    children: tuple[InputTree, ...]
    keys: tuple[bool | int | float | str | None, ...] = ()
    name: str = ""
    module: str = ""


InputTree: TypeAlias = "Input | Fixed | InputNode"


def is_fixed(tree: InputTree) -> bool:
    """Whether an argument holds nothing that a call may choose, so that it can be left out."""
    return isinstance(tree, Fixed) or (isinstance(tree, InputNode) and all(map(is_fixed, tree.children)))


@frozen
class Parameter:
    """A parameter of the compiled method. ``default`` is None where it has none."""

    name: str
    kind: Literal["positional", "keyword", "var_positional", "var_keyword"]
    tree: InputTree
    optional: bool = False
    """Whether the method's own signature has a default, and the example left it out or passed it.

    When the call leaves it out, an Input takes ``default``; what is fixed needs no value.
    """
    default: bool | int | float | str | None = None


@frozen
class Entry:
    """Where a method starts in a state variant. The block's parameters are inputs, then cells.

    ``inputs`` names, for each leading parameter of the block, the :class:`Input` it takes; the
    cells of the state variant follow in their order.
    """

    block: str
    inputs: tuple[str, ...]


@frozen
class Constraint:
    """A checked assumption on the sizes of a call: a Python expression over symbols of the inputs."""

    expression: str
    reason: str = ""


@frozen
class Identity:
    """A checked assumption on the arguments of a call: whether two tensors are one.

    The program asks for it (``query is key``). What counts is where the memory begins.
    """

    first: str
    second: str
    same: bool


@frozen
class Method:
    """A compiled method: its parameters, and its entry for every state variant."""

    name: str
    parameters: tuple[Parameter, ...]
    entries: tuple[Entry, ...]
    constraints: tuple[Constraint, ...] = ()
    span: Span | None = None
    identities: tuple[Identity, ...] = ()


@frozen
class Cell:
    """A piece of module state that calls change. ``path`` is how the user would write it."""

    name: str
    type: Type
    path: str
    initial: str | Const | None = None
    """In variant 0: the name of a weight, or a number. None in every other variant."""


@frozen
class State:
    """A shape of the session's state (``self.hidden`` is None, or a tensor, …)."""

    cells: tuple[Cell, ...] = ()


@frozen
class Frozen:
    """A value that was compiled into the program: for ``inspect`` and the report."""

    what: str
    value: str
    span: Span | None = None


@frozen
class Block:
    name: str
    params: tuple[Value, ...]
    steps: tuple[Step, ...]
    terminator: Terminator
    spans: tuple[Span, ...] = ()
    """The source that the block comes from."""
    note: str = ""
    """What the user would call this place, e.g. ``SkipNet.forward:17`` (also in a loop: ``loop``)."""


@frozen
class Program(Generic[G]):
    """A whole program. ``G`` is the kind of its graphs: torch.fx, onnx_ir, or a reference to a file."""

    name: str
    methods: Mapping[str, Method]
    states: tuple[State, ...]
    blocks: Mapping[str, Block]
    graphs: Mapping[str, G]
    frozen: tuple[Frozen, ...] = field(default=())


def successors(terminator: Terminator) -> tuple[Edge, ...]:
    """The edges of a terminator, in the order in which it names them."""
    match terminator:
        case Jump(target=target):
            return (target,)
        case Branch(then=then, orelse=orelse):
            return (then, orelse)
        case Switch(cases=cases, default=default):
            return (*cases, default)
        case Return() | Raise():
            return ()
