"""The outside of a program: arguments as inputs, results as trees, module state as cells."""

from __future__ import annotations

import collections
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize import special
from dyncc.compiler.specialize.block import BlockBuilder, TensorSpec
from dyncc.compiler.specialize.facts import Facts
from dyncc.compiler.specialize.prelude import RecordList
from dyncc.compiler.specialize.recorder import Recorder
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicTag,
    DynamicText,
    Scalar,
    SymTensor,
    is_scalar,
    kind_of,
)
from dyncc.runtime.program import (
    Const,
    ExceptionType,
    Fixed,
    Input,
    InputNode,
    InputTree,
    Leaf,
    Node,
    Operand,
    Parameter,
    ScalarType,
    Span,
    TextPart,
    Tree,
)


@dataclass(frozen=True)
class Method:
    """A method to compile: what is called, on which example arguments.

    ``function`` is a plain or bound function; ``dynamic_shapes`` as in ``torch.export.export``.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    dynamic_shapes: Any = None

    def signature(self) -> inspect.Signature:
        return inspect.signature(self.function)


@dataclass
class Inputs:
    """The arguments of one entry while it is specialized: what the program gets for them."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    parameters: tuple[Parameter, ...]
    names: tuple[str, ...]
    tensors: dict[str, SymTensor]


class InputBuilder:
    """Makes block parameters for the example arguments of a method."""

    def __init__(self, method: Method, block: BlockBuilder, recorder: Recorder, facts: Facts) -> None:
        self.method = method
        self.block = block
        self.recorder = recorder
        self.facts = facts
        self.names: list[str] = []
        self.tensors: dict[str, SymTensor] = {}
        self.symbols: dict[Any, str] = {}
        self.shared: dict[int, SymTensor] = {}

    def build(self) -> Inputs:
        signature = self.method.signature()
        bound = signature.bind(*self.method.args, **self.method.kwargs)
        dynamic = dynamic_axes(self.method, signature, bound)
        given = set(bound.arguments)
        bound.apply_defaults()
        parameters: list[Parameter] = []
        values: dict[str, Any] = {}
        for name, parameter in signature.parameters.items():
            value = bound.arguments[name]
            tree, made = self.visit(value, (name,), dynamic.get(name))
            values[name] = made
            kind = {
                inspect.Parameter.KEYWORD_ONLY: "keyword",
                inspect.Parameter.VAR_POSITIONAL: "var_positional",
                inspect.Parameter.VAR_KEYWORD: "var_keyword",
            }.get(parameter.kind, "positional")
            has_default = parameter.default is not inspect.Parameter.empty
            default = parameter.default if kind_of(parameter.default) or parameter.default is None else None
            if has_default and isinstance(tree, Input) and not isinstance(tree.type, ScalarType):
                has_default = False
            if has_default and isinstance(parameter.default, str):
                default = parameter.default
            if (
                has_default
                and name in given
                and isinstance(tree, Fixed)
                and tree.value != parameter.default
            ):
                has_default = False
            parameters.append(Parameter(name, kind, tree, has_default, default if has_default else None))  # type: ignore[arg-type]
        bound.arguments.update(values)
        return Inputs(bound.args, bound.kwargs, tuple(parameters), tuple(self.names), self.tensors)

    def visit(self, value: Any, path: tuple[Any, ...], dynamic: Any) -> tuple[InputTree, Any]:
        if isinstance(value, torch.Tensor):
            return self._tensor(value, path, dynamic)
        kind = kind_of(value)
        if kind is not None and type(value) in (bool, int, float):
            return self._number(value, kind, path)
        if value is None or type(value) is str:
            return Fixed(value), value
        children = container_children(value)
        if children is None:
            return Fixed(None, opaque=f"{type(value).__module__}.{type(value).__qualname__}"), value
        trees: list[InputTree] = []
        made: list[Any] = []
        for position, (key, child) in enumerate(zip(children.labels, children.values, strict=True)):
            tree, part = self.visit(child, (*path, key), _sub(dynamic, key, position))
            trees.append(tree)
            made.append(part)
        node = InputNode(children.kind, tuple(trees), children.keys, children.name, children.module)
        return node, children.rebuild(made)

    def _tensor(self, value: torch.Tensor, path: tuple[Any, ...], dynamic: Any) -> tuple[InputTree, Any]:
        if value.dtype.is_complex or value.layout is not torch.strided:
            raise CompileError(
                [
                    Diagnostic(
                        "DY140",
                        f"argument `{_written(path)}` is not a dense tensor of real numbers",
                        None,
                        helps=("pass its parts as real, dense tensors",),
                    )
                ]
            )
        shape: list[int | str] = []
        for axis, size in enumerate(value.shape):
            name = dynamic.get(axis) if isinstance(dynamic, dict) else None
            if name is None:
                shape.append(size)
                continue
            shape.append(self.symbols.setdefault(name, f"s{len(self.symbols)}"))
            self.block.hints.setdefault(shape[-1], self.recorder.hint_of(len(self.symbols) - 1))
        spec = TensorSpec(value.dtype, tuple(shape))
        name, fake, node = self.block.tensor_param(_name(path), spec)
        self.names.append(name)
        tensor = SymTensor.make(fake, node, name)
        self.tensors[name] = tensor
        return Input(name, spec.type), tensor

    def _number(self, value: Any, kind: str, path: tuple[Any, ...]) -> tuple[InputTree, Any]:
        place = ("entry", self.method.name, path)
        if place in self.facts.keep:
            self.facts.frozen[place] = value
            return Fixed(value), value
        expr = self.block.scalar_param(_name(path), kind)
        name = expr.operand.name  # type: ignore[union-attr]
        self.names.append(name)
        return Input(name, ScalarType(kind)), Scalar(kind, expr, frozenset((place,)), name)  # type: ignore[arg-type]


