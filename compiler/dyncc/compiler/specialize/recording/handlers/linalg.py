"""Linear algebra that raises on data: by its definition, whose decision has the caller interpreted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.prelude import linalg
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS, METHODS

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _defined(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    definition = linalg.definition(func, args, kwargs)
    if definition is None:
        return NotImplemented
    with torch._C._EnableTorchFunction(), recorder.recording():
        return definition(*args, **kwargs)


for _function in linalg.FUNCTIONS:
    FUNCTIONS[_function] = _defined
for _name in linalg.METHODS:
    METHODS[_name] = _defined
