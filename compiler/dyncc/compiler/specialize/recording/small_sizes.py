"""Small sizes: what PyTorch refuses must be refused when the network runs, too.

``F.max_pool1d(x, 3)`` raises for two elements, ``x.max()`` for none; an engine answers with what lay in
memory, or with an infinity. A fake call says nothing of it, since it is made on sizes to think with. So
each call with unknown sizes is tried on small ones, one size at a time while the others are larger. What
depends on a call that raises there goes through ``holds`` (:mod:`~dyncc.compiler.size_checks`) where it
leaves the block. That is after the call: nothing must come between a convolution and its pooling.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import fx

from dyncc.compiler.size_checks import holds
from dyncc.compiler.specialize.recording import guards, questions
from dyncc.compiler.specialize.recording.nested import leaves_of

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder

_OTHERS = (8, 64, 1024)
"""Sizes that are large, the first of them that a call takes."""
_LARGEST = 1_000_000
"""Elements of a tensor up to which one is made to see what PyTorch says."""
_REFUSED_BY_ENGINES = (torch.Tensor.__getitem__, torch.Tensor.select, torch.select, torch.index_select)
"""Calls of which engines raise by themselves what PyTorch raises for small sizes."""


@dataclass(frozen=True)
class Least:
    """The least size that a call takes; ``or_none``: and zero."""

    size: int
    or_none: bool


@dataclass(frozen=True)
class Bound:
    """An axis of a tensor of the graph whose size a call needs to be at least so much."""

    call: fx.Node
    tensor: fx.Node
    axis: int
    offset: int
    least: Least


def note(
    recorder: Recorder, func: Callable[..., Any], values: Any, fakes: tuple[Any, Any], call: fx.Node
) -> None:
    """Find what a recorded call needs of sizes that are not known. ``fakes``: its fake arguments."""
    shapes = guards.shapes_of(leaves_of(fakes))
    symbols = sorted({s for shape in shapes.values() for s in guards.symbols_of(shape)}, key=str)
    if not symbols:
        return
    block, trial = recorder.block, _Trial(func, fakes, shapes, symbols)
    if block.risks is not None and block.risks.may_catch() and _raises(recorder, trial):
        block.risks.sizes(func)
    if func in _REFUSED_BY_ENGINES:
        return
    for symbol, (_, tensor, axis, offset) in questions.places_of(values).items():
        block.places.setdefault(symbol, (tensor.node, axis, offset))
    needs = _needs(recorder, trial)
    for symbol, least in zip(symbols, needs, strict=True):
        if least is not None and symbol in block.places:
            block.bounds.append(Bound(call, *block.places[symbol], least))


def check(bounds: list[Bound], outputs: dict[fx.Node, Any]) -> dict[fx.Node, Any]:
    """The outputs of a graph, with those checked that depend on a call which needs certain sizes."""
    if not bounds:
        return outputs
    checked: dict[fx.Node, Any] = {}
    # what a call changes in place may be any of the outputs
    changing = [node for node in bounds[0].call.graph.nodes if node.meta.get("mutates")]
    behind_all = _sources(changing)
    for output, value in outputs.items():
        sources = behind_all | _sources([output])
        node = output
        for tensor, axis, offset, least in _strictest(b for b in bounds if b.call in sources):
            relations = [("le", None, least.size + offset, tensor, axis)]
            if least.or_none:
                relations.append(("eq", None, offset, tensor, axis))
            node = output.graph.call_function(holds, (node, *_operands(relations)))
            node.meta = {key: value for key, value in output.meta.items() if key in ("type", "span")}
        checked[node] = value
    return checked


def _operands(relations: list[tuple[str, Any, int, Any, int]]) -> tuple[list[str], list[Any], list[int]]:
    """Relations as ``holds`` takes them."""
    tensors = [tensor for _, one, _, other, _ in relations for tensor in (one, other)]
    numbers = [number for _, _, one, _, other in relations for number in (one, other)]
    return [name for name, *_ in relations], tensors, numbers


def _strictest(bounds: Iterator[Bound]) -> list[tuple[fx.Node, int, int, Least]]:
    """One bound of each axis: the largest of those that refuse zero, and of those that do not."""
    found: dict[Any, Least] = {}
    for bound in bounds:
        key = (bound.tensor, bound.axis, bound.offset, bound.least.or_none)
        found[key] = max(found.get(key, bound.least), bound.least, key=lambda least: least.size)
    return [
        (tensor, axis, offset, least)
        for (tensor, axis, offset, or_none), least in found.items()
        if not or_none or found.get((tensor, axis, offset, False), Least(0, False)).size < least.size
    ]


def _sources(nodes: list[fx.Node]) -> set[fx.Node]:
    """Nodes and all that they are computed from."""
    found, pending = set(nodes), list(nodes)
    while pending:
        for other in pending.pop().all_input_nodes:
            if other not in found:
                found.add(other)
                pending.append(other)
    return found


@dataclass(frozen=True)
class _Trial:
    """A call of ``func`` on fake arguments, whose sizes and numbers are in ``shapes``."""

    func: Callable[..., Any]
    fakes: tuple[Any, Any]
    shapes: Any
    symbols: list[sympy.Symbol]

    def all(self, size: int) -> dict[sympy.Symbol, int]:
        return dict.fromkeys(self.symbols, size)

    def takes(self, sizes: dict[sympy.Symbol, int]) -> bool:
        """Whether fake tensors of these sizes are taken. Their calls check less than those of real ones."""
        return guards.takes(self.func, *self.fakes, self.shapes, sizes)

    def takes_in_truth(self, sizes: dict[sympy.Symbol, int]) -> bool:
        """Whether PyTorch takes tensors of zeros of these sizes; False where they are large."""

        def real(value: Any) -> Any:
            found = guards.with_numbers(value, self.shapes, sizes)
            if not isinstance(value, torch.Tensor):
                return found
            if math.prod(found) > _LARGEST:
                raise ValueError("too large")
            return torch.zeros(found, dtype=value.dtype)

        try:
            args, kwargs = (guards.mapped(values, real) for values in self.fakes)
            with (
                torch._C.DisableTorchFunction(),
                torch.no_grad(),
                torch.random.fork_rng([]),
                warnings.catch_warnings(action="ignore"),
            ):
                self.func(*args, **kwargs)
        except Exception:
            return False
        return True

    def key(self) -> Any:
        """Calls of equal keys take the same sizes."""
        names = {symbol: sympy.Symbol(f"k{place}") for place, symbol in enumerate(self.symbols)}

        def named(value: Any) -> Any:
            known = self.shapes.get(id(value))
            if known is None:
                return repr(value)
            kind = str(value.dtype) if isinstance(value, torch.Tensor) else type(value).__name__
            return kind, *(size if isinstance(size, int) else str(size.xreplace(names)) for size in known)

        return self.func, repr(guards.mapped(self.fakes, named))


def _needs(recorder: Recorder, trial: _Trial) -> list[Least | None]:
    """What the call needs of each of its sizes."""
    if recorder.block.size_answers:  # what is known of sizes is not part of the key
        allowed = questions.allowed(recorder)
        return [_least(trial, symbol, allowed) for symbol in trial.symbols]
    key, known = trial.key(), recorder.facts.needs
    if key not in known:
        known[key] = [_least(trial, symbol, lambda _: True) for symbol in trial.symbols]
    return known[key]


def _raises(recorder: Recorder, trial: _Trial) -> bool:
    """Whether the call raises for some sizes, of those that are tried."""
    most = _OTHERS[0]
    takes = next((f for f in (trial.takes_in_truth, trial.takes) if f(trial.all(most))), None)
    tried = ({**trial.all(most), symbol: size} for symbol in trial.symbols for size in range(most))
    allowed = questions.allowed(recorder)
    return takes is None or any(allowed(sizes) and not takes(sizes) for sizes in tried)


def _least(trial: _Trial, symbol: sympy.Symbol, allowed: guards.Allowed) -> Least | None:
    """What the call needs of one size; None where it takes every size, or nothing simple can be said."""
    ways = itertools.product((trial.takes_in_truth, trial.takes), _OTHERS)
    takes, others = next(((f, n) for f, n in ways if f(trial.all(n))), (None, 0))
    if takes is None:
        return None

    def least(others: int) -> Least | None:
        return _least_beside(trial.all(others), symbol, takes, allowed)

    found = least(others)
    alone = found is None or len(trial.symbols) == 1
    return found if alone or found == least(2 * others) else None  # else it depends on the other sizes


def _least_beside(
    sizes: dict[sympy.Symbol, int],
    symbol: sympy.Symbol,
    takes: Callable[[dict[sympy.Symbol, int]], bool],
    allowed: guards.Allowed,
) -> Least | None:
    """The same where the other sizes are as in ``sizes``, and what is said there of this one is taken."""

    def taken(size: int) -> bool:
        tried = {**sizes, symbol: size}
        return not allowed(tried) or takes(tried)

    none, one, two = taken(0), taken(1), taken(2)
    if two:
        return None if one and none else Least(1 if one else 2, none)
    most = sizes[symbol]
    least = next((size for size in range(3, most + 1) if taken(size)), most)
    regular = not one and all(map(taken, range(least + 1, least + 4)))
    return Least(least, none) if regular else None
