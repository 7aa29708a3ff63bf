"""The compiler: from PyTorch to a bundle.

>>> from dyncc.compiler import compile                                               # doctest: +SKIP
>>> net = compile(model, (x,), output="model.dyncc"); net(x)                         # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dyncc.compiler.api import CompiledNet, CompileReport, compile
    from dyncc.compiler.check.report import Example
    from dyncc.compiler.diagnostics import CompileError, Diagnostic
    from dyncc.compiler.lower.custom import register_onnx
    from dyncc.compiler.noise.eager import drawing
    from dyncc.compiler.pruning.api import prune
    from dyncc.compiler.specialize.attempts import Limits

__all__ = [
    "CompileError",
    "CompileReport",
    "CompiledNet",
    "Diagnostic",
    "Example",
    "Limits",
    "compile",
    "drawing",
    "prune",
    "register_onnx",
]

_HOMES = {
    "CompileError": "diagnostics",
    "CompileReport": "api",
    "CompiledNet": "api",
    "Diagnostic": "diagnostics",
    "Example": "check.report",
    "Limits": "specialize.attempts",
    "compile": "api",
    "drawing": "noise.eager",
    "prune": "pruning.api",
    "register_onnx": "lower.custom",
}


def __getattr__(name: str) -> Any:
    """The names above, imported when they are asked for: the command line starts without torch."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
