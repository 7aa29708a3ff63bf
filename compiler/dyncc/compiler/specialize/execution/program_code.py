"""Which Python functions of the program run natively: those between the machine and what they do."""

from __future__ import annotations

import dis
import functools
import itertools
import types
from pathlib import Path
from typing import Any

from dyncc.compiler.code_origin import is_of_packages, is_own, is_users
from dyncc.compiler.frontend.build import build
from dyncc.compiler.frontend.source import SourceUnavailable
from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.prelude.functions import LEGACY

_EXECUTION = str(Path(__file__).resolve().parent)


def is_program(code: types.CodeType) -> bool:
    """Whether ``code`` is the program's: neither of the compiler nor between it and PyTorch."""
    return not _is_own(code) and not code.co_filename.endswith(
        ("torch/overrides.py", "torch/_tensor.py", "torch/utils/_device.py")
    )


def _is_own(code: types.CodeType) -> bool:
    return is_own(code.co_filename) and code.co_filename not in prelude.FILES


@functools.cache
def makes_tensors(code: types.CodeType) -> bool:
    """Whether ``code`` calls a constructor of PyTorch's that nobody sees who records its calls.

    ``torch.FloatTensor(2, 3)`` and the like are classes, and are called with no tensor.
    """
    if not (is_users(code.co_filename) or is_of_packages(code.co_filename)):
        return False
    if not _NAMES.isdisjoint(code.co_names):
        return True
    following = itertools.pairwise(dis.get_instructions(code))
    return "Tensor" in code.co_names and any(
        one.argval == "Tensor" and one.opname.startswith("LOAD_") and _begins_call(other)
        for one, other in following
    )


_NAMES = frozenset(constructor.__name__ for constructor in LEGACY)


def _begins_call(following: dis.Instruction) -> bool:
    """Whether ``torch.Tensor``, which is named in many other ways, may be called, by what comes next."""
    if following.opname in ("PRECALL", "CALL"):
        return following.arg == 0
    return following.opname.startswith(("LOAD_", "PUSH_")) and following.opname not in (
        "LOAD_ATTR",
        "LOAD_METHOD",
    )


def is_readable(code: types.CodeType) -> bool:
    """Whether there is a source that can be interpreted."""
    try:
        return build(code) is not None
    except SourceUnavailable:
        return False


def code_of(func: Any) -> set[types.CodeType]:
    func = getattr(func, "__func__", func)
    return {func.__code__} if isinstance(func, types.FunctionType) else set()


def codes_between(error: BaseException) -> set[types.CodeType]:
    """The Python functions between where native code begins and where ``error`` was raised."""
    codes: set[types.CodeType] = set()
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if _is_own(code) and not code.co_filename.startswith(_EXECUTION):
            break  # the recorder at work: what is below is not the program
        if is_program(code):
            codes.add(code)
        traceback = traceback.tb_next
    return codes


def codes_above(frame: types.FrameType | None, stop: types.CodeType) -> set[types.CodeType]:
    """The Python functions that run natively: that of ``frame`` and its callers up to code ``stop``.

    None of them where it is not the program that calls ``frame``, but what stands for its NumPy.
    """
    codes: set[types.CodeType] = set()
    while frame is not None and frame.f_code is not stop:
        if frame.f_code.co_filename == prelude.arrays.__file__:
            return set()
        if is_program(frame.f_code):
            codes.add(frame.f_code)
        frame = frame.f_back
    return codes
