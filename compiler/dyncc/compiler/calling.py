"""Arguments and results of a program on the torch side: no NumPy, no copies.

The runtime has its own binding for arrays; this one serves the reference interpreter and the checks,
where a value must keep its torch dtype, its strides and its identity.
"""

from __future__ import annotations

import collections
import dataclasses
import importlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import torch

from dyncc.compiler.tuples import tuple_of
from dyncc.runtime.program import (
    ExceptionType,
    Fixed,
    Input,
    InputNode,
    InputTree,
    Leaf,
    ListType,
    Method,
    Node,
    Operand,
    Parameter,
    Ref,
    ScalarType,
    TensorType,
    Tree,
    Type,
    is_fixed,
)

_MISSING: Any = object()
_SCALARS: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
_SYMBOL = re.compile(r"[A-Za-z_]\w*\Z")


class ArgumentError(TypeError):
    """A call that does not fit the compiled signature: the message names the argument."""


def dtype_name(dtype: torch.dtype) -> str:
    """NumPy's name of ``dtype`` (``bfloat16`` besides), as in :class:`TensorType`."""
    return str(dtype).removeprefix("torch.")


def torch_dtype(name: str) -> torch.dtype:
    """The torch dtype that NumPy calls ``name``."""
    return getattr(torch, name)


# ----------------------------------------------------------------------------------- arguments


