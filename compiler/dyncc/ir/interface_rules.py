"""The rules of what a program shows to its caller: methods, their inputs and entries, state."""

from __future__ import annotations

from dyncc.ir.printer import operand_text, type_text
from dyncc.ir.rules import G, Rules, method_inputs
from dyncc.ir.subtyping import constant_type
from dyncc.runtime.program import (
    Cell,
    Const,
    Entry,
    Fixed,
    Input,
    InputNode,
    InputTree,
    Method,
    State,
    Value,
)


class InterfaceRules(Rules[G]):
    """Checks methods and states."""

    def check(self) -> None:
        self.here = ("program",)
        self.named("the program", self.program.name)
        for index, state in enumerate(self.program.states):
            self.state(index, state)
        for name, method in self.program.methods.items():
            self.method(name, method)
        for name in self.program.graphs:
            self.here = ("graph", name)
            self.named("a graph", name)

    def state(self, index: int, state: State) -> None:
        self.here = ("state", index)
        self.unique("cell", (cell.name for cell in state.cells))
        for number, cell in enumerate(state.cells):
            self.here = ("cell", index, number)
            self.cell(index, cell)

    def cell(self, index: int, cell: Cell) -> None:
        self.named("a cell", cell.name)
        self.type(cell.type)
        if index and cell.initial is not None:
            self.problem("only the cells of state 0 have initial values")
        if isinstance(cell.initial, Const) and constant_type(cell.initial) != cell.type:
            self.problem(f"`{operand_text(cell.initial)}` is not {type_text(cell.type)}")

    def method(self, key: str, method: Method) -> None:
        self.here = ("method", method.name)
        self.named("a method", method.name)
        if key != method.name:
            self.problem(f"the method is called `{method.name}` but kept as `{key}`")
        self.unique("parameter", (parameter.name for parameter in method.parameters))
        self.unique("input", (leaf.name for leaf in method_inputs(method)))
        for parameter in method.parameters:
            self.named("a parameter", parameter.name)
            self.input_tree(parameter.tree)
        if len(method.entries) != len(self.states):
            self.problem(f"there are {len(method.entries)} entries for {len(self.states)} states")
        for index, (entry, state) in enumerate(zip(method.entries, self.states, strict=False)):
            self.here = ("entry", method.name, index)
            self.entry(method, entry, state)

    def input_tree(self, tree: InputTree) -> None:
        match tree:
            case Input(name, type_):
                self.named("an input", name)
                self.type(type_)
            case InputNode(children=children):
                self.container(tree)
                for child in children:
                    self.input_tree(child)
            case Fixed():
                return

    def entry(self, method: Method, entry: Entry, state: State) -> None:
        block = self.program.blocks.get(entry.block)
        if block is None:
            self.problem(f"there is no block `{entry.block}`")
            return
        inputs = {leaf.name: leaf for leaf in method_inputs(method)}
        for name in entry.inputs:
            if name not in inputs:
                self.problem(f"`{method.name}` has no input `{name}`")
                return
        taken = [Value(name, inputs[name].type) for name in entry.inputs]
        taken += [Value(cell.name, cell.type) for cell in state.cells]
        if len(taken) != len(block.params):
            counts = f"{len(entry.inputs)} inputs and {len(state.cells)} cells"
            self.problem(f"`{block.name}` has {len(block.params)} parameters; it is given {counts}")
            return
        self.binding(block, [value.type for value in taken], [f"`{value.name}`" for value in taken])
