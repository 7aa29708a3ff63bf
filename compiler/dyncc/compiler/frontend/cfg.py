"""Function: the control-flow graph of one Python function, in which nothing is implicit.

The frontend makes it from the source (:mod:`~dyncc.compiler.frontend.build`), the specializer's
abstract machine executes it. It is a register machine: a user's local keeps its name, a temporary is
``%1``, ``%2``, …. Short circuits, chained comparisons, ternaries, ``assert``, comprehensions, ``with``,
``for … else`` and ``try … finally`` are spelled out in blocks; what remains implicit is only what an
*object* may do (``__getattr__``, ``__add__``, …), and that is the machine's business.

Grammar::

    Function  ::= name, parameters (inspect.Signature of the real function), blocks, entry first
    Block     ::= label, handler label?, catch register?, Instruction*, Terminator
    Terminator::= Goto | If | ForNext | Return | Raise | Reraise

Exceptions: an instruction or terminator of a block with a ``handler`` that raises goes to the handler's
block, whose ``catch`` register then holds the exception object. ``finally`` is compiled once: each way
into it sets ``%finN`` (a static tuple such as ``("return",)``; the value in ``%finN.value``), and its end
dispatches on it with ``If``. As those registers are static, the specializer keeps the ways apart.
"""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import TypeAlias

from dyncc.runtime.program import Span

Register: TypeAlias = str
Label: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Arg:
    """An argument or an item of a display; ``starred`` unpacks it."""

    register: Register
    starred: bool = False


# ------------------------------------------------------------------------------- instructions
# Each has a ``span``, the exact expression that it comes from.


@dataclass(frozen=True, slots=True)
class Const:
    dst: Register
    value: object
    span: Span


@dataclass(frozen=True, slots=True)
class Move:
    """``dst = src``. Reading an unbound local raises UnboundLocalError (``src`` is the user's name)."""

    dst: Register
    src: Register
    span: Span


@dataclass(frozen=True, slots=True)
class Delete:
    """``del name`` of a local register (also the end of ``except … as name``)."""

    register: Register
    span: Span


@dataclass(frozen=True, slots=True)
class LoadGlobal:
    """A name of the module, or a builtin."""

    dst: Register
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class StoreGlobal:
    name: str
    src: Register
    span: Span


@dataclass(frozen=True, slots=True)
class DeleteGlobal:
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class LoadDeref:
    """A variable in a cell: captured by an inner function, or free in this one."""

    dst: Register
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class StoreDeref:
    name: str
    src: Register
    span: Span


@dataclass(frozen=True, slots=True)
class DeleteDeref:
    """``del`` of a variable in a cell; raises UnboundLocalError (NameError if free) when it is empty."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class NewCell:
    """A fresh, empty cell for ``name`` (at a comprehension whose variable an inner function captures).

    Such a name is renamed apart like ``x$1`` and not among the function's ``cellvars``.
    """

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class GetAttr:
    dst: Register
    obj: Register
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class SetAttr:
    obj: Register
    name: str
    src: Register
    span: Span


@dataclass(frozen=True, slots=True)
class DelAttr:
    obj: Register
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class GetItem:
    dst: Register
    obj: Register
    index: Register
    span: Span


@dataclass(frozen=True, slots=True)
class SetItem:
    obj: Register
    index: Register
    src: Register
    span: Span


@dataclass(frozen=True, slots=True)
class DelItem:
    obj: Register
    index: Register
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """``op`` is one of ``- + ~ not``; ``not`` gives a bool of its operand without branching."""

    dst: Register
    op: str
    operand: Register
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    """``op`` is one of ``+ - * / // % ** @ << >> & | ^``; ``inplace`` for an augmented assignment."""

    dst: Register
    op: str
    left: Register
    right: Register
    inplace: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Compare:
    """One comparison: ``< <= > >= == != is is-not in not-in``."""

    dst: Register
    op: str
    left: Register
    right: Register
    span: Span


