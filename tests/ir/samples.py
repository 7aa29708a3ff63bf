"""A program with one of everything, for the tests of the text form and of the verifier."""

from __future__ import annotations

from dyncc.ir import (
    Block,
    Branch,
    Cell,
    Compute,
    Const,
    Constraint,
    Edge,
    Entry,
    ExceptionType,
    Fixed,
    Frozen,
    HostOp,
    Identity,
    Input,
    InputNode,
    Jump,
    Leaf,
    ListType,
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
    Switch,
    TensorType,
    TextPart,
    Value,
    Write,
)

INT, FLOAT, BOOL = ScalarType("int"), ScalarType("float"), ScalarType("bool")
IMAGE = TensorType("float32", (1, 3, "s0", "s0"))
FLAG = TensorType("bool", ())
HIDDEN = TensorType("float32", (1, 8))


def span(line: int, function: str = "Net.forward") -> Span:
    return Span("net.py", line, 9, line, 21, function)


def method() -> Method:
    config = InputNode(
        "dataclass",
        (Input("scale", FLOAT), Fixed("a", ""), Fixed(None, "Config")),
        ("scale", "mode", "extra"),
        "Options",
        "net",
    )
    rest = InputNode("tuple", (Input("rest_0", HIDDEN), Input("rest_1", HIDDEN)))
    return Method(
        "forward",
        (
            Parameter("x", "positional", Input("x", IMAGE)),
            Parameter("steps", "positional", Input("steps", INT), optional=True, default=4),
            Parameter("rest", "var_positional", rest),
            Parameter("options", "keyword", config),
            Parameter("extra", "var_keyword", InputNode("dict", ())),
        ),
        (Entry("first", ("x", "steps")), Entry("later", ("x",))),
        (Constraint("s0 % 2 == 0", "the pooling"), Constraint("s0 < 99")),
        span(12),
        (Identity("x", "rest_0", same=False), Identity("rest_0", "rest_1", same=True)),
    )


def blocks() -> tuple[Block, ...]:
    first = Block(
        "first",
        (Value("x", IMAGE), Value("n", INT)),
        (
            Compute(
                "stem",
                (Ref("x"), Ref("n")),
                (Value("h", HIDDEN), Value("p", TensorType("bool", ()))),
                span(14),
            ),
            HostOp("item", (Ref("p"),), Value("q", BOOL), span(15)),
        ),
        Branch(
            Ref("q"), Edge("loop", (Ref("h"), Const(0))), Edge("choose", (Ref("n"), Ref("h"))), span(15)
        ),
        (span(14), span(15)),
        "Net.forward:14",
    )
    later = Block(
        "later",
        (Value("x", IMAGE), Value("self.hidden", HIDDEN)),
        (HostOp("list", (Ref("self.hidden"),), Value("items", ListType(HIDDEN))),),
        Jump(Edge("loop", (Ref("self.hidden"), Const(1)))),
    )
    loop = Block(
        "loop",
        (Value("h", HIDDEN), Value("i", INT)),
        (HostOp("add", (Ref("i"), Const(1)), Value("i.1", INT), span(16)),),
        Switch(
            Ref("i.1"),
            (3, -1),
            (Edge("stop", (Ref("h"),)), Edge("fail", (Ref("i"),))),
            Edge("loop", (Ref("h"), Ref("i.1"))),
            span(16),
        ),
        note="loop",
    )
    choose = Block("choose", (Value("n", INT), Value("h", HIDDEN)), (), Jump(Edge("stop", (Ref("h"),))))
    tree = Node(
        "tuple",
        (
            Leaf(Ref("h")),
            Node("dict", (Leaf(Const(None)), Leaf(Const(float("inf")))), ("left", 3)),
            Node("namedtuple", (Leaf(Ref("h")),), ("value",), "Out", "net"),
            Node("list", ()),
        ),
    )
    stop = Block("stop", (Value("h", HIDDEN),), (), Return(tree, (), 1, (Ref("h"),), span(18)))
    parts = (TextPart(Const('no "way" ')), TextPart(Ref("i"), "r", ">3"))
    odd = ExceptionType("Odd", "net", "ValueError")
    fail = Block(
        "fail",
        (Value("i", INT),),
        (Compute("make", (), (Value("fresh", HIDDEN),)),),
        Raise(
            odd,
            parts,
            (Write("rest_0", Ref("fresh")),),
            0,
            (),
            span(20),
        ),
    )
    return (first, later, loop, choose, stop, fail)


def sample() -> Program[str]:
    return Program(
        "Net",
        {"forward": method()},
        (State(), State((Cell("hidden", HIDDEN, "self.hidden"),))),
        {block.name: block for block in blocks()},
        {"stem": "(x, n):\n\n    return h, p", "make": ""},
        (Frozen("self.depth", "3", span(5, "Net.__init__")),),
    )
