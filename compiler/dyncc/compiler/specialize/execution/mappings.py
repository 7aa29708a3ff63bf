"""Dicts and sets that are given keys known only at run time: see ``prelude/mappings.py``.

A lookup in a container of CPython compares the key with those that are there. One that is to hold such a
key is made anew, as what stands in for it, where the program makes it.
"""

from __future__ import annotations

import collections
import types
from typing import TYPE_CHECKING, Any, NoReturn

from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution.frames import Frame, Push
from dyncc.compiler.specialize.execution.operators.texts import loop_origins
from dyncc.compiler.specialize.prelude import keys, mappings
from dyncc.compiler.specialize.values import DynamicList, DynamicTag, is_scalar
from dyncc.runtime.program import ScalarType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine

Site = tuple[types.CodeType, str, int]
"""Where a container is made: an instruction of the program."""
PLAIN = (
    dict, collections.OrderedDict, collections.defaultdict, collections.Counter, set, frozenset
)  # fmt: skip
_METHODS = {
    "get": keys.get_from,
    "__getitem__": keys.item_of,
    "setdefault": keys.set_default,
    "pop": keys.pop_from,
    "__delitem__": keys.delete_item,
    "discard": keys.discard_from,
    "remove": keys.remove_from,
}


def is_plain(obj: Any) -> bool:
    """Whether ``obj`` is a dict or set of CPython's."""
    return any(type(obj) is cls for cls in PLAIN)


def site(machine: Machine) -> Site:
    """The instruction of the program on whose behalf is executed what is executed."""
    executing, at = machine.executing
    for frame in reversed(machine.frames):
        if frame.function.code.co_filename not in prelude.FILES:
            return (frame.function.code, *(at if frame is executing else (frame.label, frame.index - 1)))
    return (executing.function.code, *at)


def made(machine: Machine, container: Any) -> Any:
    """Note where a container was made; returns it."""
    machine.owner.sites[id(container)] = (container, site(machine))
    return container


def is_made_here(machine: Machine, container: Any) -> bool:
    """Whether the call made a container of CPython's, which may then have other keys."""
    return id(container) in machine.owner.sites


def is_keyed(machine: Machine) -> bool:
    """Whether what is made here is given keys known only at run time."""
    keyed = machine.facts.keyed
    return bool(keyed) and site(machine) in keyed


def constructed(machine: Machine, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of ``dict``, ``set``, …, as a model."""
    if is_keyed(machine):
        return Push(mappings.keyed, (cls, args, kwargs), {})
    if any(map(_is_of_numbers, args)):  # (as many as there are when it runs)
        machine.facts.key_by_data(site(machine))
    return made(machine, machine.native(cls, *args, **kwargs))


def _is_of_numbers(value: Any) -> bool:
    return isinstance(value, DynamicList) and isinstance(value.element.type, ScalarType)


def demand(machine: Machine, key: Any, all_of_it: bool = False, of_lists: bool = False) -> None:
    """Have static the counters of loops that are in a key, or ``all_of_it`` that is not read from data.

    An element of a list of run-time length is as good as read from data, but ``of_lists``.
    """
    if is_scalar(key) or type(key) is DynamicTag:
        number = key if is_scalar(key) else key.scalar
        origins = number.origins if all_of_it else loop_origins(number)
        machine.facts.demand(origins if of_lists else origins - machine.facts.elements.keys())
    elif type(key) is tuple:
        for part in key:
            demand(machine, part, all_of_it, of_lists)


def method(machine: Machine, owner: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a method of a container of CPython with a key that is not known."""
    definition = _METHODS.get(name)
    if definition is None or not args or not keys.is_unknown(args[0]):
        return NotImplemented
    demand(machine, args[0])
    return Push(definition, (owner, *args), kwargs)


def take_key(machine: Machine, container: Any) -> NoReturn:
    """A container of CPython would have to hold a key that is not known."""
    found = machine.owner.sites.get(id(container))
    if found is not None:
        machine.facts.key_by_data(found[1])
    kind = type(container).__name__
    machine.refuse(
        "DY110", f"a key of a {kind} is known only at run time", "this key",
        notes=(f"a {kind} that the call makes may have such keys, one that was there before may not",),
        helps=(f"make a {kind} in the call, or use a tensor that is indexed by the number",),
    )  # fmt: skip


def resolve_hash(machine: Machine, frame: Frame, node: Any) -> None:
    """Native code needs the hash of a number: for a container that can be made so that it needs none."""
    if isinstance(node, cfg.Call):
        func = frame.registers.get(node.func)
        if any(func is cls for cls in mappings.KINDS):
            machine.facts.key_by_data(site(machine))
        container = getattr(func, "__self__", None)
    elif isinstance(node, cfg.Build | cfg.BuildDict):
        machine.facts.key_by_data(site(machine))
        return
    else:
        container = frame.registers.get(getattr(node, "collection", ""))
    if is_plain(container):
        take_key(machine, container)
