"""The verifier: each rule is broken on purpose, and the message is expected under the right line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.ir.samples import BOOL, FLOAT, HIDDEN, IMAGE, INT, sample

from dyncc.ir import (
    Block,
    Branch,
    Cell,
    Compute,
    Const,
    Edge,
    Entry,
    HostOp,
    Input,
    InputNode,
    Jump,
    Leaf,
    ListType,
    Node,
    Operand,
    Parameter,
    Program,
    Ref,
    Return,
    ScalarType,
    State,
    Switch,
    TensorType,
    Terminator,
    Type,
    Value,
    Write,
)
from dyncc.ir.instructions import RULES
from dyncc.ir.verifier import VerifyError, verify
from dyncc.runtime.hostops import HOST_OPS

STR = ScalarType("str")


def signature(graph: str) -> tuple[int, int]:
    return (0, 1) if graph == "" else (2, 2)


def faults(program: Program[str]) -> str:
    """The lines with messages, each after the line that it is about."""
    with pytest.raises(VerifyError) as caught:
        verify(program, signature)
    lines = str(caught.value).splitlines()
    shown = [i for i, line in enumerate(lines) if line.lstrip().startswith("^")]
    return "\n".join(f"{lines[i - 1].strip()} -> {lines[i].strip().lstrip('^ ')}" for i in shown)


def with_block(name: str, **changes: Any) -> Program[str]:
    program = sample()
    return replace(program, blocks={**program.blocks, name: replace(program.blocks[name], **changes)})


def with_method(**changes: Any) -> Program[str]:
    program = sample()
    return replace(program, methods={"forward": replace(program.methods["forward"], **changes)})


def ending(block: str, terminator: Terminator) -> str:
    return faults(with_block(block, terminator=terminator))


def test_the_sample_is_valid() -> None:
    verify(sample(), signature)
    verify(sample())


def test_the_error_shows_the_program_and_all_messages() -> None:
    steps = (HostOp("add", (Ref("i"), Ref("j")), Value("i.1", INT)), HostOp("no", (), Value("k", INT)))
    with pytest.raises(VerifyError) as caught:
        verify(with_block("loop", steps=steps))
    text = str(caught.value)
    assert text.startswith("the program breaks 2 of its rules\n\nprogram Net\n")
    assert (
        "loop(h: f32[1, 8], i: int):  # loop\n"
        "    i.1: int = add(i, j)\n"
        "    ^^^^^^^^^^^^^^^^^^^^ `j` is not defined here\n"
        "    k: int = no()\n"
        "    ^^^^^^^^^^^^^ there is no instruction `no`\n"
        "    switch i.1" in text
    )
    assert [problem.place for problem in caught.value.problems] == [
        ("step", "loop", 0),
        ("step", "loop", 1),
    ]


# ------------------------------------------------------------------------- definitions and uses


def test_a_value_is_defined_once() -> None:
    twice = (HostOp("add", (Ref("i"), Const(1)), Value("i", INT)),)
    assert "i: int = add(i, 1) -> `i` is defined twice" in faults(with_block("loop", steps=twice))
    params = (Value("h", HIDDEN), Value("h", HIDDEN))
    assert "choose(h: f32[1, 8], h: f32[1, 8]): -> `h` is defined twice" in faults(
        with_block("choose", params=params)
    )


def test_a_value_is_defined_before_its_use() -> None:
    steps = sample().blocks["first"].steps
    assert faults(with_block("first", steps=steps[::-1])) == "q: bool = item(p) -> `p` is not defined here"


def test_names_of_values_are_local_to_a_block() -> None:
    assert ending("choose", Jump(Edge("stop", (Ref("x"),)))) == "jump stop(x) -> `x` is not defined here"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (replace(sample(), name=""), "program `` -> the program has no name"),
        (
            with_method(parameters=(Parameter("", "positional", Input("x", IMAGE)),)),
            "a parameter has no name",
        ),
        (with_method(parameters=(Parameter("x", "positional", Input("", IMAGE)),)), "an input has no name"),
        (with_block("loop", params=(Value("", HIDDEN), Value("i", INT))), "a value has no name"),
        (replace(sample(), graphs={**sample().graphs, "": ""}), "graph `` -> a graph has no name"),
        (replace(sample(), states=(State(), State((Cell("", HIDDEN, "p"),)))), "a cell has no name"),
    ],
)
def test_names_are_not_empty(program: Program[str], message: str) -> None:
    assert message in faults(program)


def test_keys_are_names() -> None:
    program = sample()
    moved = replace(program, blocks={**program.blocks, "other": program.blocks["stop"]})
    assert "the block is called `stop` but kept as `other`" in faults(moved)
    method = program.methods["forward"]
    renamed = replace(program, methods={"other": method})
    assert "the method is called `forward` but kept as `other`" in faults(renamed)


# ---------------------------------------------------------------------------------------- edges


def test_an_edge_has_an_argument_for_each_parameter() -> None:
    assert ending("choose", Jump(Edge("stop"))) == "jump stop() -> `stop` has 1 parameters, not 0"


def test_an_edge_leads_to_a_block() -> None:
    assert ending("choose", Jump(Edge("gone"))) == "jump gone() -> there is no block `gone`"


@pytest.mark.parametrize(
    ("param", "argument", "good"),
    [
        (TensorType("float32", ("s0", 8)), TensorType("float32", (1, 8)), True),
        (TensorType("float32", ("s0", 8)), TensorType("float32", ("s9 + 1", 8)), True),
        (TensorType("float32", (1, 8)), TensorType("float32", (2, 8)), False),
        (TensorType("float32", (1, 8)), TensorType("float32", ("s0", 8)), False),
        (TensorType("float32", (1, 8)), TensorType("float64", (1, 8)), False),
        (TensorType("float32", ("s0",)), TensorType("float32", (1, 8)), False),
        (INT, INT, True),
        (INT, BOOL, False),
        (FLOAT, INT, False),
        (TensorType("int64", ()), INT, False),
        (ListType(TensorType("float32", ("s0",))), ListType(TensorType("float32", (3,))), True),
        (ListType(INT), ListType(FLOAT), False),
        (ListType(INT), INT, False),
    ],
)
def test_an_argument_fits_its_parameter(param: Type, argument: Type, good: bool) -> None:
    source = Block("source", (Value("a", argument),), (), Jump(Edge("target", (Ref("a"),))))
    target = Block("target", (Value("b", param),), (), Return(Leaf(Ref("b"))))
    program = Program("p", {}, (State(),), {"source": source, "target": target}, {})
    if good:
        verify(program)
    else:
        assert "parameter `b` of `target` is" in faults(program)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "`True` is bool; parameter `i`"),
        (1.0, "`1.0` is float;"),
        (None, "an edge cannot take `None`"),
    ],
)
def test_a_constant_argument_fits_its_parameter(value: Any, message: str) -> None:
    assert message in ending("later", Jump(Edge("loop", (Ref("self.hidden"), Const(value)))))


def test_sizes_that_share_a_symbol_are_equal() -> None:
    square = TensorType("float32", ("s0", "s0 + 1"))
    source = Block(
        "source", (Value("a", TensorType("float32", (3, 5))),), (), Jump(Edge("target", (Ref("a"),)))
    )
    target = Block("target", (Value("b", square),), (), Return(Leaf(Ref("b"))))
    program = Program("p", {}, (State(),), {"source": source, "target": target}, {})
    assert "in `target`, the size `s0 + 1` is both 4 and 5" in faults(program)


# ------------------------------------------------------------------------------------ decisions


def test_a_branch_decides_on_a_bool() -> None:
    edges = (Edge("stop", (Ref("h"),)), Edge("stop", (Ref("h"),)))
    assert "a branch decides on bool; `n` is int" in ending("choose", Branch(Ref("n"), *edges))
    assert "a branch decides on bool; `h` is f32[1, 8]" in ending("choose", Branch(Ref("h"), *edges))
    assert "a branch decides on bool; `None` is not" in ending("choose", Branch(Const(None), *edges))


def test_a_switch_decides_on_an_int_with_distinct_values() -> None:
    edge = Edge("stop", (Ref("h"),))
    assert "a switch decides on int; `h` is" in ending("choose", Switch(Ref("h"), (1,), (edge,), edge))
    assert "the switch has a value twice" in ending("choose", Switch(Ref("n"), (1, 1), (edge, edge), edge))
    assert "the switch has 2 values for 1 cases" in ending(
        "choose", Switch(Ref("n"), (1, 2), (edge,), edge)
    )


# ---------------------------------------------------------------------------- steps and returns


def test_a_compute_names_a_graph_and_fits_its_signature() -> None:
    hidden, flag = Value("h", HIDDEN), Value("p", TensorType("bool", ()))

    def step(graph: str, inputs: tuple[Operand, ...], *outputs: Value) -> str:
        terminator = Jump(Edge("choose", (Ref("n"), Ref("h"))))
        return faults(with_block("first", steps=(Compute(graph, inputs, outputs),), terminator=terminator))

    both = (Ref("x"), Ref("n"))
    assert "there is no graph `gone`" in step("gone", both, hidden)
    assert "`stem` has 2 inputs, not 1" in step("stem", (Ref("x"),), hidden, flag)
    assert "`stem` has 2 outputs, not 1" in step("stem", both, hidden)
    assert "a graph yields tensors; `k` is int" in step("stem", both, hidden, Value("k", INT))
    assert 'a graph takes tensors and numbers; `"a"` is str' in step(
        "stem", (Ref("x"), Const("a")), hidden, flag
    )
    assert "a graph cannot take `None`" in step("stem", (Ref("x"), Const(None)), hidden, flag)


def test_a_return_gives_the_cells_of_its_state() -> None:
    out = Leaf(Ref("h"))
    assert "there is no state 7" in ending("stop", Return(out, (), 7))
    assert "state 1 has 1 cells, not 0" in ending("stop", Return(out, (), 1))
    assert "cell `hidden` is f32[1, 8], not int" in ending("stop", Return(out, (), 1, (Const(3),)))
    assert "`k` is not defined here" in ending("stop", Return(out, (), 1, (Ref("k"),)))


def test_a_written_argument_is_an_input_of_every_method_that_leads_here() -> None:
    hidden = Ref("h")

    def writing(name: str, value: Operand = hidden) -> str:
        return ending("stop", Return(Leaf(Const(None)), (Write(name, value),)))

    assert "`forward` leads here and has no input `gone`" in writing("gone")
    assert "`steps` cannot be written to" in writing("steps")
    assert "`rest_0` cannot be written to" in writing("rest_0", Const(1))
    assert "`x` is f32[1, 3, s0, s0], not f32[1, 8]" in writing("x")
    twice = (Write("rest_0", Ref("h")), Write("rest_0", Ref("h")))
    assert "written argument `rest_0` is defined 2 times" in ending("stop", Return(Leaf(Ref("h")), twice))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Node("tuple", (), ("a",)), "a tuple of 0 takes 0 keys, not 1"),
        (Node("dict", (Leaf(Ref("h")),)), "a dict of 1 takes 1 keys, not 0"),
        (Node("dict", (Leaf(Ref("h")), Leaf(Ref("h"))), ("a", "a")), "a dict has a key twice"),
        (Node("dataclass", (Leaf(Ref("h")),), (3,)), "the fields of a dataclass are names"),
        (Node("heap", ()), "`heap` is no kind of container"),  # pyright: ignore[reportArgumentType]
        (Node("list", (Node("tuple", (Leaf(Ref("gone")),)),)), "`gone` is not defined here"),
    ],
)
def test_output_trees_are_well_formed(node: Node, message: str) -> None:
    assert message in ending("stop", Return(node))


# ------------------------------------------------------------------------------------ interface


def test_input_trees_are_well_formed() -> None:
    tree = InputNode("dict", (Input("x", IMAGE),), ())
    parameters = (Parameter("x", "positional", tree), Parameter("steps", "positional", Input("steps", INT)))
    assert "a dict of 1 takes 1 keys, not 0" in faults(with_method(parameters=parameters))
    again = (*sample().methods["forward"].parameters, Parameter("y", "keyword", Input("x", IMAGE)))
    assert "input `x` is defined 2 times" in faults(with_method(parameters=again))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Entry("gone", ()), "there is no block `gone`"),
        (Entry("first", ("x", "y")), "`forward` has no input `y`"),
        (Entry("first", ("x",)), "`first` has 2 parameters; it is given 1 inputs and 0 cells"),
        (Entry("first", ("x", "rest_0")), "`rest_0` is f32[1, 8]; parameter `n` of `first` is int"),
    ],
)
def test_an_entry_fits_its_block(entry: Entry, message: str) -> None:
    line = f"entry {entry.block}({', '.join(entry.inputs)}) -> "
    assert line + message in faults(with_method(entries=(entry, Entry("later", ("x",)))))


def test_an_entry_takes_the_cells_of_its_state() -> None:
    states = (State(), State((Cell("hidden", INT, "self.hidden"),)))
    assert "entry later(x) -> `hidden` is int; parameter `self.hidden`" in faults(
        replace(sample(), states=states)
    )
    assert "there are 1 entries for 2 states" in faults(
        with_method(entries=(Entry("first", ("x", "steps")),))
    )


def test_initial_values_of_cells() -> None:
    cell = Cell("hidden", HIDDEN, "self.hidden", "weight")
    assert "only the cells of state 0 have initial values" in faults(
        replace(sample(), states=(State(), State((cell,))))
    )
    cells = (Cell("count", INT, "self.count", Const(1.0)),)
    assert "`1.0` is not int" in faults(replace(sample(), states=(State(cells), sample().states[1])))


# ---------------------------------------------------------------------------- host instructions


def test_every_instruction_has_a_rule() -> None:
    assert set(RULES) == set(HOST_OPS)


def host_op(op: str, result: Type, *operands: Type | Const) -> Program[str]:
    """A program with this instruction alone; an operand that is a type is a parameter."""
    params = tuple(
        Value(f"a{i}", type_) for i, type_ in enumerate(operands) if not isinstance(type_, Const)
    )
    uses = tuple(type_ if isinstance(type_, Const) else Ref(f"a{i}") for i, type_ in enumerate(operands))
    step = HostOp(op, uses, Value("result", result))
    return Program("p", {}, (), {"b": Block("b", params, (step,), Return(Leaf(Ref("result"))))}, {})


ROWS = ListType(TensorType("float32", (1, 8)))
GOOD: list[tuple[Any, ...]] = [
    ("item", FLOAT, TensorType("bfloat16", ())),
    ("item", INT, TensorType("uint8", (1, 1))),
    ("item", BOOL, TensorType("bool", ("s0",))),
    ("dim", INT, HIDDEN, Const(-2)),
    ("add", INT, BOOL, BOOL),
    ("add", FLOAT, INT, Const(1.0)),
    ("pow", FLOAT, INT, INT),
    ("pow", INT, INT, Const(2)),
    ("and_", BOOL, BOOL, BOOL),
    ("and_", INT, BOOL, INT),
    ("min", INT, INT, FLOAT),
    ("min", FLOAT, INT, FLOAT),
    ("select", FLOAT, BOOL, FLOAT, Const(0.5)),
    ("eq", BOOL, STR, Const("a")),
    ("not", BOOL, ROWS),
    ("list", ROWS),
    ("list", ListType(TensorType("float32", ("s0", 8))), HIDDEN, TensorType("float32", ("s1", 8))),
    ("list_append", ROWS, ROWS, HIDDEN),
    ("list_get", TensorType("float32", ("s0", 8)), ROWS, INT),
    ("list_set", ROWS, ROWS, Const(0), HIDDEN),
    ("stack", TensorType("float32", (1, "s0", 8)), ROWS, Const(1)),
    ("stack", TensorType("float32", (1, 8, "s0")), ROWS, Const(-1)),
    ("cat", TensorType("float32", ("s0", 8)), ROWS, Const(0)),
    ("tensor_of_numbers", TensorType("int64", ("s0",)), ListType(INT), Const("int64")),
    ("lookup", STR, INT, Const("a"), Const("b")),
    ("text", STR, Const("n = {}, {!r:>8} {{}}"), INT, FLOAT),
    ("foremost", ListType(INT), BOOL, Const(2), ListType(FLOAT)),
    ("place", INT, BOOL, FLOAT, ListType(FLOAT)),
    ("math.floor", INT, FLOAT),
    ("math.log_base", FLOAT, FLOAT, Const(2)),
    ("round_digits", FLOAT, FLOAT, Const(2)),
]
BAD: list[tuple[tuple[Any, ...], str]] = [
    (("item", INT, HIDDEN), "`item` reads one element, not f32[1, 8]"),
    (("item", INT, TensorType("float32", ())), "the result of `item` is float, not int"),
    (("item", INT, INT), "operand 1 of `item` is int, not a tensor"),
    (("dim", INT, HIDDEN, Const(2)), "f32[1, 8] has no axis 2"),
    (("add", INT, INT), "`add` takes 2 operands, not 1"),
    (("add", INT, INT, INT, INT), "`add` takes 2 operands, not 3"),
    (("add", INT, INT, FLOAT), "the result of `add` is float, not int"),
    (("add", INT, INT, HIDDEN), "operand 2 of `add` is f32[1, 8], not a number"),
    (("add", INT, INT, Const(None)), "`add` cannot take `None`"),
    (("truediv", INT, INT, INT), "the result of `truediv` is float, not int"),
    (("pow", BOOL, INT, INT), "the result of `pow` is int or float, not bool"),
    (("lshift", INT, FLOAT, INT), "operand 1 of `lshift` is float, not int or bool"),
    (("lt", INT, INT, INT), "the result of `lt` is bool, not int"),
    (("select", INT, INT, INT, INT), "operand 1 of `select` is int, not bool"),
    (("select", INT, BOOL, INT, FLOAT), "the result is int or float, not int"),
    (("list", INT), "the result of `list` is a list, not int"),
    (("list", ROWS, HIDDEN, INT), "list<f32[1, 8]> has no place for int"),
    (("list_append", ROWS, ROWS, INT), "list<f32[1, 8]> has no place for int"),
    (("list_extend", ROWS, ROWS, ListType(INT)), "list<f32[1, 8]> has no place for list<int>"),
    (("list_get", INT, ROWS, INT), "the result of `list_get` is f32[1, 8], not int"),
    (("list_get", INT, INT, INT), "operand 1 of `list_get` is int, not a list"),
    (("list_set", ROWS, ROWS, INT), "`list_set` takes 3 operands, not 2"),
    (("stack", TensorType("float32", (1, 1, 8)), ROWS, Const(0)), "the result of `stack` is f32["),
    (("stack", TensorType("float32", ("s0", 1, 8)), ROWS, Const(3)), "the result of `stack` has no axis 3"),
    (("cat", TensorType("float32", ("s0", 9)), ROWS, Const(0)), "the result of `cat` is f32["),
    (("cat", HIDDEN, ListType(INT), Const(0)), "operand 1 of `cat` is list<int>, not a list of tensors"),
    (("lookup", STR, INT), "`lookup` takes 2 or more operands, not 1"),
    (("lookup", STR, INT, Const("a"), Const(1)), "the result is str or int, not str"),
    (("text", STR, Const("{} {}"), INT), "'{} {}' has places for 2 values, not 1"),
    (("text", STR, Const("{0.real}"), INT), "'{0.real}' is no template of a text"),
    (("text", STR, STR, INT), "None is no template of a text"),
    (("text", INT, Const("{}"), INT), "the result of `text` is str, not int"),
]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case[0])
def test_good_instructions(case: tuple[Any, ...]) -> None:
    verify(host_op(*case))


@pytest.mark.parametrize(
    ("case", "message"), BAD, ids=lambda case: case[0] if isinstance(case, tuple) else ""
)
def test_bad_instructions(case: tuple[Any, ...], message: str) -> None:
    assert message in faults(host_op(*case))
