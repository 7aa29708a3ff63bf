"""Programs as text whose graphs are recorded PyTorch code, for the tests of passes."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from dyncc.compiler.graph import FxGraphOps, print_fx_graph
from dyncc.compiler.reference import Interpreter
from dyncc.ir import Program
from dyncc.ir.cursor import Cursor
from dyncc.ir.parser import parse_program
from dyncc.ir.printer import print_program
from dyncc.ir.verifier import verify
from dyncc.passes.base import Pass, Result

OPS = FxGraphOps()
WEIGHTS = {"w": torch.tensor([1.0, -2.0]), "v": torch.tensor([0.5, 3.0])}
LINE = re.compile(r"(\w+)(?:: (\w+\[[^]]*\]|\w+))? = (?:torch\.)?(\w+)\((.*)\)")


def read(text: str) -> Program[fx.Graph]:
    """A program whose graphs are written as :func:`print_fx_graph` prints them, and valid."""
    parsed = parse_program(text)
    graphs = {name: read_graph(graph) for name, graph in parsed.graphs.items()}
    program = Program(parsed.name, parsed.methods, parsed.states, parsed.blocks, graphs, parsed.frozen)
    verify(program, OPS.signature)
    return program


def read_graph(text: str) -> fx.Graph:
    graph = fx.Graph()
    nodes: dict[str, fx.Node] = {}
    head, *lines = text.strip().splitlines()
    cursor = Cursor(head, 0)

    def parameter() -> None:
        name = cursor.name()
        nodes[name] = graph.placeholder(name)
        if cursor.take(":"):
            nodes[name].meta["type"] = cursor.type()

    cursor.sequence("(", ")", parameter)

    def argument(word: str) -> Any:
        if word.startswith("@"):
            return nodes.setdefault(word, graph.create_node("get_attr", word[1:], (), {}))
        return nodes[word] if word in nodes else ast.literal_eval(word)

    for line in map(str.strip, lines):
        if line.startswith("return"):
            graph.output(
                tuple(nodes[word] for word in line.removeprefix("return").replace(",", " ").split())
            )
            break
        match = LINE.fullmatch(line)
        assert match is not None, line
        name, type_, function, arguments = match.groups()
        target = getattr(torch, function, None) or getattr(torch.Tensor, function)
        args = tuple(argument(word.strip()) for word in arguments.split(","))
        nodes[name] = graph.create_node("call_function", target, args, {}, name)
        if type_:
            nodes[name].meta["type"] = Cursor(type_, 0).type()
    return graph


def show(program: Program[fx.Graph]) -> str:
    """The program as text without its methods' part, as the goldens have it."""
    text = print_program(program, print_fx_graph)
    return text.partition("\n\n")[2]


def run(each: Pass, program: Program[fx.Graph]) -> Result[fx.Graph]:
    """Run a pass: its result is valid, it says honestly whether it changed it, and it is idempotent."""
    before = show(program)
    result = each.run(program, OPS)
    assert show(program) == before
    verify(result.program, OPS.signature)
    assert result.modified == (show(result.program) != before)
    assert result.modified == bool(result.notes)
    again = each.run(result.program, OPS)
    assert not again.modified, again.notes
    return result


def outcomes(program: Program[fx.Graph], calls: Sequence[tuple[Any, ...]]) -> list[str]:
    """What the calls of the first method return or raise, exactly."""
    interpreter = Interpreter(program, WEIGHTS, step_limit=200)
    method = next(iter(program.methods))
    found: list[str] = []
    for call in calls:
        arguments = [a.clone() if isinstance(a, torch.Tensor) else a for a in call]
        try:
            value = interpreter.run(method, *arguments)
        except Exception as error:
            value = error
        found.append(f"{value!r} {arguments!r} {interpreter.cells!r}")
    return found


def optimized(each: Pass, text: str, calls: Sequence[tuple[Any, ...]]) -> Result[fx.Graph]:
    """As :func:`run`; the calls have the same outcomes before and after, and not all the same."""
    program = read(text)
    result = run(each, program)
    assert outcomes(result.program, calls) == outcomes(program, calls)
    return result


VECTORS = [(torch.tensor([1.0, 2.0]),), (torch.tensor([-1.0, -5.0]),), (torch.tensor([0.0, 3.0]),)]
