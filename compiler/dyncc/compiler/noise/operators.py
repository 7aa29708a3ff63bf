"""PyTorch's random operators as functions of noise.

Each is written with ordinary operators over noise that ``draw`` gives: uniform, normal or exponential.
The recorder puts these in the place of the random ones (the noise becomes an input of the graph), and the
checks do so in eager PyTorch, whereupon both sides compute the same. The distributions are PyTorch's; the
numbers that PyTorch has for a seed are not.

A function that returns NotImplemented leaves the call as it is: it draws nothing (dropout that is off), or
is not known here (a generator of one's own). What PyTorch refuses for certain values (probabilities that
are no numbers) is not looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F


class Draw(Protocol):
    """A source of noise: ``kind`` is ``uniform``, ``normal`` or ``exponential``."""

    def sized(self, kind: str, dtype: torch.dtype, sizes: Sequence[Any]) -> torch.Tensor:
        """Noise of these sizes, of float32 or float64."""
        ...

    def like(self, kind: str, dtype: torch.dtype, tensor: torch.Tensor) -> torch.Tensor:
        """Noise of the shape of ``tensor``."""
        ...


Operator = Callable[..., Any]
"""Takes a :class:`Draw` and then what the random operator takes."""

OPERATORS: dict[Any, Operator] = {}


def _stands_for(*functions: Any) -> Callable[[Operator], Operator]:
    def register(operator: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(functions, operator))
        return operator

    return register


_HALF_BITS = {torch.float16: 11, torch.bfloat16: 8}
_FLOATS = (torch.float32, torch.float64, *_HALF_BITS)


def _noise_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype is torch.float64 else torch.float32


def _cast(drawn: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return drawn if drawn.dtype is dtype else drawn.to(dtype)


def _uniform(drawn: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Uniform noise in ``dtype``: rounded down, so that it stays below one."""
    bits = _HALF_BITS.get(dtype)
    if bits is None:
        return drawn
    return ((drawn * 2.0**bits).floor() / 2.0**bits).to(dtype)


# ------------------------------------------------------------------------------------ constructors


def _plain(options: dict[str, Any]) -> bool:
    """Whether a constructor is asked for nothing but a dense tensor of this device and of no gradient."""
    known = {
        "dtype",
        "device",
        "layout",
        "pin_memory",
        "requires_grad",
        "memory_format",
        "generator",
        "out",
    }
    wanted = {name for name, value in options.items() if value is not None and value is not False}
    device = options.get("device")
    return (
        set(options) <= known
        and not wanted & {"requires_grad", "generator", "out"}
        and options.get("layout") in (None, torch.strided)
        and (device is None or torch.device(device).type in ("cpu", "meta"))
    )


def _sizes(given: tuple[Any, ...], options: dict[str, Any]) -> Sequence[Any]:
    if "size" in options:
        given = (options.pop("size"),)
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        return tuple(given[0])
    return given


def _floating(dtype: torch.dtype | None) -> torch.dtype:
    return torch.get_default_dtype() if dtype is None else dtype


def _constructors(
    kind: str, finish: Callable[[torch.Tensor, torch.dtype], torch.Tensor]
) -> tuple[Operator, Operator]:
    """Of noise as it is: of given sizes (``torch.rand``), and like a tensor (``torch.rand_like``)."""

    def sized(draw: Draw, *size: Any, **options: Any) -> Any:
        size, dtype = tuple(_sizes(size, options)), _floating(options.get("dtype"))
        if not _plain(options) or dtype not in _FLOATS:
            return NotImplemented
        return finish(draw.sized(kind, _noise_dtype(dtype), size), dtype)

    def like(draw: Draw, input: torch.Tensor, **options: Any) -> Any:
        dtype = options.get("dtype") or input.dtype
        if not _plain(options) or dtype not in _FLOATS:
            return NotImplemented
        return finish(draw.like(kind, _noise_dtype(dtype), input), dtype)

    return sized, like


rand, rand_like = _constructors("uniform", _uniform)
randn, randn_like = _constructors("normal", _cast)
OPERATORS |= {
    torch.rand: rand,
    torch.rand_like: rand_like,
    torch.randn: randn,
    torch.randn_like: randn_like,
}


def _between(uniform: torch.Tensor, low: Any, high: Any) -> torch.Tensor:
    """Whole numbers from ``low`` on and below ``high``, of float64 noise (below 2**53 of them)."""
    return (uniform * (high - low)).floor() + low


