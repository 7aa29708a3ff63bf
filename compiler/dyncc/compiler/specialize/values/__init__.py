"""What the program sees while it is specialized: tensors, numbers, lists and texts that are not known yet.

Each is a mutable cell with an identity of its own: the *object* stays the same from block to block, so that
``y = x`` is an alias in every block; what it stands for (a node of the current graph, a value of the
current block) is set anew whenever a block begins. Everything here refuses to be decided on: native Python
code that needs a concrete value gets a :class:`Decision`, and the machine then interprets that code.
"""

from dyncc.compiler.specialize.values.decisions import (
    DATA,
    SESSION,
    Cut,
    Decision,
    Restart,
    builder,
    call_site,
    current,
    decide,
)
from dyncc.compiler.specialize.values.lists import DynamicList, ListElement
from dyncc.compiler.specialize.values.numbers import (
    Expr,
    Scalar,
    is_scalar,
    kind_of,
    origins_of,
    result_kind,
    scalar_op,
)
from dyncc.compiler.specialize.values.operators import (
    COMPARISONS,
    INPLACE_OPERATORS,
    PYTHON_OPERATORS,
    UNARY,
)
from dyncc.compiler.specialize.values.tags import DynamicTag, DynamicText
from dyncc.compiler.specialize.values.tensors import Derivation, SymTensor

__all__ = [
    "COMPARISONS",
    "DATA",
    "INPLACE_OPERATORS",
    "PYTHON_OPERATORS",
    "SESSION",
    "UNARY",
    "Cut",
    "Decision",
    "Derivation",
    "DynamicList",
    "DynamicTag",
    "DynamicText",
    "Expr",
    "ListElement",
    "Restart",
    "Scalar",
    "SymTensor",
    "builder",
    "call_site",
    "current",
    "decide",
    "is_scalar",
    "kind_of",
    "origins_of",
    "result_kind",
    "scalar_op",
]
