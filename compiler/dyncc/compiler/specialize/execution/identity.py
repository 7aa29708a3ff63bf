"""Noticing that native code asks which tensors are one.

Where states meet that differ in which names are one tensor, what is shared in one of them is split (see
:mod:`~dyncc.compiler.specialize.state.sharing`): ``a is b`` would be false for both. Interpreted code says
when it asks; of native code it is watched which functions run, and whether one has such a question in it.
"""

from __future__ import annotations

import dis
import functools
import types
from typing import Any

from dyncc.compiler.code_origin import is_of_packages, is_users


@functools.cache
def asks_for_identity(code: types.CodeType) -> bool:
    """Whether ``code``, which is not PyTorch's, compares identities of what may be tensors.

    ``x is None`` and comparisons with a constant or a global do not; in code of the user ``in`` does,
    which looks for the same object before it compares.
    """
    if is_library(code):
        return False
    last = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IS_OP" and last not in ("LOAD_CONST", "LOAD_GLOBAL"):
            return True
        if instruction.opname == "CONTAINS_OP" and is_users(code.co_filename):
            return True
        last = instruction.opname
    return False


def asks_by_number(code: types.CodeType, func: Any) -> bool:
    """Whether ``code``, which is not PyTorch's, compares identities by calling ``func``, ``id``."""
    return func is id and not is_library(code)


def is_library(code: types.CodeType) -> bool:
    """Code of PyTorch, of the standard library or of this compiler."""
    return not (is_users(code.co_filename) or is_of_packages(code.co_filename))
