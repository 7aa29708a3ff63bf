"""Calls: from positional and keyword arguments to the program's inputs, checked.

A :class:`Binder` is made once for a method. It binds arguments as Python does, takes containers apart,
checks what was compiled in (values, dtypes, shapes with their symbols, constraints) and raises
:class:`~dyncc.runtime.errors.InputError`, which names the argument, what was expected and what came.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from dyncc.runtime import arrays
from dyncc.runtime import program as p
from dyncc.runtime.device import DeviceTensor
from dyncc.runtime.errors import InputError
from dyncc.runtime.records import record
from dyncc.runtime.sizes import SizeExpression, parse_size

_MISSING: Any = object()


@record
class Bound:
    """The inputs of one call."""

    values: dict[str, Any] = field(default_factory=dict)
    """By input: an array that is ready for an engine, a number, or a tuple of such."""
    originals: dict[str, Any] = field(default_factory=dict)
    """By input: the caller's own memory (for tensors)."""
    device: Any = None
    """The device of the first torch tensor among the arguments: then the results are torch tensors, too."""


class Binder:
    """Binds the calls of ``method``. ``written`` are the inputs that it writes to; ``adopt`` takes tensors
    that are on the program's device, if it has one.

    Raises ValueError where the method's sizes or constraints are no expressions.
    """

    def __init__(
        self, method: p.Method, written: Sequence[str] = (), adopt: arrays.Adopt | None = None
    ) -> None:
        self.method = method
        self.adopt = adopt
        self.name = method.name
        self.written = frozenset(written)
        self.positional = [parameter for parameter in method.parameters if parameter.kind == "positional"]
        self.by_name = {
            parameter.name: parameter
            for parameter in method.parameters
            if parameter.kind in ("positional", "keyword")
        }
        kinds = {parameter.kind: parameter for parameter in method.parameters}
        self.var_positional = kinds.get("var_positional")
        self.var_keyword = kinds.get("var_keyword")
        self.constraints = [(parse_size(item.expression), item) for item in method.constraints]
        self.identities = method.identities
        self.together = {
            frozenset((identity.first, identity.second)) for identity in self.identities if identity.same
        }
        self.sizes = _Sizes(method)
        quick = [_quick(parameter) for parameter in method.parameters]
        self.quick = None if None in quick else [item for item in quick if item is not None]
        self.direct = self._direct()
        """Whether arguments can be given to the program as they are; None where that is never so."""

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Bound:
        """The inputs of the call ``method(*args, **kwargs)``."""
        bound = None if kwargs else self._bind_quickly(args)
        if bound is None:
            bound = self._bind_slowly(args, kwargs)
        self._check_sizes(bound)
        if self.identities:
            self._check_identities(bound)
        if self.written:
            self._check_aliases(bound)
        return bound

    def _bind_quickly(self, args: Sequence[Any]) -> Bound | None:
        """The usual call: every argument an array as it should be. None where one is anything else."""
        if self.quick is None or len(args) != len(self.quick):
            return None
        bound = Bound()
        for (name, dtype, shape, rank), given in zip(self.quick, args, strict=True):
            if type(given) is not np.ndarray or given.dtype != dtype or given.ndim != rank:
                return None
            if not given.flags.c_contiguous:
                return None
            for size, dim in zip(given.shape, shape, strict=True):
                if dim is not None and size != dim:
                    return None
            bound.values[name] = given if self.adopt is None else self.adopt(given, dtype.name)
        if self.written or self.identities:
            bound.originals.update(zip(bound.values, args, strict=True))
        return bound

    def _direct(self) -> Callable[[Sequence[Any]], bool] | None:
        """The check of the usual call in as few steps as possible: all arguments are arrays, every size is
        fixed or stands for itself, and none is written to."""
        if (
            not self.quick
            or self.written
            or self.identities
            or self.constraints
            or not self.sizes.independent
        ):
            return None
        if len(self.quick) == 1 and None not in self.quick[0][2]:
            ((_, only_dtype, only_shape, _),) = self.quick

            def one(args: Sequence[Any]) -> bool:
                if len(args) != 1:
                    return False
                (given,) = args
                return (
                    given.__class__ is np.ndarray
                    and given.shape == only_shape
                    and given.dtype == only_dtype
                    and given.flags.c_contiguous
                )

            return one
        quick = self.quick
        free = [None in shape for _, _, shape, _ in quick]

        def several(args: Sequence[Any]) -> bool:
            if len(args) != len(quick):
                return False
            for (_, dtype, shape, rank), given, loose in zip(quick, args, free, strict=True):
                if given.__class__ is not np.ndarray or given.dtype != dtype or given.ndim != rank:
                    return False
                if not given.flags.c_contiguous:
                    return False
                if loose:
                    if any(
                        dim is not None and size != dim
                        for size, dim in zip(given.shape, shape, strict=True)
                    ):
                        return False
                elif given.shape != shape:
                    return False
            return True

        return several

    def _bind_slowly(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Bound:
        bound = Bound()
        for parameter, given in self._arguments(args, kwargs):
            where = f"{self.name}() argument {parameter.name!r}"
            if given is _MISSING:
                self._default(parameter, bound)
            else:
                self._take(parameter.tree, given, where, bound)
        return bound

    # -------------------------------------------------------------------------------------- arguments

    def _arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[p.Parameter, Any]]:
        if len(args) > len(self.positional) and self.var_positional is None:
            most = len(self.positional)
            raise InputError(
                f"{self.name}() takes {_count(most, 'positional argument')} but "
                f"{len(args)} {'was' if len(args) == 1 else 'were'} given"
            )
        given: dict[str, Any] = {
            parameter.name: arg for parameter, arg in zip(self.positional, args, strict=False)
        }
        extra: dict[str, Any] = {}
        for name, value in kwargs.items():
            if name in given:
                raise InputError(f"{self.name}() got multiple values for argument {name!r}")
            if name in self.by_name:
                given[name] = value
            elif self.var_keyword is not None:
                extra[name] = value
            else:
                raise InputError(f"{self.name}() got an unexpected keyword argument {name!r}")
        pairs = [(parameter, given.get(name, _MISSING)) for name, parameter in self.by_name.items()]
        self._check_missing(pairs)
        if self.var_positional is not None:
            pairs.append((self.var_positional, tuple(args[len(self.positional) :])))
        if self.var_keyword is not None:
            pairs.append((self.var_keyword, extra))
        return pairs

    def _check_missing(self, pairs: list[tuple[p.Parameter, Any]]) -> None:
        missing = [
            parameter
            for parameter, value in pairs
            if value is _MISSING and not parameter.optional and not _opaque(parameter.tree)
        ]
        if not missing:
            return
        kind = "positional" if missing[0].kind == "positional" else "keyword-only"
        names = [_missing(parameter) for parameter in missing if parameter.kind == missing[0].kind]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        raise InputError(
            f"{self.name}() missing {_count(len(names), f'required {kind} argument')}: {listed}"
        )

    def _default(self, parameter: p.Parameter, bound: Bound) -> None:
        tree = parameter.tree
        if isinstance(tree, p.Input):
            self._take(tree, parameter.default, f"{self.name}() argument {parameter.name!r}", bound)
        elif not p.is_fixed(tree):
            raise InputError(
                f"{self.name}() argument {parameter.name!r} was passed at compile time: pass it here"
            )

    # ------------------------------------------------------------------------------------------ trees

    def _take(self, tree: p.InputTree, given: Any, where: str, bound: Bound) -> None:
        if isinstance(tree, p.Input):
            bound.values[tree.name] = self._value(tree.type, given, where, bound, tree.name)
        elif isinstance(tree, p.Fixed):
            _check_fixed(tree, given, where)
        else:
            for child, item, suffix in _items(tree, given, where):
                self._take(child, item, where + suffix, bound)

    def _value(self, of: p.Type, given: Any, where: str, bound: Bound, name: str = "") -> Any:
        if isinstance(of, p.TensorType):
            return self._tensor(of, given, where, bound, name)
        if isinstance(of, p.ScalarType):
            return _number(of, given, where)
        if not isinstance(given, list | tuple):
            raise InputError(f"{where}: expected a list, got {describe(given)}")
        return tuple(
            self._value(of.element, item, f"{where}[{index}]", bound) for index, item in enumerate(given)
        )

    def _tensor(self, of: p.TensorType, given: Any, where: str, bound: Bound, name: str) -> Any:
        if not arrays.is_tensor(given):
            raise InputError(f"{where}: expected {describe_type(of)}, got {describe(given)}")
        array = arrays.as_input(given, where, self.adopt)
        dtype = arrays.dtype_of(given)
        if dtype != of.dtype and not (of.dtype == "bfloat16" and dtype == "uint16"):
            raise InputError(
                f"{where}: expected {describe_type(of)}, got {describe(given)}: {_cast(given, of.dtype)}"
            )
        if len(array.shape) != len(of.shape) or any(
            size != dim for size, dim in zip(array.shape, of.shape, strict=True) if isinstance(dim, int)
        ):
            raise InputError(
                f"{where}: expected {describe_type(of)}, got {describe(given)}"
                + (FREE if len(array.shape) == len(of.shape) else "")
            )
        if arrays.is_torch(given):
            bound.device = bound.device or given.device
        on_device = type(array) is DeviceTensor and arrays.is_torch(given)
        if name in self.written and on_device and not given.is_contiguous():
            raise InputError(
                f"{where} is written to, and its elements do not lie together: pass x.contiguous()"
            )
        if name:
            bound.originals[name] = array
        return self._on_device(array, of.dtype)

    def _on_device(self, array: Any, dtype: str) -> Any:
        """The tensor for the program, which may move it; the caller's memory stays where it is."""
        if type(array) is DeviceTensor:
            return array.alias()
        array = arrays.ready(array)
        return array if self.adopt is None else self.adopt(array, dtype)

    # ---------------------------------------------------------------------------------- sizes, aliases

    def _check_sizes(self, bound: Bound) -> None:
        if not self.constraints and self.sizes.agree(bound):
            return
        found = self.sizes.solve(self.name, bound)
        for expression, constraint in self.constraints:
            if expression.symbols <= found.keys() and not expression.evaluate(found):
                sizes = ", ".join(f"{symbol} = {found[symbol]}" for symbol in sorted(expression.symbols))
                reason = f" ({constraint.reason})" if constraint.reason else ""
                raise InputError(
                    f"{self.name}() was compiled for {constraint.expression}{reason}, and here {sizes}"
                )

    def _check_aliases(self, bound: Bound) -> None:
        for name in self.written:
            mine = bound.originals.get(name)
            if mine is None:
                continue
            if not arrays.writable(mine):
                raise InputError(f"{self.name}() writes to its argument {name!r}, which is read-only")
            if arrays.self_overlapping(mine):
                raise InputError(
                    f"{self.name}() writes to its argument {name!r}, whose elements share memory "
                    "(an expanded tensor): pass a copy"
                )
            for other, theirs in bound.originals.items():
                if {name, other} in self.together:
                    continue
                if other != name and arrays.overlap(mine, theirs):
                    raise InputError(
                        f"{self.name}() writes to its argument {name!r}, which shares memory with "
                        f"{other!r}: pass a copy of one"
                    )

    def _check_identities(self, bound: Bound) -> None:
        """Raise InputError where two tensors are one that were not when the program was compiled."""
        for identity in self.identities:
            one, other = (bound.originals.get(name) for name in (identity.first, identity.second))
            if one is None or other is None or (_begins(one) == _begins(other)) == identity.same:
                continue
            pair = f"{identity.first!r} and {identity.second!r}"
            wanted, here = ("one tensor", "two") if identity.same else ("two tensors", "one")
            raise InputError(
                f"{self.name}() was compiled for {pair} being {wanted}, which the program asks for, and "
                f"here they are {here}: pass a copy, or compile it so"
            )


