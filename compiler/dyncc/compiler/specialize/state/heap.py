"""The mutable Python objects of a program: found, saved, restored in place.

Objects keep their identity: a state of the program is the *contents* of its objects, and going from one
state to another writes contents back. So native code works on the real objects, and a fork needs no
copying of references.
"""

from __future__ import annotations

import collections
import contextlib
import enum
import functools
import operator
import types
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from dyncc.compiler.code_origin import is_users
from dyncc.compiler.objects import slots_of
from dyncc.compiler.specialize.prelude import KeyedDict, KeyedSet, RecordList
from dyncc.compiler.specialize.state.bindings import Bindings, Reach
from dyncc.compiler.specialize.values import DynamicList, SymTensor, is_scalar

Content = tuple[tuple[Any, Any], ...]
"""The slots of an object: (accessor, value). Accessors: ``[i]``, ``[key]``, ``.name``."""
_MISSING = object()
_HOOKS = frozenset(
    "_backward_pre_hooks _backward_hooks _is_full_backward_hook _forward_hooks _forward_hooks_with_kwargs "
    "_forward_hooks_always_called _forward_pre_hooks _forward_pre_hooks_with_kwargs _state_dict_hooks "
    "_state_dict_pre_hooks _load_state_dict_pre_hooks _load_state_dict_post_hooks "
    "_non_persistent_buffers_set".split()
)
_RUN = ("_forward_pre_hooks", "_forward_hooks")
"""Those of them that run in a call."""
_OPAQUE_MODULES = frozenset(
    "logging threading concurrent multiprocessing importlib inspect ast io re numpy abc typing weakref "
    "_thread _weakref pathlib warnings functools".split()
)
_ATOMS = (
    type(None), bool, int, float, complex, str, bytes, type, types.ModuleType, types.BuiltinFunctionType,
    types.CodeType, torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Size, torch.Tensor,
    range, slice, type(Ellipsis), type(NotImplemented), frozenset, enum.Enum, torch.Generator,
    types.GenericAlias, types.UnionType,
)  # fmt: skip


def is_container(obj: Any) -> bool:
    """Whether ``obj`` is a mutable object whose contents are part of the program's state."""
    if is_scalar(obj) or isinstance(obj, (DynamicList, SymTensor)) or type(obj) is RecordList:
        return False
    if isinstance(obj, (list, dict, set, collections.deque, types.CellType, BaseException)):
        return True
    if isinstance(obj, (_ATOMS, types.FunctionType, types.MethodType, functools.partial, tuple)):
        return False
    module = type(obj).__module__.partition(".")[0]
    if module in _OPAQUE_MODULES:
        return False
    return hasattr(obj, "__dict__") or bool(slots_of(type(obj)))


def content_of(obj: Any) -> Content:
    """The slots of a container, in their order."""
    slots: list[tuple[Any, Any]] = []
    if type(obj) is Bindings:
        return obj.content()
    if isinstance(obj, types.CellType):
        try:
            return ((".cell_contents", obj.cell_contents),)
        except ValueError:
            return ()
    if isinstance(obj, (list, collections.deque)):
        slots.extend(
            (("item", i), value)
            for i, value in enumerate(list.__iter__(obj) if isinstance(obj, list) else obj)
        )
    elif isinstance(obj, dict) and type(obj) is not KeyedDict:
        ordered = collections.OrderedDict if isinstance(obj, collections.OrderedDict) else dict
        slots.extend((("key", key), value) for key, value in ordered.items(obj))
    elif isinstance(obj, set) and type(obj) is not KeyedSet:
        slots.extend((("member", i), value) for i, value in enumerate(obj))
    elif isinstance(obj, BaseException):
        slots.append((("args", "args"), obj.args))
    attributes = getattr(obj, "__dict__", None)
    if attributes:
        skip = _HOOKS if isinstance(obj, nn.Module) else ()
        slots.extend((name, value) for name, value in attributes.items() if name not in skip)
    if not isinstance(obj, (list, dict, set, collections.deque)):
        for name in slots_of(type(obj)):
            value = _slot_value(obj, name)
            if value is not _MISSING:
                slots.append((("slot", name), value))
    return tuple(slots)


def _slot_value(obj: Any, name: str) -> Any:
    try:
        return object.__getattribute__(obj, name)
    except AttributeError:
        return _MISSING


