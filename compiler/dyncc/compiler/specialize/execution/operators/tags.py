"""Static functions of a text, or a member of an enum, that is known only at run time (*The Trick*)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.values import DATA, DynamicTag, kind_of
from dyncc.runtime.program import Const

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def look_up(machine: Machine, tag: DynamicTag, results: tuple[Any, ...], kind: str) -> Any:
    """The one of ``results``, numbers of a kind, that belongs to a tag: a table look-up in the host."""
    if all(repr(r) == repr(results[0]) for r in results):  # (0.0 and -0.0 are equal)
        return results[0]
    operands = [tag.scalar.operand, *(Const(r) for r in results)]
    made = machine.block.host_leaf("lookup", operands, kind)
    made.origins = tag.scalar.origins | frozenset((DATA,))
    return made


def chosen(machine: Machine, tag: DynamicTag, results: tuple[Any, ...]) -> Any:
    """The one of ``results`` that belongs to a tag; NotImplemented where these are not of one kind."""
    first = results[0]
    if all(result is first for result in results):
        return first
    kind = kind_of(first) if type(first) in (bool, int, float) else None
    if kind is not None and all(type(result) is type(first) for result in results):
        if kind == "float" and any(result != result for result in results):
            return NotImplemented
        return look_up(machine, tag, results, kind)
    if (type(first) is str or isinstance(first, enum.Enum)) and all(
        type(r) is type(first) for r in results
    ):
        return first if all(result == first for result in results) else DynamicTag(results, tag.scalar)
    return NotImplemented


def attribute(machine: Machine, tag: DynamicTag, name: str) -> Any:
    """``tag.name``, say of a member of an enum, without a decision; NotImplemented where it needs one."""
    if any(callable(getattr(type(value), name, None)) for value in tag.table):
        return NotImplemented  # a method, which is called with the member
    return chosen(machine, tag, tuple(machine.native(getattr, value, name) for value in tag.table))
