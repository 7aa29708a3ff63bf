"""Leaving the user's objects as they were: a snapshot of all that calls may change.

The checks call the user's code many times. What it changes (attributes, containers, closure cells,
globals that it names, the contents of tensors, random state) is put back in place: objects keep their
identity. Copying the model instead would fail on what cannot be copied and lose what is shared.
"""

from __future__ import annotations

import collections
import functools
import random
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

_LIBRARIES = ("torch", "numpy", "builtins", "typing", "collections", "functools", "abc", "enum", "logging")
_ATOMS = (
    *(type(None), bool, int, float, complex, str, bytes, range, slice, torch.dtype, torch.device),
    *(types.ModuleType, types.BuiltinFunctionType, types.CodeType),
)


def _is_users(value: Any) -> bool:
    """Whether a class or function is not of a library (whose state a network does not change)."""
    return (getattr(value, "__module__", None) or "").partition(".")[0] not in _LIBRARIES


class Isolation:
    """The state of everything reachable from ``roots``, and of the random generators."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self._seen: dict[int, Any] = {}
        self._restorers: list[Callable[[], None]] = []
        self._pending: list[Any] = list(roots)
        while self._pending:
            self._visit(self._pending.pop())
        self._random = (torch.get_rng_state(), random.getstate(), np.random.get_state())

    def restore(self) -> None:
        """Put everything back; cheap where nothing changed."""
        for restore in self._restorers:
            restore()
        torch_state, python_state, numpy_state = self._random
        torch.set_rng_state(torch_state)
        random.setstate(python_state)
        np.random.set_state(numpy_state)

    # ------------------------------------------------------------------------------------ walk

    def _visit(self, value: Any) -> None:
        if isinstance(value, _ATOMS) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, dict | list | collections.deque | set):
            self._object(value)  # the attributes of a user's own kind of these
        match value:
            case torch.Tensor():
                self._tensor(value)
            case dict():
                self._dict(value)
            case list() | collections.deque():
                self._sequence(value)
            case set():
                self._set(value)
            case tuple() | frozenset():
                self._pending.extend(value)
            case types.FunctionType():
                self._function(value)
            case types.MethodType():
                self._pending += [value.__self__, value.__func__]
            case functools.partial():
                self._pending += [value.func, value.args, value.keywords]
            case types.CellType():
                self._cell(value)
            case type():
                self._class(value)
            case _:
                self._object(value)

    def _object(self, value: Any) -> None:
        cls = type(value)
        if not (_is_users(cls) or isinstance(value, torch.nn.Module)):
            return
        if isinstance(getattr(value, "__dict__", None), dict):
            self._visit(value.__dict__)
        for base in cls.__mro__:
            if _is_users(base):
                self._visit(base)

    def _function(self, function: types.FunctionType) -> None:
        self._pending += [*(function.__closure__ or ()), function.__defaults__, function.__kwdefaults__]
        if not _is_users(function):
            return
        self._visit(vars(function))
        namespace = function.__globals__
        named = {name: namespace[name] for name in _names(function.__code__) if name in namespace}
        self._pending += list(named.values())

        def restore() -> None:
            for name, value in named.items():
                if namespace.get(name, named) is not value:
                    namespace[name] = value

        self._restorers.append(restore)

    # ------------------------------------------------------------------------- saved and restored

    def _tensor(self, tensor: torch.Tensor) -> None:
        if isinstance(tensor, torch._subclasses.FakeTensor) or tensor.is_sparse:
            return
        saved = tensor.detach().clone()

        def restore() -> None:
            # (its version would not tell: a change through ``.data`` is not counted)
            if not torch.equal(tensor.detach(), saved):
                with torch.no_grad():
                    tensor.detach().copy_(saved)

        self._restorers.append(restore)

    def _dict(self, value: dict[Any, Any]) -> None:
        # As the built-in class does it: a Counter's `update` adds, a user's may do anything.
        kind: Any = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
        items = list(kind.items(value))
        self._pending += [item for _, item in items]

        def restore() -> None:
            if not _identical(list(kind.items(value)), items):
                kind.clear(value)
                for key, item in items:
                    kind.__setitem__(value, key, item)

        self._restorers.append(restore)

    def _sequence(self, value: list[Any] | collections.deque[Any]) -> None:
        kind: Any = list if isinstance(value, list) else collections.deque
        items = list(kind.__iter__(value))
        self._pending += items

        def restore() -> None:
            now = list(kind.__iter__(value))
            if len(now) != len(items) or any(a is not b for a, b in zip(now, items, strict=True)):
                kind.clear(value)
                kind.extend(value, items)

        self._restorers.append(restore)

    def _set(self, value: set[Any]) -> None:
        items = set(set.__iter__(value))
        self._pending += items

        def restore() -> None:
            if not set.__eq__(value, items):
                set.clear(value)
                set.update(value, items)

        self._restorers.append(restore)

    def _cell(self, cell: types.CellType) -> None:
        try:
            content = cell.cell_contents
        except ValueError:
            return
        self._pending.append(content)

        def restore() -> None:
            cell.cell_contents = content

        self._restorers.append(restore)

    def _class(self, cls: type) -> None:
        if not _is_users(cls):
            return
        saved = dict(vars(cls))
        self._pending += [
            v for v in saved.values() if not isinstance(v, (property, staticmethod, classmethod))
        ]

        def restore() -> None:
            now = dict(vars(cls))
            for name in now.keys() - saved.keys():
                delattr(cls, name)
            for name, value in saved.items():
                if now.get(name, saved) is not value:
                    setattr(cls, name, value)

        self._restorers.append(restore)


def _names(code: types.CodeType) -> set[str]:
    """Names of globals that ``code`` or a function defined in it may use."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _identical(first: list[tuple[Any, Any]], second: list[tuple[Any, Any]]) -> bool:
    if len(first) != len(second):
        return False
    return all(a is c and b is d for (a, b), (c, d) in zip(first, second, strict=True))