FREE = " (a size that differs from call to call is compiled as free: `--dynamic`, `dynamic_shapes`)"


def _begins(array: Any) -> tuple[int, tuple[int, ...]]:
    """Where the memory of a tensor begins, and its shape."""
    if type(array) is DeviceTensor:
        return array.address, array.shape
    return array.__array_interface__["data"][0], array.shape


def _quick(parameter: p.Parameter) -> tuple[str, np.dtype[Any], tuple[int | None, ...], int] | None:
    """Name, dtype, shape (None: free) and rank of a parameter that is one tensor, given by position."""
    tree = parameter.tree
    if parameter.kind != "positional" or not isinstance(tree, p.Input):
        return None
    of = tree.type
    if not isinstance(of, p.TensorType) or of.dtype == "bfloat16":
        return None
    shape = tuple(dim if isinstance(dim, int) else None for dim in of.shape)
    return tree.name, np.dtype(of.dtype), shape, len(shape)


class _Sizes:
    """The symbolic sizes of a method's inputs: where symbols are read, and what is computed from them."""

    def __init__(self, method: p.Method) -> None:
        self.symbols: list[tuple[str, int, str]] = []
        self.expressions: list[tuple[str, int, SizeExpression]] = []
        stack: list[p.InputTree] = [parameter.tree for parameter in reversed(method.parameters)]
        while stack:
            tree = stack.pop()
            if isinstance(tree, p.InputNode):
                stack.extend(reversed(tree.children))
            elif isinstance(tree, p.Input) and isinstance(tree.type, p.TensorType):
                for axis, dim in enumerate(tree.type.shape):
                    if isinstance(dim, str) and dim.isidentifier():
                        self.symbols.append((tree.name, axis, dim))
                    elif isinstance(dim, str):
                        self.expressions.append((tree.name, axis, parse_size(dim)))

    @property
    def independent(self) -> bool:
        """Whether every size is a symbol that occurs once: then any sizes will do."""
        names = [symbol for _, _, symbol in self.symbols]
        return not self.expressions and len(set(names)) == len(names)

    def agree(self, bound: Bound) -> bool:
        """Whether every size is a plain symbol, and all sizes of a symbol are equal."""
        found: dict[str, int] = {}
        for name, axis, symbol in self.symbols:
            size = bound.values[name].shape[axis]
            if found.setdefault(symbol, size) != size:
                return False
        return not self.expressions

    def solve(self, method: str, bound: Bound) -> dict[str, int]:
        """The size of every symbol. Raises InputError where two arguments disagree."""
        found: dict[str, tuple[int, str]] = {}

        def agree(symbol: str, size: int, name: str, axis: int) -> None:
            place = f"size {axis} of {name!r}"
            known, where = found.setdefault(symbol, (size, place))
            if known != size:
                raise InputError(
                    f"{method}(): {where} is {known} and {place} is {size}: they must be equal"
                )

        for name, axis, symbol in self.symbols:
            agree(symbol, bound.values[name].shape[axis], name, axis)
        for name, axis, expression in self.expressions:
            size = bound.values[name].shape[axis]
            missing = expression.symbols - found.keys()
            if missing:
                solution = expression.solve(size)
                if solution is None:
                    raise InputError(
                        f"{method}(): size {axis} of {name!r} is {size}: it must be {expression.text}"
                    )
                agree(next(iter(missing)), solution, name, axis)
                continue
            wanted = expression.evaluate({symbol: known for symbol, (known, _) in found.items()})
            if wanted != size:
                raise InputError(
                    f"{method}(): size {axis} of {name!r} is {size}, not {expression.text} = {wanted}"
                )
        return {symbol: known for symbol, (known, _) in found.items()}


