"""Programs as JSON: nothing is lost, and nothing that is damaged is accepted."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runtime.cases import FOLDER, read_case
from tests.runtime.random_programs import ProgramMaker

from dyncc.runtime import program as p
from dyncc.runtime.codec import program_from_json, program_to_json
from dyncc.runtime.errors import DamagedBundle

SPAN = p.Span("net.py", 3, 5, 4, 9, "Net.forward")
T = p.TensorType("float32", ("s0", 3, "s0 + 1"))
FLOATS = (math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0, 0.1, 1e300, 5e-324)


def everything() -> p.Program[str]:
    """A program with every kind of node in it."""
    options = p.InputNode(
        "dataclass",
        (p.Input("scale", p.ScalarType("float")), p.Fixed("a"), p.Fixed(opaque="Config")),
        ("scale", "mode", "extra"),
        "Options",
        "net",
    )
    parameters = (
        p.Parameter("x", "positional", p.Input("x", T)),
        p.Parameter("steps", "keyword", p.Input("steps", p.ScalarType("int")), True, 4),
        p.Parameter("options", "keyword", options),
        p.Parameter("rest", "var_positional", p.InputNode("tuple", (p.Input("rest_0", T),))),
        p.Parameter("extra", "var_keyword", p.InputNode("dict", (), ())),
    )
    method = p.Method(
        "forward",
        parameters,
        (p.Entry("start", ("x", "steps")), p.Entry("again", ("x",))),
        (p.Constraint("s0 >= 2", "the pooling"),),
        SPAN,
        (p.Identity("x", "rest_0", True),),
    )
    states = (
        p.State((p.Cell("count", p.ScalarType("int"), "self.count", p.Const(0)),)),
        p.State((p.Cell("h", T, "self.h"), p.Cell("seen", p.ListType(T), "self.seen"))),
    )
    tree = p.Node(
        "dict",
        (
            p.Node("tuple", (p.Leaf(p.Ref("h")), p.Leaf(p.Const(None)))),
            p.Node("namedtuple", (p.Leaf(p.Ref("h")),), ("hidden",), "Outer.Out", "net"),
            *(p.Leaf(p.Const(value)) for value in FLOATS),
        ),
        ("a", 3, *map(str, range(len(FLOATS)))),
        "OrderedDict",
        "collections",
    )
    blocks = [
        p.Block(
            "start",
            (p.Value("x", T), p.Value("n", p.ScalarType("int")), p.Value("count", p.ScalarType("int"))),
            (
                p.Compute("stem", (p.Ref("x"), p.Const(2)), (p.Value("h", T), p.Value("g", T)), SPAN),
                p.HostOp("item", (p.Ref("g"),), p.Value("c", p.ScalarType("bool")), SPAN),
                p.HostOp("list", (p.Ref("h"),), p.Value("seen", p.ListType(T))),
            ),
            p.Branch(p.Ref("c"), p.Edge("out", (p.Ref("h"), p.Ref("seen"))), p.Edge("fail", ()), SPAN),
            (SPAN, SPAN),
            "Net.forward:3",
        ),
        p.Block(
            "again",
            (p.Value("x", T), p.Value("h", T), p.Value("seen", p.ListType(T))),
            (),
            p.Switch(
                p.Const(3),
                (1, -2),
                (p.Edge("fail"), p.Edge("out", (p.Ref("h"), p.Ref("seen")))),
                p.Edge("jump", (p.Ref("h"), p.Ref("seen"))),
            ),
        ),
        p.Block(
            "jump",
            (p.Value("h", T), p.Value("seen", p.ListType(T))),
            (),
            p.Jump(p.Edge("out", (p.Ref("h"), p.Ref("seen")))),
        ),
        p.Block(
            "out",
            (p.Value("h", T), p.Value("seen", p.ListType(T))),
            (),
            p.Return(tree, (p.Write("x", p.Ref("h")),), 1, (p.Ref("h"), p.Ref("seen")), SPAN),
        ),
        p.Block(
            "fail",
            (),
            (),
            p.Raise(
                p.ExceptionType("Odd", "net", "ValueError"),
                (p.TextPart(p.Const("no ")), p.TextPart(p.Const(1.5), "r", ">9")),
                (),
                0,
                (p.Const(-1),),
                SPAN,
            ),
        ),
    ]
    frozen = (p.Frozen("self.depth", "3", SPAN), p.Frozen("mode", "'a'"))
    return p.Program(
        "Net",
        {"forward": method},
        states,
        {block.name: block for block in blocks},
        {"stem": "stem"},
        frozen,
    )


def through_json(program: p.Program[Any]) -> p.Program[str]:
    return program_from_json(json.loads(json.dumps(program_to_json(program), allow_nan=False)))


def test_everything_survives() -> None:
    program = everything()
    assert repr(through_json(program)) == repr(program)  # repr, since 1 == True and nan != nan


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.program")), ids=lambda path: path.stem)
def test_cases_survive(path: Path) -> None:
    program = read_case(path)
    assert repr(through_json(program)) == repr(program)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_random_programs_survive(seed: int) -> None:
    program = ProgramMaker(Random(seed)).run()
    names = {name: name for name in program.graphs}
    again = through_json(program)
    assert repr(again.blocks) == repr(program.blocks)
    assert again.graphs == names
    assert again.states == program.states


# ------------------------------------------------------------------------------------------- damage


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every item inside of ``data``."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """``data`` with ``value`` at ``path`` (removed where it is ``...``)."""
    out = copy.deepcopy(data)
    parent = out
    for key in path[:-1]:
        parent = parent[key]
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return out


@pytest.mark.parametrize("value", [..., None, 7, "other", [], {}, [[]], {"kind": "jump"}, True, -1.5])
def test_damage_is_noticed_or_harmless(value: Any) -> None:
    """Whatever stands anywhere in the JSON: it is refused with its path, or it is a well-formed program."""
    data = json.loads(json.dumps(program_to_json(everything())))
    refused = 0
    for path in places(data):
        try:
            program = program_from_json(changed(data, path, value))
        except DamagedBundle as error:
            assert str(error).startswith("program")
            refused += 1
        else:
            assert repr(through_json(program)) == repr(program)
    assert refused > 100


def refusal(program: p.Program[Any], path: tuple[Any, ...], value: Any) -> str:
    data = json.loads(json.dumps(program_to_json(program)))
    with pytest.raises(DamagedBundle) as raised:
        program_from_json(changed(data, path, value))
    return str(raised.value)


BLOCKS = ("blocks", "start")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("blocks", "jump", "terminator", "kind"), "hop", "program.blocks.jump.terminator.kind: expected"),
        ((*BLOCKS, "steps", 0, "graph"), ..., "steps[0]: the field 'graph' of a Compute is missing"),
        ((*BLOCKS, "steps", 0, "colour"), 1, "steps[0]: unknown field 'colour' of a Compute"),
        ((*BLOCKS, "steps", 0, "graph"), "leaf", "there is no graph 'leaf'"),
        ((*BLOCKS, "steps", 1, "operands"), ["z"], "operands[0]: 'z' is not defined here"),
        ((*BLOCKS, "steps", 1, "operands"), [], "'item' takes 1 operands, not 0"),
        ((*BLOCKS, "steps", 1, "op"), "system", "there is no instruction 'system'"),
        ((*BLOCKS, "steps", 1, "result", "name"), "h", "'h' is defined twice"),
        ((*BLOCKS, "terminator", "then", "block"), "nowhere", "there is no block 'nowhere'"),
        ((*BLOCKS, "terminator", "then", "args"), ["h"], "the block 'out' takes 2 values, not 1"),
        ((*BLOCKS, "terminator", "then", "args"), ["n", "seen"], "takes tensor float32 3, not int"),
        ((*BLOCKS, "terminator", "pred"), "n", "a decision is made on bool"),
        ((*BLOCKS, "name"), "begin", "expected 'start', found 'begin'"),
        ((*BLOCKS, "spans", 0, 1), 0, "a span that starts at 1"),
        (("blocks", "out", "terminator", "state"), 7, "there is no state 7"),
        (("blocks", "out", "terminator", "cells"), ["h"], "the state has 2 cells, not 1"),
        (("blocks", "out", "terminator", "writes", 0, "input"), "y", "there is no input 'y'"),
        (("blocks", "out", "terminator", "output", "keys"), ["a"], "has 1 keys"),
        (("blocks", "fail", "terminator", "error", "base"), "print", "'print' is no builtin exception"),
        (("blocks", "fail", "terminator", "error", "name"), "a b", "'a b' is no name for an exception"),
        (("blocks", "fail", "terminator", "message", 1, "spec"), "{x}", "'{x}' is no format"),
        (("methods", "forward", "entries"), [], "2 states have 0 entries"),
        (("methods", "forward", "entries", 0, "block"), "gone", "there is no block 'gone'"),
        (("methods", "forward", "entries", 0, "inputs"), ["x", "y"], "'y' is no input of 'forward'"),
        (("methods", "forward", "parameters", 0, "name"), "import", "'import' is no name"),
        (("states", 0, "cells", 0, "initial"), ..., "has no initial value"),
        (("methods",), {}, "at least one method"),
        (("graphs",), "stem", "expected an array"),
    ],
)
def test_messages_name_the_place(path: tuple[Any, ...], value: Any, message: str) -> None:
    assert message in refusal(everything(), path, value)
