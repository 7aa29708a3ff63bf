"""Linear algebra that raises on data: its definitions in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.execution.frames import Push
from dyncc.compiler.specialize.execution.models.registry import model
from dyncc.compiler.specialize.prelude import linalg

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def defined(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    definition = linalg.definition(func, args, kwargs)
    return NotImplemented if definition is None else Push(definition, args, kwargs)


def _register(func: Any) -> None:
    @model(func)
    def call(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return defined(func, args, kwargs)


for _func in linalg.FUNCTIONS:
    _register(_func)
