"""The rules of blocks: definitions and uses, instructions, edges, and how a block leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from dyncc.ir.instructions import TypeMismatch, check_host_op
from dyncc.ir.printer import operand_text, type_text
from dyncc.ir.rules import G, Problem, Rules, method_inputs
from dyncc.ir.subtyping import BOOL, INT, STR, accepts, constant_type
from dyncc.runtime.hostops import HOST_OPS
from dyncc.runtime.program import (
    Block,
    Branch,
    Compute,
    Const,
    Edge,
    HostOp,
    Jump,
    Leaf,
    ListType,
    Method,
    Node,
    Operand,
    Program,
    Raise,
    Ref,
    Return,
    ScalarType,
    Switch,
    TensorType,
    Tree,
    Type,
    Value,
    Write,
    successors,
)


class BlockRules(Rules[G]):
    """Checks blocks; ``self.scope`` holds what is defined so far in the one at hand."""

    def __init__(
        self,
        program: Program[G],
        found: list[Problem],
        graph_signature: Callable[[G], tuple[int, int]] | None,
    ) -> None:
        super().__init__(program, found)
        self.graph_signature = graph_signature
        self.scope: dict[str, Type] = {}

    def check(self) -> None:
        for name, block in self.program.blocks.items():
            self.block(name, block)
        self.written_inputs()

    def block(self, key: str, block: Block) -> None:
        self.here = ("block", block.name)
        self.named("a block", block.name)
        if key != block.name:
            self.problem(f"the block is called `{block.name}` but kept as `{key}`")
        self.scope = {}
        for param in block.params:
            self.define(param)
        for index, step in enumerate(block.steps):
            self.here = ("step", block.name, index)
            match step:
                case Compute():
                    self.compute(step)
                case HostOp():
                    self.host_op(step)
        self.here = ("terminator", block.name)
        self.terminator(block)

    def define(self, value: Value) -> None:
        self.named("a value", value.name)
        if value.name in self.scope:
            self.problem(f"`{value.name}` is defined twice")
        self.scope[value.name] = value.type
        self.type(value.type)

    def use(self, operand: Operand) -> Type | None:
        """The type of an operand; None for ``None``, and for a name that is not defined."""
        if isinstance(operand, Const):
            return constant_type(operand)
        if operand.name not in self.scope:
            self.problem(f"`{operand.name}` is not defined here")
        return self.scope.get(operand.name)

    def uses(self, operands: Iterable[Operand], what: str) -> list[Type] | None:
        """The types of operands; None where one has none, which is then reported."""
        types: list[Type] = []
        before = len(self.found)
        for operand in operands:
            type_ = self.use(operand)
            if type_ is not None:
                types.append(type_)
            elif isinstance(operand, Const):
                self.problem(f"{what} cannot take `None`")
        return types if len(self.found) == before else None

    def compute(self, step: Compute) -> None:
        types = self.uses(step.inputs, "a graph") or []
        for operand, type_ in zip(step.inputs, types, strict=False):
            if isinstance(type_, ListType) or type_ == STR:
                self.problem(
                    f"a graph takes tensors and numbers; `{operand_text(operand)}` is {type_text(type_)}"
                )
        for output in step.outputs:
            self.define(output)
            if not isinstance(output.type, TensorType):
                self.problem(f"a graph yields tensors; `{output.name}` is {type_text(output.type)}")
        if step.graph not in self.program.graphs:
            self.problem(f"there is no graph `{step.graph}`")
        elif self.graph_signature is not None:
            self.signature(step, *self.graph_signature(self.program.graphs[step.graph]))

    def signature(self, step: Compute, inputs: int, outputs: int) -> None:
        if len(step.inputs) != inputs:
            self.problem(f"`{step.graph}` has {inputs} inputs, not {len(step.inputs)}")
        if len(step.outputs) != outputs:
            self.problem(f"`{step.graph}` has {outputs} outputs, not {len(step.outputs)}")

    def host_op(self, step: HostOp) -> None:
        types = self.uses(step.operands, f"`{step.op}`")
        if step.op not in HOST_OPS:
            self.problem(f"there is no instruction `{step.op}`")
        elif types is not None:
            try:
                check_host_op(step, types)
            except TypeMismatch as mismatch:
                self.problem(str(mismatch))
        self.define(step.result)

    def terminator(self, block: Block) -> None:
        terminator = block.terminator
        match terminator:
            case Jump():
                pass
            case Branch(pred):
                self.decides(pred, BOOL, "a branch")
            case Switch(index, values, cases):
                self.decides(index, INT, "a switch")
                if len(values) != len(cases):
                    self.problem(f"the switch has {len(values)} values for {len(cases)} cases")
                if len(set(values)) != len(values):
                    self.problem("the switch has a value twice")
            case Return(output):
                self.tree(output)
                self.leaving(terminator)
            case Raise(error, message):
                self.named("an exception", error.name)
                for part in message or ():
                    self.use(part.value)
                self.leaving(terminator)
        for edge in successors(terminator):
            self.edge(edge)

    def decides(self, operand: Operand, wanted: ScalarType, what: str) -> None:
        type_ = self.use(operand)
        if type_ is not None and type_ != wanted:
            self.problem(
                f"{what} decides on {wanted.kind}; `{operand_text(operand)}` is {type_text(type_)}"
            )
        elif type_ is None and isinstance(operand, Const):
            self.problem(f"{what} decides on {wanted.kind}; `None` is not")

    def edge(self, edge: Edge) -> None:
        types = self.uses(edge.args, "an edge")
        block = self.program.blocks.get(edge.block)
        if block is None:
            self.problem(f"there is no block `{edge.block}`")
        elif len(edge.args) != len(block.params):
            self.problem(f"`{edge.block}` has {len(block.params)} parameters, not {len(edge.args)}")
        elif types is not None:
            self.binding(block, types, [f"`{operand_text(arg)}`" for arg in edge.args])

    def leaving(self, terminator: Return | Raise) -> None:
        self.unique("written argument", (write.input for write in terminator.writes))
        for write in terminator.writes:
            self.use(write.value)
        types = self.uses(terminator.cells, "a cell")
        if not 0 <= terminator.state < len(self.states):
            self.problem(f"there is no state {terminator.state}")
            return
        cells = self.states[terminator.state].cells
        if len(cells) != len(terminator.cells):
            self.problem(f"state {terminator.state} has {len(cells)} cells, not {len(terminator.cells)}")
            return
        for cell, type_ in zip(cells, types or (), strict=False):
            if not accepts(cell.type, type_):
                self.problem(f"cell `{cell.name}` is {type_text(cell.type)}, not {type_text(type_)}")

    def tree(self, tree: Tree) -> None:
        match tree:
            case Leaf(value):
                self.use(value)
            case Node(children=children):
                self.container(tree)
                if tree.kind == "rows":
                    self.rows(tree)
                for child in children:
                    self.tree(child)

    def rows(self, tree: Node) -> None:
        """Rows are of one form, in which there are lists."""
        values = [ref for child in tree.children for ref in _references(child)]
        if len(tree.children) != 1 or not values:
            self.problem("rows are of one form, with a list in it")
        for value in values:
            type_ = self.scope.get(value.name)
            if type_ is not None and not isinstance(type_, ListType):
                self.problem(f"`{value.name}` in rows is {type_text(type_)}, no list")

    # ------------------------------------------------------------------- arguments written to

    def written_inputs(self) -> None:
        """A block that writes to an argument is reached only from methods that have it."""
        for method in self.program.methods.values():
            inputs = {leaf.name: leaf.type for leaf in method_inputs(method)}
            for name in self.reachable(method):
                terminator = self.program.blocks[name].terminator
                if not isinstance(terminator, Return | Raise):
                    continue
                self.here = ("terminator", self.program.blocks[name].name)
                self.scope = _definitions(self.program.blocks[name])
                for write in terminator.writes:
                    self.write(method, inputs, write)

    def write(self, method: Method, inputs: dict[str, Type], write: Write) -> None:
        wanted = inputs.get(write.input)
        type_ = self.scope.get(write.value.name) if isinstance(write.value, Ref) else None
        if wanted is None:
            self.problem(f"`{method.name}` leads here and has no input `{write.input}`")
        elif not isinstance(wanted, TensorType) or isinstance(write.value, Const):
            self.problem(f"`{write.input}` cannot be written to")
        elif type_ is not None and not accepts(_any_size(wanted), type_):
            self.problem(f"`{write.input}` is {type_text(wanted)}, not {type_text(type_)}")

    def reachable(self, method: Method) -> dict[str, None]:
        pending = [entry.block for entry in method.entries]
        seen: dict[str, None] = {}
        while pending:
            name = pending.pop()
            if name in self.program.blocks and name not in seen:
                seen[name] = None
                pending += [edge.block for edge in successors(self.program.blocks[name].terminator)]
        return seen


def _definitions(block: Block) -> dict[str, Type]:
    scope = {param.name: param.type for param in block.params}
    for step in block.steps:
        outputs = step.outputs if isinstance(step, Compute) else (step.result,)
        scope.update({value.name: value.type for value in outputs})
    return scope


def _any_size(type_: TensorType) -> TensorType:
    # The sizes of what is written may be known less well than those of the argument.
    return TensorType(type_.dtype, ("?",) * len(type_.shape))


def _references(tree: Tree) -> Iterator[Ref]:
    """The values of the block in the leaves of a tree."""
    if isinstance(tree, Node):
        for child in tree.children:
            yield from _references(child)
    elif isinstance(tree.value, Ref):
        yield tree.value
