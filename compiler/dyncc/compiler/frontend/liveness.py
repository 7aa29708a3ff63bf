"""Liveness of registers and cells: backward data flow over a function's blocks.

A variable in a cell is named like ``&x`` among the registers here. An inner function may read it whenever
it is called, so making one reads it; and what a cell holds lives as long as anything refers to the cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.tidy import instruction_can_raise, successors

Registers = frozenset[cfg.Register]
_NONE: Registers = frozenset()


def in_cell(name: str) -> cfg.Register:
    """What stands for the variable ``name`` in a cell."""
    return f"&{name}"


def reads(node: cfg.Instruction | cfg.Terminator) -> Registers:
    """The registers that an instruction or terminator reads. ``del x`` reads: it may find x unbound."""
    match node:
        case cfg.Delete(register=register):
            return frozenset({register})
        case cfg.Build(items=items):
            return frozenset([item.register for item in items])
        case cfg.BuildDict(items=items):
            return frozenset(r for item in items for r in item if r is not None)
        case cfg.Join(parts=parts):
            return frozenset(parts)
        case cfg.Call(func=func, args=args, kwargs=kwargs):
            return frozenset({func, *(arg.register for arg in args), *(value for _, value in kwargs)})
        case cfg.MakeFunction(defaults=defaults, kwdefaults=kwdefaults, closure=closure):
            return frozenset({*defaults, *(value for _, value in kwdefaults), *map(in_cell, closure)})
        case cfg.LoadDeref(name=name) | cfg.DeleteDeref(name=name):
            return frozenset({in_cell(name)})
        case _:
            found = [getattr(node, name) for name in _OPERANDS[type(node)]]
            return frozenset([register for register in found if register is not None])


def writes(node: cfg.Instruction) -> Registers:
    """The registers that an instruction writes, or unbinds."""
    match node:
        case cfg.Delete(register=register):
            return frozenset({register})
        case cfg.StoreDeref(name=name) | cfg.DeleteDeref(name=name) | cfg.NewCell(name=name):
            return frozenset({in_cell(name)})
        case cfg.Unpack(before=before, star=star, after=after):
            return frozenset({*before, *after}) if star is None else frozenset({*before, star, *after})
        case cfg.WithEnter(dst=dst, exit=exit_):
            return frozenset({dst, exit_})
        case _:
            dst = getattr(node, "dst", None)
            return _NONE if dst is None else frozenset({dst})


_OPERANDS: dict[type, tuple[str, ...]] = {
    cfg.Const: (),
    cfg.Move: ("src",),
    cfg.LoadGlobal: (),
    cfg.StoreGlobal: ("src",),
    cfg.DeleteGlobal: (),
    cfg.StoreDeref: ("src",),
    cfg.NewCell: (),
    cfg.GetAttr: ("obj",),
    cfg.SetAttr: ("obj", "src"),
    cfg.DelAttr: ("obj",),
    cfg.GetItem: ("obj", "index"),
    cfg.SetItem: ("obj", "index", "src"),
    cfg.DelItem: ("obj", "index"),
    cfg.Unary: ("operand",),
    cfg.Binary: ("left", "right"),
    cfg.Compare: ("left", "right"),
    cfg.BuildSlice: ("lower", "upper", "step"),
    cfg.Format: ("value", "spec"),
    cfg.GetIter: ("src",),
    cfg.Listed: ("src",),
    cfg.Unpack: ("src",),
    cfg.Import: (),
    cfg.ImportFrom: ("module",),
    cfg.ListAppend: ("collection", "item"),
    cfg.DictSet: ("collection", "key", "value"),
    cfg.WithEnter: ("manager",),
    cfg.WithExit: ("exit", "exc"),
    cfg.ExcMatch: ("exc", "types"),
    cfg.Yield: ("value",),
    cfg.Unsupported: (),
    cfg.Goto: (),
    cfg.If: ("cond",),
    cfg.ForNext: ("iterator",),
    cfg.Return: ("value",),
    cfg.Raise: ("exc", "cause"),
    cfg.Reraise: ("exc",),
}


@dataclass(frozen=True, slots=True)
class _Facts:
    """One block, looked at once.

    ``steps`` has what each instruction and the terminator writes and reads and whether it can raise.
    Live into the block is ``reads``, what is live after it less ``writes``, and what is live into its
    handler less ``safe``, which is written before anything can raise.
    """

    steps: tuple[tuple[Registers, Registers, bool], ...]
    reads: Registers
    writes: Registers
    safe: Registers


def with_liveness(function: cfg.Function) -> cfg.Function:
    """``function`` with ``live_in`` and ``live_at`` filled in.

    What is live into a block's handler is live before every instruction of the block that can raise, which
    then has not written its result.
    """
    blocks = function.blocks
    facts = {label: _facts(block) for label, block in blocks.items()}
    live_in: dict[cfg.Label, Registers] = dict.fromkeys(blocks, _NONE)
    changed = True
    while changed:
        changed = False
        for label, block in reversed(blocks.items()):
            fact = facts[label]
            live = fact.reads | (_live_out(block, live_in) - fact.writes)
            live |= _handled(block, live_in, blocks) - fact.safe
            if live != live_in[label]:
                live_in[label] = live
                changed = True
    live_at: dict[tuple[cfg.Label, int], Registers] = {}
    for label, block in blocks.items():
        live, handled = _live_out(block, live_in), _handled(block, live_in, blocks)
        steps = facts[label].steps
        for i in range(len(steps) - 1, -1, -1):
            written, read, raises = steps[i]
            needed = read | handled if raises else read
            if not (live.isdisjoint(written) and needed <= live):
                live = (live - written) | needed
            live_at[label, i] = live
    return replace(function, live_in=live_in, live_at=live_at)


def _facts(block: cfg.Block) -> _Facts:
    steps = [
        (writes(instruction), reads(instruction), instruction_can_raise(instruction))
        for instruction in block.instructions
    ]
    raises = not isinstance(block.terminator, cfg.Goto | cfg.Return)
    steps.append((_NONE, reads(block.terminator), raises))
    read, written, safe = _NONE, _NONE, _NONE
    for step_writes, step_reads, step_raises in reversed(steps):
        read = (read - step_writes) | step_reads
        written |= step_writes
        safe = _NONE if step_raises else safe | step_writes
    if not any(step[2] for step in steps):
        safe = _NONE  # nothing raises, so there is no handler
    return _Facts(tuple(steps), read, written, safe)


def _live_out(block: cfg.Block, live_in: dict[cfg.Label, Registers]) -> Registers:
    """Live after the terminator. The item of a ``for`` is written on the way into its body alone.

    So is what its iterator returned, on the way out.
    """
    match block.terminator:
        case cfg.ForNext(dst=dst, body=body, orelse=orelse, result=result):
            return (live_in[body] - {dst}) | (live_in[orelse] - {result})
        case terminator:
            return _NONE.union(*(live_in[label] for label in successors(terminator)))


def _handled(
    block: cfg.Block, live_in: dict[cfg.Label, Registers], blocks: dict[cfg.Label, cfg.Block]
) -> Registers:
    """Live into the block's handler, but for the exception."""
    if block.handler is None:
        return _NONE
    return live_in[block.handler] - {blocks[block.handler].catch}
