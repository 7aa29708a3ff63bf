"""torch.onnx's table of translations, made when needed.

The exporter reads its table anew at each export, and parses the source of five hundred functions for their
signatures: that takes as long as the export of a small network. Here the table is made once, and the
signature of a translation when an operator asks for it.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

from dyncc.compiler.lower.opset import OPSET

try:
    from onnxscript.function_libs.torch_lib import ops, registration
    from torch.onnx._internal.exporter import _core, _registration
    from torch.onnx._internal.exporter._torchlib import _torchlib_registry
except ImportError:  # private modules
    _core = _registration = _torchlib_registry = registration = ops = None


def exporter() -> Any:
    """The module with ``exported_program_to_ir``; None where it is not as when this was written."""
    return _core if _core is not None and hasattr(_core, "exported_program_to_ir") else None


def with_table(table: Mapping[Any, Callable[..., Any]]) -> Any:
    """The registry of all translations, ours in ``table`` first; None where it cannot be made."""
    base = _registry()
    if base is None:
        return None
    registry = copy.copy(base)
    registry.functions = {operator: list(found) for operator, found in base.functions.items()}
    for operator, function in table.items():
        registry.register_op(operator, function)
    return registry


@functools.cache
def _registry() -> Any:
    if exporter() is None:
        return None
    try:
        return _lazy_registry()
    except (AttributeError, TypeError):
        return None


def _lazy_registry() -> Any:
    """As ``ONNXRegistry.from_torchlib``, but that signatures are left for later."""

    class Late(_registration.OnnxDecompMeta):
        """A translation whose signature is not known yet."""

    class Registry(_registration.ONNXRegistry):
        def get_decomps(self, target: Any) -> list[Any]:
            found = super().get_decomps(target)
            return [meta for meta in found if not isinstance(meta, Late) or _has_signature(meta)]

    assert ops, "importing it registers the translations"
    registry = Registry()
    registry._opset_version = OPSET
    for meta in _torchlib_registry.get_torchlib_ops():
        registry._register(meta.fx_target, meta)
    for name, overloads in registration.default_registry.items():
        if name.startswith("internal::") or (target := _registration._get_overload(name)) is None:
            continue
        for functions, is_complex in ((overloads.overloads, False), (overloads.complex, True)):
            for function in functions:
                meta = Late(
                    onnx_function=function,
                    fx_target=target,
                    signature=None,
                    is_complex=is_complex,
                    skip_signature_inference=True,
                )
                registry._register(target, meta)
    registry._cleanup_registry_based_on_opset_version()
    return registry


def _has_signature(meta: Any) -> bool:
    """Infer the signature that was left for later. False where that fails: then there is no translation."""
    if meta.signature is None:
        meta.skip_signature_inference = False
        try:
            meta.__post_init__()
        except Exception:  # as the exporter, which leaves out what it cannot read
            return False
    return True
