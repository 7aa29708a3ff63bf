"""Which classes of a file the others use, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Set
from pathlib import Path


def used_by_others(file: Path, classes: Set[str]) -> set[str]:
    """Those of ``classes`` that another class of the file names: as a part, as a base, or through a
    function of the file that it calls."""
    tree = ast.parse(file.read_bytes())
    names = {
        node.name: _names(node)
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    used: set[str] = set()
    for owner in classes & names.keys():
        used |= _reachable(owner, names) - {owner}
    return used & classes


def _names(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def _reachable(start: str, names: dict[str, set[str]]) -> set[str]:
    """What ``start`` names, directly or through functions (not through what another class uses: that is
    used by that class anyway)."""
    seen: set[str] = set()
    work = [start]
    while work:
        for name in sorted(names.get(work.pop(), set()) & names.keys() - seen):
            seen.add(name)
            work.append(name)
    return seen
