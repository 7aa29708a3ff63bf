"""What holds of every graph."""

from __future__ import annotations

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.liveness import reads, writes
from dyncc.compiler.frontend.scopes import parameters
from dyncc.compiler.frontend.tidy import successors


def check(function: cfg.Function) -> None:
    """Raises AssertionError where ``function`` breaks a rule of ``cfg``'s docstrings."""
    blocks = function.blocks
    assert function.entry == next(iter(blocks))
    handlers = {block.handler for block in blocks.values()} - {None}
    predecessors: dict[str, set[str]] = {label: set() for label in blocks}
    for label, block in blocks.items():
        assert block.label == label
        for following in successors(block.terminator):
            predecessors[following].add(label)
        if block.handler is not None:
            assert blocks[block.handler].catch is not None
    for label, block in blocks.items():
        assert block.join == (len(predecessors[label]) > 1)
        assert (block.catch is not None) == (label in handlers)
        assert not (label in handlers and predecessors[label]), "a handler is only reached by exceptions"
        assert label == function.entry or predecessors[label] or label in handlers
        assert not block.hint or block.loop_header
    _check_loops(function)
    _check_registers(function)


def _check_loops(function: cfg.Function) -> None:
    """Without the edges into loop headers, nothing goes round."""
    done: set[str] = set()
    blocks = {label: block for label, block in function.blocks.items() if not block.loop_header}
    while ready := [
        label
        for label, block in blocks.items()
        if label not in done and all(s in done or s not in blocks for s in _edges(block))
    ]:
        done.update(ready)
    assert done == set(blocks)


def _edges(block: cfg.Block) -> tuple[str, ...]:
    following = successors(block.terminator)
    return following if block.handler is None else (*following, block.handler)


def _check_registers(function: cfg.Function) -> None:
    code = function.code
    known = {*parameters(code), *code.co_varnames, *code.co_cellvars, *code.co_freevars}
    live = function.live_in[function.entry]
    assert not {r for r in live if r.startswith("%")}, "a temporary may be read before it is written"
    for label, block in function.blocks.items():
        assert function.live_in[label] == function.live_at[label, 0]
        for i, node in enumerate((*block.instructions, block.terminator)):
            assert reads(node) <= function.live_at[label, i]
            if i < len(block.instructions):
                for register in writes(block.instructions[i]):
                    plain = register.removeprefix("&").partition("$")[0]
                    assert register.startswith("%") or plain in known or "$" in register
            assert node.span.line <= node.span.end_line
            assert node.span.path == function.code.co_filename
