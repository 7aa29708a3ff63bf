"""Recorder: every PyTorch call of the program, on fake tensors, into the graph of the current block.

It works at the level of the calls that the program makes (``__torch_function__``), so a graph holds
``conv2d`` and ``scaled_dot_product_attention`` and not their decompositions. The calls run on fake tensors,
which know shapes, dtypes, storages and views; that tells what a call returned anew, what is a view, and
which memory it changed.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx
from torch.overrides import TorchFunctionMode

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.facts import Facts
from dyncc.compiler.specialize.lists import host_lists
from dyncc.compiler.specialize.recording import (
    folding,
    guards,
    indexing,
    mutation,
    questions,
    refusals,
    sized_calls,
    small_sizes,
)
from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.recording.fake_calls import (
    RandomWatch,
    name_of,
)
from dyncc.compiler.specialize.recording.handlers import registry
from dyncc.compiler.specialize.recording.nested import has_tensor, leaves_of, map_leaves, rebuild
from dyncc.compiler.specialize.recording.tensor_types import storage_key
from dyncc.compiler.specialize.values import (
    Derivation,
    DynamicList,
    SymTensor,
    current,
    decide,
    is_scalar,
)
from dyncc.compiler.specialize.values.decisions import native_computation
from dyncc.compiler.tuples import tuple_of
from dyncc.runtime.program import Span

Hook = Callable[[Any, str, Any], None]
"""As taken by sys.setprofile."""


class RecorderMode(TorchFunctionMode):
    """Brings every PyTorch call of the running program to the recorder."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self.recorder.call(func, args, kwargs or {})