def restore(obj: Any, content: Content) -> None:
    """Write ``content`` back into ``obj``."""
    if type(obj) is Bindings:
        obj.restore(content)
        return
    if isinstance(obj, types.CellType):
        if content:
            obj.cell_contents = content[0][1]
        else:
            with contextlib.suppress(ValueError):
                del obj.cell_contents
        return
    items = [(a[1], v) for a, v in content if type(a) is tuple and a[0] in ("item", "key", "member")]
    if isinstance(obj, list):
        list.__setitem__(obj, slice(None), [v for _, v in items])
    elif isinstance(obj, collections.deque):
        collections.deque.clear(obj)
        collections.deque.extend(obj, (v for _, v in items))
    elif isinstance(obj, dict) and type(obj) is not KeyedDict:
        _restore_dict(obj, items)
    elif isinstance(obj, set) and type(obj) is not KeyedSet:
        set.clear(obj)
        set.update(obj, (v for _, v in items))
    elif isinstance(obj, BaseException):
        obj.args = next(v for a, v in content if a == ("args", "args"))
    attributes = getattr(obj, "__dict__", None)
    if attributes is not None:
        wanted = {a: v for a, v in content if type(a) is str}
        skip = _HOOKS if isinstance(obj, nn.Module) else ()
        for name in [n for n in attributes if n not in wanted and n not in skip]:
            del attributes[name]
        attributes.update(wanted)
    for accessor, value in content:
        if type(accessor) is tuple and accessor[0] == "slot":
            object.__setattr__(obj, accessor[1], value)


def _restore_dict(obj: Any, items: list[tuple[Any, Any]]) -> None:
    if isinstance(obj, collections.OrderedDict):
        for key in list(collections.OrderedDict.keys(obj)):
            collections.OrderedDict.__delitem__(obj, key)
        for key, value in items:
            collections.OrderedDict.__setitem__(obj, key, value)
        return
    dict.clear(obj)
    for key, value in items:
        dict.__setitem__(obj, key, value)


def same_content(left: Content, right: Content) -> bool:
    """Equality by identity of the values (numbers and texts by value)."""
    if len(left) != len(right):
        return False
    for (a, v), (b, w) in zip(left, right, strict=True):
        if v is not w and not (type(v) is type(w) and type(v) in (int, float, str, bool) and v == w):
            return False
        if a is not b and a != b:
            return False
    return True


def walk(value: Any) -> Iterator[tuple[Any, Any]]:
    """The parts of an immutable value that may refer to containers: (accessor, part)."""
    if type(value) is types.MethodType:
        yield ".__self__", value.__self__
        yield ".__func__", value.__func__
    elif type(value) is types.BuiltinMethodType and not isinstance(
        value.__self__, (types.ModuleType, type, type(None))
    ):
        yield ".__self__", value.__self__
    elif isinstance(value, functools.partial):
        yield ".func", value.func
        yield ".args", value.args
        yield from ((("key", k), v) for k, v in value.keywords.items())
    elif isinstance(value, tuple) and not is_scalar(value) and not isinstance(value, torch.Size):
        yield from ((("item", i), v) for i, v in enumerate(tuple.__iter__(value)))
    elif isinstance(value, types.FunctionType):
        yield from ((("cell", i), c) for i, c in enumerate(value.__closure__ or ()))
        if value.__defaults__:
            yield ".__defaults__", value.__defaults__
        if value.__kwdefaults__:
            yield ".__kwdefaults__", tuple(value.__kwdefaults__.values())


def _lists_in(value: Any) -> Iterator[list[Any]]:
    """The lists that ``value`` is, or refers to without a container between."""
    if type(value) is list:
        yield value
    elif not is_container(value):
        for _, part in walk(value):
            yield from _lists_in(part)


@dataclass
class Base:
    """An object that was there before the program ran; ``path`` is how the user would write it."""

    obj: Any
    path: str
    content: Content
    mapping: dict[Any, Any] | None = None
    """What holds all of the contents, where one dict does: the attributes, or the object itself."""
    keys: tuple[Any, ...] = ()
    values: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        self.mapping = _mapping(self.obj)
        if self.mapping is not None:
            self.keys, self.values = tuple(dict.keys(self.mapping)), tuple(dict.values(self.mapping))

    def changed(self) -> bool:
        mapping = self.mapping
        if (
            mapping is not None
            and len(mapping) == len(self.keys)
            and mapping is _mapping(self.obj)
            and all(map(operator.is_, dict.values(mapping), self.values))
            and all(map(operator.is_, dict.keys(mapping), self.keys))
        ):
            return False  # the same objects in the same places: most of the time
        return not same_content(content_of(self.obj), self.content)


def _mapping(obj: Any) -> dict[Any, Any] | None:
    if type(obj) is dict:
        return obj
    if isinstance(obj, (list, dict, set, collections.deque, types.CellType, BaseException)):
        return None
    attributes = getattr(obj, "__dict__", None)
    return attributes if type(attributes) is dict and not slots_of(type(obj)) else None


