"""Random programs: any control-flow graph, with values that make its decisions vary."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from dyncc.runtime import program as p

TENSOR = p.TensorType("int64", ())
INT = p.ScalarType("int")
BOOL = p.ScalarType("bool")
LIST = p.ListType(INT)
TYPES: tuple[p.Type, ...] = (TENSOR, TENSOR, INT, INT, BOOL, LIST)
BASES = ("h", "x", "n", "y", "out", "state", "step", "len", "item")
TOTAL_INT = ("add", "sub", "and_", "or_", "xor", "min", "max")
PARTIAL_INT = ("floordiv", "mod")
COMPARE = ("lt", "le", "gt", "ge", "eq", "ne")


class _BlockMaker:
    def __init__(self, random: Random, name: str, params: tuple[p.Value, ...], make: ProgramMaker) -> None:
        self.random = random
        self.name = name
        self.params = params
        self.make = make
        self.values = {param.name: param.type for param in params}
        self.steps: list[p.Step] = []

    def span(self) -> p.Span | None:
        line = self.random.randint(1, 40)
        return p.Span("net.py", line, 5, line, 20, "Net.forward") if self.random.random() < 0.8 else None

    def new(self, of: p.Type) -> p.Value:
        base = self.random.choice(BASES)
        number = 0
        while (name := f"{base}.{number}" if number else base) in self.values:
            number += 1
        self.values[name] = of
        return p.Value(name, of)

    def pick(self, of: p.Type, fresh: bool = True) -> p.Operand:
        known = [name for name, other in self.values.items() if other == of]
        if known and self.random.random() < 0.85:
            return p.Ref(self.random.choice(known))
        if of == INT:
            return p.Const(self.random.randint(-3, 9))
        if of == BOOL:
            if fresh and self.random.random() < 0.8:
                return self.host(self.random.choice(COMPARE), (self.pick(INT), self.pick(INT)), BOOL)
            return p.Const(self.random.random() < 0.5)
        if of == LIST:
            return self.host("list", tuple(self.pick(INT) for _ in range(self.random.randint(0, 2))), LIST)
        return self.compute(1)

    def host(self, op: str, operands: tuple[p.Operand, ...], of: p.Type) -> p.Ref:
        value = self.new(of)
        self.steps.append(p.HostOp(op, operands, value, self.span()))
        return p.Ref(value.name)

    def compute(self, outputs: int) -> p.Ref:
        graph = self.make.graph(outputs, self.random.randint(0, 3))
        inputs = tuple(
            self.pick(self.random.choice((TENSOR, INT))) if self.values else p.Const(2)
            for _ in range(self.make.inputs[graph])
        )
        values = tuple(self.new(TENSOR) for _ in range(outputs))
        self.steps.append(p.Compute(graph, inputs, values, self.span()))
        return p.Ref(self.random.choice(values).name)

    def add_step(self) -> None:
        kind = self.random.random()
        if kind < 0.35:
            self.compute(self.random.randint(1, 3))
        elif kind < 0.6:
            self.host("item", (self.pick(TENSOR),), INT)
        elif kind < 0.75:
            self.host(self.random.choice(TOTAL_INT), (self.pick(INT), self.pick(INT)), INT)
        elif kind < 0.82:
            self.host(self.random.choice(PARTIAL_INT), (self.pick(INT), self.pick(INT)), INT)
        elif kind < 0.87:
            self.host("select", (self.pick(BOOL), self.pick(INT), self.pick(INT)), INT)
        elif kind < 0.91:
            self.host("not", (self.pick(BOOL),), BOOL)
        elif kind < 0.95:
            self.host("list_append", (self.pick(LIST), self.pick(INT)), LIST)
        elif kind < 0.98:
            self.host("list_len", (self.pick(LIST),), INT)
        else:
            self.host("list_get", (self.pick(LIST), self.pick(INT)), INT)

    def edge(self) -> p.Edge:
        target = self.random.choice(self.make.names[1:] or self.make.names)
        return p.Edge(target, tuple(self.pick(param.type) for param in self.make.params[target]))

    def leaf(self) -> p.Tree:
        return p.Leaf(self.pick(self.random.choice(TYPES), fresh=False))

    def leaving(self) -> dict[str, Any]:
        state = self.random.randrange(len(self.make.states))
        cells = tuple(self.pick(cell.type) for cell in self.make.states[state].cells)
        writes = (p.Write("x", self.pick(TENSOR)),) if self.random.random() < self.make.write_rate else ()
        return {"state": state, "cells": cells, "writes": writes, "span": self.span()}

    def terminator(self) -> p.Terminator:
        kind = self.random.random()
        if kind < 0.22:
            return p.Jump(self.edge(), self.span())
        if kind < 0.7:
            return p.Branch(self.pick(BOOL), self.edge(), self.edge(), self.span())
        if kind < 0.8:
            values = tuple(self.random.sample(range(-1, 5), self.random.randint(1, 4)))
            cases = tuple(self.edge() for _ in values)
            return p.Switch(self.pick(INT), values, cases, self.edge(), self.span())
        if kind < 0.95:
            children = tuple(self.leaf() for _ in range(self.random.randint(0, 3)))
            tree = self.leaf() if self.random.random() < 0.3 else p.Node("tuple", children)
            return p.Return(tree, **self.leaving())
        parts = (p.TextPart(p.Const("at {} ")), p.TextPart(self.pick(INT), spec="04d"))
        error = self.random.choice((p.ExceptionType("Lost", "net", "KeyError"), VALUE_ERROR))
        return p.Raise(error, None if self.random.random() < 0.3 else parts, **self.leaving())

    def run(self) -> p.Block:
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 3, 5))):
            self.add_step()
        end = self.terminator()
        return p.Block(self.name, self.params, tuple(self.steps), end, note=f"Net.forward:{self.name}")


VALUE_ERROR = p.ExceptionType("ValueError", "builtins", "ValueError")


class ProgramMaker:
    """Makes one program from a source of randomness."""

    def __init__(self, random: Random, most: int = 12) -> None:
        self.random = random
        self.names = [f"b{index}" for index in range(random.randint(1, most))]
        self.inputs: dict[str, int] = {}
        self.write_rate = random.choice((0.0, 0.0, 0.4))
        self.states = self._states()
        self.params = {name: self._params() for name in self.names}
        self.method = self._method()

    def _states(self) -> tuple[p.State, ...]:
        if self.random.random() < 0.6:
            return (p.State(),)
        first = (p.Cell("count", INT, "self.count", p.Const(3)),)
        second = (p.Cell("count", INT, "self.count"), p.Cell("h", TENSOR, "self.h"))
        return (p.State(first), p.State(second)) if self.random.random() < 0.6 else (p.State(first),)

    def _params(self) -> tuple[p.Value, ...]:
        names = [f"{base}{suffix}" for base in BASES for suffix in ("", ".1")]
        chosen = self.random.sample(names, self.random.choice((0, 1, 1, 2, 2, 3, 4)))
        return tuple(p.Value(name, self.random.choice(TYPES)) for name in chosen)

    def _method(self) -> p.Method:
        entries: list[p.Entry] = []
        for index, state in enumerate(self.states):
            name = f"in{index}"
            cells = [p.Value(f"c{number}", cell.type) for number, cell in enumerate(state.cells)]
            self.params[name] = (p.Value("x", TENSOR), p.Value("n", INT), *cells)
            entries.append(p.Entry(name, ("x", "n")))
        parameters = (
            p.Parameter("x", "positional", p.Input("x", TENSOR)),
            p.Parameter("n", "positional", p.Input("n", INT)),
        )
        return p.Method("forward", parameters, tuple(entries), span=p.Span("net.py", 1, 1, 1, 5))

    def graph(self, outputs: int, inputs: int) -> str:
        name = f"g{self.random.randint(0, 4)}_{inputs}_{outputs}"
        self.inputs[name] = inputs
        return name

    def run(self) -> p.Program[Any]:
        blocks = {
            name: _BlockMaker(self.random, name, self.params[name], self).run() for name in self.params
        }
        return p.Program("Net", {"forward": self.method}, self.states, blocks, dict.fromkeys(self.inputs))


def fake_graphs(program: p.Program[Any], calls: list[tuple[Any, ...]]) -> dict[str, Callable[..., Any]]:
    """For each graph a function to a tuple of outputs that depend on the inputs; ``calls`` records them."""

    def make(name: str) -> Callable[..., tuple[Any, ...]]:
        outputs = int(name.rpartition("_")[2])

        def graph(*inputs: Any) -> tuple[Any, ...]:
            key = (name, *(int(value) for value in inputs))
            calls.append(key)
            seed = zlib.crc32(repr((key, len(calls) // 7)).encode())
            return tuple(np.array((seed >> (3 * index)) % 10) for index in range(outputs))

        return graph

    return {name: make(name) for name in program.graphs}
