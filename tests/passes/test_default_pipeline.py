"""The default pipeline on generated programs: valid after each pass, and the same outcomes."""

from __future__ import annotations

import random

import pytest
import torch
from tests.passes.toys import OPS, outcomes, read

from dyncc.passes.base import Pass
from dyncc.passes.pipeline import DEFAULT_PIPELINE, parse_pipeline, run_pipeline
from dyncc.passes.registry import PASSES

VECTOR, FLAG = "f32[2]", "bool"
CALLS = [
    (torch.tensor([1.0, -2.0]), 0, True),
    (torch.tensor([-3.0, 0.5]), 2, False),
    (torch.tensor([0.0, 4.0]), 1, True),
    (torch.tensor([0.25, 0.25]), 5, False),
]


class Generator:
    """Writes a program of some blocks with loops, copies, dead values and equal blocks."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        count = self.random.randint(2, 7)
        self.params = {
            f"b{i}": [
                (f"p{k}", self.random.choice([VECTOR, VECTOR, "int", "int", FLAG]))
                for k in range(self.random.randint(1, 4))
            ]
            for i in range(count)
        }
        self.params["b0"] = [("x", VECTOR), ("n", "int"), ("q", FLAG)]
        self.graphs: list[str] = []
        self.current = ""

    def text(self) -> str:
        blocks = [self.block(name, params) for name, params in self.params.items()]
        if self.random.random() < 0.6:
            # the same blocks once more, under other names, so that something is equal
            copies = [block.replace("b", "c", 1) if block.startswith("b0") else block for block in blocks]
            twins = [self.twin(block) for block in copies[1:]]
            blocks += twins
            blocks = [self.lead_to_twins(block) for block in blocks]
        head = "program p\n\nmethod forward(x: f32[2], n: int, q: bool)\n    entry b0(x, n, q)\n\nstate"
        return "\n\n".join([head, *blocks, *self.graphs]) + "\n"

    def twin(self, block: str) -> str:
        name, _, rest = block.partition("(")
        return f"{name}t({rest}"

    def lead_to_twins(self, block: str) -> str:
        *steps, last = block.split("\n")
        words = last.split(" ")
        for i, word in enumerate(words):
            target = word.partition("(")[0]
            if target in self.params and target != "b0" and self.random.random() < 0.4:
                words[i] = word.replace(target, f"{target}t", 1)
        return "\n".join([*steps, " ".join(words)])

    def graph(self) -> str:
        """A graph with two inputs and two outputs, one of a few."""
        name = f"g{len(self.graphs)}"
        operation = self.random.choice(
            ["a_ = add(x, @w)", "a_ = mul(x, @v)", "a_ = add(x, @w)", "a_ = relu(x)"]
        )
        other = self.random.choice(["b_ = add(y, x)", "b_ = neg(y)", "b_ = add(a_, y)"])
        result = self.random.choice(["a_, b_", "b_, a_", "a_, y"])
        lines = [f"    (x: {VECTOR}, y: {VECTOR}):", f"        {operation}", f"        {other}"]
        self.graphs.append("\n".join([f"graph {name} {{", *lines, f"        return {result}", "}"]))
        return name

    def pick(self, scope: list[tuple[str, str]], type_: str) -> str | None:
        names = [name for name, known in scope if known == type_]
        return self.random.choice(names) if names else None

    def operand(self, scope: list[tuple[str, str]], type_: str) -> str | None:
        constants = {"int": ["0", "1", "3"], FLAG: ["True", "False"]}
        if type_ in constants and self.random.random() < 0.4:
            return self.random.choice(constants[type_])
        name = self.pick(scope, type_)
        return self.random.choice(constants[type_]) if name is None and type_ in constants else name

    def block(self, name: str, params: list[tuple[str, str]]) -> str:
        scope, lines = list(params), list[str]()
        self.current = name
        for k in range(self.random.randint(0, 4)):
            vectors = self.pick(scope, VECTOR), self.pick(scope, VECTOR)
            number = self.operand(scope, "int")
            match self.random.randint(0, 3):
                case 0 if vectors[0] is not None:
                    call = f"compute {self.graph()}({vectors[0]}, {vectors[1]})"
                    lines.append(f"v{k}: {VECTOR}, u{k}: {VECTOR} = {call}")
                    scope += [(f"v{k}", VECTOR), (f"u{k}", VECTOR)]
                case 1:
                    lines.append(f"m{k}: int = add({number}, {self.operand(scope, 'int')})")
                    scope.append((f"m{k}", "int"))
                case 2:
                    lines.append(f"t{k}: bool = lt({number}, {self.operand(scope, 'int')})")
                    scope.append((f"t{k}", FLAG))
                case _:
                    divisor = number if self.random.random() < 0.1 else "2"
                    lines.append(f"d{k}: float = truediv({number}, {divisor})")
        lines.append(self.terminator(scope))
        head = ", ".join(f"{param}: {type_}" for param, type_ in params)
        return "\n".join([f"{name}({head}):", *(f"    {line}" for line in lines)])

    def edge(self, scope: list[tuple[str, str]]) -> str | None:
        onward = [name for name in self.params if name > self.current]
        anywhere = [name for name in self.params if name != "b0"]
        target = self.random.choice(onward if onward and self.random.random() < 0.75 else anywhere)
        args = [self.operand(scope, type_) for _, type_ in self.params[target]]
        return None if None in args else f"{target}({', '.join(map(str, args))})"

    def terminator(self, scope: list[tuple[str, str]]) -> str:
        edges = [edge for edge in (self.edge(scope) for _ in range(6)) if edge is not None]
        values = ", ".join(name for name, _ in scope)
        match self.random.randint(0, 7):
            case 0 | 1 | 2 if len(edges) > 1:
                return f"branch {self.operand(scope, FLAG)} ? {edges[0]} : {edges[1]}"
            case 3 if len(edges) > 2:
                index = self.operand(scope, "int")
                return f"switch {index} {{0: {edges[0]}, 3: {edges[1]}, else: {edges[2]}}}"
            case 4 | 5 if edges:
                return f"jump {edges[0]}"
            case 6 if self.random.random() < 0.3:
                return f'raise ValueError("at ", {self.operand(scope, "int")})'
            case _:
                return f"return tuple({values})"


def same_outcomes(passes: tuple[Pass, ...], seed: int) -> tuple[int, int]:
    program = read(Generator(seed).text())
    after = run_pipeline(program, passes, OPS, verify_each=True).program
    # A program that loops without end is cut off, and then after fewer blocks than before.
    for before, now in zip(outcomes(program, CALLS), outcomes(after, CALLS), strict=True):
        assert before == now or before.startswith("StepLimitExceeded")
    return len(program.blocks), len(after.blocks)


@pytest.mark.parametrize("part", range(4))
def test_generated_programs_keep_their_outcomes(part: int) -> None:
    passes = parse_pipeline(DEFAULT_PIPELINE)
    sizes = [same_outcomes(passes, seed) for seed in range(part * 40, part * 40 + 40)]
    assert sum(after for _, after in sizes) < 0.7 * sum(before for before, _ in sizes)


@pytest.mark.parametrize("name", PASSES)
def test_each_pass_alone_keeps_their_outcomes(name: str) -> None:
    for seed in range(1000, 1030):
        same_outcomes(parse_pipeline(name), seed)