# --------------------------------------------------------------------------------- numbers, fixed values


def _number(of: p.ScalarType, given: Any, where: str) -> Any:
    """``given`` as a Python number of the kind that the program was compiled for."""
    value = given.item() if isinstance(given, np.generic) else given
    accepted: dict[str, tuple[type, ...]] = {
        "bool": (bool,),
        "int": (int, bool),
        "float": (float, int, bool),
        "str": (str,),
    }
    if type(value) in accepted[of.kind]:
        return float(value) if of.kind == "float" else value
    hint = ": pass x.item()" if arrays.is_tensor(given) else ""
    raise InputError(f"{where}: expected {_article(of.kind)}, got {describe(given)}{hint}")


def _check_fixed(tree: p.Fixed, given: Any, where: str) -> None:
    if tree.opaque:
        if type(given).__name__ != tree.opaque.rpartition(".")[2]:
            raise InputError(f"{where}: compiled for a {tree.opaque}, got {describe(given)}")
        return
    value = given.item() if isinstance(given, np.generic) else given
    if type(value) is not type(tree.value) or not _same(value, tree.value):
        raise InputError(
            f"{where}: compiled for the value {tree.value!r}, got {describe(given)}: compile again"
        )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return one == other


def _missing(parameter: p.Parameter) -> str:
    """A parameter that a call leaves out: the method's own signature may have another default."""
    if not isinstance(parameter.tree, p.Fixed):
        return repr(parameter.name)
    return f"{parameter.name!r} (fixed to {parameter.tree.value!r} in this bundle: pass it so)"


