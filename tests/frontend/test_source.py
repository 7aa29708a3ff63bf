"""Code objects are found in their files, in notebooks and in ``exec``, or it is said why not."""

from __future__ import annotations

import ast
import linecache
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from dyncc.compiler.frontend.build import build
from dyncc.compiler.frontend.source import SourceUnavailable, find, locate

SOURCE = """
import functools

def plain(x):
    return x

@functools.cache
@functools.wraps(
    plain
)
def decorated(x): return [lambda: x, lambda: x + 1]

class Net:
    def forward(self, x):
        def inner(y, f=lambda: 1, g=lambda: (lambda z: z)): return lambda: y
        return inner(x), (lambda a: a, lambda b: (b
            )), sum(u for u in x) + sum(v for v in (w for w in x))

    forward2 = lambda self: self.x, lambda self: self.y
"""


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """All functions in ``code``."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if constant.co_flags & 0x1:
                yield constant
            yield from codes(constant)


def in_linecache(source: str, path: str) -> types.CodeType:
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    return compile(source, path, "exec")


def same_function(node: ast.AST, code: types.CodeType, source: str) -> bool:
    """Whether ``node`` alone compiles to the names, constants and arguments of ``code``."""
    text = ast.get_source_segment(source, node)
    assert text is not None
    if not text.lstrip().startswith(("def", "lambda", "(")):
        text = f"({text})"
    (again,) = [c for c in codes(compile(text, "again", "exec")) if c.co_name == code.co_name][:1]
    used = {*again.co_names, *again.co_varnames, *again.co_cellvars}
    return used == {*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars}


def test_every_function_of_a_file() -> None:
    module = in_linecache(SOURCE, "<test every function>")
    found = [(code, *locate(code)) for code in codes(module)]
    assert len(found) == 17
    assert len({id(node) for _, node, _ in found}) == 17
    for code, node, path in found:
        assert path == "<test every function>"
        assert same_function(node, code, SOURCE), (code, ast.dump(node))


def test_spans_are_characters_from_one() -> None:
    module = in_linecache('s = "é🙂"; f = lambda ü: ü.ß + 1\n', "<test spans>")
    (code,) = codes(module)
    function = build(code)
    assert (function.span.line, function.span.column, function.span.end_column) == (1, 15, 32)
    first = function.blocks[function.entry].instructions[0].span
    assert (first.column, first.end_column, first.path, first.function) == (
        25,
        28,
        "<test spans>",
        "<lambda>",
    )


def test_spans_in_fstrings_stay_in_them() -> None:
    source = 'def f(x):\n    return f"""{x}\n  {x + 1:>{x}}\n  {\n    x}"""\n'
    (code,) = codes(in_linecache(source, "<test fstrings>"))
    function = build(code)
    for block in function.blocks.values():
        for node in (*block.instructions, block.terminator):
            span = node.span
            assert (2, 5) <= (span.line, span.column) <= (span.end_line, span.end_column) <= (5, 10)


def test_a_file_is_parsed_once_and_again_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("def f(x):\n    return x\n\ndef g(x):\n    return x\n")
    f, g = codes(compile(path.read_text(), str(path), "exec"))
    assert find(f).file is find(g).file
    path.write_text("\n\ndef f(x):\n    return x + 1\n")
    os.utime(path, (1, 1))
    with pytest.raises(SourceUnavailable, match="line 1 does not define it"):
        find(f)
    (again,) = codes(compile(path.read_text(), str(path), "exec"))
    node, _ = locate(again)
    assert node.lineno == 3


@pytest.mark.parametrize(
    "changed",
    ["def f(x):\n    y = x\n    return y\n", "def f(z):\n    return z\n", "def f(x, y): return x\n"],
)
def test_a_changed_function_is_noticed(tmp_path: Path, changed: str) -> None:
    path = tmp_path / "net.py"
    (code,) = codes(compile("def f(x):\n    return x + 1\n", str(path), "exec"))
    path.write_text(changed)
    with pytest.raises(SourceUnavailable, match="its file has changed"):
        build(code)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "there is no such file"),
        ("def f(:", "does not parse"),
        ("x = 1\n", "line 1 does not define it"),
    ],
)
def test_no_source(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "net.py"
    (code,) = codes(compile("def f(x): return x\n", str(path), "exec"))
    if text is not None:
        path.write_text(text)
    with pytest.raises(SourceUnavailable, match=reason) as error:
        locate(code)
    assert error.value.code is code
    assert "`f`" in str(error.value)


def test_no_columns() -> None:
    program = (
        "import linecache, sys; from dyncc.compiler.frontend.source import *;"
        "s = 'f = lambda a: a; g = lambda b: b, lambda b: -b\\nh = lambda c: c\\n';"
        "linecache.cache['<s>'] = (1, None, s.splitlines(True), '<s>'); names = {};"
        "exec(compile(s, '<s>', 'exec'), names); print(locate(names['h'].__code__)[0].lineno);"
        "locate(names['f'].__code__)"
    )
    done = subprocess.run(
        [sys.executable, "-X", "no_debug_ranges", "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "2\n"
    assert "several functions on its line" in done.stderr.splitlines()[-1]


def test_equal_code_of_two_files(tmp_path: Path) -> None:
    source = "def f(x):\n    return x\n"
    spans: list[str] = []
    for name in ("a.py", "b.py"):
        path = tmp_path / name
        path.write_text(source)
        (code,) = codes(compile(source, str(path), "exec"))
        spans.append(Path(build(code).span.path).name)
    assert spans == ["a.py", "b.py"]


def test_built_once() -> None:
    code = test_built_once.__code__
    assert build(code) is build(code)
