"""The original program with the random numbers of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from dyncc.compiler.noise.operators import OPERATORS
from dyncc.runtime.noise import Noise
from dyncc.runtime.program import Program
from dyncc.runtime.wellformed import draws


class EagerDraw:
    """Real tensors of noise, in the order in which a bundle draws them."""

    def __init__(self, noise: Noise) -> None:
        self.noise = noise

    def sized(self, kind: str, dtype: torch.dtype, sizes: Sequence[Any]) -> torch.Tensor:
        name = str(dtype).removeprefix("torch.")
        return torch.from_numpy(self.noise(kind, name, *map(int, sizes)))

    def like(self, kind: str, dtype: torch.dtype, tensor: torch.Tensor) -> torch.Tensor:
        return self.sized(kind, dtype, tensor.shape)


class Drawing(TorchFunctionMode):
    """While active, PyTorch's random operators take their numbers from ``noise``, as a bundle does."""

    def __init__(self, noise: Noise) -> None:
        super().__init__()
        self.draw = EagerDraw(noise)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        operator = OPERATORS.get(func)
        if operator is not None:
            result = operator(self.draw, *args, **(kwargs or {}))
            if result is not NotImplemented:
                return result
        return func(*args, **(kwargs or {}))


def drawing(seed: int) -> Drawing:
    """A context in which eager PyTorch draws what ``net.seed(seed)`` has a compiled program draw.

    ::

        net.seed(7)
        with drawing(7):
            torch.testing.assert_close(net(x), model(x))
    """
    return Drawing(Noise(seed))


def drawing_for(program: Program[Any], seed: int) -> AbstractContextManager[Any]:
    """:func:`drawing` where ``program`` draws at all."""
    return drawing(seed) if draws(program) else nullcontext()
