"""Operators of the language on values that are not known yet."""

from __future__ import annotations

import types
from collections.abc import Iterable
from string import Formatter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from dyncc.compiler.specialize import lists, prelude
from dyncc.compiler.specialize.facts import SMALL_LOOP
from dyncc.compiler.specialize.frames import Generator
from dyncc.compiler.specialize.native import Raised
from dyncc.compiler.specialize.values import (
    COMPARISONS,
    DATA,
    INPLACE_OPERATORS,
    PYTHON_OPERATORS,
    UNARY,
    DynamicList,
    DynamicTag,
    DynamicText,
    ListElement,
    Scalar,
    SymTensor,
    decide,
    is_scalar,
    kind_of,
    scalar_op,
)
from dyncc.runtime.program import Const, ListType, ScalarType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.machine import Machine


def item(tensor: Any) -> Any:
    """``tensor.item()``, as the recorder gives it."""
    return tensor.item()


def delete_item(machine: Machine, obj: Any, index: Any) -> None:
    if isinstance(obj, DynamicList):
        lists.delete(machine, obj, index)
    else:
        machine.native(_delete, obj, index)


def _delete(obj: Any, index: Any) -> None:
    del obj[index]


# ----------------------------------------------------------------------------------------- truth


def truth(machine: Machine, value: Any) -> Any:
    """``bool(value)``: a bool, a bool Scalar, or None where the truth is a method to be interpreted."""
    if isinstance(value, torch.Tensor):
        return _tensor_truth(machine, value)
    if is_scalar(value):
        return value if value.kind == "bool" else scalar_op("bool", value)
    if isinstance(value, DynamicList):
        return scalar_op("gt", lists.length(machine, value), 0)
    if type(value) is DynamicTag:
        return look_up(machine, value, tuple(bool(v) for v in value.table), "bool")
    if type(value) is DynamicText:
        return True
    if python_truth(machine, value) is not None:
        return None
    return machine.native(bool, value)


def _tensor_truth(machine: Machine, value: Any) -> Any:
    shape = machine.native(torch.Tensor.size, value)
    count = 1
    for size in shape:
        if not is_scalar(size):
            count *= size
    if count != 1 and not any(is_scalar(s) for s in shape):
        kind = "no values" if count == 0 else "more than one value"
        raise Raised(RuntimeError(f"Boolean value of Tensor with {kind} is ambiguous"))
    number = machine.native(item, value)
    if not is_scalar(number):
        return bool(number)
    return number if number.kind == "bool" else scalar_op("bool", number)


def python_truth(machine: Machine, value: Any) -> Any:
    """A ``__bool__`` or ``__len__`` of a user's class that must be interpreted."""
    from dyncc.compiler.specialize import calls

    return calls.special_method(machine, value, "__bool__") or (
        None if hasattr(type(value), "__bool__") else calls.special_method(machine, value, "__len__")
    )


def negate(machine: Machine, value: Any) -> Any:
    if is_scalar(value):
        return scalar_op("not", value)
    return not truth(machine, value) if not isinstance(value, bool) else not value


# ------------------------------------------------------------------------------------- attributes


def get_attribute(machine: Machine, obj: Any, name: str) -> Any:
    if type(obj) is DynamicTag:
        decide(obj, "an attribute of a value that was chosen by a tensor")
    if isinstance(obj, DynamicList):
        return types.MethodType(_named(name), obj) if name == "__len__" else getattr(obj, name)
    return machine.native(getattr, obj, name)


