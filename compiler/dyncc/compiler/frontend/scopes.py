"""Which names of a function are local, global or in cells, and which code objects its inner functions have.

Comprehensions are inlined by the frontend on every version of Python (CPython does it since 3.12), so a
variable that only a comprehension uses is no cell here, whatever ``co_cellvars`` says; a variable of a
comprehension that an inner function captures is one, made anew at each run of the comprehension.
"""

from __future__ import annotations

import ast
import types
from dataclasses import dataclass, field
from typing import TypeAlias

from dyncc.compiler.frontend.source import Definition, SourceUnavailable, code_name, find, first_line

Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp
Inner: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp

_INLINED = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})


def mangle(name: str, class_name: str) -> str:
    """``__x`` in a class is ``_Class__x``."""
    owner = class_name.lstrip("_")
    if not owner or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    return f"_{owner}{name}"


@dataclass(frozen=True)
class Scope:
    """The names of one function, mangled.

    ``constant`` are the parameters that are never bound again, ``captured`` the variables of each
    comprehension that inner functions capture, ``codes`` the code object of each inner function
    (none where the compiler dropped it as unreachable).
    """

    locals: frozenset[str]
    cells: tuple[str, ...]
    free: frozenset[str]
    constant: frozenset[str]
    captured: dict[Comprehension, frozenset[str]]
    codes: dict[Inner, types.CodeType]


def parameters(code: types.CodeType) -> tuple[str, ...]:
    """The names of ``code``'s parameters, ``*args`` and ``**kwargs`` last."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
    return code.co_varnames[:count]


def analyze(definition: Definition, code: types.CodeType) -> Scope:
    """The scope of ``code``, which ``definition`` compiled to."""
    walk = _Walk(definition, code)
    walk.root(definition.node)
    bound = walk.bound - walk.declared
    names = frozenset((*parameters(code), *bound))
    free = frozenset(code.co_freevars)
    return Scope(
        locals=names,
        cells=tuple(name for name in sorted(walk.captured) if name in names),
        free=free,
        constant=frozenset(parameters(code)) - bound - walk.captured,
        captured={node: frozenset(names) for node, names in walk.by_comprehension.items()},
        codes=walk.codes,
    )


@dataclass
class _Variables:
    """The variables of a comprehension around the place of the walk."""

    names: frozenset[str]
    captured: set[str] = field(default_factory=set[str])


class _Walk(ast.NodeVisitor):
    """Visits what belongs to one function's own scope, comprehensions included."""

    def __init__(self, definition: Definition, code: types.CodeType) -> None:
        self.bound: set[str] = set()
        self.declared: set[str] = set()
        self.captured: set[str] = set()
        self.by_comprehension: dict[Comprehension, set[str]] = {}
        self.codes: dict[Inner, types.CodeType] = {}
        self._definition = definition
        self._around: list[_Variables] = []
        self._nested: dict[tuple[str, int], list[types.CodeType]] = {}
        self._collect(code)

    def _collect(self, code: types.CodeType) -> None:
        """Index the code objects of inner functions, those within inlined comprehensions too."""
        for constant in code.co_consts:
            if not isinstance(constant, types.CodeType):
                continue
            if constant.co_name in _INLINED:
                self._collect(constant)
            else:
                key = (constant.co_name, constant.co_firstlineno)
                self._nested.setdefault(key, []).append(constant)

    def root(self, node: ast.AST) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for statement in node.body:
                    self.visit(statement)
            case ast.Lambda():
                self.visit(node.body)
            case ast.GeneratorExp():
                self.bound |= self._targets(node)
                self._clauses(node)
            case _:
                raise TypeError(f"{type(node).__name__} is not a function")

    def _bind(self, name: str) -> None:
        self.bound.add(mangle(name, self._definition.class_name))

    # ------------------------------------------------------------------------ inner scopes

    def _inner(self, node: Inner) -> None:
        code = self._find(node, self._nested.get((code_name(node), first_line(node)), []))
        if code is not None:
            self.codes[node] = code
            self._resolve(code)

    def _find(self, node: Inner, candidates: list[types.CodeType]) -> types.CodeType | None:
        """The candidate that ``node`` compiled to. Equal code objects are merged by CPython."""
        if len(candidates) <= 1:
            return candidates[0] if candidates else None
        alike = None
        for candidate in candidates:
            try:
                found = find(candidate).node
            except SourceUnavailable:
                continue
            if found is node:
                return candidate
            if ast.dump(found) == ast.dump(node):
                alike = candidate
        return alike

    def _resolve(self, code: types.CodeType) -> None:
        for name in code.co_freevars:
            for variables in reversed(self._around):
                if name in variables.names:
                    variables.captured.add(name)
                    break
            else:
                self.captured.add(name)

    def _targets(self, node: Comprehension | ast.GeneratorExp) -> frozenset[str]:
        """The names that the ``for`` clauses of a comprehension bind."""
        return frozenset(
            mangle(child.id, self._definition.class_name)
            for clause in node.generators
            for child in ast.walk(clause.target)
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
        )

    def _clauses(self, node: Comprehension | ast.GeneratorExp) -> None:
        """What is evaluated in the comprehension's scope: everything but the first iterable."""
        for i, clause in enumerate(node.generators):
            if i:
                self.visit(clause.iter)
            self._target(clause.target)
            for condition in clause.ifs:
                self.visit(condition)
        if isinstance(node, ast.DictComp):
            self.visit(node.key)
            self.visit(node.value)
        else:
            self.visit(node.elt)

    def _target(self, node: ast.expr) -> None:
        if isinstance(node, ast.Tuple | ast.List):
            for element in node.elts:
                self._target(element)
        elif isinstance(node, ast.Starred):
            self._target(node.value)
        elif not isinstance(node, ast.Name):
            self.visit(node)

    def _comprehension(self, node: Comprehension) -> None:
        self.visit(node.generators[0].iter)
        variables = _Variables(self._targets(node))
        self._around.append(variables)
        self._clauses(node)
        self._around.pop()
        self.by_comprehension[node] = variables.captured

    visit_ListComp = visit_SetComp = visit_DictComp = _comprehension

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        self._inner(node)
        self._walruses(node)

    def _walruses(self, node: ast.AST) -> None:
        """``:=`` in a generator expression binds in the function around it."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.NamedExpr):
                self._bind_walrus(child)
            if not isinstance(child, ast.Lambda):
                self._walruses(child)

    def _defaults(self, arguments: ast.arguments) -> None:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.visit(default)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        self._inner(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name)
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._defaults(node.args)
        self._inner(node)

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name)
        for child in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            self.visit(child)
        for code in self._nested.get((node.name, first_line(node)), []):
            self._resolve(code)

    # ---------------------------------------------------------------------------- bindings

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._bind(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._bind_walrus(node)

    def _bind_walrus(self, node: ast.NamedExpr) -> None:
        if not isinstance(self._definition.node, ast.GeneratorExp):  # else it binds in the function around
            self._bind(node.target.id)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def _declare(self, node: ast.Global | ast.Nonlocal) -> None:
        self.declared.update(mangle(name, self._definition.class_name) for name in node.names)

    visit_Global = visit_Nonlocal = _declare

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0])

    visit_Import = visit_ImportFrom = _import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    def _capture(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = _capture

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self._bind(node.rest)
        self.generic_visit(node)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        """``type X = …`` (3.12) binds its name; its value is in a scope of its own."""
        name = getattr(node, "name", None)
        if isinstance(name, ast.Name):
            self._bind(name.id)
