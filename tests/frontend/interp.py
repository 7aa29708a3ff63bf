"""What a control-flow graph means: it is executed on concrete Python values.

A register that is not live is dropped before every instruction, so that liveness is tested by each run.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import operator
import sys
import types
from collections.abc import Callable, Generator, Mapping
from typing import Any

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.build import build

_BINARY = {
    "+": (operator.add, operator.iadd),
    "-": (operator.sub, operator.isub),
    "*": (operator.mul, operator.imul),
    "/": (operator.truediv, operator.itruediv),
    "//": (operator.floordiv, operator.ifloordiv),
    "%": (operator.mod, operator.imod),
    "**": (operator.pow, operator.ipow),
    "@": (operator.matmul, operator.imatmul),
    "<<": (operator.lshift, operator.ilshift),
    ">>": (operator.rshift, operator.irshift),
    "&": (operator.and_, operator.iand),
    "|": (operator.or_, operator.ior),
    "^": (operator.xor, operator.ixor),
}
_UNARY = {"-": operator.neg, "+": operator.pos, "~": operator.invert, "not": operator.not_}
_COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "is": operator.is_,
    "is-not": operator.is_not,
    "in": lambda a, b: a in b,
    "not-in": lambda a, b: a not in b,
}
_BUILD = {"tuple": tuple, "list": list, "set": set}
_CONVERT = {"": lambda x: x, "r": repr, "s": str, "a": ascii}


class UnsupportedReached(BaseException):
    """An Unsupported instruction was executed. Nothing between it and the test may catch it."""


def interpreted(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` (a function or a bound method), executed through its graph."""
    if isinstance(function, types.MethodType):
        return types.MethodType(interpreted(function.__func__), function.__self__)
    assert isinstance(function, types.FunctionType)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return _start(function, _bind(function, args, kwargs))

    return run


