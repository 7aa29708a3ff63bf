"""The statements of a host method, as a tree, and small rewrites that make them read well."""

from __future__ import annotations

import re
from dataclasses import field
from typing import TypeAlias

from dyncc.runtime.host.expressions import Expr, Text, negate, render
from dyncc.runtime.program import Span
from dyncc.runtime.records import record


@record
class Line:
    """A simple statement. ``leaves`` for ``return`` and ``raise``."""

    text: str
    span: Span | None = None
    leaves: bool = False


@record
class If:
    """``if condition``."""

    condition: Expr
    then: list[Stmt]
    orelse: list[Stmt] = field(default_factory=lambda: list[Stmt]())
    span: Span | None = None


@record
class Match:
    """``match subject``; a case without numbers is the default."""

    subject: Expr
    cases: list[tuple[tuple[int, ...], list[Stmt]]]
    span: Span | None = None


@record
class Loop:
    """``while condition`` (``while True`` where None). A loop that runs ``once`` is only left by break."""

    body: list[Stmt]
    condition: Expr | None = None
    once: bool = False
    span: Span | None = None


@record
class Break:
    """``break``."""


@record
class Continue:
    """``continue``."""


Stmt: TypeAlias = "Line | If | Match | Loop | Break | Continue"


def falls(body: list[Stmt]) -> bool:
    """Whether control can reach the end of ``body``."""
    if not body:
        return True
    match body[-1]:
        case Line(leaves=leaves):
            return not leaves
        case If(then=then, orelse=orelse):
            return falls(then) or falls(orelse)
        case Match(cases=cases):
            complete = any(not numbers for numbers, _ in cases)
            return not complete or any(falls(code) for _, code in cases)
        case Loop(body=inner, condition=condition):
            return condition is not None or has_break(inner)
        case Break() | Continue():
            return False


def has_break(body: list[Stmt]) -> bool:
    """Whether ``body`` holds a break that leaves the loop that it is the body of."""
    return count_breaks(body) > 0


def count_breaks(body: list[Stmt]) -> int:
    """The breaks in ``body`` that leave the loop that it is the body of."""
    count = 0
    for stmt in body:
        match stmt:
            case Break():
                count += 1
            case If(then=then, orelse=orelse):
                count += count_breaks(then) + count_breaks(orelse)
            case Match(cases=cases):
                count += sum(count_breaks(code) for _, code in cases)
            case _:
                pass
    return count


def depths(body: list[Stmt]) -> tuple[int, int]:
    """The deepest indentation in ``body`` and the deepest nest of loops, as Python counts them."""
    indent, loops = 0, 0
    for stmt in body:
        match stmt:
            case If(then=then, orelse=orelse):
                pairs = [depths(then), depths(orelse)]
                if len(orelse) == 1 and isinstance(orelse[0], If):  # elif
                    pairs[1] = (pairs[1][0] - 1, pairs[1][1])
                step, loop = 1, 0
            case Match(cases=cases):
                pairs = [depths(code) for _, code in cases]
                step, loop = 2, 0
            case Loop(body=inner):
                pairs = [depths(inner)]
                step, loop = 1, 1
            case _:
                continue
        indent = max(indent, step + max(pair[0] for pair in pairs))
        loops = max(loops, loop + max(pair[1] for pair in pairs))
    return indent, loops


def tidy(body: list[Stmt]) -> list[Stmt]:
    """The same statements without empty arms, needless ``else`` and loops whose test is inside."""
    out: list[Stmt] = []
    for stmt in body:
        if isinstance(stmt, If):
            out.extend(_tidy_if(stmt))
        elif isinstance(stmt, Match):
            stmt.cases = [(numbers, tidy(code)) for numbers, code in stmt.cases]
            out.append(stmt)
        elif isinstance(stmt, Loop):
            out.extend(_tidy_loop(stmt))
        else:
            out.append(stmt)
    return out


def _tidy_if(stmt: If) -> list[Stmt]:
    then, orelse = tidy(stmt.then), tidy(stmt.orelse)
    condition = stmt.condition
    first = _common_start(condition, then, orelse)
    if first:
        rest = If(condition, then[len(first) :], orelse[len(first) :], stmt.span)
        return [*first, *_tidy_if(rest)]
    if not then and not orelse:
        return [] if isinstance(condition, Text) else [If(condition, [], [], stmt.span)]
    if not then:
        condition, then, orelse = negate(condition), orelse, []
    if orelse and not falls(then):
        return [If(condition, then, [], stmt.span), *orelse]
    if orelse and not falls(orelse):
        return [If(negate(condition), orelse, [], stmt.span), *then]
    return [If(condition, then, orelse, stmt.span)]


def _common_start(condition: Expr, then: list[Stmt], orelse: list[Stmt]) -> list[Line]:
    """The assignments of variables and literals with which both arms begin, none to what is decided on."""
    asked = words(render(condition, str))
    found: list[Line] = []
    for one, other in zip(then, orelse, strict=False):
        if not isinstance(one, Line) or not isinstance(other, Line) or one.text != other.text:
            break
        move = re.fullmatch(r"(\w+) = [\w.]+", one.text)
        if move is None or move[1] in asked:
            break
        found.append(one)
    return found


def words(text: str) -> set[str]:
    """The names in a line of code, and what else is written like one."""
    return set(re.findall(r"\w+", text))


def _tidy_loop(stmt: Loop) -> list[Stmt]:
    """``while True: if done: …; break`` is ``while not done`` where that is the only way out."""
    body = tidy(stmt.body)
    if body and isinstance(body[-1], Continue):
        body.pop()
    if not body or stmt.once or stmt.condition is not None:
        return [Loop(body, stmt.condition, stmt.once, stmt.span)]
    first = body[0]
    if not (
        isinstance(first, If) and first.then and isinstance(first.then[-1], Break) and not first.orelse
    ):
        return [Loop(body, None, False, stmt.span)]
    last = first.then[:-1]
    if last and count_breaks(body) > 1:
        return [Loop(body, None, False, stmt.span)]
    if not all(isinstance(line, Line) and not line.leaves for line in last):
        return [Loop(body, None, False, stmt.span)]
    return [Loop(body[1:], negate(first.condition), False, first.span), *last]
