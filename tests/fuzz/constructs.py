"""Which constructs a generated program has, read off its text; which pairs of them a run has seen."""

from __future__ import annotations

import ast
import collections
import itertools
import re
from collections.abc import Iterable

_PATTERNS = {
    "in place": r"_\(|\] [-+*]?= |\.add_|^\s*\w+ [-+*]= \w*h\d",
    "view": r"\bpart\d+\b|\]\.mul_|\[::2\]",
    "number read": r"\bint\(|\bfloat\(|\.item\(\)",
    "tag": r"\btag\d+ ",
    "list grows": r"\.append\(|\.extend\(|\+= \[| = \[\*|\*hs",
    "state": r"self\.(count|hidden|memory|trace)\b",
    "expert": r"self\.experts\[",
    "helper": r"self\.helper\(",
    "recursion": r"self\.descend\(",
    "dtype": r"\.double\(\)|float64|\.long\(\)",
    "size": r"\bseq\d+\b|: 1 \+ ",
    "window": r"shape\[0\] <= \d+ else|: \w+\.shape\[0\]\]",
    "lists together": r"torch\.stack\(hs\d+\).*torch\.stack\(hs\d+\)",
    "free size": r"\bu\b(?!\):)",
    "random": r"torch\.rand|dropout|bernoulli|multinomial",
    "None": r"is (not )?None|= None",
    "dict": r"cache\d+",
    "keys from data": r"\b(tally|memo|groups|seen)\d",
    "records": r"\b(words|records|items)\d",
    "object": r"box\d+",
    "quantifier": r"\b(any|all)\(e\.|torch\.(any|all)\(",
    "order": r"sorted\(|\bmax\(\[|\bmin\(\[",
}
_NODES: dict[str, tuple[type[ast.AST], ...]] = {
    "while": (ast.While,),
    "for": (ast.For,),
    "break": (ast.Break, ast.Continue),
    "raise": (ast.Raise, ast.Assert),
    "ternary": (ast.IfExp,),
    "and, or": (ast.BoolOp,),
    "walrus": (ast.NamedExpr,),
    "nonlocal": (ast.Nonlocal,),
    "comprehension": (ast.ListComp, ast.GeneratorExp),
    "with": (ast.With,),
}


def constructs(source: str) -> frozenset[str]:
    """The constructs in the methods of the program, but for the constructor."""
    module = ast.parse(source)
    (net,) = (n for n in module.body if isinstance(n, ast.ClassDef) and n.name == "Net")
    methods = [n for n in net.body if isinstance(n, ast.FunctionDef) and n.name != "__init__"]
    found: set[str] = set()
    for node in (node for method in methods for node in ast.walk(method)):
        found |= {name for name, types in _NODES.items() if isinstance(node, types)}
        if isinstance(node, ast.Try):
            found |= {"except"} if node.handlers else set()
            found |= {"finally"} if node.finalbody else set()
        elif isinstance(node, ast.FunctionDef) and node not in methods:
            found.add("inner function")
        elif isinstance(node, (ast.For, ast.While)) and node.orelse:
            found.add("loop's else")
        elif isinstance(node, ast.If) and any(isinstance(s, ast.Return) for s in ast.walk(node)):
            found.add("early return")
    text = "\n".join(ast.unparse(method) for method in methods)
    return frozenset(found | {n for n, pattern in _PATTERNS.items() if re.search(pattern, text, re.M)})


def pairs_table(programs: Iterable[frozenset[str]]) -> str:
    """A Markdown table: in how many programs each pair of constructs occurred together."""
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for found in programs:
        counts.update(itertools.combinations_with_replacement(sorted(found), 2))
    names = sorted({name for pair in counts for name in pair})
    lines = ["| | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for row in names:
        cells = (counts[min(row, other), max(row, other)] for other in names)
        lines.append(f"| **{row}** | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