def _opaque(tree: p.InputTree) -> bool:
    return isinstance(tree, p.Fixed) and bool(tree.opaque)


# ------------------------------------------------------------------------------------------ containers


def _items(tree: p.InputNode, given: Any, where: str) -> list[tuple[p.InputTree, Any, str]]:
    """Children, values and suffixes of their names."""
    take: Callable[[p.InputNode, Any, str], list[tuple[Any, str]]]
    if tree.kind in ("tuple", "list"):
        take = _sequence_items
    elif tree.kind in ("dict", "record"):
        take = _mapping_items
    else:
        take = _field_items
    pairs = take(tree, given, where)
    return [(child, item, suffix) for child, (item, suffix) in zip(tree.children, pairs, strict=True)]


def _sequence_items(tree: p.InputNode, given: Any, where: str) -> list[tuple[Any, str]]:
    if not isinstance(given, list | tuple):
        raise InputError(f"{where}: expected a {tree.kind} of {len(tree.children)}, got {describe(given)}")
    if len(given) != len(tree.children):
        raise InputError(
            f"{where}: expected a {tree.kind} of {len(tree.children)}, got one of {len(given)}"
        )
    return [(item, f"[{index}]") for index, item in enumerate(given)]


def _mapping_items(tree: p.InputNode, given: Any, where: str) -> list[tuple[Any, str]]:
    if not isinstance(given, Mapping):
        raise InputError(f"{where}: expected a dict, got {describe(given)}")
    for key in tree.keys:
        if key not in given:
            raise InputError(f"{where}: the key {key!r} is missing")
    for key in given:
        if key not in tree.keys:
            raise InputError(f"{where}: the program was compiled without the key {key!r}")
    return [(given[key], f"[{key!r}]") for key in tree.keys]


