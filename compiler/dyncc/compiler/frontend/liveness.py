"""Liveness of registers: backward data flow over a function's blocks."""

from __future__ import annotations

from dataclasses import replace

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.tidy import instruction_can_raise, successors

Registers = frozenset[cfg.Register]
_NONE: Registers = frozenset()


def reads(node: cfg.Instruction | cfg.Terminator) -> Registers:
    """The registers that an instruction or terminator reads. ``del x`` reads: it may find x unbound."""
    match node:
        case cfg.Delete(register=register):
            return frozenset({register})
        case cfg.Build(items=items):
            return frozenset(item.register for item in items)
        case cfg.BuildDict(items=items):
            return frozenset(r for item in items for r in item if r is not None)
        case cfg.Join(parts=parts):
            return frozenset(parts)
        case cfg.Call(func=func, args=args, kwargs=kwargs):
            return frozenset({func, *(arg.register for arg in args), *(value for _, value in kwargs)})
        case cfg.MakeFunction(defaults=defaults, kwdefaults=kwdefaults):
            return frozenset({*defaults, *(value for _, value in kwdefaults)})
        case _:
            names = _OPERANDS[type(node)]
            found = (getattr(node, name) for name in names)
            return frozenset(register for register in found if register is not None)


def writes(node: cfg.Instruction) -> Registers:
    """The registers that an instruction writes, or unbinds."""
    match node:
        case cfg.Delete(register=register):
            return frozenset({register})
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
    cfg.LoadDeref: (),
    cfg.StoreDeref: ("src",),
    cfg.DeleteDeref: (),
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


def with_liveness(function: cfg.Function) -> cfg.Function:
    """``function`` with ``live_in`` and ``live_at`` filled in.

    What is live into a block's handler is live before every instruction of the block that can raise, which
    then has not written its result.
    """
    blocks = function.blocks
    live_in: dict[cfg.Label, Registers] = dict.fromkeys(blocks, _NONE)
    changed = True
    while changed:
        changed = False
        for block in reversed(blocks.values()):
            points = _points(block, live_in, blocks)
            if points[-1] != live_in[block.label]:
                live_in[block.label] = points[-1]
                changed = True
    live_at = {
        (block.label, len(block.instructions) - i): points
        for block in blocks.values()
        for i, points in enumerate(_points(block, live_in, blocks))
    }
    entries = {label: live_at[label, 0] for label in blocks}
    return replace(function, live_in=entries, live_at=live_at)


def _points(
    block: cfg.Block, live_in: dict[cfg.Label, Registers], blocks: dict[cfg.Label, cfg.Block]
) -> list[Registers]:
    """Registers live before the terminator, before the last instruction, …, before the first.

    The last includes the register that the block catches its exception in, if it reads it.
    """
    handled = _NONE
    if block.handler is not None:
        handled = live_in[block.handler] - {blocks[block.handler].catch}
    match block.terminator:
        case cfg.ForNext(dst=dst, body=body, orelse=orelse):
            live = (live_in[body] - {dst}) | live_in[orelse]
        case terminator:
            live = _NONE.union(*(live_in[label] for label in successors(terminator)))
    live |= reads(block.terminator)
    if not isinstance(block.terminator, cfg.Goto | cfg.Return):
        live |= handled
    points = [live]
    for instruction in reversed(block.instructions):
        written, read = writes(instruction), reads(instruction)
        if handled and instruction_can_raise(instruction):
            read |= handled
        if not (live.isdisjoint(written) and read <= live):
            live = (live - written) | read
        points.append(live)
    return points
