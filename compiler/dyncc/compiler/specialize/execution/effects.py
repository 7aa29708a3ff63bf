"""Effects that cannot be repeated or undone: noticed while native code runs, and refused.

A block may be recorded many times and never runs again as Python, so a program that reads a clock, draws
one of Python's random numbers or opens a file would be compiled wrongly. Printing is harmless and dropped.
"""

from __future__ import annotations

import inspect
import io
import os
import random
import socket
import subprocess
import sys
import time
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


SEED = "the seed of PyTorch's random numbers"

_NAMED: dict[Any, str] = {
    open: "opening a file",
    io.open: "opening a file",
    input: "reading from the terminal",
    time.time: "the time",
    time.time_ns: "the time",
    time.perf_counter: "the time",
    time.perf_counter_ns: "the time",
    time.monotonic: "the time",
    time.monotonic_ns: "the time",
    time.process_time: "the time",
    time.sleep: "waiting",
    os.urandom: "a random number",
    os.system: "running a command",
    os.remove: "removing a file",
    os.unlink: "removing a file",
    os.mkdir: "making a directory",
    os.rename: "renaming a file",
    torch.manual_seed: SEED,
    torch.seed: SEED,
    torch.initial_seed: SEED,
    torch.get_rng_state: SEED,
    torch.set_rng_state: SEED,
}

GENERATORS = (np.random.RandomState, np.random.Generator)
_NUMPY = "a random number of NumPy"

_SEEDING = {inspect.unwrap(func).__code__ for func, effect in _NAMED.items() if effect is SEED}


def effect_of(func: Any) -> str | None:
    """What ``func`` does that cannot be compiled, or None."""
    try:
        found = _NAMED.get(func)
    except TypeError:
        return None
    if found is not None:
        return found
    owner = getattr(func, "__self__", None)
    if isinstance(owner, random.Random):
        return "a random number of Python"
    if isinstance(owner, GENERATORS):
        return _NUMPY
    if func is subprocess.Popen or func is socket.socket:
        return "talking to another process"
    return None


class Draws:
    """Whether native code draws from NumPy's generators, whose methods no profiling hook sees.

    ``generators`` are those that the program refers to; the one behind ``numpy.random`` is always minded.
    """

    def __init__(self, generators: Sequence[Any]) -> None:
        self._generators = [np.random.mtrand._rand, *generators]  # type: ignore[attr-defined]
        self._before = self._states()

    def effect(self) -> str | None:
        """What was drawn since, or None."""
        return _NUMPY if self._states() != self._before else None

    def _states(self) -> list[Any]:
        return [_state(generator) for generator in self._generators]


def _state(generator: Any) -> Any:
    """How far a generator is: numbers to be compared."""
    legacy = isinstance(generator, np.random.RandomState)
    state: Any = generator.get_state(legacy=False) if legacy else generator.bit_generator.state
    inner = state["state"]
    if "key" not in inner:
        return str(state)
    return inner["pos"], inner["key"][:2].tolist(), state.get("has_gauss")


def effect_of_code(code: types.CodeType) -> str | None:
    """The same of a function in Python, which is known by its code."""
    return SEED if code in _SEEDING else None


_DRAWN = "draw with PyTorch (`torch.rand`, …), whose random numbers compile, or pass them as an argument"
_HELPS = {
    SEED: "leave it out: `net.seed(n)` begins the bundle's numbers, `dyncc.compiler.drawing(n)` eager's",
    _NUMPY: _DRAWN,
    "a random number of Python": _DRAWN,
}


def refuse(machine: Machine, effect: str) -> None:
    raise CompileError(
        [
            Diagnostic(
                "DY121",
                f"{effect} cannot be part of a compiled program",
                machine.block.span,
                label="in this call",
                helps=(_HELPS.get(effect, "do it outside of the compiled method, and pass what it gives"),),
            )
        ]
    )


def caller_of(frame: types.FrameType) -> types.FrameType | None:
    """Who called a function of PyTorch, past what wraps it."""
    above = frame.f_back
    while above is not None and above.f_globals.get("__name__", "").startswith(_WRAPPERS):
        above = above.f_back
    return above


_WRAPPERS = ("torch._compile", "torch._dynamo")


def is_for_library(frame: types.FrameType | None) -> bool:
    """Whether a call is not the program's: PyTorch's for its own ends (caches, warnings), or an import's.

    A module is executed once in a process, whoever imports it, so what it does then no call repeats.
    """
    unknown = True
    while frame is not None:
        if frame.f_code.co_name == "run_native":  # the program itself called what is of the library
            return False
        name = frame.f_globals.get("__name__", "")
        root = name.partition(".")[0]
        if name in _IMPORTING or (unknown and root in _OWN_ENDS):
            return True
        if root not in sys.stdlib_module_names or root in _USER_LIKE:
            unknown = False
        frame = frame.f_back
    return False


_IMPORTING = frozenset(("_frozen_importlib", "importlib._bootstrap"))
_OWN_ENDS = frozenset(
    (
        "torch",
        "triton",
        "dyncc",
        "sympy",
        "mpmath",
        "numpy",
        "warnings",
        "importlib",
        "linecache",
        "inspect",
        "logging",
    )
)
_USER_LIKE = frozenset(("__main__",))