def _name(path: tuple[Any, ...]) -> str:
    return "_".join(str(part) for part in path)


def _written(path: tuple[Any, ...]) -> str:
    return str(path[0]) + "".join(f"[{part!r}]" for part in path[1:])


def _sub(dynamic: Any, key: Any, position: int) -> Any:
    if isinstance(dynamic, Mapping):
        return dynamic.get(key)
    if isinstance(dynamic, (list, tuple)) and position < len(dynamic):
        return dynamic[position]
    return None


def dynamic_axes(
    method: Method, signature: inspect.Signature, bound: inspect.BoundArguments
) -> dict[str, Any]:
    """``dynamic_shapes`` by parameter, each tensor's as {axis: name of the symbol}."""
    spec = method.dynamic_shapes
    if spec is None:
        return {}
    if isinstance(spec, (list, tuple)):
        names = [n for n in signature.parameters if n in bound.arguments]
        spec = dict(zip(names, spec, strict=False))
    return {
        name: _axes(part, bound.arguments.get(name), (name,))
        for name, part in spec.items()
        if part is not None
    }


def _axes(part: Any, value: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(value, torch.Tensor):
        items = part.items() if isinstance(part, Mapping) else enumerate(part or ())
        axes: dict[int, Any] = {}
        for axis, dim in items:
            if dim is None or (isinstance(dim, int) and not isinstance(dim, bool)) or "STATIC" in str(dim):
                continue
            if not -value.dim() <= axis < value.dim():
                where = ".".join(map(str, path))
                raise ValueError(
                    f"dynamic_shapes: `{where}` has {value.dim()} dimensions, not one at {axis}"
                )
            name = getattr(dim, "__name__", None)
            named = name if name and name not in ("AUTO", "DYNAMIC") else (*path, axis)
            axes[axis % value.dim()] = named if not isinstance(dim, str) else dim
        return axes
    if isinstance(part, Mapping):
        return {
            k: _axes(v, value[k] if isinstance(value, Mapping) else None, (*path, k))
            for k, v in part.items()
        }
    if isinstance(part, (list, tuple)) and isinstance(value, (list, tuple)):
        return [_axes(p, v, (*path, i)) for i, (p, v) in enumerate(zip(part, value, strict=False))]
    return part


# ------------------------------------------------------------------------------------- containers


@dataclass(frozen=True)
class Children:
    kind: str
    labels: tuple[Any, ...]
    values: tuple[Any, ...]
    keys: tuple[Any, ...]
    name: str
    module: str
    rebuild: Callable[[list[Any]], Any]


def container_children(value: Any) -> Children | None:
    """The parts of a container that may be an argument or a result; None for any other object."""
    cls = type(value)
    names = (cls.__qualname__, cls.__module__)
    if isinstance(value, tuple) and hasattr(cls, "_fields"):
        fields = tuple(cls._fields)
        return Children("namedtuple", fields, tuple(value), fields, *names, lambda items: cls(*items))
    if isinstance(value, DynamicList):
        return None
    if cls in (list, tuple, set):
        values = tuple(value)
        return Children(cls.__name__, tuple(range(len(values))), values, (), "", "", cls)
    if isinstance(value, tuple):
        return Children("tuple", tuple(range(len(value))), tuple(value), (), "", "", tuple)
    if isinstance(value, dict):
        keys = tuple(value)
        if not all(isinstance(key, (str, int, float, bool, type(None))) for key in keys):
            return None
        plain = cls in (dict, collections.OrderedDict, collections.defaultdict)
        kind = "dict" if plain else "record"
        name = "OrderedDict" if cls is collections.OrderedDict else ("" if plain else cls.__qualname__)
        return Children(
            kind, keys, tuple(value[k] for k in keys), keys, name, cls.__module__ if name else "",
            lambda items: _rebuild_mapping(cls, keys, items),
        )  # fmt: skip
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = tuple(f.name for f in dataclasses.fields(value))
        values = tuple(getattr(value, f) for f in fields)
        return Children(
            "dataclass",
            fields,
            values,
            fields,
            *names,
            lambda items: _rebuild_dataclass(value, fields, items),
        )
    return None


def _rebuild_mapping(cls: type, keys: tuple[Any, ...], items: list[Any]) -> Any:
    pairs = dict(zip(keys, items, strict=True))
    if cls is collections.defaultdict or cls is dict:
        return pairs
    return cls(pairs) if cls is collections.OrderedDict else cls(**pairs)


def _rebuild_dataclass(value: Any, fields: tuple[str, ...], items: list[Any]) -> Any:
    made = object.__new__(type(value))
    made.__dict__.update(getattr(value, "__dict__", {}))
    for name, item in zip(fields, items, strict=True):
        object.__setattr__(made, name, item)
    return made


class OutputBuilder:
    """Turns what the program returns into a tree over values of the block."""

    def __init__(self, recorder: Recorder, span: Span | None) -> None:
        self.recorder = recorder
        self.span = span

    def tree(self, value: Any) -> Tree:
        if isinstance(value, torch.Tensor):
            return Leaf(self.tensor(value))
        if is_scalar(value):
            return Leaf(value.operand)
        if isinstance(value, DynamicList):
            return Leaf(special.list_operand(self.recorder, value))
        if type(value) is RecordList:
            self.recorder.facts.demand(frozenset().union(*(column.origins for column in value.columns)))
            self._refuse(value)
        if type(value) is DynamicTag:
            return self._tag(value)
        if value is None or type(value) in (bool, int, float, str):
            return Leaf(Const(value))
        children = container_children(value)
        if children is None:
            self._refuse(value)
        assert children is not None
        return Node(
            children.kind, tuple(self.tree(v) for v in children.values), children.keys, children.name,
            children.module,
        )  # fmt: skip

    def tensor(self, value: Any) -> Operand:
        if not isinstance(value, SymTensor):
            cell = self.recorder.cell_of(value)
            value = cell if cell is not None else value
        if not isinstance(value, SymTensor):
            value = self.recorder.call(torch.Tensor.clone, (value,), {})
        return self.recorder.block.tensor_operand(value)

    def _tag(self, tag: DynamicTag) -> Tree:
        if not all(v is None or type(v) in (str, int, float, bool) for v in tag.table):
            self._refuse(tag.table[0])
        table = [Const(v) for v in tag.table]
        return Leaf(self.recorder.block.host_op("lookup", [tag.scalar.operand, *table], ScalarType("str")))

    def _refuse(self, value: Any) -> None:
        text = "a text with numbers in it" if type(value) is DynamicText else f"a `{type(value).__name__}`"
        raise CompileError(
            [
                Diagnostic(
                    "DY104" if type(value) is DynamicText else "DY140",
                    f"the program returns {text}, which a compiled program cannot make",
                    self.span,
                    label="returned here",
                    helps=(
                        "return tensors, numbers, texts, and tuples, lists, dicts or dataclasses of them",
                    ),
                )
            ]
        )


def exception_type(error: BaseException) -> ExceptionType:
    cls = type(error)
    base = next(c for c in cls.__mro__ if c.__module__ == "builtins")
    return ExceptionType(cls.__qualname__, cls.__module__, base.__name__)


def message_parts(recorder: Recorder, error: BaseException) -> tuple[TextPart, ...] | None:
    """The message of an exception that the program raises, numbers of the network in it."""
    if not error.args:
        return None
    value = error.args[0]
    if type(value) is DynamicText:
        return tuple(_part(recorder, part) for part in value.parts)
    if is_scalar(value):
        return (TextPart(value.operand),)
    if isinstance(value, SymTensor):
        return (TextPart(Const("")),)
    if len(error.args) > 1:
        static = not any(
            is_scalar(a) or isinstance(a, SymTensor) or type(a) is DynamicText for a in error.args
        )
        return (TextPart(Const(str(error) if static else str(type(error).__name__))),)
    return (TextPart(Const(value if isinstance(value, (str, int, float, bool)) else str(value))),)


def _part(recorder: Recorder, part: Any) -> TextPart:
    if isinstance(part, str):
        return TextPart(Const(part))
    value, conversion, spec = part
    operand = value.operand if is_scalar(value) else Const(str(value))
    return TextPart(operand, conversion if conversion != "s" else "s", spec)