def _field_items(tree: p.InputNode, given: Any, where: str) -> list[tuple[Any, str]]:
    name = tree.name.rpartition(".")[2]
    if type(given).__name__ != name and not (tree.kind == "namedtuple" and type(given) is tuple):
        raise InputError(f"{where}: expected a {name}, got {describe(given)}")
    if tree.kind == "namedtuple":
        if len(given) != len(tree.children):
            raise InputError(f"{where}: expected a {name} of {len(tree.children)}, got one of {len(given)}")
        return [(item, f".{key}") for item, key in zip(given, tree.keys, strict=True)]
    missing = [key for key in tree.keys if not hasattr(given, str(key))]
    if missing:
        raise InputError(f"{where}: the field {missing[0]!r} is missing")
    return [(getattr(given, str(key)), f".{key}") for key in tree.keys]


# ----------------------------------------------------------------------------------------------- words


def describe(value: Any) -> str:
    """What came, in words: ``float64[2, 3]`` (with the library where it is not NumPy), ``int 3``."""
    if arrays.is_tensor(value):
        kind = "torch " if arrays.is_torch(value) else ""
        return f"{kind}{arrays.dtype_of(value)}[{', '.join(map(str, value.shape))}]"
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        text = repr(value.item() if isinstance(value, np.generic) else value)
        text = text if len(text) <= 40 else f"{text[:37]}..."
        return text if value is None else f"{type(value).__name__} {text}"
    return _article(type(value).__name__)


def describe_type(of: p.Type) -> str:
    """What is expected, in words: ``float32[s0, 3]``."""
    match of:
        case p.TensorType(dtype=dtype, shape=shape):
            return f"{dtype}[{', '.join(map(str, shape))}]"
        case p.ScalarType(kind=kind):
            return kind
        case p.ListType(element=element):
            return f"list of {describe_type(element)}"


def _cast(given: Any, dtype: str) -> str:
    return f"pass x.to(torch.{dtype})" if arrays.is_torch(given) else f"pass x.astype({dtype!r})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
