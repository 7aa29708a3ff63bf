"""Names of what a recorded call mentions: for people, and for digests.

A readable name may be ambiguous. A stable name is not: two objects have the same only if they are the
same, and an object that can be found by its module and qualified name has the same in every process.
"""

from __future__ import annotations

import enum
import functools
import sys
import types
from collections.abc import Mapping
from typing import Any

import torch
from torch import fx

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), range)
_TORCH_ATOMS = (torch.dtype, torch.device, torch.layout, torch.memory_format)


def last_name(target: Any) -> str:
    """The name by which a callable was defined: ``add_``, ``conv2d``, ``__get__``."""
    if isinstance(target, torch._ops.OpOverload):
        return target._schema.name.rpartition("::")[2]
    return getattr(target, "__name__", type(target).__name__)


def readable_name(target: Any) -> str:
    """The name of a callable as a person would write it: ``conv2d``, ``aten.add.Tensor``, ``shape``."""
    if isinstance(target, torch._ops.OpOverload):
        return str(target)
    if isinstance(target, types.MethodWrapperType) and hasattr(target.__self__, "__name__"):
        # the getter of an attribute such as torch.Tensor.shape
        return target.__self__.__name__  # pyright: ignore[reportAttributeAccessIssue] -- tested above
    if isinstance(target, functools.partial):
        return f"partial({readable_name(target.func)})"
    return last_name(target)


def readable_value(value: Any, names: Mapping[fx.Node, str]) -> str:
    """An argument of a call as text, nodes by name."""
    show = functools.partial(readable_value, names=names)
    match value:
        case fx.Node():
            return names[value]
        case tuple():
            return f"({show(value[0])},)" if len(value) == 1 else f"({', '.join(map(show, value))})"
        case list():
            return f"[{', '.join(map(show, value))}]"
        case dict():
            return f"{{{', '.join(f'{key!r}: {show(item)}' for key, item in value.items())}}}"
        case slice():
            parts = (value.start, value.stop, value.step)
            used = parts if value.step is not None else parts[:2]
            return ":".join("" if part is None else show(part) for part in used)
        case torch.dtype() | torch.layout() | torch.memory_format():
            return str(value).removeprefix("torch.")
        case torch.device():
            return str(value)
        case _ if isinstance(value, _ATOMS):
            return "..." if value is Ellipsis else repr(value)
        case _:
            return f"<{type(value).__name__}>"


def stable_name(target: Any) -> str:
    """An unambiguous name of a callable (see the module)."""
    if isinstance(target, torch._ops.OpOverload):
        return f"op {target}"
    owner = getattr(target, "__self__", None)
    if isinstance(target, types.MethodWrapperType):
        return f"{stable_name(owner)}.{target.__name__}"
    defining = getattr(target, "__objclass__", None)
    if defining is not None and defining.__dict__.get(target.__name__) is target:
        return f"{defining.__module__}.{defining.__qualname__}.{target.__name__}"
    module = getattr(target, "__module__", None)
    qualified = getattr(target, "__qualname__", None)
    if module is not None and qualified is not None and _same(_found(module, qualified), target):
        return f"{module}.{qualified}"
    # A closure or a callable object: it can be told from others only by identity.
    return f"{type(target).__qualname__}#{id(target)}"


def stable_value(value: Any, nodes: Mapping[fx.Node, str]) -> str:
    """An unambiguous text of an argument; ``nodes`` names the nodes."""
    show = functools.partial(stable_value, nodes=nodes)
    match value:
        case fx.Node():
            return nodes[value]
        case tuple():
            return f"({','.join(map(show, value))},)"
        case list():
            return f"[{','.join(map(show, value))}]"
        case dict():
            return f"{{{','.join(f'{show(key)}:{show(item)}' for key, item in value.items())}}}"
        case slice():
            return f"slice({show(value.start)},{show(value.stop)},{show(value.step)})"
        case enum.Enum():
            return f"{stable_name(type(value))}.{value.name}"
        case _ if type(value) in _ATOMS or isinstance(value, _TORCH_ATOMS):
            return repr(value)
        case _:
            return stable_name(value)


def _found(module: str, qualified: str) -> Any:
    """The object of this qualified name, or None. torch's own functions live in a hidden class."""
    found: Any = sys.modules.get(module)
    for part in qualified.split("."):
        found = getattr(found, part, None)
    return (
        found if found is not None else getattr(sys.modules.get(module), qualified.rpartition(".")[2], None)
    )


def _same(found: Any, target: Any) -> bool:
    # a builtin method is made anew at each access, equal but not identical
    return found is target or (isinstance(target, types.BuiltinFunctionType) and found == target)
