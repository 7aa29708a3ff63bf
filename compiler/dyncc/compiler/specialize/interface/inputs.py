"""Arguments of a method as parameters of its entry block."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.facts import Facts
from dyncc.compiler.specialize.interface.containers import container_children
from dyncc.compiler.specialize.recording import size_ranges
from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.recording.recorder import Recorder
from dyncc.compiler.specialize.recording.size_ranges import Range
from dyncc.compiler.specialize.recording.tensor_types import TensorSpec
from dyncc.compiler.specialize.state.heap import is_container
from dyncc.compiler.specialize.values import (
    Scalar,
    SymTensor,
    kind_of,
)
from dyncc.runtime.program import (
    Constraint,
    Fixed,
    Input,
    InputNode,
    InputTree,
    Parameter,
    ScalarType,
    is_fixed,
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


@dataclass(frozen=True)
class Axis:
    """A size of an argument that may differ from call to call: what sizes that must be equal have in
    common, and the range that was declared for it. ``most`` is None where there is no limit."""

    name: Any
    least: int = 0
    most: int | None = None

    def range_of(self, size: str) -> str | None:
        """The range as a condition on ``size``; None where every size is allowed."""
        if self.most is None:
            return f"{size} >= {self.least}" if self.least > 0 else None
        return f"{self.least} <= {size} <= {self.most}" if self.least > 0 else f"{size} <= {self.most}"


@dataclass
class Inputs:
    """The arguments of one entry while it is specialized: what the program gets for them."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    parameters: tuple[Parameter, ...]
    names: tuple[str, ...]
    tensors: dict[str, SymTensor]
    examples: dict[str, torch.Tensor]
    """The tensors of the example, by the name of the input."""
    containers: dict[str, Any]
    """What the caller has as well, and may look at after the call: lists, dicts, objects; by place."""
    constraints: tuple[Constraint, ...] = ()
    """The ranges that were declared for sizes."""