def bind(method: Method, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every :class:`Input` of ``method``, by its name.

    Raises :class:`ArgumentError` for a missing, surplus or unfitting argument: a shape, dtype or number
    type other than the compiled one, a fixed value that differs, a constraint that does not hold.
    """
    remaining, named = list(args), dict(kwargs)
    values: dict[str, Any] = {}
    for parameter in method.parameters:
        given = _take(parameter, remaining, named)
        if given is _MISSING:
            _bind_default(parameter, values)
        else:
            _bind_tree(parameter.tree, given, parameter.name, values)
    if remaining:
        raise ArgumentError(f"{method.name}() takes {len(remaining)} positional arguments less")
    if named:
        raise ArgumentError(f"{method.name}() has no argument {next(iter(named))!r}")
    _check_sizes(method, values)
    for identity in method.identities:
        one, other = values[identity.first], values[identity.second]
        _require(
            ((one.data_ptr(), one.shape) == (other.data_ptr(), other.shape)) == identity.same,
            f"`{identity.first}` and `{identity.second}` must be {'one' if identity.same else 'two'}",
        )
    return values


def _take(parameter: Parameter, remaining: list[Any], named: dict[str, Any]) -> Any:
    """The argument for ``parameter``, removed from what is left; ``_MISSING`` where there is none."""
    match parameter.kind:
        case "var_positional":
            rest = tuple(remaining)
            remaining.clear()
            return rest
        case "var_keyword":
            rest = dict(named)
            named.clear()
            return rest
        case "positional" if remaining:
            if parameter.name in named:
                raise ArgumentError(f"multiple values for argument {parameter.name!r}")
            return remaining.pop(0)
        case _:
            return named.pop(parameter.name, _MISSING)


def _bind_default(parameter: Parameter, values: dict[str, Any]) -> None:
    if not parameter.optional:
        raise ArgumentError(f"missing argument {parameter.name!r}")
    match parameter.tree:
        case Input(name=name):
            values[name] = parameter.default
        case tree if is_fixed(tree):
            pass
        case _:
            raise ArgumentError(f"argument {parameter.name!r} was given at compile time; give it")


def _bind_tree(tree: InputTree, given: Any, path: str, values: dict[str, Any]) -> None:
    match tree:
        case Input(name=name, type=type_):
            _check_type(type_, given, path)
            values[name] = tuple(given) if isinstance(type_, ListType) else given
        case Fixed():
            _check_fixed(tree, given, path)
        case InputNode():
            for key, child, item in zip(*_items(tree, given, path), strict=True):
                _bind_tree(child, item, f"{path}{key}", values)


def _items(tree: InputNode, given: Any, path: str) -> tuple[list[str], Sequence[InputTree], list[Any]]:
    """Path suffixes, subtrees and values of the container ``given``."""
    children = tree.children
    match tree.kind:
        case "tuple" | "list":
            if not isinstance(given, (tuple, list)) or len(given) != len(children):
                raise ArgumentError(f"`{path}` must be a {tree.kind} of {len(children)}")
            return [f"[{i}]" for i in range(len(children))], children, list(given)
        case "dict" | "record":
            if not isinstance(given, Mapping) or set(given) != set(tree.keys):
                raise ArgumentError(f"`{path}` must be a dict with the keys {list(tree.keys)}")
            return [f"[{key!r}]" for key in tree.keys], children, [given[key] for key in tree.keys]
        case "namedtuple" | "dataclass":
            if type(given).__name__ != tree.name.rpartition(".")[2]:
                raise ArgumentError(f"`{path}` must be a {tree.name}, not {type(given).__name__}")
            return [f".{key}" for key in tree.keys], children, [getattr(given, str(k)) for k in tree.keys]
        case _:
            raise ArgumentError(f"`{path}`: unknown kind of container {tree.kind!r}")


def _check_type(type_: Type, given: Any, path: str) -> None:
    match type_:
        case TensorType(dtype=dtype, shape=shape):
            if not isinstance(given, torch.Tensor):
                raise ArgumentError(f"`{path}` must be a tensor, not {type(given).__name__}")
            if dtype_name(given.dtype) != dtype:
                raise ArgumentError(f"`{path}` must be {dtype}, not {dtype_name(given.dtype)}")
            if given.dim() != len(shape):
                raise ArgumentError(f"`{path}` must have {len(shape)} dimensions, not {given.dim()}")
        case ScalarType(kind=kind):
            if type(given) is not _SCALARS[kind]:
                raise ArgumentError(f"`{path}` must be {kind}, not {type(given).__name__}")
        case ListType(element=element):
            if not isinstance(given, (list, tuple)):
                raise ArgumentError(f"`{path}` must be a list, not {type(given).__name__}")
            for i, item in enumerate(given):
                _check_type(element, item, f"{path}[{i}]")


def _check_fixed(fixed: Fixed, given: Any, path: str) -> None:
    if fixed.opaque:
        if type(given).__name__ != fixed.opaque.rpartition(".")[2]:
            raise ArgumentError(f"`{path}` must be a {fixed.opaque}, not {type(given).__name__}")
    elif type(given) is not type(fixed.value) or given != fixed.value:
        raise ArgumentError(f"`{path}` was compiled for {fixed.value!r}, not {given!r}")


# --------------------------------------------------------------------------------------- sizes


class _SizeFunctions(dict[str, Any]):
    """The functions that may stand in the text of a size."""

    def __init__(self) -> None:
        super().__init__(
            Max=max,
            Min=min,
            Mod=lambda a, b: a % b,
            FloorDiv=lambda a, b: a // b,
            PythonMod=lambda a, b: a % b,
            Eq=lambda a, b: a == b,
            Ne=lambda a, b: a != b,
            And=lambda *a: all(a),
            Or=lambda *a: any(a),
            Not=lambda a: not a,
            __builtins__={},
        )


def evaluate_size(expression: str, symbols: Mapping[str, int]) -> Any:
    """The value of a symbolic size or condition such as ``s0 + 1`` or ``s0 >= 2``."""
    return eval(expression, _SizeFunctions(), dict(symbols))


def _check_sizes(method: Method, values: Mapping[str, Any]) -> None:
    symbols: dict[str, int] = {}
    compound: list[tuple[str, str, int]] = []
    for name, type_ in input_types(method):
        if not isinstance(type_, TensorType):
            continue
        for axis, (dim, size) in enumerate(zip(type_.shape, values[name].shape, strict=True)):
            where = f"size {axis} of `{name}`"
            if isinstance(dim, int):
                _require(dim == size, f"{where} must be {dim}, not {size}")
            elif _SYMBOL.match(dim):
                known = symbols.setdefault(dim, size)
                _require(known == size, f"{where} must be {known} (as `{dim}` elsewhere), not {size}")
            else:
                compound.append((where, dim, size))
    for where, dim, size in compound:
        _require(evaluate_size(dim, symbols) == size, f"{where} must be {dim}, not {size}")
    for constraint in method.constraints:
        holds = evaluate_size(constraint.expression, symbols)
        _require(holds, f"{constraint.expression} does not hold ({constraint.reason})")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ArgumentError(message)


def input_types(method: Method) -> list[tuple[str, Type]]:
    """Name and type of every :class:`Input` of ``method``, in the order of its parameters."""
    found: list[tuple[str, Type]] = []

    def visit(tree: InputTree) -> None:
        match tree:
            case Input(name=name, type=type_):
                found.append((name, type_))
            case InputNode(children=children):
                for child in children:
                    visit(child)
            case Fixed():
                pass

    for parameter in method.parameters:
        visit(parameter.tree)
    return found


# ------------------------------------------------------------------------------------- results


def build(tree: Tree, values: Mapping[str, Any]) -> Any:
    """The Python object that ``tree`` describes; ``values`` are those of the returning block."""
    match tree:
        case Leaf(value=operand):
            return thaw(operand_value(operand, values))
        case Node(kind="rows", children=(form,)):
            columns = {name: values[name] for name in _list_names(form)}
            rows = zip(*columns.values(), strict=True)
            return [build(form, dict(zip(columns, row, strict=True))) for row in rows]
        case Node(kind=kind, keys=keys):
            children = [build(child, values) for child in tree.children]
    match kind:
        case "tuple":
            return tuple(children)
        case "list":
            return children
        case "set":
            return set(children)
        case "ndarray":
            return children[0].numpy()
        case "scalar":
            return children[0].numpy()[()]
        case "dict":
            pairs = zip(keys, children, strict=True)
            return collections.OrderedDict(pairs) if tree.name == "OrderedDict" else dict(pairs)
        case "namedtuple":
            return tuple_of(_container_class(tree), children)
        case "dataclass":
            return _new_dataclass(_container_class(tree), [str(key) for key in keys], children)
        case "record":
            return _container_class(tree)(**{str(k): v for k, v in zip(keys, children, strict=True)})


def _list_names(form: Tree) -> Iterator[str]:
    """The lists in the form of ``rows``."""
    match form:
        case Leaf(value=Ref(name=name)):
            yield name
        case Leaf():
            return
        case Node(children=children):
            for child in children:
                yield from _list_names(child)


def operand_value(operand: Operand, values: Mapping[str, Any]) -> Any:
    """The Python value that an operand stands for."""
    return values[operand.name] if isinstance(operand, Ref) else operand.value


def thaw(value: Any) -> Any:
    """A list of the program (an immutable tuple in the host) as a fresh Python list."""
    return [thaw(item) for item in value] if isinstance(value, tuple) else value


def find_class(module: str, name: str) -> type | None:
    """The class ``module.name`` if it can be had by importing; a dotted ``name`` is looked up in turn."""
    found: Any = sys.modules.get(module)
    if found is None:
        try:
            found = importlib.import_module(module)
        except (ImportError, ValueError):
            return None
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


def _new_dataclass(cls: type, fields: list[str], children: list[Any]) -> Any:
    """An instance with these fields; ``__init__`` is not run, as eager ran it before the program ends."""
    made = object.__new__(cls)
    for name, value in zip(fields, children, strict=True):
        object.__setattr__(made, name, value)
    return made


class Record(dict[str, Any]):
    """A dict that also has its keys as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _container_class(node: Node) -> Any:
    """The user's class, or one of the same name and fields where it cannot be imported."""
    found = find_class(node.module, node.name)
    if found is not None:
        return found
    name = node.name.rpartition(".")[2]
    fields = [str(key) for key in node.keys]
    match node.kind:
        case "namedtuple":
            return collections.namedtuple(name, fields)
        case "dataclass":
            return dataclasses.make_dataclass(name, fields)
        case _:
            return type(name, (Record,), {})


# ---------------------------------------------------------------------------------- exceptions


def exception_class(error: ExceptionType) -> type[BaseException]:
    """The exception class: the user's own if importable, else one of its name derived from ``base``."""
    found = find_class(error.module, error.name)
    if found is not None and issubclass(found, BaseException):
        return found
    base = find_class("builtins", error.base)
    assert base is not None and issubclass(base, BaseException), error
    name = error.name.rpartition(".")[2]
    return base if name == error.base else type(name, (base,), {"__module__": error.module})


def raise_error(error: ExceptionType, args: tuple[Any, ...]) -> NoReturn:
    """Raise ``error`` with the arguments ``args``."""
    cls = exception_class(error)
    made = cls.__new__(cls, *args)
    # A user's __init__ may want other arguments than the text that it made of them.
    made.args = args
    raise made
