"""Guards on sizes: what a fake call assumed of a size that is known only when the network runs.

A fake call may look at a size by the number that stands for it while compiling, and its result is then that
for such sizes alone (how many parts ``split`` gives). PyTorch notes each such assumption. Here the call
is tried on other sizes: where the shapes that were recorded are those of every one of them, the
assumption did not matter.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

TRIALS = (1, 2, 3, 5, 8, 19)
"""Sizes that a call is tried on, all of its unknown sizes alike, and then each for itself."""
_STATE = ("guards", "replacements", "var_to_range", "axioms", "divisible", "replacements_slv")


@dataclass(frozen=True)
class Assumptions:
    """What a shape environment knew before a call."""

    env: ShapeEnv
    guards: int
    replacements: int
    saved: dict[str, Any]

    @staticmethod
    def before(env: ShapeEnv) -> Assumptions:
        saved = {name: copy.copy(getattr(env, name)) for name in _STATE if hasattr(env, name)}
        return Assumptions(env, len(env.guards), len(env.replacements), saved)

    def made(self) -> bool:
        """Whether the call assumed anything."""
        return len(self.env.guards) > self.guards or len(self.env.replacements) > self.replacements

    def undo(self) -> None:
        for name, value in self.saved.items():
            setattr(self.env, name, value)
        self.env._update_version_counter()


def matter(func: Callable[..., Any], args: Any, kwargs: Any, result: Any, shapes: Any) -> bool:
    """Whether ``result``, recorded of a fake call, would be of other shapes for other sizes.

    ``shapes`` are those of the tensors among ``args`` and ``kwargs`` before the call, by identity.
    """
    symbols = sorted({s for shape in shapes.values() for s in _symbols(shape)}, key=str)
    trials = [dict.fromkeys(symbols, n) for n in TRIALS]
    trials += [{s: n if s is one else 7 for s in symbols} for one in symbols for n in TRIALS[:3]]
    return any(_differs(func, args, kwargs, result, shapes, sizes) for sizes in trials)


def shapes_of(values: Iterator[Any]) -> dict[int, Any]:
    """The symbolic sizes and strides of fake tensors, and numbers, by identity."""
    found: dict[int, Any] = {}
    for value in values:
        if isinstance(value, torch.Tensor):
            found[id(value)] = [*map(_expr, value.shape), *map(_expr, value.stride())]
        elif isinstance(value, torch.SymInt):
            found[id(value)] = [_expr(value)]
    return found


def _expr(size: Any) -> Any:
    return size if isinstance(size, int) else size.node.expr


def _symbols(shape: Any) -> set[Any]:
    return set().union(*(size.free_symbols for size in shape if not isinstance(size, int)))


def _number(size: Any, sizes: dict[Any, int]) -> int:
    return size if isinstance(size, int) else int(size.subs(sizes))


def _differs(
    func: Callable[..., Any], args: Any, kwargs: Any, result: Any, shapes: Any, sizes: dict[Any, int]
) -> bool:
    mode = FakeTensorMode()

    def concrete(value: Any) -> Any:
        known = shapes.get(id(value))
        if known is None or not isinstance(value, (torch.Tensor, torch.SymInt)):
            return value
        numbers = [_number(size, sizes) for size in known]
        if isinstance(value, torch.SymInt):
            return numbers[0]
        rank = value.dim()
        return torch.empty_strided(numbers[:rank], numbers[rank:], dtype=value.dtype, device=value.device)

    try:
        with torch._C.DisableTorchFunction(), mode:
            tried = func(*mapped(args, concrete), **mapped(kwargs, concrete))
    except Exception:
        return False  # eager raises as well, when it comes to that
    recorded, real = list(_tensors(result)), list(_tensors(tried))
    if len(recorded) != len(real):
        return True
    return any(not _agree(a.shape, b.shape, sizes) for a, b in zip(recorded, real, strict=True))


def _agree(symbolic: Any, real: Any, sizes: dict[Any, int]) -> bool:
    if len(symbolic) != len(real):
        return False
    for size, number in zip(symbolic, real, strict=True):
        if not isinstance(number, int):
            continue  # data-dependent even so
        expr = sympy.sympify(_expr(size)).subs(sizes)
        if expr.is_number and int(expr) != number:
            return False
    return True


def mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(value, (list, tuple)):
        items = [mapped(item, function) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: mapped(item, function) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*(mapped(part, function) for part in (value.start, value.stop, value.step)))
    return function(value)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


__all__ = ["Assumptions", "mapped", "matter", "shapes_of"]