class InputBuilder:
    """Makes block parameters for the example arguments of a method."""

    def __init__(self, method: Method, block: BlockBuilder, recorder: Recorder, facts: Facts) -> None:
        self.method = method
        self.block = block
        self.recorder = recorder
        self.facts = facts
        self.names: list[str] = []
        self.tensors: dict[str, SymTensor] = {}
        self.containers: dict[str, Any] = {}
        self.symbols: dict[Any, str] = {}
        self.examples: dict[str, torch.Tensor] = {}
        self.constraints: dict[str, Constraint] = {}

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
            fixed = None if name in given else self._default(name, value)
            tree, made = self.visit(value, (name,), dynamic.get(name)) if fixed is None else (fixed, value)
            values[name] = made
            kind = {
                inspect.Parameter.KEYWORD_ONLY: "keyword",
                inspect.Parameter.VAR_POSITIONAL: "var_positional",
                inspect.Parameter.VAR_KEYWORD: "var_keyword",
            }.get(parameter.kind, "positional")
            if kind.startswith("var"):  # made for this call: no one else has it
                self.containers.pop(name, None)
            has_default = parameter.default is not inspect.Parameter.empty
            default = parameter.default if kind_of(parameter.default) or parameter.default is None else None
            if isinstance(tree, InputNode) and not is_fixed(tree):
                has_default = False
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
        return Inputs(
            bound.args, bound.kwargs, tuple(parameters), tuple(self.names), self.tensors, self.examples,
            self.containers, tuple(self.constraints.values()),
        )  # fmt: skip

    def _default(self, name: str, value: Any) -> InputTree | None:
        """The tree of a container that is a default, as it was before any call changed it."""
        key = (self.method.name, name)
        if key not in self.facts.defaults:
            self.facts.defaults[key] = _fixed(value)
        return self.facts.defaults[key]

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
        rebuilt = children.rebuild(made)
        if is_container(rebuilt):
            self.containers[_written(path)] = rebuilt
        return node, rebuilt

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
            free = dynamic.get(axis) if isinstance(dynamic, dict) else None
            if free is None:
                shape.append(size)
                continue
            symbol = self.symbols.setdefault(free.name, f"s{len(self.symbols)}")
            shape.append(symbol)
            self.block.hints.setdefault(symbol, self.recorder.hint_of(len(self.symbols) - 1))
            self._limit(symbol, free, size, f"size {axis} of `{_written(path)}`")
        spec = TensorSpec(value.dtype, tuple(shape))
        same = self._together(value, _name(path))
        if same is not None:
            name = self.block.unique(_name(path))
            self.examples[name] = value
            return Input(name, spec.type), same
        name, fake, node = self.block.tensor_param(_name(path), spec)
        self.names.append(name)
        tensor = SymTensor.make(fake, node, name)
        self.tensors[name], self.examples[name] = tensor, value
        return Input(name, spec.type), tensor

    def _limit(self, symbol: str, free: Axis, size: int, where: str) -> None:
        """Keep the range that is declared for a size: calls are checked, and the program may rely on it."""
        condition = free.range_of(symbol)
        if condition is None:
            return
        named = isinstance(free.name, str)
        if size < free.least or (free.most is not None and size > free.most):
            message = f"{where} is {size} in the example, out of the range in `dynamic_shapes`"
            declared = free.range_of(free.name if named else "size")
            raise CompileError([Diagnostic("DY201", message, None, notes=(f"declared is {declared}",))])
        if condition not in self.constraints:
            reason = f"`{free.name}`, {where}" if named else where
            self.constraints[condition] = Constraint(condition, reason)
            most = free.most if free.most is None or free.most >= size_ranges.SMALLEST else None
            self.facts.mentioned |= {free.least} if most is None else {free.least, most}
            known = self.block.ranges.get(symbol, Range())
            most = min((end for end in (most, known.most) if end is not None), default=None)
            self.block.limit(symbol, Range(max(free.least, known.least), most))

    def _together(self, value: torch.Tensor, name: str) -> SymTensor | None:
        """The tensor that ``value`` is as well, under another name, where the program asks for that."""
        for other, example in self.examples.items():
            pair = (min(name, other), max(name, other))
            if (
                example is value
                and other in self.tensors
                and (self.method.name, pair) in self.facts.together
            ):
                return self.tensors[other]
        return None

    def _number(self, value: Any, kind: str, path: tuple[Any, ...]) -> tuple[InputTree, Any]:
        place = ("entry", self.method.name, path)
        if place in self.facts.keep:
            self.facts.frozen[place] = value
            return Fixed(value), value
        expr = self.block.scalar_param(_name(path), kind)
        name = expr.operand.name  # type: ignore[union-attr]
        self.names.append(name)
        return Input(name, ScalarType(kind)), Scalar(kind, expr, frozenset((place,)), name)  # type: ignore[arg-type]


def _fixed(value: Any) -> InputTree | None:
    """A container that is a default: compiled in, the object itself, which calls may change.

    None for what is no container, or holds tensors or other objects.
    """
    children = container_children(value)
    if children is None:
        return None
    parts: list[InputTree] = []
    for child in children.values:
        plain = child is None or type(child) in (bool, int, float, str)
        part = Fixed(child) if plain else _fixed(child)
        if part is None:
            return None
        parts.append(part)
    return InputNode(children.kind, tuple(parts), children.keys, children.name, children.module)


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
    """``dynamic_shapes`` by parameter, each tensor's as {axis: :class:`Axis`}."""
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
            # (without a limit they are None, or an infinity of PyTorch's)
            least, most = (getattr(dim, end, None) for end in ("min", "max"))
            axes[axis % value.dim()] = Axis(
                named if not isinstance(dim, str) else dim,
                least if isinstance(least, int) else 0,
                most if isinstance(most, int) else None,
            )
        return axes
    if isinstance(part, Mapping):
        return {
            k: _axes(v, value[k] if isinstance(value, Mapping) else None, (*path, k))
            for k, v in part.items()
        }
    if isinstance(part, (list, tuple)) and isinstance(value, (list, tuple)):
        return [_axes(p, v, (*path, i)) for i, (p, v) in enumerate(zip(part, value, strict=False))]
    return part
