"""Facts of large programs, without compiling them."""

from __future__ import annotations

from dyncc.compiler.report.facts import (
    SCHEMA,
    BlockFacts,
    EngineFacts,
    EntryFacts,
    ExitFacts,
    Facts,
    Line,
    Operator,
    Route,
    Runs,
    SourceFile,
    Spread,
    Way,
)


def block(number: int, place: str, ways: list[Way], end: str, decides: str = "") -> BlockFacts:
    return BlockFacts(
        number=number,
        name=f"forward.{number}",
        function="Net.forward",
        place=place,
        operators=(Operator("Gemm", 2), Operator("Relu", 1)),
        host=1,
        parameters=1000,
        flops=2000,
        free=False,
        end=end,
        decides=decides,
        by="tensor" if end == "branch" else "",
        ways=tuple(ways),
        entered=(7,),
    )


def gates(depth: int) -> Facts:
    """``depth`` gated blocks: 2i-1 is a gate, 2i what it lets run; the last one returns."""
    blocks: list[BlockFacts] = []
    for n in range(depth):
        gate, after = 2 * n + 1, 2 * n + 3
        ways = [Way(gate + 1, "true", False, (3,)), Way(after, "false", False, (4,))]
        blocks.append(block(gate, "net.py:3-4", ways, "branch", "if gate(x).mean() > 0.5"))
        blocks.append(block(gate + 1, "net.py:5", [Way(after, "", False, (3,))], "jump"))
    blocks.append(block(2 * depth + 1, "net.py:6", [], "return", "return x"))
    return facts(blocks)


def exits(depth: int) -> Facts:
    """``depth`` early exits, all to the last block."""
    last = depth + 1
    blocks = [
        block(
            n,
            "net.py:3-4",
            [Way(last, "true", False, (1,)), Way(n + 1, "false", False, (6,))],
            "branch",
            "if y.max() > 1",
        )
        for n in range(1, depth + 1)
    ]
    return facts([*blocks, block(last, "net.py:6", [], "return", "return y")])


def facts(blocks: list[BlockFacts]) -> Facts:
    owners = tuple(each.number for each in blocks)
    route = Route(owners, 1000 * len(blocks), 2000 * len(blocks))
    return Facts(
        schema=SCHEMA,
        name="Net",
        sha256="0" * 64,
        generator="by hand",
        command="",
        versions={},
        engine=EngineFacts("onnxruntime", {}),
        summary=("By hand.",),
        entries=(EntryFacts("forward", "forward(x: f32[1, 4])", 1),),
        blocks=tuple(blocks),
        whole=route,
        exits=(ExitFacts(len(blocks), route, route, True),),
        loops=(),
        state=(),
        runs=(Runs("the examples", 7, 0, 0, Spread(1, 1.0, 1), Spread(1, 1.0, 1)),),
        fixed=(),
        passes=(),
        pruning=(),
        checks=None,
        sources=(SourceFile("net.py", tuple(Line(n, "x = f(x)", owners) for n in range(1, 7))),),
    )