def _named(name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        return getattr(self, name)(*args)

    method.__name__ = name
    return method


# -------------------------------------------------------------------------------------- operators


def unary(machine: Machine, op: str, value: Any) -> Any:
    return machine.native(UNARY[op], value)


def binary(machine: Machine, op: str, left: Any, right: Any, inplace: bool) -> Any:
    if op == "+" and (type(left) is DynamicText or type(right) is DynamicText):
        return concatenate_text([left, right])
    if op == "%" and isinstance(left, str) and _dynamic_text_argument(right):
        return percent(left, right)
    if op == "+" and (isinstance(left, DynamicList) or isinstance(right, DynamicList)):
        joined = lists.joined(machine, left, right, inplace)
        if joined is not NotImplemented:
            return joined
    if inplace and op == "+" and type(left) is list and isinstance(right, torch.Tensor):
        return machine.native(INPLACE_OPERATORS[op], left, list(machine.native(torch.unbind, right)))
    function = (INPLACE_OPERATORS if inplace else PYTHON_OPERATORS)[op]
    return machine.native(function, left, right)


def compare(machine: Machine, op: str, left: Any, right: Any) -> Any:
    if op in ("is", "is-not"):
        return _identity(machine, left, right, op == "is-not")
    if op in ("in", "not-in"):
        found = contains(machine, left, right)
        return found if op == "in" else negate(machine, found)
    tag = left if type(left) is DynamicTag else right if type(right) is DynamicTag else None
    other = right if tag is left else left
    if tag is not None and op in ("==", "!=") and not special_value(other):
        results = tuple((v == other) if op == "==" else (v != other) for v in tag.table)
        return look_up(machine, tag, results, "bool")
    if op in ("==", "!="):
        equal = _equal(left, right)
        if equal is not NotImplemented:
            return equal if op == "==" else negate(machine, equal)
    return machine.native(COMPARISONS[op], left, right)


def _equal(left: Any, right: Any) -> Any:
    """Equality of sizes and other numbers, one by one or in sequences; NotImplemented for anything else."""
    if is_scalar(left) or is_scalar(right):
        if kind_of(left) is None or kind_of(right) is None:
            return NotImplemented
        return True if _same_size(left, right) else scalar_op("eq", left, right)
    if not (isinstance(left, (list, tuple)) and isinstance(right, (list, tuple))):
        return NotImplemented
    if isinstance(left, DynamicList) or isinstance(right, DynamicList) or not _holds_numbers(left, right):
        return NotImplemented
    if len(left) != len(right) or isinstance(left, list) != isinstance(right, list):
        return False
    result: Any = True
    for one, other in zip(tuple.__iter__(tuple(left)), tuple(right), strict=True):
        equal = _equal(one, other)
        equal = one == other if equal is NotImplemented else equal
        if equal is False:
            return False
        result = equal if result is True else result if equal is True else scalar_op("and_", result, equal)
    return result


def _holds_numbers(left: Any, right: Any) -> bool:
    """Whether the sequences hold numbers of which some are not known, and no tensors."""
    values = (*left, *right)
    return any(map(is_scalar, values)) and all(kind_of(v) is not None or v is None for v in values)


def _same_size(left: Any, right: Any) -> bool:
    """Whether two numbers are sizes of tensors that are known to be the same."""
    sizes = [v.expr.payload for v in (left, right) if is_scalar(v) and v.expr.op == "dim"]
    return len(sizes) == 2 and len({str(tensor.fake.shape[axis]) for tensor, axis in sizes}) == 1


def special_value(value: Any) -> bool:
    return (
        is_scalar(value)
        or isinstance(value, (SymTensor, DynamicList))
        or type(value) in (DynamicTag, DynamicText)
    )


def _identity(machine: Machine, left: Any, right: Any, negative: bool) -> Any:
    if isinstance(left, SymTensor) and isinstance(right, SymTensor):
        machine.recorder.demand_sharing(left, right)
    for number, other in ((left, right), (right, left)):
        if type(number) is DynamicTag and type(other) is not DynamicTag:
            return look_up(machine, number, tuple((v is other) != negative for v in number.table), "bool")
        if is_scalar(number) and number.kind == "bool" and isinstance(other, bool):
            return scalar_op("ne" if negative else "eq", number, other)
    return (left is not right) if negative else (left is right)


def contains(machine: Machine, value: Any, container: Any) -> Any:
    if isinstance(container, torch.Tensor):
        equal = machine.native(torch.eq, container, value)
        return truth(machine, machine.native(torch.Tensor.any, equal))
    if isinstance(container, DynamicList):
        return lists.search(machine, container, "list_contains", value)
    if is_scalar(value) and isinstance(container, (list, tuple, set, frozenset, dict, range)):
        return _scalar_in(machine, value, container)
    if type(value) is DynamicTag and isinstance(container, (list, tuple, set, frozenset, dict)):
        return look_up(machine, value, tuple(v in container for v in value.table), "bool")
    return machine.native(lambda c, v: v in c, container, value)


def _scalar_in(machine: Machine, value: Scalar, container: Any) -> Any:
    if isinstance(container, range) and container.step == 1:
        low = scalar_op("ge", value, container.start)
        return scalar_op("and_", low, scalar_op("lt", value, container.stop))
    found: Any = False
    for candidate in container:
        if kind_of(candidate) is None:
            continue
        equal = scalar_op("eq", value, candidate)
        found = equal if found is False else scalar_op("or_", found, equal)
    return found


def look_up(machine: Machine, tag: DynamicTag, results: tuple[Any, ...], kind: str) -> Any:
    """A static function of a tag: a table look-up in the host."""
    if all(r == results[0] for r in results):
        return results[0]
    operands = [tag.scalar.operand, *(Const(r) for r in results)]
    made = machine.block.host_leaf("lookup", operands, kind)
    made.origins = tag.scalar.origins | frozenset((DATA,))
    return made


# --------------------------------------------------------------------------------------- indexing


def get_item(machine: Machine, obj: Any, index: Any) -> Any:
    from dyncc.compiler.specialize.models import Push

    if isinstance(obj, torch.Tensor) or obj is None:
        return machine.native(PYTHON_GETITEM, obj, index)
    if isinstance(index, torch.Tensor) and isinstance(
        obj, (list, tuple, nn.ModuleList, nn.Sequential, nn.ParameterList)
    ):
        index = machine.native(item, index)
    if isinstance(obj, DynamicList):
        return lists.get(machine, obj, index)
    if is_scalar(index):
        if isinstance(obj, prelude.DynamicRange):
            return obj.start + index * obj.step
        return _choose(machine, obj, index, Push)
    return machine.native(PYTHON_GETITEM, obj, index)


def PYTHON_GETITEM(obj: Any, index: Any) -> Any:
    return obj[index]


def _choose(machine: Machine, obj: Any, index: Scalar, push: Any) -> Any:
    """``container[number]``: a switch over what the container holds."""
    if isinstance(obj, dict):
        keys = [key for key in obj if type(key) is int]
        if index.kind == "bool":
            machine.fork_values(machine.frames[-1], index, (False, True))
        machine.facts.demand(_loop_origins(index))
        unused = next(i for i in range(len(keys) + 1) if i not in keys)
        _replace_index(machine, index)
        machine.switch(index, tuple(keys), unused)
    if isinstance(obj, (list, tuple)) and not isinstance(obj, torch.Size) and obj:
        frame, at = machine.executing
        place = ("table", frame.function.code, *at)
        if _number_table(obj) is not None and place not in machine.facts.keep:
            return _table_item(machine, obj, index, place)
    if isinstance(obj, (list, tuple, str, range, nn.ModuleList, nn.Sequential, nn.ParameterList)):
        if index.kind == "bool":
            machine.fork_values(machine.frames[-1], index, (False, True))
        machine.facts.demand(_loop_origins(index))
        length = len(obj)
        error = None
        if isinstance(obj, (nn.ModuleList, nn.Sequential, nn.ParameterList)):
            error = IndexError(DynamicText(("index ", (index, "", ""), " is out of range")))
        machine.switch(index, (*range(length), *range(-length, 0)), length, error)
    machine.facts.demand(index.origins)
    decide(index, "a number as an index")


def _loop_origins(index: Scalar) -> frozenset[Any]:
    """Where the index is only a generalized counter: it could have stayed static."""
    origins = index.origins
    return frozenset() if DATA in origins or any(o[0] == "entry" for o in origins) else origins


def _replace_index(machine: Machine, index: Scalar) -> None:
    frame = machine.frames[-1]
    if not any(value is index for value in frame.registers.values()):
        decide(index, "a number as an index")


def _number_table(obj: Any) -> str | None:
    kinds = {kind_of(value) if not is_scalar(value) else None for value in obj}
    return kinds.pop() if len(kinds) == 1 and None not in kinds else None


def _table_item(machine: Machine, obj: Any, index: Scalar, place: Any) -> Any:
    """An element of a list of numbers: a look-up in a constant list of the host.

    Where the number turns out to be needed statically, the place becomes a switch instead.
    """
    kind = _number_table(obj)
    block = machine.block
    made = block.host_op("list", [Const(v) for v in obj], ListType(ScalarType(kind)), "table")  # type: ignore[arg-type]
    value = block.host_leaf("list_get", [made, index.operand], kind or "int")
    value.origins = index.origins | frozenset((place,))
    return value


def set_item(machine: Machine, obj: Any, index: Any, value: Any) -> None:
    if isinstance(obj, torch.Tensor):
        machine.native(_store, obj, index, value)
        return
    if isinstance(obj, DynamicList):
        lists.store(machine, obj, index, value)
        return
    if isinstance(index, torch.Tensor) and isinstance(obj, list):
        index = machine.native(item, index)
    if is_scalar(index):
        machine.facts.demand(index.origins)
        if isinstance(obj, list):
            length = len(obj)
            machine.switch(index, (*range(length), *range(-length, 0)), length)
        if isinstance(obj, dict):
            machine.refuse(
                "DY110", "a key of a dict is known only at run time", "this key",
                helps=("use a tensor indexed by the number instead of a dict",),
            )  # fmt: skip
    machine.native(_store, obj, index, value)


def _store(obj: Any, index: Any, value: Any) -> None:
    obj[index] = value


# --------------------------------------------------------------------------------------- iteration


def iterator(machine: Machine, value: Any) -> Any:
    """``iter(value)`` as an object whose state is data, or a Push of a method to be interpreted."""
    from dyncc.compiler.specialize import calls
    from dyncc.compiler.specialize.models import Push

    if isinstance(value, torch.Tensor):
        return _tensor_iterator(machine, value)
    if isinstance(value, DynamicList):
        return prelude.ListIterator(value, len)
    if isinstance(value, Generator):
        return value
    if isinstance(value, range):
        frame, at = machine.executing
        loop = (frame.function.code, *at)
        if len(value) <= SMALL_LOOP and loop not in machine.facts.rolled:
            return prelude.SequenceIterator(value, loop)
        return prelude.RangeIterator(value.start, value.stop, value.step)
    method = calls.special_method(machine, value, "__iter__")
    if method is not None:
        return Push(method, (value,), {})
    if isinstance(value, (list, tuple)) and type(value).__iter__ in (list.__iter__, tuple.__iter__):
        return prelude.SequenceIterator(value)
    made = machine.native(iter, value)
    if type(made).__module__ == "builtins" and not isinstance(made, (map, filter, types.GeneratorType)):
        return prelude.SequenceIterator(machine.native(tuple, made))
    return made


def _tensor_iterator(machine: Machine, value: Any) -> Any:
    if machine.native(torch.Tensor.dim, value) == 0:
        raise Raised(TypeError("iteration over a 0-d tensor"))
    size = machine.native(torch.Tensor.size, value, 0)
    if is_scalar(size) or size > 64:
        return prelude.ListIterator(value, len)
    return prelude.SequenceIterator(machine.native(torch.unbind, value))


def unpacked(machine: Machine, value: Any) -> Iterable[Any]:
    """The elements of an iterable of static length (for ``a, b = …`` and ``f(*…)``)."""
    if isinstance(value, torch.Tensor):
        if machine.native(torch.Tensor.dim, value) == 0:
            raise Raised(TypeError("iteration over a 0-d tensor"))
        return machine.native(torch.unbind, value)
    if isinstance(value, (DynamicList, prelude.DynamicRange)):
        if isinstance(value, DynamicList):
            machine.facts.demand(value.origins)
        machine.refuse(
            "DY110", "the number of elements is known only at run time", "unpacked here",
            helps=("loop over the elements, or index them",),
        )  # fmt: skip
    if isinstance(value, Generator):
        return _drained(machine, value)
    return machine.native(list, value)


def _drained(machine: Machine, generator: Generator) -> Any:
    machine.refuse(
        "DY101", "unpacking a generator is not supported", "unpacked here",
        helps=("make a list of it first: `list(...)`",),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- text


def formatted(machine: Machine, value: Any, conversion: str, spec: Any) -> Any:
    """One ``{value!conversion:spec}``."""
    if isinstance(value, torch.Tensor) and not isinstance(value, SymTensor):
        return machine.native(format, value, spec)
    if isinstance(value, SymTensor):
        if value.fake.dim() == 0 and conversion == "":
            value = machine.native(item, value)
        else:
            decide(value, "the text of a tensor")
    if type(value) is DynamicText:
        return value
    if is_scalar(value):
        return DynamicText(((value, conversion, spec),))
    if type(value) in (list, tuple) and not spec and _dynamic_text_argument(tuple(value)):
        return _sequence_text(machine, value)
    if type(value) is DynamicTag:
        decide(value, "the text of a value that was chosen by a tensor")
    if conversion:
        value = machine.native({"r": repr, "s": str, "a": ascii}[conversion], value)
    return machine.native(format, value, spec)


def _sequence_text(machine: Machine, value: Any) -> Any:
    opening, closing = ("[", "]") if type(value) is list else ("(", ",)" if len(value) == 1 else ")")
    parts: list[Any] = [opening]
    for index, part in enumerate(value):
        parts.extend((", ",) if index else ())
        parts.append(formatted(machine, part, "r", ""))
    return concatenate_text([*parts, closing])


def concatenate_text(parts: list[Any]) -> Any:
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    pieces: list[Any] = []
    for part in parts:
        pieces.extend(part.parts if type(part) is DynamicText else (part,))
    return DynamicText(tuple(pieces))


def _dynamic_text_argument(value: Any) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return any(is_scalar(v) or type(v) is DynamicText for v in values)


def percent(template: str, values: Any) -> Any:
    """``template % values`` with the plain conversions ``%s %d %i %f %g %e %r`` and their precisions."""
    import re

    items = list(values) if isinstance(values, tuple) else [values]
    parts: list[Any] = []
    position = 0
    for match in re.finditer(r"%(?:(%)|([-+ 0#]*\d*(?:\.\d+)?)([sdifgerFGE]))", template):
        parts.append(template[position : match.start()])
        position = match.end()
        if match.group(1):
            parts.append("%")
            continue
        value = items.pop(0)
        flags, kind = match.group(2), match.group(3)
        if not (is_scalar(value) or type(value) is DynamicText):
            parts.append(f"%{flags}{kind}" % (value,))
        elif type(value) is DynamicText:
            parts.extend(value.parts)
        else:
            spec = "" if kind in "sr" else (flags + {"i": "d"}.get(kind, kind))
            number = scalar_op("int", value) if kind in "di" and value.kind == "float" else value
            parts.append((number, "r" if kind == "r" else "", spec))
    parts.append(template[position:])
    return DynamicText(tuple(p for p in parts if p != ""))


def format_method(machine: Machine, template: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``template.format(...)`` with plain field names."""
    parts: list[Any] = []
    automatic = 0
    for literal, field, spec, conversion in Formatter().parse(template):
        if literal:
            parts.append(literal)
        if field is None:
            continue
        if field == "":
            value, automatic = args[automatic], automatic + 1
        elif field.isdigit():
            value = args[int(field)]
        elif field in kwargs:
            value = kwargs[field]
        else:
            return NotImplemented
        parts.append(formatted(machine, value, conversion or "", spec or ""))
    return concatenate_text(parts) if parts else ""


__all__ = ["DynamicList", "ListElement", "compare", "get_item", "truth"]