class Recorder:
    """``weights`` maps a name to every real tensor that a graph refers to."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.weights: dict[str, torch.Tensor] = {}
        self.names: dict[int, str] = {}
        self.keep: list[torch.Tensor] = []
        self.alive: list[Any] = []
        self.inputs: Callable[[], dict[str, SymTensor]] = dict
        self.cells: dict[str, SymTensor] = {}
        """Weights that calls change: what stands for each at present."""
        self.folding = False
        self.hints: dict[str, int] = {}
        self.remade: dict[type, frozenset[Any]] = {}
        """Classes of tuples that are elements of lists of run-time length, so made anew → due to what."""
        self.chosen: set[Any] = set()
        """Kinds of memory of tensors that were chosen by an index, and so copied."""
        self.changed: set[Any] = set()
        """Kinds of memory that a block was given and changed."""
        self.inside: set[Span] = set()
        """Reads whose number also goes on inside of the graph, computed from the tensor."""
        self.unseen: set[Span] = set()
        """Reads of arrays of NumPy's, which are none of PyTorch's in the original."""
        self.identities: set[tuple[str, str]] = set()
        """Pairs of arguments of which the program asks whether they are one tensor."""
        self.kept_identities: list[tuple[str, torch.Tensor, Span | None]] = []
        """Where it asks whether an argument is a tensor that may be of the state: its name, the other."""
        self.stored: defaultdict[str, set[Span | None]] = defaultdict(set)
        """Where attributes are given a tensor, by their name."""
        self.has_lengths = False
        """Whether lengths of lists are sizes of tensors."""
        self.training = False
        """Whether the network is compiled in training mode."""
        self.given: dict[tuple[Span | None, str], set[Any]] = {}
        """Calls (where, and of what) before which a block ends, so that their sizes are given, and the
        origins of what the block that ended depended on."""
        self.hook: Hook | None = None
        """What watches the code that is being recorded; None while the recorder itself is at work."""
        self.composing = False
        """Whether what is recorded is a part of a call of the program."""
        self._symbols = 0
        self._constants = 0
        self._canonical: dict[Any, torch.Tensor] = {}

    # --------------------------------------------------------------------------------- context

    @property
    def block(self) -> BlockBuilder:
        return current[-1]

    @contextmanager
    def recording(self, hook: Hook | None = None) -> Iterator[None]:
        """Record the PyTorch calls of the code inside, whose other calls ``hook`` sees (sys.setprofile).

        When somebody profiles the compiler, the hook of the interpreter is theirs.
        """
        before, watched = sys.getprofile(), self.hook
        self.hook = hook = hook if before is None else None
        try:
            with RecorderMode(self):
                if hook is not None:
                    sys.setprofile(hook)
                try:
                    yield
                finally:
                    if hook is not None:
                        sys.setprofile(None)
        finally:
            self.hook = watched

    @contextmanager
    def faking(self) -> Iterator[None]:
        """Run PyTorch on fake tensors, unrecorded."""
        with (
            torch._C.DisableTorchFunction(),
            RandomWatch(),
            self.block.fake_mode,
        ):
            yield

    def autocast_state(self) -> tuple[str, torch.dtype] | None:
        if torch.is_autocast_enabled("cpu"):
            return ("cpu", torch.get_autocast_dtype("cpu"))
        return None

    # ------------------------------------------------------------------------------- constants

    def name_constants(self, names: Mapping[str, torch.Tensor]) -> None:
        for name, tensor in names.items():
            self.names.setdefault(id(tensor), name)
            self.keep.append(tensor)

    def constant_name(self, tensor: torch.Tensor) -> str:
        name = self.names.get(id(tensor))
        if name is None:
            while (name := f"const_{self._constants}") in self.facts.cells:  # an earlier attempt's name
                self._constants += 1
            self._constants += 1
            self.names[id(tensor)] = name
            self.keep.append(tensor)
        return name

    def constant(self, tensor: torch.Tensor) -> tuple[fx.Node, torch.Tensor]:
        """A real tensor of the program in the current graph: a weight."""
        block = self.block
        found = block.constant_fakes.get(id(tensor))
        if found is None:
            with torch._C.DisableTorchFunction():
                fake = block.fake_mode.from_tensor(tensor.detach(), static_shapes=True)
            block.constant_fakes[id(tensor)] = (tensor, fake)
        else:
            fake = found[1]
        node = block.constant_nodes.get(id(tensor))
        if node is None:
            name = self.constant_name(tensor)
            self.weights[name] = tensor
            with block._at_head():
                node = block.graph.create_node("get_attr", name, (), {})
            node.meta["type"] = block.type_of(fake)
            block.constant_nodes[id(tensor)] = node
        return node, fake

    def tensor_of_weight(self, weight: torch.Tensor) -> SymTensor:
        """A weight as a tensor of the current block."""
        cell = self.cell_of(weight)
        if cell is not None:
            return cell
        node, fake = self.constant(weight)
        return SymTensor.make(fake, node)

    # ------------------------------------------------------------------------------------ calls

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A PyTorch call of the program.

        Returns what the program gets: SymTensors for tensors, Scalars for numbers that depend on data.
        Raises what eager raises; CompileError where the call cannot be recorded faithfully.
        Meanwhile the hook rests: what PyTorch does for the call is not the program's doing.
        """
        if self.hook is None:
            return self._call(func, args, kwargs)
        hook, self.hook = self.hook, None
        sys.setprofile(None)
        try:
            return self._call(func, args, kwargs)
        finally:
            self.hook = hook
            sys.setprofile(hook)

    def _call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.folding:
            with torch._C.DisableTorchFunction():
                return func(*args, **kwargs)
        block = self.block
        block.forget_probe()
        outer, self.composing = self.composing, True
        try:
            with torch._C.DisableTorchFunction():
                if block.risks is not None and not outer:  # what a call is made of is not the program's own
                    block.risks.call(func, args, kwargs)
                handler = registry.find(func)
                if handler is not None:
                    result = handler(self, func, args, kwargs)
                    if result is not NotImplemented:
                        return result
                return self.record(func, args, kwargs)
        finally:
            self.composing = outer

    def record(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(func, torch._C.ScriptMethod):
            raise native_computation(func.name, self.block.span)
        args, kwargs = indexing.weak_numbers(self, func, args, kwargs)
        if self.cells:
            args, kwargs = map_leaves(args, self.present), map_leaves(kwargs, self.present)
        lifted: list[tuple[Any, torch.Tensor]] = []
        node_args = self._lift(args, lifted, 0)
        node_kwargs = self._lift(kwargs, lifted, 0)
        fake_args = self._lift(args, lifted, 1)
        fake_kwargs = self._lift(kwargs, lifted, 1)
        inputs = {id(fake): owner for owner, fake in lifted}
        versions = [(owner, fake, fake._version) for owner, fake in lifted]
        try:
            result = sized_calls.run_fake(self, func, fake_args, fake_kwargs, (args, kwargs))
        except guards.Fixed as needed:
            if any(fake._version != version for _, fake, version in versions):
                raise refusals.undecided(func, "it changes such a tensor", self.block.span) from None
            if self.block.risks is not None:
                self.block.risks.sizes(func)
            return self.record(func, *sized_calls.as_sizes(self, func, (args, kwargs), needed))
        except questions.Known as known:
            if any(fake._version != version for _, fake, version in versions):
                raise refusals.undecided(func, "it changes such a tensor", self.block.span) from None
            return sized_calls.record_known(self, func, (args, kwargs), known.question)
        sized_calls.share_mask(self, func, node_args, node_kwargs, result)
        sized_calls.share_slice(self, func, fake_args, result)
        mutated = [(owner, fake) for owner, fake, version in versions if fake._version != version]
        if not has_tensor(result) and not mutated:
            return self._plain(result, func, args)
        if mutated:
            sized_calls.refuse_overlap(self, func, (fake_args, fake_kwargs), [fake for _, fake in mutated])
        constant = folding.fold(self, func, args, kwargs, lifted, bool(mutated))
        node = self.block.emit(func, node_args, node_kwargs)
        if (self.block.span, name_of(func)) in self.given:
            node.meta["sizes_given"] = True
        small_sizes.note(self, func, (args, kwargs), (fake_args, fake_kwargs), node)
        if mutated:
            node.meta["mutates"] = True
            mutation.note_mutation(self, mutated)
        by_storage = {storage_key(fake): owner for owner, fake in reversed(lifted)}
        return self._lower(result, node, func, args, kwargs, inputs, by_storage, constant, ())

    def demand_sizes(self, values: Any) -> None:
        """A call failed that may depend on generalized numbers: begin again with them static."""
        origins = set(self.block.used_origins)
        for (span, _), earlier in self.given.items():
            if span == self.block.span:
                origins |= earlier
        for value in leaves_of(values):
            if is_scalar(value):
                origins |= value.origins
        self.facts.demand(frozenset(origins))

    # ------------------------------------------------------------------------- lift and lower

    def _lift(self, value: Any, lifted: list[tuple[Any, torch.Tensor]], which: int) -> Any:
        """An argument as the graph (``which`` 0) or the fake call (1) takes it."""
        if isinstance(value, SymTensor):
            self._live(value)
            if which == 0:
                lifted.append((value, value.fake))
                return value.node
            return value.fake
        if isinstance(value, torch.Tensor):
            cell = self.cell_of(value)
            if cell is not None:
                return self._lift(cell, lifted, which)
            if torch._C._functorch.is_functorch_wrapped_tensor(value):
                raise refusals.transformed(self.block.span)
            node, fake = self.constant(value)
            if which == 0:
                lifted.append((value, fake))
                return node
            return fake
        if is_scalar(value):
            if value.kind == "bool":  # a flag of the call: it says which operator this is
                decide(value, "a flag of a PyTorch call")
            self.block.used_origins |= {o for o in value.origins if o != ("data",)}
            return self.block.numbers.size(value.expr)[which]
        if isinstance(value, DynamicList):
            decide(value, "the elements of a list that grows at run time")
        if type(value) in (tuple, list, torch.Size):
            items = [self._lift(item, lifted, which) for item in value]
            return tuple(items) if type(value) is not list else items
        if isinstance(value, tuple):
            return tuple_of(type(value), [self._lift(item, lifted, which) for item in value])
        if isinstance(value, list):
            return type(value)(self._lift(item, lifted, which) for item in value)
        if type(value) is dict:
            return {key: self._lift(item, lifted, which) for key, item in value.items()}
        if isinstance(value, slice):
            return slice(*(self._lift(v, lifted, which) for v in (value.start, value.stop, value.step)))
        return value

    def _live(self, tensor: SymTensor, name: str = "") -> None:
        if tensor.node.graph is not self.block.graph:
            raise CompileError(
                [
                    Diagnostic(
                        "DY112",
                        "a tensor is kept where dyncc cannot follow it across a decision",
                        self.block.span,
                        label=f"`{name}` is needed here" if name else "it is used here",
                        helps=("keep tensors in local variables, attributes, lists or dicts",),
                    )
                ]
            )

    def _lower(
        self,
        result: Any,
        node: fx.Node,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        inputs: dict[int, Any],
        by_storage: dict[int, Any],
        constant: Any,
        path: tuple[int, ...],
    ) -> Any:
        """The result of a fake call as the program sees it, its nodes added to the graph."""
        if isinstance(result, torch.Tensor):
            owner = inputs.get(id(result))
            if owner is not None:
                return owner
            if result.layout is not torch.strided:
                raise refusals.failure(func, f"the result is of layout {result.layout}", self.block.span)
            tensor = SymTensor.make(result, node)
            node.meta["type"] = self.block.type_of(result)
            base = by_storage.get(storage_key(result))
            if base is not None:
                tensor.derivation = Derivation(base, func, args, kwargs, path)
            if isinstance(constant, torch.Tensor):
                tensor.constant = constant
            self.block.made.append(tensor)
            return tensor
        if isinstance(result, (tuple, list)) and not isinstance(result, torch.Size):
            items: list[Any] = []
            for index, item in enumerate(result):
                if not has_tensor(item):
                    items.append(self._plain(item, func, args))
                    continue
                child = self.block.emit(_getitem, (node, index), {})
                part = constant[index] if constant is not None else None
                items.append(
                    self._lower(item, child, func, args, kwargs, inputs, by_storage, part, (*path, index))
                )
            return rebuild(result, items)
        if isinstance(result, dict):
            raise refusals.failure(func, "the call returns a dict", self.block.span)
        return self._plain(result, func, args)

    def _plain(self, result: Any, func: Any, args: Any) -> Any:
        """A result without tensors: numbers that depend on sizes become Scalars."""
        if isinstance(result, torch.SymBool | torch.SymInt | torch.SymFloat):
            raise refusals.failure(func, "the call returns a number of unknown origin", self.block.span)
        return result

    # -------------------------------------------------------------------------------- mutation

    def cell_of(self, tensor: torch.Tensor) -> SymTensor | None:
        if not self.cells:
            return None
        return self.cells.get(self.names.get(id(tensor), ""))

    def present(self, value: Any) -> Any:
        """What stands for a weight that calls change."""
        if isinstance(value, torch.Tensor) and not isinstance(value, SymTensor):
            cell = self.cell_of(value)
            return value if cell is None else cell
        return value

    def demand_sharing(self, *tensors: Any) -> None:
        """What is asked or done depends on whether ``tensors`` share memory: it must be known exactly."""
        for tensor in tensors:
            if isinstance(tensor, SymTensor):
                places = self.block.split.get(storage_key(tensor.fake))
                if places:
                    self.facts.demand_sharing(places)

    def ask_identity(self, *tensors: Any) -> None:
        """The program asks which tensors ``tensors`` are: sharing must be known, also that of arguments.

        Of two, whether they are one; of a single one, whether it is any other.
        """
        self.demand_sharing(*tensors)
        sides = [self._as_inputs(tensor) for tensor in tensors]
        others = sides[1] if len(sides) > 1 else list(self.inputs())
        self.identities |= {(min(a, b), max(a, b)) for a in sides[0] for b in others if a != b}
        if len(tensors) > 1:
            self._note_kept(*map(self.present, tensors))

    def _note_kept(self, left: Any, right: Any) -> None:
        """Note where an argument is compared with what may be a tensor of the state: a caller may give back
        what an earlier call returned and kept. (Sharing is known here: an argument is one by any name.)"""
        names = {id(tensor): name for name, tensor in self.inputs().items()}
        for given, other in ((left, right), (right, left)):
            kept = (
                isinstance(other, SymTensor) and other.node.op == "placeholder" and id(other) not in names
            )
            if kept and id(given) in names:
                self.kept_identities.append((names[id(given)], other.fake, self.block.span))

    def _as_inputs(self, tensor: Any) -> list[str]:
        """The arguments that a tensor may be: in later blocks, each of its type."""
        if not isinstance(tensor, SymTensor):
            return []
        inputs = self.inputs()
        known = [name for name, other in inputs.items() if other is tensor]
        if known or all(other.node.graph is self.block.graph for other in inputs.values()):
            return known
        return [name for name, other in inputs.items() if may_be(tensor.fake, other.fake)]

    def check_element(self, items: DynamicList, value: Any) -> None:
        host_lists.check_element(self, items, value)

    # ---------------------------------------------------------------------------------- sizes

    def hint_of(self, index: int) -> int:
        """A size to think with for the ``index``-th symbol of a block: distinct, not a size in use."""
        return 37 + 4 * index if index < 40 else 211 + index

    def fresh_hint(self) -> int:
        self._symbols += 1
        return 401 + 2 * self._symbols

    def facts_symbol(self) -> str:
        self._symbols += 1
        return f"n{self._symbols}"

    def canonical_constant(self, tensor: torch.Tensor) -> torch.Tensor:
        """One tensor for all constants of equal value."""
        key = (tensor.dtype, tuple(tensor.shape), tensor.contiguous().view(-1).numpy().tobytes())
        return self._canonical.setdefault(key, tensor.detach().clone())

    def private_constant(self, real: torch.Tensor) -> tuple[fx.Node, torch.Tensor]:
        """A constant as a tensor of the current block that the program may change."""
        node, fake = self.constant(real)
        with self.faking():
            copy = fake.clone()
        return self.block.emit(torch.clone, (node,), {}), copy

    def size(self, tensor: SymTensor, axis: int) -> Any:
        """``tensor.shape[axis]``: an int, or a Scalar where it is known only at run time."""
        size = tensor.fake.shape[axis]
        if isinstance(size, int):
            return size
        with self.faking():
            maybe = size.node.maybe_as_int()
        return maybe if maybe is not None else self.block.dim_scalar(tensor, axis)


def may_be(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two fake tensors may be one, by their types."""
    return (
        one.dtype == other.dtype
        and one.dim() == other.dim()
        and all(
            not (isinstance(a, int) and isinstance(b, int)) or a == b
            for a, b in zip(one.shape, other.shape, strict=True)
        )
    )


def _getitem(value: Any, index: int) -> Any:
    return value[index]


_getitem.__name__ = "getitem"
_getitem.__qualname__ = "getitem"
