"""Programs written by hand, each with the Python that it was compiled from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from dyncc.runtime.program import (
    Block,
    Branch,
    Cell,
    Compute,
    Const,
    Edge,
    Entry,
    ExceptionType,
    HostOp,
    Input,
    Jump,
    Leaf,
    Method,
    Node,
    Parameter,
    Program,
    Raise,
    Ref,
    Return,
    ScalarType,
    Span,
    State,
    TensorType,
    TextPart,
    Value,
    Write,
)

F4 = TensorType("float32", (4,))
F0 = TensorType("float32", ())
B0 = TensorType("bool", ())
INT, BOOL, FLOAT = ScalarType("int"), ScalarType("bool"), ScalarType("float")


def graph(inputs: int, build: Callable[..., Any]) -> fx.Graph:
    """A graph of ``inputs`` placeholders; ``build(call, *inputs)`` returns its outputs."""
    made = fx.Graph()
    nodes = [made.placeholder(f"i{k}") for k in range(inputs)]

    def call(function: Callable[..., Any], *args: Any) -> fx.Node:
        return made.call_function(function, args)

    made.output(tuple(build(call, *nodes)))
    return made


def at(module: type[nn.Module], line: int) -> Span:
    """Line ``line`` of the body of ``forward``."""
    first = module.forward.__code__.co_firstlineno
    return Span(__file__, first + line, 1, first + line, 200, f"{module.__name__}.forward")


class Halving(nn.Module):
    """Halves its input until its sum is small, at most five times."""

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        n = 0
        while x.sum() > 1.0 and n < 5:
            x = x * 0.5
            n += 1
        return {"x": x, "n": n}


def halving(limit: int = 5, factor: float = 0.5, compare: str = "lt") -> Program[fx.Graph]:
    """The program of :class:`Halving`; other arguments make it a wrong one."""
    test = Block(
        "test",
        (Value("x", F4), Value("n", INT)),
        (
            Compute("test", (Ref("x"),), (Value("c", B0),), at(Halving, 2)),
            HostOp("item", (Ref("c"),), Value("p", BOOL), at(Halving, 2)),
        ),
        Branch(
            Ref("p"),
            Edge("bound", (Ref("x"), Ref("n"))),
            Edge("done", (Ref("x"), Ref("n"))),
            at(Halving, 2),
        ),
    )
    bound = Block(
        "bound",
        (Value("x", F4), Value("n", INT)),
        (HostOp(compare, (Ref("n"), Const(limit)), Value("p", BOOL), at(Halving, 2)),),
        Branch(
            Ref("p"), Edge("body", (Ref("x"), Ref("n"))), Edge("done", (Ref("x"), Ref("n"))), at(Halving, 2)
        ),
    )
    body = Block(
        "body",
        (Value("x", F4), Value("n", INT)),
        (
            Compute("halve", (Ref("x"),), (Value("y", F4),), at(Halving, 3)),
            HostOp("add", (Ref("n"), Const(1)), Value("m", INT), at(Halving, 4)),
        ),
        Jump(Edge("test", (Ref("y"), Ref("m"))), at(Halving, 4)),
    )
    done = Block(
        "done",
        (Value("x", F4), Value("n", INT)),
        (),
        Return(
            Node("dict", (Leaf(Ref("x")), Leaf(Ref("n"))), ("x", "n"), "dict", "builtins"),
            span=at(Halving, 5),
        ),
    )
    start = Block("start", (Value("x", F4),), (), Jump(Edge("test", (Ref("x"), Const(0))), at(Halving, 1)))
    return Program(
        "Halving",
        {"forward": Method("forward", (parameter("x", F4),), (Entry("start", ("x",)),))},
        (State(),),
        {block.name: block for block in (start, test, bound, body, done)},
        {
            "test": graph(1, lambda call, x: [call(torch.gt, call(torch.sum, x), 1.0)]),
            "halve": graph(1, lambda call, x: [call(torch.mul, x, factor)]),
        },
    )


def parameter(name: str, type_: Any, **options: Any) -> Parameter:
    return Parameter(name, "positional", Input(name, type_), **options)


class Counting(nn.Module):
    """Counts calls, writes to its argument, raises when the argument is negative."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.total: torch.Tensor = nn.Buffer(torch.zeros(4))

    def forward(self, x: torch.Tensor, k: int = 2) -> tuple[torch.Tensor, int]:
        self.count += 1
        if x.min() < 0:
            raise ValueError(f"negative in call {self.count}")
        x.add_(k)
        self.total = self.total + x
        return self.total, self.count


def counting(
    state_after_raise: bool = True, write: bool = True, message: str = "negative in call "
) -> tuple[Program[fx.Graph], dict[str, torch.Tensor]]:
    """The program of :class:`Counting`; other arguments make it a wrong one."""
    params = (Value("x", F4), Value("k", INT), Value("total", F4), Value("count", INT))
    start = Block(
        "start",
        params,
        (
            HostOp("add", (Ref("count"), Const(1)), Value("n", INT), at(Counting, 1)),
            Compute("negative", (Ref("x"),), (Value("c", B0),), at(Counting, 2)),
            HostOp("item", (Ref("c"),), Value("p", BOOL), at(Counting, 2)),
        ),
        Branch(
            Ref("p"),
            Edge("fail", (Ref("total"), Ref("n"), Ref("count"))),
            Edge("add", (Ref("x"), Ref("k"), Ref("total"), Ref("n"))),
            at(Counting, 2),
        ),
    )
    fail = Block(
        "fail",
        (Value("total", F4), Value("n", INT), Value("old", INT)),
        (),
        Raise(
            ExceptionType("ValueError", "builtins", "ValueError"),
            (TextPart(Const(message)), TextPart(Ref("n"))),
            cells=(Ref("total"), Ref("n" if state_after_raise else "old")),
            span=at(Counting, 3),
        ),
    )
    add = Block(
        "add",
        (Value("x", F4), Value("k", INT), Value("total", F4), Value("n", INT)),
        (
            Compute(
                "add", (Ref("x"), Ref("k"), Ref("total")), (Value("y", F4), Value("t", F4)), at(Counting, 4)
            ),
        ),
        Return(
            Node("tuple", (Leaf(Ref("t")), Leaf(Ref("n")))),
            writes=(Write("x", Ref("y")),) if write else (),
            cells=(Ref("t"), Ref("n")),
            span=at(Counting, 6),
        ),
    )

    def body(call: Any, x: fx.Node, k: fx.Node, total: fx.Node) -> list[fx.Node]:
        y = call(torch.add, x, k)
        return [y, call(torch.add, total, y)]

    cells = (Cell("total", F4, "self.total", "total"), Cell("count", INT, "self.count", Const(0)))
    parameters = (parameter("x", F4), parameter("k", INT, optional=True, default=2))
    program = Program(
        "Counting",
        {"forward": Method("forward", parameters, (Entry("start", ("x", "k")),))},
        (State(cells),),
        {block.name: block for block in (start, fail, add)},
        {
            "negative": graph(1, lambda call, x: [call(torch.lt, call(torch.min, x), 0)]),
            "add": graph(3, body),
        },
    )
    return program, {"total": torch.zeros(4)}
