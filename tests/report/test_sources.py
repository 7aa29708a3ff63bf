"""Which lines of the user's files a report shows, and how it calls places in them."""

from __future__ import annotations

import pytest

from dyncc.compiler.report.sources import Sources
from dyncc.runtime.manifest import Source
from dyncc.runtime.program import Block, Const, Entry, Leaf, Method, Program, Return, Span, State

TEXT = """\
def f(x):
    if x.sum() > 0 and x.any():
        return g(
            x,
            1)
    while (x > 1).all():
        x = x / 2
    for row in zip(x, x):
        x = "é" + row
    return x
"""


def sources(**texts: str) -> Sources:
    paths = {name.replace("__", "/") + ".py": text for name, text in texts.items()}
    return Sources.of([Source(path, "") for path in paths], paths)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ((2, 8, 2, 19), "if x.sum() > 0"),
        ((2, 24, 2, 31), "x.any()"),
        ((3, 9, 5, 15), "return g( x, 1)"),
        ((6, 11, 6, 24), "while (x > 1).all()"),
        ((8, 16, 8, 25), "for row in zip(x, x)"),
        ((9, 13, 9, 17), '"é"'),
        ((99, 1, 99, 2), ""),
    ],
)
def test_the_text_of_a_place(span: tuple[int, int, int, int], text: str) -> None:
    assert sources(net=TEXT).text(Span("net.py", *span)) == text


def test_files_of_one_name_are_told_apart() -> None:
    found = sources(a__one__net="x", a__two__net="x", a__other="x")
    assert [found.name(f"a/{name}.py") for name in ("one/net", "two/net", "other")] == [
        "one/net.py",
        "two/net.py",
        "other.py",
    ]
    spans = [
        Span("a/one/net.py", 3, 1, 3, 2),
        Span("a/other.py", 7, 1, 7, 2),
        Span("a/one/net.py", 4, 1, 4, 2),
    ]
    assert found.place(spans) == "one/net.py:3-4, other.py:7"


def program(line: int) -> Program[str]:
    span = Span("net.py", line, 5, line, 6)
    block = Block("f", (), (), Return(Leaf(Const(1)), span=span), (span,))
    return Program("f", {"f": Method("f", (), (Entry("f", ()),))}, (State(),), {"f": block}, {})


def test_of_a_long_file_the_function_is_shown() -> None:
    text = "\n\n".join(f"def f{n}():\n    return {n}" for n in range(300))
    (shown,) = sources(net=text).shown({"f": 1}, program(5))
    assert [(line.number, line.text, line.blocks) for line in shown.lines] == [
        (4, "def f1():", ()),
        (5, "    return 1", (1,)),
    ]


def test_of_a_short_file_everything() -> None:
    (shown,) = sources(net=TEXT).shown({"f": 1}, program(10))
    assert len(shown.lines) == 10 and shown.lines[9].blocks == (1,)


def test_a_file_that_is_another_by_now_is_shown_as_it_was() -> None:
    found = Sources.of([Source("gone.py", "", {2: "old line"})], {"gone.py": "new\nline\n"})
    assert found.texts["gone.py"] == ["", "old line"]
