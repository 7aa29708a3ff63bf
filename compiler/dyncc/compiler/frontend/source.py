"""Find the source of a code object.

A file is read through :mod:`linecache` (so that notebooks, and ``exec`` with an entry there, work), parsed
once and indexed. A ``def`` is found by its name and first line, which are unique; lambdas and generator
expressions, of which a line may hold several, by the columns of their instructions (PEP 657).
"""

from __future__ import annotations
import __future__

import ast
import functools
import linecache
import operator
import re
import tokenize
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from dyncc.runtime.program import Span

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp

_FUTURE = functools.reduce(
    operator.or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)
_HINT = re.compile(r"#\s*dyncc:\s*(.*\S)")


class SourceUnavailable(Exception):
    """The source of ``code`` can't be had, for ``reason``."""

    def __init__(self, code: types.CodeType, reason: str) -> None:
        super().__init__(f"no source for `{code.co_qualname}` ({code.co_filename}): {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, eq=False)
class Definition:
    """A function in the source. ``class_name`` is the innermost class around it (for private names)."""

    node: FunctionNode
    file: SourceFile
    class_name: str


@dataclass(eq=False)
class SourceFile:
    """A parsed file: ``definitions`` by (name of the code object, its first line)."""

    path: str
    lines: list[str]
    tree: ast.Module
    definitions: dict[tuple[str, int], list[Definition]] = field(
        default_factory=dict[tuple[str, int], list[Definition]]
    )

    _compiled: dict[int, dict[tuple[str, int], list[types.CodeType]]] = field(
        default_factory=dict[int, dict[tuple[str, int], list[types.CodeType]]]
    )

    def __post_init__(self) -> None:
        for node, class_name in _functions(self.tree):
            key = (code_name(node), first_line(node))
            self.definitions.setdefault(key, []).append(Definition(node, self, class_name))

    def recompiled(self, code: types.CodeType) -> list[types.CodeType]:
        """What the file's functions of ``code``'s name and line compile to now."""
        flags = code.co_flags & _FUTURE
        if flags not in self._compiled:
            found: dict[tuple[str, int], list[types.CodeType]] = {}
            module = compile(self.tree, self.path, "exec", flags=flags, dont_inherit=True)
            for each in _nested(module):
                found.setdefault((each.co_name, each.co_firstlineno), []).append(each)
            self._compiled[flags] = found
        return self._compiled[flags].get((code.co_name, code.co_firstlineno), [])

    @functools.cached_property
    def hints(self) -> dict[int, str]:
        """The text of ``# dyncc: …`` comments, by line."""
        if not any(_HINT.search(line) for line in self.lines):
            return {}
        found: dict[int, str] = {}
        for token in tokenize.generate_tokens(iter(self.lines).__next__):
            if token.type == tokenize.COMMENT and (match := _HINT.match(token.string)):
                found[token.start[0]] = match[1]
        return found

    def span(self, node: ast.AST, function: str) -> Span:
        """The place of ``node``, with columns counted in characters from 1."""
        line: int = node.lineno  # type: ignore[attr-defined]  # every expression and statement has them
        end_line: int = node.end_lineno  # type: ignore[attr-defined]
        start = self._column(line, node.col_offset)  # type: ignore[attr-defined]
        end = self._column(end_line, node.end_col_offset)  # type: ignore[attr-defined]
        return Span(self.path, line, start, end_line, end, function)

    def _column(self, line: int, offset: int) -> int:
        """``ast`` counts columns in bytes of UTF-8, from 0."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        if text.isascii():
            return offset + 1
        return len(text.encode()[:offset].decode(errors="ignore")) + 1


def code_name(node: FunctionNode) -> str:
    """``co_name`` of the code object that ``node`` compiles to."""
    match node:
        case ast.Lambda():
            return "<lambda>"
        case ast.GeneratorExp():
            return "<genexpr>"
        case _:
            return node.name


def first_line(node: ast.expr | ast.stmt) -> int:
    """``co_firstlineno`` of the code object that ``node`` compiles to: decorators count."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _functions(tree: ast.Module) -> Iterator[tuple[FunctionNode, str]]:
    """Every function of the file, with the name of the innermost class around it."""
    stack: list[tuple[ast.AST, str]] = [(tree, "")]
    while stack:
        node, class_name = stack.pop()
        if isinstance(node, FunctionNode):
            yield node, class_name
        inner = node.name if isinstance(node, ast.ClassDef) else class_name
        stack.extend((child, inner) for child in ast.iter_child_nodes(node))


_files: dict[str, SourceFile] = {}


def _source_file(code: types.CodeType) -> SourceFile:
    """The file of ``code``, parsed again only when :mod:`linecache` saw it change."""
    path = code.co_filename
    linecache.checkcache(path)
    lines = linecache.getlines(path)
    if not lines:
        raise SourceUnavailable(code, "there is no such file")
    known = _files.get(path)
    if known is None or (known.lines is not lines and known.lines != lines):
        try:
            tree = ast.parse("".join(lines), path)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise SourceUnavailable(code, f"it does not parse ({error})") from None
        known = _files[path] = SourceFile(path, lines, tree)
    return known


def find(code: types.CodeType) -> Definition:
    """The definition of ``code``; raises :class:`SourceUnavailable` where there is none."""
    candidates = _source_file(code).definitions.get((code.co_name, code.co_firstlineno), [])
    if not candidates:
        raise SourceUnavailable(code, f"line {code.co_firstlineno} does not define it")
    if len(candidates) == 1:
        return candidates[0]
    extent = _extent(code)
    if extent is None:
        constant = next((d for d in candidates if _returns_constant(d.node, code)), None)
        if constant is None:
            raise SourceUnavailable(code, "several functions on its line, no columns to tell them apart")
        return constant
    around = [d for d in candidates if _body(d.node)[0] <= extent[0] and extent[1] <= _body(d.node)[1]]
    if not around:
        raise SourceUnavailable(code, f"none of the functions on line {code.co_firstlineno} is it")
    # Functions nest, so those around the extent do: the innermost starts last and ends first.
    return max(around, key=lambda d: (_body(d.node)[0], [-x for x in _body(d.node)[1]]))


def check_unchanged(definition: Definition, code: types.CodeType) -> None:
    """Raises :class:`SourceUnavailable` where the file's text is not what ``code`` was compiled from.

    Functions whose assertions pytest has rewritten are let through.
    """
    now = definition.file.recompiled(code)
    if not any(_same_code(code, each) for each in now) and not _rewritten_by_pytest(code):
        raise SourceUnavailable(code, "its file has changed since it was loaded, or it was generated")


def locate(code: types.CodeType) -> tuple[FunctionNode, str]:
    """The node that ``code`` was compiled from and its file; raises :class:`SourceUnavailable`."""
    definition = find(code)
    return definition.node, definition.file.path


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _nested(constant)


def _same_code(a: types.CodeType, b: types.CodeType) -> bool:
    """Whether two code objects do the same; their places don't matter."""
    return (
        a.co_code == b.co_code
        and a.co_names == b.co_names
        and a.co_varnames == b.co_varnames
        and a.co_cellvars == b.co_cellvars
        and a.co_freevars == b.co_freevars
        and len(a.co_consts) == len(b.co_consts)
        and all(map(_same_constant, a.co_consts, b.co_consts))
    )


def _same_constant(a: object, b: object) -> bool:
    if isinstance(a, types.CodeType) and isinstance(b, types.CodeType):
        return _same_code(a, b)
    return type(a) is type(b) and (a == b or repr(a) == repr(b))


def _rewritten_by_pytest(code: types.CodeType) -> bool:
    return any(
        "@py" in name for each in (code, *_nested(code)) for name in (*each.co_names, *each.co_varnames)
    )


def _body(node: FunctionNode) -> tuple[tuple[int, int], tuple[int, int]]:
    """From where to where the instructions of ``node``'s code object may come."""
    part = node.body if isinstance(node, ast.Lambda) else node
    assert part.end_lineno is not None and part.end_col_offset is not None
    return (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)


def _returns_constant(node: FunctionNode, code: types.CodeType) -> bool:
    """Whether both are lambdas of the same parameters and constant (Python 3.12.1 gives no column)."""
    if not isinstance(node, ast.Lambda) or not isinstance(node.body, ast.Constant):
        return False
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    count = code.co_argcount + code.co_kwonlyargcount
    value = node.body.value
    return [a.arg for a in arguments] == list(code.co_varnames[:count]) and any(
        type(constant) is type(value) and constant == value for constant in code.co_consts
    )


def _extent(code: types.CodeType) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The hull of the positions of ``code``'s instructions; None if it was compiled without columns."""
    starts: list[tuple[int, int]] = []
    ends: list[tuple[int, int]] = []
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None:
            continue
        if (line, column) != (end_line, end_column):  # RESUME has an empty range at column 0
            starts.append((line, column))
            ends.append((end_line, end_column))
    return (min(starts), max(ends)) if starts else None
