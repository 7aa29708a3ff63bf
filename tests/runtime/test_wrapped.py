"""Lines that are too long are broken in their brackets, and mean what they meant."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from dyncc.runtime.host.emit import Emitter, wrapped
from dyncc.runtime.program import Span

NAMES = st.sampled_from(["a", "item(out_2)", "h[3]", "-1.5", "'a, (text'", "self.forward_26(h3)"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=2, max_size=4)
    return st.one_of(
        several.map(lambda parts: f"({' or '.join(parts)})"),
        several.map(lambda parts: f"({', '.join(parts)})"),
        several.map(lambda parts: f"call({', '.join(parts)})"),
        several.map(lambda parts: f"[{', '.join(parts)}]"),
        inner.map(lambda part: f"(not {part})"),
        inner.map(lambda part: f"({part},)"),
        inner.map(lambda part: f"call({part})"),
        st.tuples(inner, inner).map(lambda pair: f"{{{pair[0]}: {pair[1]}}}"),
    )


EXPRESSIONS = st.recursive(NAMES, _larger, max_leaves=20)


@given(EXPRESSIONS, st.sampled_from(["{}", "x = {}", "return {}", "x, y = {}"]), st.integers(12, 60))
def test_a_broken_line_means_the_same(expression: str, statement: str, width: int) -> None:
    line = statement.format(expression)
    broken = "\n".join(wrapped(line, width))
    assert ast.dump(ast.parse(broken)) == ast.dump(ast.parse(line))


def test_a_condition_stays_one() -> None:
    line = f"if not ({' and '.join(['item(self.forward(h))'] * 6)}):"
    broken = "\n".join(wrapped(line, 60))
    assert ast.dump(ast.parse(f"{broken}\n    pass")) == ast.dump(ast.parse(f"{line}\n    pass"))


def test_a_comment_is_one_however_deep_it_stands() -> None:
    """A line of code at a depth of 30 has no room beside it."""
    span = Span("net.py", 4, 1, 4, 2)
    for depth in range(60):
        emitter = Emitter({"net.py": {4: "if (x > 0).all() and y[0] > 0.5:"}})
        emitter.add(f"if {' and '.join(['item(out_2)'] * 9)}:", depth, span)
        for line in emitter.lines[:1]:
            assert line.strip().startswith(("#", "if")) and len(line.strip()) > 20
        ast.parse("if 1:\n " + "\n ".join([*map(str.strip, emitter.lines), " pass"]))