@dataclass(frozen=True, slots=True)
class Build:
    """A display; ``kind`` is ``tuple``, ``list`` or ``set``."""

    dst: Register
    kind: str
    items: tuple[Arg, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class BuildDict:
    """A dict display; a key of None unpacks a mapping."""

    dst: Register
    items: tuple[tuple[Register | None, Register], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class BuildSlice:
    dst: Register
    lower: Register | None
    upper: Register | None
    step: Register | None
    span: Span


@dataclass(frozen=True, slots=True)
class Format:
    """One ``{value!conversion:spec}`` of an f-string; ``spec`` is a register holding a str."""

    dst: Register
    value: Register
    conversion: str
    spec: Register | None
    span: Span


@dataclass(frozen=True, slots=True)
class Join:
    """The pieces of an f-string, joined."""

    dst: Register
    parts: tuple[Register, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """``dst = func(*args, **kwargs)``; a keyword name of None unpacks a mapping.

    Zero-argument ``super()`` is given its two arguments by the frontend.
    """

    dst: Register
    func: Register
    args: tuple[Arg, ...]
    kwargs: tuple[tuple[str | None, Register], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class GetIter:
    dst: Register
    src: Register
    span: Span


@dataclass(frozen=True, slots=True)
class Listed:
    """``dst`` is ``src``, which is to be unpacked: a list of its items where getting them runs code."""

    dst: Register
    src: Register
    span: Span


@dataclass(frozen=True, slots=True)
class Unpack:
    """``before…, *star, after… = src`` (no star where ``star`` is None)."""

    before: tuple[Register, ...]
    star: Register | None
    after: tuple[Register, ...]
    src: Register
    span: Span


@dataclass(frozen=True, slots=True)
class MakeFunction:
    """An inner function, lambda or generator expression.

    ``closure`` names this frame's cells for ``code.co_freevars``, in their order (a comprehension's
    variable ``x`` is in cell ``x$1``).
    """

    dst: Register
    code: types.CodeType
    defaults: tuple[Register, ...]
    kwdefaults: tuple[tuple[str, Register], ...]
    closure: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Import:
    """``__import__(module, fromlist, level)``: ``import a.b as c`` is followed by GetAttr."""

    dst: Register
    module: str
    fromlist: tuple[str, ...]
    level: int
    span: Span


@dataclass(frozen=True, slots=True)
class ImportFrom:
    """``from … import name``: the attribute, else the submodule in ``sys.modules``, else ImportError."""

    dst: Register
    module: Register
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class ListAppend:
    """Of a comprehension; ``kind`` is ``list`` or ``set``."""

    collection: Register
    kind: str
    item: Register
    span: Span


@dataclass(frozen=True, slots=True)
class DictSet:
    """Of a dict comprehension."""

    collection: Register
    key: Register
    value: Register
    span: Span


@dataclass(frozen=True, slots=True)
class WithEnter:
    """Look up ``__exit__`` (bound, into ``exit``), then call ``__enter__`` (its result into ``dst``)."""

    dst: Register
    exit: Register
    manager: Register
    span: Span


@dataclass(frozen=True, slots=True)
class WithExit:
    """Call ``exit`` with the exception in ``exc``, or with three None; ``dst`` is what it returned."""

    dst: Register
    exit: Register
    exc: Register | None
    span: Span


@dataclass(frozen=True, slots=True)
class ExcMatch:
    """Whether the exception in ``exc`` is caught by ``except types``."""

    dst: Register
    exc: Register
    types: Register
    span: Span


@dataclass(frozen=True, slots=True)
class Yield:
    """Suspend the generator with ``value``; ``dst`` is what is sent in.

    ``yield from`` is a loop of these over ``GetIter``, ``delegated``: what is sent or thrown in would be
    the other generator's, to which it is not forwarded.
    """

    dst: Register
    value: Register
    span: Span
    delegated: bool = False


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A construct that the frontend does not know: reaching it is a diagnostic at ``span``."""

    what: str
    span: Span


Instruction: TypeAlias = (
    Const
    | Move
    | Delete
    | LoadGlobal
    | StoreGlobal
    | DeleteGlobal
    | LoadDeref
    | StoreDeref
    | DeleteDeref
    | NewCell
    | GetAttr
    | SetAttr
    | DelAttr
    | GetItem
    | SetItem
    | DelItem
    | Unary
    | Binary
    | Compare
    | Build
    | BuildDict
    | BuildSlice
    | Format
    | Join
    | Call
    | GetIter
    | Listed
    | Unpack
    | MakeFunction
    | Import
    | ImportFrom
    | ListAppend
    | DictSet
    | WithEnter
    | WithExit
    | ExcMatch
    | Yield
    | Unsupported
)

# -------------------------------------------------------------------------------- terminators


@dataclass(frozen=True, slots=True)
class Goto:
    target: Label
    span: Span


@dataclass(frozen=True, slots=True)
class If:
    """Decide on the truth of ``cond``."""

    cond: Register
    then: Label
    orelse: Label
    span: Span


@dataclass(frozen=True, slots=True)
class ForNext:
    """``dst = next(iterator)`` and go to ``body``; when it is exhausted go to ``orelse``.

    ``result`` gets what the iterator returned (the value of its StopIteration).
    """

    dst: Register
    iterator: Register
    body: Label
    orelse: Label
    span: Span
    result: Register | None = None


@dataclass(frozen=True, slots=True)
class Return:
    value: Register
    span: Span


@dataclass(frozen=True, slots=True)
class Raise:
    """``raise exc from cause``; a class is instantiated.

    ``exc`` None (after an Unsupported): re-raise what is handled, which is not in this function.
    """

    exc: Register | None
    cause: Register | None
    span: Span


@dataclass(frozen=True, slots=True)
class Reraise:
    """Raise the exception object in ``exc`` again, as at the end of an unmatched handler."""

    exc: Register
    span: Span


Terminator: TypeAlias = "Goto | If | ForNext | Return | Raise | Reraise"


@dataclass(frozen=True, slots=True)
class Block:
    """``loop_header`` marks the target of a back edge, ``join`` a label with two or more predecessors
    (handlers not counted). ``hint`` is the text of a ``# dyncc: …`` comment on the loop's line."""

    label: Label
    instructions: tuple[Instruction, ...]
    terminator: Terminator
    handler: Label | None = None
    catch: Register | None = None
    loop_header: bool = False
    join: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Function:
    """The control-flow graph of a function; ``blocks`` in source order, the entry first.

    ``live_in`` maps a label to the registers that are read before they are written from there on
    (temporaries included, and variables in cells, like ``&x``). ``cellvars`` are the names whose values
    live in cells made at entry (parameters among them are copied into their cell there), ``freevars`` those
    found in the function's closure.
    """

    name: str
    code: types.CodeType
    blocks: dict[Label, Block]
    entry: Label
    cellvars: tuple[str, ...]
    freevars: tuple[str, ...]
    is_generator: bool
    span: Span
    live_in: dict[Label, frozenset[Register]] = field(default_factory=dict[Label, "frozenset[Register]"])
    live_at: dict[tuple[Label, int], frozenset[Register]] = field(
        default_factory=dict[tuple[Label, int], "frozenset[Register]"]
    )
    """Registers live just before instruction ``i`` of a block (``i == len(instructions)``: before the
    terminator)."""