@_stands_for(torch.randint)
def randint(draw: Draw, *given: Any, **options: Any) -> Any:
    low, high = options.pop("low", None), options.pop("high", None)
    size = options.pop("size", None)
    values = list(given)
    if size is None:
        if not values or not isinstance(values[-1], (tuple, list)):
            return NotImplemented
        size = values.pop()
    if len(values) == 2:
        low, high = values
    elif len(values) == 1:
        low, high = (low, values[0]) if high is None else (values[0], high)
    dtype = options.get("dtype") or torch.int64
    if high is None or not _plain(options):
        return NotImplemented
    drawn = draw.sized("uniform", torch.float64, tuple(size))
    return _between(drawn, 0 if low is None else low, high).to(dtype)


@_stands_for(torch.randint_like)
def randint_like(draw: Draw, input: torch.Tensor, *given: Any, **options: Any) -> Any:
    low, high = options.pop("low", None), options.pop("high", None)
    if len(given) == 2:
        low, high = given
    elif len(given) == 1:
        low, high = (low, given[0]) if high is None else (given[0], high)
    dtype = options.get("dtype") or input.dtype
    if high is None or not _plain(options):
        return NotImplemented
    return _between(draw.like("uniform", torch.float64, input), 0 if low is None else low, high).to(dtype)


@_stands_for(torch.randperm)
def randperm(draw: Draw, n: Any, **options: Any) -> Any:
    if not _plain(options):
        return NotImplemented
    order = draw.sized("uniform", torch.float64, (n,)).argsort()
    return order.to(options.get("dtype") or torch.int64)


# ------------------------------------------------------------------------------------- from tensors


@_stands_for(torch.normal)
def normal(
    draw: Draw, mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, **options: Any
) -> Any:
    if generator is not None or not _plain(options):
        return NotImplemented
    if size is not None:
        if isinstance(mean, torch.Tensor) or isinstance(std, torch.Tensor):
            return NotImplemented
        return randn(draw, tuple(size), **options) * std + mean
    tensors = [value for value in (mean, std) if isinstance(value, torch.Tensor)]
    if not tensors or options or tensors[0].dtype not in _FLOATS:
        return NotImplemented
    like = torch.broadcast_tensors(*tensors)[0]
    return randn_like(draw, like) * std + mean


def _happens(draw: Draw, chance: torch.Tensor) -> torch.Tensor:
    """Where an event of the probability ``chance`` (of that element) happens."""
    dtype = _noise_dtype(chance.dtype)
    return draw.like("uniform", dtype, chance) < chance


@_stands_for(torch.bernoulli, torch.Tensor.bernoulli)
def bernoulli(
    draw: Draw, input: torch.Tensor, p: Any = None, *, generator: Any = None, out: Any = None
) -> Any:
    if generator is not None or out is not None or (p is None and input.dtype not in _FLOATS):
        return NotImplemented
    if p is None:
        return _happens(draw, input).to(input.dtype)
    return (draw.like("uniform", torch.float32, input) < p).to(input.dtype)


@_stands_for(torch.multinomial, torch.Tensor.multinomial)
def multinomial(
    draw: Draw,
    input: torch.Tensor,
    num_samples: Any,
    replacement: bool = False,
    *,
    generator: Any = None,
    out: Any = None,
) -> Any:
    """By the race of exponential clocks: the first one to ring has its probability of being so.

    The order in which the first ``num_samples`` ring is that of drawing without replacement.
    """
    if generator is not None or out is not None or not isinstance(num_samples, int):
        return NotImplemented
    if input.dtype not in _FLOATS or input.dim() not in (1, 2):
        return NotImplemented
    dtype = _noise_dtype(input.dtype)
    weights = input.to(dtype)
    if num_samples == 1:
        return (weights / draw.like("exponential", dtype, weights)).argmax(-1, keepdim=True)
    if not replacement:
        return (weights / draw.like("exponential", dtype, weights)).topk(num_samples).indices
    weights = weights.unsqueeze(-2).expand(*weights.shape[:-1], num_samples, weights.shape[-1])
    return (weights / draw.like("exponential", dtype, weights)).argmax(-1)