def _bind(function: types.FunctionType, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    if function.__name__ == "<genexpr>":
        return {".0": args[0]}
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def _start(function: types.FunctionType, arguments: dict[str, Any]) -> Any:
    frame = Frame(function, arguments)
    if frame.graph.is_generator:
        return frame.run()
    try:
        frame.run().send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a function that is no generator has yielded")


class Frame:
    """One activation of a function."""

    def __init__(self, function: types.FunctionType, arguments: dict[str, Any]) -> None:
        self.graph = build(function.__code__)
        self.globals = function.__globals__
        self.registers = arguments
        self.cells = dict(zip(self.graph.freevars, function.__closure__ or (), strict=True))
        for name in self.graph.cellvars:
            filled = name in arguments
            self.cells[name] = types.CellType(arguments[name]) if filled else types.CellType()

    def run(self) -> Generator[Any, Any, Any]:
        label = self.graph.entry
        while True:
            block = self.graph.blocks[label]
            try:
                for i, instruction in enumerate(block.instructions):
                    self._drop_dead(label, i)
                    if isinstance(instruction, cfg.Yield):
                        self.registers[instruction.dst] = yield self.registers[instruction.value]
                    else:
                        self._execute(instruction)
                self._drop_dead(label, len(block.instructions))
                match block.terminator:
                    case cfg.Return(value=value):
                        return self.registers[value]
                    case terminator:
                        label = self._follow(terminator)
            except UnsupportedReached:
                raise
            except BaseException as error:
                if block.handler is None:
                    raise
                label = block.handler
                catch = self.graph.blocks[label].catch
                assert catch is not None
                self.registers[catch] = error

    def _drop_dead(self, label: cfg.Label, i: int) -> None:
        live = self.graph.live_at[label, i]
        self.registers = {name: value for name, value in self.registers.items() if name in live}

    def _follow(self, terminator: cfg.Terminator) -> cfg.Label:
        regs = self.registers
        match terminator:
            case cfg.Goto(target=target):
                return target
            case cfg.If(cond=cond, then=then, orelse=orelse):
                return then if regs[cond] else orelse
            case cfg.ForNext(dst=dst, iterator=iterator, body=body, orelse=orelse, result=result):
                try:
                    regs[dst] = next(regs[iterator])
                except StopIteration as stop:
                    if result is not None:
                        regs[result] = stop.value
                    return orelse
                return body
            case cfg.Raise(exc=exc, cause=None):
                raise regs[exc]
            case cfg.Raise(exc=exc, cause=cause):
                raise regs[exc] from regs[cause]
            case cfg.Reraise(exc=exc):
                raise regs[exc]
            case _:
                raise TypeError(terminator)

    def _execute(self, node: cfg.Instruction) -> None:
        getattr(self, f"_{type(node).__name__}")(node)

    # -------------------------------------------------------------------------- instructions

    def _Const(self, node: cfg.Const) -> None:
        self.registers[node.dst] = node.value

    def _Move(self, node: cfg.Move) -> None:
        if node.src not in self.registers:
            assert not node.src.startswith("%"), f"{node.src} is not set"
            raise _unbound(node.src.partition("$")[0])
        self.registers[node.dst] = self.registers[node.src]

    def _Delete(self, node: cfg.Delete) -> None:
        if node.register not in self.registers:
            raise _unbound(node.register)
        del self.registers[node.register]

    def _LoadGlobal(self, node: cfg.LoadGlobal) -> None:
        if node.name in self.globals:
            self.registers[node.dst] = self.globals[node.name]
        elif hasattr(builtins, node.name):
            self.registers[node.dst] = getattr(builtins, node.name)
        else:
            raise NameError(f"name '{node.name}' is not defined")

    def _StoreGlobal(self, node: cfg.StoreGlobal) -> None:
        self.globals[node.name] = self.registers[node.src]

    def _DeleteGlobal(self, node: cfg.DeleteGlobal) -> None:
        if node.name not in self.globals:
            raise NameError(f"name '{node.name}' is not defined")
        del self.globals[node.name]

    def _LoadDeref(self, node: cfg.LoadDeref) -> None:
        try:
            self.registers[node.dst] = self.cells[node.name].cell_contents
        except ValueError:
            raise self._empty(node.name) from None

    def _StoreDeref(self, node: cfg.StoreDeref) -> None:
        self.cells[node.name].cell_contents = self.registers[node.src]

    def _DeleteDeref(self, node: cfg.DeleteDeref) -> None:
        cell = self.cells[node.name]
        if cell == types.CellType():
            raise self._empty(node.name)
        del cell.cell_contents

    def _empty(self, name: str) -> NameError:
        if name in self.graph.freevars:
            return NameError(
                f"cannot access free variable '{name}' where it is not associated with a value"
                " in enclosing scope"
            )
        return _unbound(name.partition("$")[0])

    def _NewCell(self, node: cfg.NewCell) -> None:
        self.cells[node.name] = types.CellType()

    def _GetAttr(self, node: cfg.GetAttr) -> None:
        self.registers[node.dst] = getattr(self.registers[node.obj], node.name)

    def _SetAttr(self, node: cfg.SetAttr) -> None:
        setattr(self.registers[node.obj], node.name, self.registers[node.src])

    def _DelAttr(self, node: cfg.DelAttr) -> None:
        delattr(self.registers[node.obj], node.name)

    def _GetItem(self, node: cfg.GetItem) -> None:
        self.registers[node.dst] = self.registers[node.obj][self.registers[node.index]]

    def _SetItem(self, node: cfg.SetItem) -> None:
        self.registers[node.obj][self.registers[node.index]] = self.registers[node.src]

    def _DelItem(self, node: cfg.DelItem) -> None:
        del self.registers[node.obj][self.registers[node.index]]

    def _Unary(self, node: cfg.Unary) -> None:
        self.registers[node.dst] = _UNARY[node.op](self.registers[node.operand])

    def _Binary(self, node: cfg.Binary) -> None:
        operation = _BINARY[node.op][node.inplace]
        self.registers[node.dst] = operation(self.registers[node.left], self.registers[node.right])

    def _Compare(self, node: cfg.Compare) -> None:
        left, right = self.registers[node.left], self.registers[node.right]
        self.registers[node.dst] = _COMPARE[node.op](left, right)

    def _args(self, args: tuple[cfg.Arg, ...]) -> list[Any]:
        values: list[Any] = []
        for arg in args:
            value = self.registers[arg.register]
            if arg.starred:
                values.extend(value)
            else:
                values.append(value)
        return values

    def _Build(self, node: cfg.Build) -> None:
        self.registers[node.dst] = _BUILD[node.kind](self._args(node.items))

    def _BuildDict(self, node: cfg.BuildDict) -> None:
        result: dict[Any, Any] = {}
        for key, value in node.items:
            if key is None:
                result.update({**self.registers[value]})
            else:
                result[self.registers[key]] = self.registers[value]
        self.registers[node.dst] = result

    def _BuildSlice(self, node: cfg.BuildSlice) -> None:
        parts = (node.lower, node.upper, node.step)
        self.registers[node.dst] = slice(*(None if p is None else self.registers[p] for p in parts))

    def _Format(self, node: cfg.Format) -> None:
        value = _CONVERT[node.conversion](self.registers[node.value])
        self.registers[node.dst] = format(value, "" if node.spec is None else self.registers[node.spec])

    def _Join(self, node: cfg.Join) -> None:
        self.registers[node.dst] = "".join(self.registers[part] for part in node.parts)

    def _Call(self, node: cfg.Call) -> None:
        func = self.registers[node.func]
        args = self._args(node.args)
        kwargs: dict[str, Any] = {}
        for name, register in node.kwargs:
            new = {**self.registers[register]} if name is None else {name: self.registers[register]}
            if twice := kwargs.keys() & new.keys():
                raise TypeError(f"multiple values for {sorted(twice)}")
            kwargs.update(new)
        self.registers[node.dst] = func(*args, **kwargs)

    def _GetIter(self, node: cfg.GetIter) -> None:
        self.registers[node.dst] = iter(self.registers[node.src])

    def _Listed(self, node: cfg.Listed) -> None:
        self.registers[node.dst] = self.registers[node.src]

    def _Unpack(self, node: cfg.Unpack) -> None:
        targets = [*node.before, *([node.star] if node.star is not None else []), *node.after]
        star = len(node.before) if node.star is not None else -1
        names = ", ".join(f"{'*' * (i == star)}v{i}" for i in range(len(targets)))
        unpacked: dict[str, Any] = {"source": self.registers[node.src]}
        exec(f"[{names}] = source", unpacked)
        self.registers.update((target, unpacked[f"v{i}"]) for i, target in enumerate(targets))

    def _MakeFunction(self, node: cfg.MakeFunction) -> None:
        closure = tuple(self.cells[name] for name in node.closure)
        defaults = tuple(self.registers[register] for register in node.defaults)
        function = types.FunctionType(node.code, self.globals, node.code.co_name, defaults, closure)
        function.__kwdefaults__ = {name: self.registers[register] for name, register in node.kwdefaults}
        self.registers[node.dst] = interpreted(function)

    def _Import(self, node: cfg.Import) -> None:
        self.registers[node.dst] = __import__(node.module, self.globals, {}, node.fromlist, node.level)

    def _ImportFrom(self, node: cfg.ImportFrom) -> None:
        module = self.registers[node.module]
        missing = object()
        value = getattr(module, node.name, missing)
        if value is missing:
            value = sys.modules.get(f"{module.__name__}.{node.name}", missing)
        if value is missing:
            raise ImportError(f"cannot import name {node.name!r}")
        self.registers[node.dst] = value

    def _ListAppend(self, node: cfg.ListAppend) -> None:
        collection = self.registers[node.collection]
        (collection.append if node.kind == "list" else collection.add)(self.registers[node.item])

    def _DictSet(self, node: cfg.DictSet) -> None:
        self.registers[node.collection][self.registers[node.key]] = self.registers[node.value]

    def _WithEnter(self, node: cfg.WithEnter) -> None:
        manager = self.registers[node.manager]
        kind = type(manager)
        if not hasattr(kind, "__enter__") or not hasattr(kind, "__exit__"):
            raise TypeError(f"'{kind.__name__}' object does not support the context manager protocol")
        self.registers[node.exit] = functools.partial(kind.__exit__, manager)
        self.registers[node.dst] = kind.__enter__(manager)

    def _WithExit(self, node: cfg.WithExit) -> None:
        exc = None if node.exc is None else self.registers[node.exc]
        details = (None, None, None) if exc is None else (type(exc), exc, exc.__traceback__)
        self.registers[node.dst] = self.registers[node.exit](*details)

    def _ExcMatch(self, node: cfg.ExcMatch) -> None:
        exc, kinds = self.registers[node.exc], self.registers[node.types]
        for kind in kinds if isinstance(kinds, tuple) else (kinds,):
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise TypeError("catching classes that do not inherit from BaseException is not allowed")
        self.registers[node.dst] = isinstance(exc, kinds)

    def _Unsupported(self, node: cfg.Unsupported) -> None:
        raise UnsupportedReached(node.what)


def _unbound(name: str) -> UnboundLocalError:
    return UnboundLocalError(
        f"cannot access local variable '{name}' where it is not associated with a value"
    )
