"""Build the control-flow graph of a function from its source."""

from __future__ import annotations

import ast
import inspect
import types

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.exceptions import Exits
from dyncc.compiler.frontend.liveness import with_liveness
from dyncc.compiler.frontend.scopes import analyze
from dyncc.compiler.frontend.source import Definition, check_unchanged, find
from dyncc.compiler.frontend.tidy import tidy

_ASYNCHRONOUS = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

# By identity: equal code objects may come from different files. The code object is kept alive with it.
_built: dict[int, tuple[types.CodeType, cfg.Function]] = {}


def build(code: types.CodeType) -> cfg.Function:
    """The control-flow graph of ``code``: of a function, a lambda or a generator expression.

    What the frontend does not know is an :class:`~dyncc.compiler.frontend.cfg.Unsupported` instruction in
    it. Raises :class:`~dyncc.compiler.frontend.source.SourceUnavailable` where there is no source.
    """
    known = _built.get(id(code))
    if known is None:
        known = _built[id(code)] = (code, _build(code))
    return known[1]


def _build(code: types.CodeType) -> cfg.Function:
    definition = find(code)
    check_unchanged(definition, code)
    exits = Exits(definition, code, analyze(definition, code))
    if code.co_flags & _ASYNCHRONOUS:
        exits.end(cfg.Return(exits.unsupported("asynchronous function", definition.node), exits.here))
    else:
        _body(exits, definition)
    blocks = tidy(exits.drafts)
    return with_liveness(
        cfg.Function(
            name=code.co_qualname,
            code=code,
            blocks=blocks,
            entry=next(iter(blocks)),
            cellvars=exits.scope.cells,
            freevars=code.co_freevars,
            is_generator=bool(code.co_flags & inspect.CO_GENERATOR),
            span=exits.span(definition.node),
        )
    )


def _body(exits: Exits, definition: Definition) -> None:
    node = definition.node
    match node:
        case ast.Lambda():
            exits.end(cfg.Return(exits.expr(node.body), exits.span(node.body)))
            return
        case ast.GeneratorExp() if any(clause.is_async for clause in node.generators):
            exits.unsupported("asynchronous generator expression", node)
        case ast.GeneratorExp():
            exits.generator_body(node)
        case _:
            exits.body(node.body)
    if exits.reachable:
        exits.end(cfg.Return(exits.const(None, exits.here), exits.here))