@_stands_for(F.gumbel_softmax)
def gumbel_softmax(
    draw: Draw,
    logits: torch.Tensor,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
) -> Any:
    if logits.dtype not in (torch.float32, torch.float64):
        return NotImplemented
    gumbels = -draw.like("exponential", logits.dtype, logits).log()
    soft = ((logits + gumbels) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    chosen = torch.zeros_like(logits).scatter_(dim, index, 1.0)
    return chosen - soft.detach() + soft


# --------------------------------------------------------------------------------------- in place


@_stands_for(torch.Tensor.uniform_)
def uniform_(draw: Draw, self: torch.Tensor, *given: Any, generator: Any = None, **bounds: Any) -> Any:
    low, high = [*given, *(0.0, 1.0)[len(given) :]]
    low, high = bounds.pop("from", low), bounds.pop("to", high)
    if generator is not None or bounds or self.dtype not in _FLOATS:
        return NotImplemented
    drawn = draw.like("uniform", _noise_dtype(self.dtype), self)
    return self.copy_(_uniform(drawn, self.dtype) * (high - low) + low)


@_stands_for(torch.Tensor.normal_)
def normal_(
    draw: Draw, self: torch.Tensor, mean: Any = 0.0, std: Any = 1.0, *, generator: Any = None
) -> Any:
    if generator is not None or self.dtype not in _FLOATS:
        return NotImplemented
    return self.copy_(draw.like("normal", _noise_dtype(self.dtype), self) * std + mean)


@_stands_for(torch.Tensor.exponential_)
def exponential_(draw: Draw, self: torch.Tensor, lambd: Any = 1.0, *, generator: Any = None) -> Any:
    if generator is not None or self.dtype not in _FLOATS:
        return NotImplemented
    return self.copy_(draw.like("exponential", _noise_dtype(self.dtype), self) / lambd)


@_stands_for(torch.Tensor.bernoulli_)
def bernoulli_(draw: Draw, self: torch.Tensor, p: Any = 0.5, *, generator: Any = None) -> Any:
    if generator is not None:
        return NotImplemented
    return self.copy_((draw.like("uniform", torch.float32, self) < p).to(self.dtype))


@_stands_for(torch.Tensor.random_)
def random_(draw: Draw, self: torch.Tensor, *given: Any, generator: Any = None, **bounds: Any) -> Any:
    low, high = (0, given[0]) if len(given) == 1 else given if given else (0, None)
    low, high = bounds.pop("from", low), bounds.pop("to", high)
    if generator is not None or bounds or high is None:
        return NotImplemented
    return self.copy_(_between(draw.like("uniform", torch.float64, self), low, high).to(self.dtype))


# ---------------------------------------------------------------------------------------- dropout


def _dropped(draw: Draw, input: torch.Tensor, like: torch.Tensor, p: float, inplace: bool) -> Any:
    """``input``, of which a share of ``p`` is zero; the shape of ``like`` says what is so together."""
    if input.dtype not in _FLOATS or not 0 < p < 1:
        return NotImplemented
    kept = (draw.like("uniform", torch.float32, like) < 1 - p).to(input.dtype) / (1 - p)
    return input.mul_(kept) if inplace else input * kept


@_stands_for(F.dropout)
def dropout(
    draw: Draw, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    return _dropped(draw, input, input, p, inplace) if training else NotImplemented


@_stands_for(torch.dropout)
def torch_dropout(draw: Draw, input: torch.Tensor, p: float, train: bool) -> Any:
    return dropout(draw, input, p, train)


@_stands_for(torch.dropout_)
def torch_dropout_(draw: Draw, input: torch.Tensor, p: float, train: bool) -> Any:
    return dropout(draw, input, p, train, inplace=True)


def _feature_dropout(axes: int) -> Operator:
    """Of whole channels: tensors of a batch, channels and ``axes`` more; some without a batch, too."""

    def operator(
        draw: Draw, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Any:
        if not training or input.dim() < axes + 1:
            return NotImplemented
        like = input
        first = 2 if input.dim() == axes + 2 or axes == 2 else 1
        for axis in range(first, input.dim()):
            like = like.narrow(axis, 0, 1)
        return _dropped(draw, input, like, p, inplace)

    return operator


OPERATORS[F.dropout1d] = _feature_dropout(1)
OPERATORS[F.dropout2d] = _feature_dropout(2)
OPERATORS[F.dropout3d] = _feature_dropout(3)

DROPOUTS = frozenset((F.dropout, torch.dropout, torch.dropout_, F.dropout1d, F.dropout2d, F.dropout3d))
"""What a network in training mode draws for, mostly without being meant to when it is compiled."""