class Heap:
    """All objects that existed at the start, with their original contents."""

    def __init__(self) -> None:
        self.bases: dict[int, Base] = {}
        self.order: list[int] = []
        self._bindings: dict[int, Bindings] = {}
        self._referrers: dict[int, list[Base]] = {}
        self.pinned: set[int] = set()
        """Lists that cannot become dynamic, by identity."""
        self.generators: list[Any] = []
        """NumPy's random generators that the program refers to."""
        self.iterators: set[int] = set()
        """Iterators of C that were there before the program, by identity: their place is out of sight."""

    def add_roots(self, roots: Iterable[tuple[str, Any]]) -> None:
        """Find every container that is reachable from ``roots`` (name, value), or from their code."""
        seen: set[int] = set()
        pending = list(roots)
        keep: list[Any] = []
        reach = Reach()
        while pending:
            path, value = pending.pop()
            if id(value) in seen:
                continue
            keep.append(value)
            seen.add(id(value))
            if isinstance(value, nn.Module):
                pending.extend((f"{path}.hook", hook) for hook in _hooks(value))
            if isinstance(value, types.FunctionType) and is_users(value.__code__.co_filename):
                pending.append((f"{path}.__dict__", value.__dict__))
            if isinstance(value, (np.random.RandomState, np.random.Generator)):
                self.generators.append(value)
            if _is_iterator(value):
                self.iterators.add(id(value))
            for name, part in reach.of(value):
                self._pin(part)
                pending.append((name, part))
            if is_container(value):
                if id(value) in self.bases:
                    continue
                content = self._add(value, path).content
                pending.extend((_join(path, a), v) for a, v in reversed(content))
            else:
                pending.extend((_join(path, a), v) for a, v in walk(value))
        for bindings in reach.bindings():
            self._add(bindings, bindings.path)
            self._bindings[id(bindings.owner)] = bindings
        for base in self.bases.values():
            for _, value in base.content:
                for found in _lists_in(value):
                    self._referrers.setdefault(id(found), []).append(base)

    def _pin(self, value: Any) -> None:
        """Note the lists that only a function refers to: nothing else can be put in their place there."""
        if not is_container(value):
            self.pinned.update(id(found) for found in _lists_in(value) if found is not value)

    def _add(self, obj: Any, path: str) -> Base:
        base = self.bases[id(obj)] = Base(obj, path, content_of(obj))
        self.order.append(id(obj))
        return base

    def hooked_cells(self) -> set[int]:
        """The cells, by identity, that hooks refer to, which no module has among its contents."""
        modules = (base.obj for base in self.bases.values() if isinstance(base.obj, nn.Module))
        hooks = [hook for module in modules for hook in _hooks(module)]
        functions = [getattr(hook, "func", getattr(hook, "__func__", hook)) for hook in hooks]
        return {id(cell) for each in functions for cell in getattr(each, "__closure__", None) or ()}

    def tracks(self, owner: dict[str, Any] | type, name: str) -> bool:
        """Whether a change of this global, or of this attribute of a class, is part of the state."""
        bindings = self._bindings.get(id(owner))
        return bindings is not None and (bindings.owner is owner) and bindings.has(name)

    def track(self, namespace: dict[str, Any], name: str) -> None:
        """Make a global part of the state, before it is changed for the first time."""
        if not self.tracks(namespace, name):
            bindings = Bindings(namespace, frozenset((name,)))
            self._add(bindings, bindings.path)

    def dirty(self, touched: Collection[int] = ()) -> list[Base]:
        """The objects that differ from the original, and those ``touched``, in order of discovery."""
        bases = (self.bases[i] for i in self.order)
        return [base for base in bases if id(base.obj) in touched or base.changed()]

    def with_referrers(self, dirty: list[Base]) -> list[Base]:
        """``dirty``, and what refers to its lists: a list that becomes dynamic is replaced there."""
        lists = [id(base.obj) for base in dirty if type(base.obj) is list]
        wanted = {id(base.obj) for base in dirty}
        wanted.update(id(base.obj) for number in lists for base in self._referrers.get(number, ()))
        if len(wanted) == len(dirty):
            return dirty
        return [self.bases[number] for number in self.order if number in wanted]

    def reset(self) -> None:
        """Everything as it was at the start."""
        for base in self.dirty():
            restore(base.obj, base.content)


def _is_iterator(value: Any) -> bool:
    """An iterator of C, or a generator, of which nobody can tell how far it is."""
    return type(value).__module__ in ("builtins", "itertools") and hasattr(type(value), "__next__")


def _hooks(module: nn.Module) -> Iterator[Any]:
    """Functions that a call of the module runs: no part of its content, but what they refer to is state."""
    for name in _RUN:
        yield from getattr(module, name).values()


def _join(path: str, accessor: Any) -> str:
    if type(accessor) is str:
        return f"{path}.{accessor.lstrip('.')}"
    kind, key = accessor
    if kind == "slot":
        return f"{path}.{key}"
    if kind == "cell":
        return path
    for prefix in ("._modules", "._parameters", "._buffers"):
        if path.endswith(prefix):
            return f"{path.removesuffix(prefix)}.{key}"
    return f"{path}[{key!r}]"
