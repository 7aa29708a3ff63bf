"""Models of builtins for arguments that are not known yet: where they are registered.

A model returns the result, a :class:`Push` (call this instead), or NotImplemented (call it as it is).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


Model = Callable[["Machine", tuple[Any, ...], dict[str, Any]], Any]
MODELS: dict[Any, Model] = {}


def model(*functions: Any) -> Callable[[Model], Model]:
    def register(function: Model) -> Model:
        for target in functions:
            MODELS[target] = function
        return function

    return register
