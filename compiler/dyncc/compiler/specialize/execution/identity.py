"""Noticing that native code asks which tensors are one.

Where states meet that differ in which names are one tensor, what is shared in one of them is split (see
:mod:`~dyncc.compiler.specialize.state.sharing`): ``a is b`` would be false for both. Interpreted code says
when it asks; of native code it is watched which functions run, and whether one has such a question in it.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from dyncc.compiler.code_origin import is_of_packages, is_users

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


@contextlib.contextmanager
def noticing_identity(machine: Machine, func: Callable[..., Any]) -> Iterator[None]:
    """Follow the sharing of all tensors exactly if ``func``, about to run natively, may ask for it.

    Costs nothing in a block whose sharing is known. Raises Restart.
    """
    block = machine.block
    if not block.split or isinstance(func, types.BuiltinFunctionType):
        yield
        return
    asked = False

    def profile(frame: types.FrameType, event: str, arg: Any) -> None:
        nonlocal asked
        if event == "call":
            asked = asked or asks_for_identity(frame.f_code)
        elif event == "c_call" and arg is id:
            asked = asked or not _is_library(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
        if asked:
            machine.facts.demand_sharing(set().union(*block.split.values()))


@functools.cache
def asks_for_identity(code: types.CodeType) -> bool:
    """Whether ``code``, which is not PyTorch's, compares identities of what may be tensors.

    ``x is None`` and comparisons with a constant or a global do not; in code of the user ``in`` does,
    which looks for the same object before it compares.
    """
    if _is_library(code):
        return False
    last = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IS_OP" and last not in ("LOAD_CONST", "LOAD_GLOBAL"):
            return True
        if instruction.opname == "CONTAINS_OP" and is_users(code.co_filename):
            return True
        last = instruction.opname
    return False


def _is_library(code: types.CodeType) -> bool:
    """Code of PyTorch, of the standard library or of this compiler."""
    return not (is_users(code.co_filename) or is_of_packages(code.co_filename))
