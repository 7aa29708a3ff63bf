"""Making a failing program smaller: statements are left out as long as it fails in the same way."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator

from tests.fuzz.harness import Verdict, run_source
from tests.fuzz.inputs import RANDOM, load, session

_KEPT = ("build", "arguments", "calls")
"""Functions that make the model and its inputs the same each time."""
SECONDS = 240.0
"""How long to go on."""


def shrink(source: str, engine: bool = False, seconds: float = SECONDS) -> str:
    """The smallest program found that fails as ``source`` does, with what it does in a comment."""
    original = run_source(source, engine)
    deadline = time.monotonic() + seconds

    def fails(text: str) -> bool:
        if time.monotonic() > deadline or not _runs(text):
            return False
        verdict = run_source(text, engine)
        return (verdict.kind, verdict.code, _stage(verdict)) == (
            original.kind,
            original.code,
            _stage(original),
        )

    smaller = reduce(source, fails) if original.failed else source
    return _comment(run_source(smaller, engine)) + smaller


def _stage(verdict: Verdict) -> str:
    """Where a wrong program was found out: a compile, the reference, a forced path, the engine."""
    return verdict.detail.partition(":")[0] if verdict.kind == "wrong" else ""


def reduce(source: str, fails: Callable[[str], bool]) -> str:
    """Leave out or simplify one statement at a time, the largest first, until nothing more can go."""
    current = source
    progress = True
    while progress:
        progress = False
        for candidate in _candidates(current):
            if len(candidate) < len(current) and fails(candidate):
                current, progress = candidate, True
                break
    return current


def _runs(source: str) -> bool:
    """Whether eager runs the program without failing on its own, and draws the same numbers each time."""
    if any(word in source for word in RANDOM) and "SEED = " not in source:
        return False
    try:
        return all(result.error is None for result, _ in session(load(source)))
    except Exception:
        return False


def _candidates(source: str) -> Iterator[str]:
    """Programs with one statement less, or one replaced by its body; those that shrink most come first."""
    tree = ast.parse(source)
    found: list[str] = []
    kept = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in _KEPT]
    untouched = {node for function in kept for node in ast.walk(function)}
    for parent in ast.walk(tree):
        if parent in untouched:
            continue
        for field in ("body", "orelse", "finalbody", "handlers"):
            statements = getattr(parent, field, None)
            if isinstance(statements, list):
                found += list(_without_one(tree, parent, field, statements))
    yield from sorted(dict.fromkeys(found), key=len)


def _without_one(tree: ast.AST, parent: ast.AST, field: str, statements: list[ast.stmt]) -> Iterator[str]:
    for index, statement in enumerate(statements):
        rest = [*statements[:index], *statements[index + 1 :]]
        needed = not rest and field == "body"
        yield from _with(tree, parent, field, [ast.Pass()] if needed else rest)
        for inner in ("body", "orelse"):
            body = getattr(statement, inner, None)
            if (
                isinstance(body, list)
                and body
                and not isinstance(statement, (ast.FunctionDef, ast.ClassDef))
            ):
                yield from _with(
                    tree, parent, field, [*statements[:index], *body, *statements[index + 1 :]]
                )


def _with(tree: ast.AST, parent: ast.AST, field: str, statements: list[ast.stmt]) -> Iterator[str]:
    """The program's text with other statements in one place, if it is a program."""
    before = getattr(parent, field)
    setattr(parent, field, statements)
    try:
        text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        compile(text, "case.py", "exec")
        yield text
    except (SyntaxError, ValueError, AttributeError):
        pass
    finally:
        setattr(parent, field, before)


def _comment(verdict: Verdict) -> str:
    lines = [line for line in verdict.detail.strip().splitlines() if line.strip()][-2:]
    return "".join(f"# {line.strip()[:100]}\n" for line in (f"once {verdict.kind}", *lines))
