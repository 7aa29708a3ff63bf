"""BlockBuilder: one block of the program while it is recorded.

A block is: host operations that its graph needs (``pre``), the graph, host operations on what the graph
gave (``host``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import fx
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv
from torch.utils._sympy.value_ranges import ValueRanges

from dyncc.compiler.code_origin import users_first
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.lower.sizes import evaluate
from dyncc.compiler.specialize.facts import Frozen
from dyncc.compiler.specialize.lists.copies import parts_of
from dyncc.compiler.specialize.recording import small_sizes
from dyncc.compiler.specialize.recording.graph_numbers import GraphNumbers
from dyncc.compiler.specialize.recording.size_ranges import Range
from dyncc.compiler.specialize.recording.tensor_types import (
    contiguous_strides,
    dtype_name,
    number_kind,
    storage_key,
)
from dyncc.compiler.specialize.values import (
    DATA,
    Decision,
    DynamicList,
    Expr,
    Scalar,
    SymTensor,
    call_site,
    is_scalar,
)
from dyncc.ir.subtyping import constant_type
from dyncc.ir.symbols import symbols_in
from dyncc.runtime.program import (
    Compute,
    Const,
    HostOp,
    ListType,
    Operand,
    Ref,
    ScalarType,
    Span,
    Step,
    TensorType,
    Type,
    Value,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.questions import Question
    from dyncc.compiler.specialize.recording.raising import Raising
    from dyncc.compiler.specialize.recording.recorder import Recorder
    from dyncc.compiler.specialize.recording.tensor_types import TensorSpec


class BlockBuilder:
    """Records one block. ``hints`` gives every symbol a size to think with (distinct primes)."""

    def __init__(self, name: str, recorder: Recorder, hints: dict[str, int]) -> None:
        self.name = name
        self.recorder = recorder
        self.params: list[Value] = []
        self.pre: list[HostOp] = []
        self.host: list[HostOp] = []
        self.graph = fx.Graph()
        self.placeholders: dict[fx.Node, Operand] = {}
        self.outputs: dict[fx.Node, Value] = {}
        self.names: set[str] = set()
        self.shape_env = ShapeEnv(specialize_zero_one=False, duck_shape=False)
        self.fake_mode = FakeTensorMode(shape_env=self.shape_env, allow_non_fake_inputs=False)
        self.hints = hints
        self.constant_fakes: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.constant_nodes: dict[int, fx.Node] = {}
        self.mutated: set[int] = set()
        """Storages (by id) that the graph has changed so far."""
        self.placeholder_storage: dict[int, fx.Node] = {}
        self.unmet: list[Decision] = []
        """Decisions that native code was interrupted at, since its call began."""
        self.refusal: CompileError | None = None
        """What native code met; a library may have made another exception of it."""
        self.reads: list[Any] = []
        """Numbers that the present instruction has read from tensors."""
        self.earlier: list[Any] = []
        """Those that it read when it was executed before, and will not read again."""
        self.drawn: list[HostOp] = []
        """What the present instruction has drawn: noise before the graph."""
        self.answers: list[tuple[str, bool]] = []
        """What the present instruction asked about sizes when it was executed before: the answers."""
        self.size_answers: list[tuple[Question, bool]] = []
        """What the block knows of its sizes."""
        self.risks: Raising | None = None
        """Asked before each operation of the host and each call, which may raise where that is handled."""
        self.span: Span | None = None
        self.spans: list[Span] = []
        self.numbers = GraphNumbers(self)
        self._exprs: list[Expr] = []
        self._value_of_node: dict[fx.Node, Value] = {}
        self._anonymous = itertools.count()
        self.made: list[SymTensor] = []
        self.frozen: dict[int, set[Frozen]] = {}
        """Storages that must not be changed (elements of lists, views that cannot be made again) → why."""
        self.split: dict[int, set[Any]] = {}
        """Storages that may be shared unseen → the places in the state where that was given up."""
        self.stored: list[tuple[Any, tuple[Any, ...], frozenset[Any]]] = []
        """Lists, dicts and objects that are elements of lists of run-time length, as they were then, and
        due to what."""
        self.copies: list[tuple[Any, tuple[Any, ...], frozenset[Any]]] = []
        """Objects that stand for such elements, likewise."""
        self.places: dict[Any, tuple[fx.Node, int, int]] = {}
        """Unknown size → a tensor of the graph, an axis, and what the size there has more than it."""
        self.bounds: list[small_sizes.Bound] = []
        """What the calls of the graph need of such sizes."""
        self.masks: dict[Any, Any] = {}
        self.equal_sizes: dict[Any, Any] = {}
        """Unknown sizes, as symbols, that are others on the side of a decision that is being gone to."""
        self.lengths: dict[str, tuple[Any, int]] = {}
        """Lists of run-time length, by the name of the value → as long as which, and how much more."""
        self.length_sizes: dict[tuple[Any, int], str] = {}
        """Such lengths as sizes of tensors."""
        self.slices: dict[Any, Any] = {}
        """What was cut from a size by which bounds → the size of it."""
        self.sizes: dict[str, Any] = {}
        self.ranges: dict[str, Range] = {}
        """What sizes can be, by name, where that is known."""
        self.size_places: frozenset[Any] = frozenset()
        """The places in the state at which the block has sizes that are not known."""
        self.side_ranges: dict[Any, ValueRanges[Any]] = {}
        """What unknown sizes, as symbols, can be on the side of a decision that is being gone to."""
        self.used_origins: set[Any] = set()
        """Origins of the generalized numbers and sizes that this block's graph depends on."""

    def freeze(self, tensor: torch.Tensor, because: Frozen) -> None:
        self.frozen.setdefault(storage_key(tensor), set()).add(because)

    def store(self, value: Any, origins: frozenset[Any]) -> None:
        """A list, dict or object became an element of a list of run-time length: it must stay as it is."""
        self.stored.append((value, parts_of(value), origins))

    def note_copy(self, value: Any) -> None:
        """An object lives that stands for such an element. It refuses changes, but those in its dict."""
        self.copies.append((value, parts_of(value), value._dyncc_origins))

    def origins_of_stored(self, value: Any) -> frozenset[Any]:
        """What is behind ``value`` being such an element."""
        found = (origins for stored, _, origins in self.stored if stored is value)
        return frozenset[Any]().union(*found)

    def is_stored(self, value: Any) -> bool:
        return any(stored is value for stored, _, _ in self.stored)

    # ------------------------------------------------------------------------------ decisions

    def note_decision(self, decision: Decision) -> None:
        self.unmet.append(decision)

    def forget_probe(self) -> None:
        """PyTorch's argument parser tries an unknown number as an index, for each signature of the call; as
        it is none, the same call goes to the recorder, which begins here."""
        if self.unmet and self.unmet[-1].site == call_site():
            probe = self.unmet.pop()
            while self.unmet and self.unmet[-1].repeats(probe):
                self.unmet.pop()

    def take_decision(self) -> Decision | None:
        """The decision that the program caught, if it did: a bare ``except``."""
        first = next(iter(self.unmet), None)
        self.unmet.clear()
        return first

    def length(self) -> int:
        """How much the block does so far."""
        return len(self.graph.nodes) + len(self.pre) + len(self.host)

    # ----------------------------------------------------------------------------------- names

    def unique(self, hint: str) -> str:
        hint = hint or "v"
        name, index = hint, 0
        while name in self.names:
            index += 1
            name = f"{hint}.{index}"
        self.names.add(name)
        return name

    # ------------------------------------------------------------------------------ parameters

    def fake(self, spec: TensorSpec) -> torch.Tensor:
        """A fake tensor of ``spec`` in this block's own shape environment."""
        sizes = [size if isinstance(size, int) else self.size(size) for size in spec.shape]
        strides = contiguous_strides(sizes)
        if spec.stride is not None:
            dense: list[Any] = [0] * len(sizes)
            step: Any = 1
            for axis in reversed(spec.stride):
                dense[axis] = step
                step = step * sizes[axis]
            strides = tuple(dense)
        if all(isinstance(size, int) for size in sizes):  # past the dispatch: eight times faster
            with torch._C.DisableTorchFunction():
                like = torch.empty_strided(sizes, strides, dtype=spec.dtype, device="meta")
                return FakeTensor(self.fake_mode, like, spec.device)
        with torch._C.DisableTorchFunction(), self.fake_mode:
            return torch.empty_strided(sizes, strides, dtype=spec.dtype, device=spec.device)

    def size(self, text: str) -> Any:
        """The symbolic size that a block calls ``s0``, or ``s0*s1 + 1``: one of its shape environment."""
        found = self.sizes.get(text)
        if found is not None:
            return found
        self.fake_mode.cache_enabled = (
            False  # it would be kept, at a price, for the sizes of this block alone
        )
        if not text.isidentifier():
            made = evaluate(text, {name: self.size(name) for name in symbols_in(text)})
        else:
            name = text
            source, hint = ConstantSource(f"{_identifier(self.name)}_{name}"), self.hints[name]
            symbol = self.shape_env.create_symbol(
                hint, source, DimDynamic.DYNAMIC, do_not_specialize_zero_one=True
            )
            self.shape_env.size_like.add(symbol)
            if name in self.ranges:
                self.shape_env.var_to_range[symbol] = self.ranges[name].values
            made = self.shape_env.create_symintnode(symbol, hint=hint, source=source)
        self.sizes[text] = made
        return made

    def limit(self, name: str, range_: Range) -> None:
        """The size ``name``, which nothing has yet, is in this range; so is the one to think with."""
        self.ranges[name] = range_
        self.hints[name] = range_.nearest(self.hints[name], len(self.ranges))

    def tensor_param(self, hint: str, spec: TensorSpec) -> tuple[str, torch.Tensor, fx.Node]:
        name = self.unique(hint)
        value = Value(name, spec.type)
        self.params.append(value)
        fake = self.fake(spec)
        node = self.placeholder(name, value.type, Ref(name))
        if spec.stride is not None:
            node.meta["stride"] = spec.stride
        if self.ranges:
            node.meta["ranges"] = tuple(self.ranges.get(str(size)) for size in spec.shape)
        self._value_of_node[node] = value
        self.placeholder_storage[storage_key(fake)] = node
        return name, fake, node

    def placeholder(self, name: str, type: Type, operand: Operand) -> fx.Node:
        with self._at_head():
            node = self.graph.placeholder(_identifier(name))
        node.meta["type"] = type
        self.placeholders[node] = operand
        return node

    def _at_head(self) -> Any:
        if self.placeholders:
            return self.graph.inserting_after(next(reversed(self.placeholders)))
        return self.graph.inserting_before()  # without a node: at the very beginning

    def scalar_param(self, hint: str, kind: str) -> Expr:
        name = self.unique(hint)
        self.params.append(Value(name, ScalarType(kind)))  # type: ignore[arg-type]
        return self._expr("param", (), kind, Ref(name))

    def list_param(self, hint: str, element: Type, length: tuple[Any, int] | None = None) -> Ref:
        """A list; ``length`` tells of what it is as long (a name, a size of tensors), and how much more."""
        name = self.unique(hint)
        self.params.append(Value(name, ListType(element)))
        if length is not None:
            self.lengths[name] = length
            if isinstance(length[0], tuple):
                self.length_sizes[length[0], 0] = length[0][1]
        return Ref(name)

    def length_of(self, items: DynamicList) -> tuple[Any, int]:
        """How long a list is: as something that has a name (None for nothing), and how much more."""
        if items.base is None:
            return None, len(items.tail)
        name = items.base.name if isinstance(items.base, Ref) else repr(items.base)
        length, more = self.lengths.get(name, (name, 0))
        return length, more + len(items.tail)

    def length_size(self, items: DynamicList) -> str:
        """The length of a list as a size: one for all lists that are known to be equally long."""
        length = self.length_of(items)
        self.recorder.has_lengths = True
        return self.length_sizes.setdefault(length, self.recorder.facts_symbol())

    # ---------------------------------------------------------------------------------- numbers

    def _expr(
        self, op: str, operands: tuple[Any, ...], kind: str, operand: Operand, payload: Any = None
    ) -> Expr:
        expr = Expr(op, operands, kind, operand, payload)
        self._exprs.append(expr)  # kept alive: the memo tables are keyed by identity
        return expr

    def host_op(self, op: str, operands: Sequence[Operand], type: Type, hint: str = "") -> Ref:
        if self.risks is not None:
            self.risks.host_op(op, operands)
        result = Value(self.unique(hint or op.split(".")[-1].strip("_")), type)
        self.host.append(HostOp(op, tuple(operands), result, self.span))
        return Ref(result.name)

    def host_scalar(self, op: str, operands: tuple[Any, ...], kind: str, origins: frozenset[Any]) -> Scalar:
        exprs = tuple(o.expr if is_scalar(o) else o for o in operands)
        ref = self.host_op(op, [self.scalar_operand(o) for o in operands], ScalarType(kind))  # type: ignore[arg-type]
        return Scalar(kind, self._expr(op, exprs, kind, ref), origins)

    def scalar_operand(self, value: Any) -> Operand:
        return value.operand if is_scalar(value) else Const(value)

    def type_of_operand(self, operand: Operand) -> Type | None:
        """The type of a value of this block; None for an output of the graph."""
        if isinstance(operand, Const):
            return constant_type(operand)
        values = (*self.params, *(op.result for op in (*self.pre, *self.host)))
        return next((value.type for value in values if value.name == operand.name), None)

    def host_leaf(self, op: str, operands: Sequence[Operand], kind: str, hint: str = "") -> Scalar:
        """A number of the host that the graph cannot compute (a list's length, a table look-up)."""
        ref = self.host_op(op, operands, ScalarType(kind), hint)  # type: ignore[arg-type]
        return Scalar(kind, self._expr("host", (), kind, ref), frozenset((DATA,)))

    def executes(self, earlier: Sequence[Any], answers: Sequence[tuple[str, bool]]) -> None:
        """An instruction begins, which has read and asked this already if it is executed again."""
        self.reads, self.earlier, self.answers = [], list(earlier), list(answers)
        self.drawn = []

    def forget_draws(self) -> bool:
        """The present instruction is executed again, and draws then. Whether that is all it did so far;
        otherwise what it read may come of what it drew."""
        self.pre = [op for op in self.pre if not any(op is drawn for drawn in self.drawn)]
        return not (self.drawn and self.reads)

    def read_before(self) -> bool:
        """Whether the present read was made when the instruction was executed before: its last number."""
        if not self.earlier:
            return False
        self.reads.append(self.earlier.pop(0))
        return True

    def read(self, tensor: SymTensor) -> Any:
        """``tensor.item()``: one read of a tensor's value, in program order."""
        if self.read_before():
            return self.reads[-1]
        self.reads.append(self._read(tensor))
        return self.reads[-1]

    def _read(self, tensor: SymTensor) -> Scalar:
        snapshot = self.snapshot(tensor)
        kind = number_kind(snapshot.fake.dtype)
        ref = self.host_op("item", [self.tensor_operand(snapshot)], ScalarType(kind), tensor.hint or "item")  # type: ignore[arg-type]
        return Scalar(kind, self._expr("item", (), kind, ref, snapshot), frozenset((DATA,)))

    def snapshot(self, tensor: SymTensor) -> SymTensor:
        """The tensor as it is now: itself where nothing can change it later, else a copy."""
        if self.placeholders.get(tensor.node) is not None and storage_key(tensor.fake) not in self.mutated:
            return tensor
        return self.recorder.call(torch.Tensor.clone, (tensor,), {})

    def dim_scalar(self, tensor: SymTensor, axis: int) -> Scalar:
        expr_memo = tensor.node.meta.setdefault("dims", {})
        if axis not in expr_memo:
            ref = self.host_op("dim", [self.tensor_operand(tensor), Const(axis)], ScalarType("int"), "size")
            expr_memo[axis] = self._expr("dim", (), "int", ref, (tensor, axis))
        return Scalar("int", expr_memo[axis], frozenset((DATA,)))

    def size_before(self, tensor: Ref, axis: int) -> Ref:
        """The size of a tensor that is there before the graph runs, as a number of the host."""
        result = Value(self.unique("size"), ScalarType("int"))
        self.pre.append(HostOp("dim", (tensor, Const(axis)), result, self.span))
        return Ref(result.name)

    def is_pre(self, operand: Operand) -> bool:
        """Whether a host value is there before the graph runs."""
        if isinstance(operand, Const):
            return True
        return any(p.name == operand.name for p in self.params) or any(
            op.result.name == operand.name for op in self.pre
        )

    def make_pre(self, operand: Operand) -> bool:
        """Move the host operations that ``operand`` depends on before the graph; False if impossible."""
        if self.is_pre(operand):
            return True
        assert isinstance(operand, Ref)
        for op in self.host:
            if op.result.name == operand.name and op.op != "item":
                if not all(self.make_pre(o) for o in op.operands):
                    return False
                self.host.remove(op)
                self.pre.append(op)
                return True
        return False

    # ------------------------------------------------------------------------------------ graph

    def emit(self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> fx.Node:
        node = self.graph.create_node("call_function", target, args, kwargs)
        if self.span is not None:
            node.meta["span"] = self.span
        autocast = self.recorder.autocast_state()
        if autocast is not None:
            node.meta["autocast"] = autocast
        return node

    def tensor_operand(self, tensor: SymTensor) -> Ref:
        """The tensor as a value of the block: a parameter, or an output of the graph.

        An output is what the tensor holds at the *end* of the graph.
        """
        node = tensor.node
        if node in self.placeholders and storage_key(tensor.fake) not in self.mutated:
            operand = self.placeholders[node]
            assert isinstance(operand, Ref)
            return operand
        value = self.outputs.get(node)
        if value is None:
            value = Value(self.unique(tensor.hint or "out"), self.type_of(tensor.fake))
            self.outputs[node] = value
        return Ref(value.name)

    def type_of(self, fake: torch.Tensor) -> TensorType:
        shape = tuple(int(s) if isinstance(s, int) else str(s.node.expr) for s in fake.shape)
        return TensorType(dtype_name(fake.dtype), shape)

    # ----------------------------------------------------------------------------------- finish

    def steps(self, graph_name: str) -> tuple[tuple[Step, ...], fx.Graph | None]:
        """Close the graph: parameters that it changes are copied first, unused ones leave it."""
        for storage, node in self.placeholder_storage.items():
            if storage in self.mutated and node.users:
                with self.graph.inserting_after([n for n in self.graph.nodes if n.op == "placeholder"][-1]):
                    copy = self.graph.create_node("call_function", torch.clone, (node,), {})
                copy.meta["type"] = node.meta["type"]
                node.replace_all_uses_with(copy, delete_user_cb=lambda user, copy=copy: user is not copy)
                if node in self.outputs:
                    self.outputs[copy] = self.outputs.pop(node)
        if not self.outputs:
            return (*self.pre, *self.host), None
        self.outputs = small_sizes.check(self.bounds, self.outputs)
        self.graph.output(tuple(self.outputs))
        self._eliminate_dead_code()
        inputs: list[Operand] = []
        for node in [n for n in self.graph.nodes if n.op == "placeholder"]:
            if node.users:
                inputs.append(self.placeholders[node])
            else:
                self.graph.erase_node(node)
        span = next(iter(users_first(self.spans)), None)
        compute = Compute(graph_name, tuple(inputs), tuple(self.outputs.values()), span)
        return (*self.pre, compute, *self.host), self.graph

    def _eliminate_dead_code(self) -> None:
        """Drop calls whose result is unused, unless they change a tensor that something else reads."""
        for node in reversed(list(self.graph.nodes)):
            if node.op in ("call_function", "get_attr") and not node.users and not node.meta.get("mutates"):
                self.graph.erase_node(node)


def _identifier(name: str) -> str:
    text = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    return text if text and not text[0].isdigit() else f"_{text}"
