"""Random numbers of a program: drawn by the host, given to the sub-networks as inputs.

A graph draws nothing itself. What PyTorch's random operators make of noise (``bernoulli``, ``multinomial``,
dropout, …) is recorded as ordinary operators over three kinds of it, so that two runs that are given the
same noise are the same run, in whatever engine.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

KINDS = ("uniform", "normal", "exponential")
"""Uniform over [0, 1), standard normal, and exponential of rate one (never zero)."""


class Noise:
    """A source of noise; the same ``seed`` (any int) gives the same numbers, None other ones each time.

    May be used by several threads at once (which number goes to which is then open).
    """

    def __init__(self, seed: int | None = None) -> None:
        number = None if seed is None else operator.index(seed) % 2**64
        self._generator = np.random.Generator(np.random.PCG64(number))

    def __call__(self, kind: str, dtype: str, *sizes: int) -> np.ndarray[Any, Any]:
        """The next tensor of noise of a kind: ``float32`` or ``float64``, of these sizes."""
        match kind:
            case "uniform":
                drawn = self._generator.random(sizes, dtype=dtype)  # type: ignore[call-overload]
            case "normal":
                drawn = self._generator.standard_normal(sizes, dtype=dtype)  # type: ignore[call-overload]
            case "exponential":
                drawn = self._generator.standard_exponential(sizes, dtype=dtype)  # type: ignore[call-overload]
                drawn = np.maximum(drawn, np.finfo(dtype).tiny)
            case _:
                raise ValueError(f"there is no noise of the kind {kind!r}")
        return np.asarray(drawn, dtype=dtype)
