"""Statements: assignment, deletion, ``if``, loops, imports and definitions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.emitter import Loop
from dyncc.compiler.frontend.expressions import operator_text
from dyncc.compiler.frontend.patterns import Patterns


class Statements(Patterns):
    """``stmt`` builds a statement; ``exits`` are in :class:`~dyncc.compiler.frontend.exceptions.Exits`."""

    def body(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self.stmt(statement)

    def stmt(self, node: ast.stmt) -> None:
        self.here = self.span(node)
        kind = type(node).__name__
        handle: Callable[[ast.stmt], None] | None = getattr(self, f"stmt_{kind}", None)
        if handle is None:
            self.unsupported(f"`{kind}` statement", node)
        else:
            handle(node)

    def stmt_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.expr(node.value)

    def stmt_Pass(self, node: ast.Pass) -> None:
        """Nothing to do."""

    def stmt_Global(self, node: ast.Global) -> None:
        """Declared in the scope."""

    def stmt_Nonlocal(self, node: ast.Nonlocal) -> None:
        """Declared in the scope."""

    # --------------------------------------------------------------------------- assignment

    def stmt_Assign(self, node: ast.Assign) -> None:
        value = self.expr(node.value)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Tuple | ast.List):
            value = self.listed(value, node.value)
        for target in node.targets:
            self.assign(target, value, last_use=len(node.targets) == 1)

    def stmt_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Annotations in a function are not evaluated, but what is annotated is."""
        if node.value is not None:
            self.assign(node.target, self.expr(node.value), last_use=True)
        elif isinstance(node.target, ast.Attribute):
            self.expr(node.target.value)
        elif isinstance(node.target, ast.Subscript):
            self.expr(node.target.value)
            self.expr(node.target.slice)

    def assign(self, target: ast.expr, value: cfg.Register, *, last_use: bool = False) -> None:
        span = self.span(target)
        match target:
            case ast.Name():
                self.store(self.mangled(target.id), value, span, last_use=last_use)
            case ast.Attribute():
                obj = self.expr(target.value)
                self.emit(cfg.SetAttr(obj, self.mangled(target.attr), value, span))
            case ast.Subscript():
                obj = self.expr(target.value)
                self.emit(cfg.SetItem(obj, self.expr(target.slice), value, span))
            case ast.Tuple() | ast.List():
                self._unpack(target.elts, value, target)
            case _:
                self.unsupported(f"assignment to `{type(target).__name__}`", target)

    def _unpack(self, targets: Sequence[ast.expr], value: cfg.Register, node: ast.expr) -> None:
        """Unpack all, then bind the targets in order; variables in registers are bound by the unpacking."""
        stars = [i for i, target in enumerate(targets) if isinstance(target, ast.Starred)]
        bare = [target.value if isinstance(target, ast.Starred) else target for target in targets]
        direct = [self.plain_local(target) for target in bare]
        registers = [name or self.temp() for name in direct]
        star = stars[0] if stars else None
        if star is None:
            before, starred, after = registers, None, []
        else:
            before, starred, after = registers[:star], registers[star], registers[star + 1 :]
        self.emit(cfg.Unpack(tuple(before), starred, tuple(after), value, self.span(node)))
        for target, name, register in zip(bare, direct, registers, strict=True):
            if name is None:
                self.assign(target, register)

    def stmt_AugAssign(self, node: ast.AugAssign) -> None:
        """The object and the index of the target are evaluated once."""
        target, span = node.target, self.span(node)
        old, new = self.temp(), self.temp()
        match target:
            case ast.Name():
                old = self.load(self.mangled(target.id), self.span(target))
                self._augment(node, new, old)
                self.store(self.mangled(target.id), new, self.span(target), last_use=True)
            case ast.Attribute():
                obj, name = self.expr(target.value), self.mangled(target.attr)
                self.emit(cfg.GetAttr(old, obj, name, self.span(target)))
                self._augment(node, new, old)
                self.emit(cfg.SetAttr(obj, name, new, span))
            case ast.Subscript():
                obj, index = self.expr(target.value), self.expr(target.slice)
                self.emit(cfg.GetItem(old, obj, index, self.span(target)))
                self._augment(node, new, old)
                self.emit(cfg.SetItem(obj, index, new, span))

    def _augment(self, node: ast.AugAssign, new: cfg.Register, old: cfg.Register) -> None:
        right = self.expr(node.value)
        self.emit(cfg.Binary(new, operator_text(node.op), old, right, True, self.span(node)))

    def stmt_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._delete(target)

    def _delete(self, target: ast.expr) -> None:
        span = self.span(target)
        match target:
            case ast.Name():
                self.delete(self.mangled(target.id), span)
            case ast.Attribute():
                self.emit(cfg.DelAttr(self.expr(target.value), self.mangled(target.attr), span))
            case ast.Subscript():
                obj = self.expr(target.value)
                self.emit(cfg.DelItem(obj, self.expr(target.slice), span))
            case ast.Tuple() | ast.List():
                for element in target.elts:
                    self._delete(element)
            case _:
                self.unsupported(f"deletion of `{type(target).__name__}`", target)

    # ------------------------------------------------------------------------------- blocks

    def stmt_If(self, node: ast.If) -> None:
        then, done = self.label(), self.label()
        orelse = self.label() if node.orelse else done
        self.branch(node.test, then, orelse)
        self.start(then)
        self.body(node.body)
        self.goto(done)
        if node.orelse:
            self.start(orelse)
            self.body(node.orelse)
            self.goto(done)
        self.start(done)

    def stmt_While(self, node: ast.While) -> None:
        head, body, orelse, done = self.label(), self.label(), self.label(), self.label()
        self.place(head, self._hint(node))
        self.branch(node.test, body, orelse)
        self.start(body)
        with self.surrounded(Loop(done, head)):
            self.body(node.body)
        self.goto(head)
        self.start(orelse)
        self.body(node.orelse)
        self.place(done)

    def stmt_For(self, node: ast.For) -> None:
        head, body, orelse, done = self.label(), self.label(), self.label(), self.label()
        iterator = self.iterator(node.iter)
        self.place(head, self._hint(node))
        self.next_item(node.target, iterator, body, orelse, node.iter)
        with self.surrounded(Loop(done, head)):
            self.body(node.body)
        self.goto(head)
        self.start(orelse)
        self.body(node.orelse)
        self.place(done)

    def _hint(self, node: ast.For | ast.While) -> str:
        """The ``# dyncc: …`` comment on the lines of a loop's header."""
        hints = self.definition.file.hints
        if not hints:
            return ""
        lines = range(node.lineno, max(node.lineno + 1, node.body[0].lineno))
        return " ".join(hints[line] for line in lines if line in hints)

    # -------------------------------------------------------------------------- definitions

    def stmt_FunctionDef(self, node: ast.FunctionDef) -> None:
        if getattr(node, "type_params", None):
            self.store(
                self.mangled(node.name), self.unsupported("generic inner function", node), self.span(node)
            )
            return
        decorators = [(self.expr(decorator), self.span(decorator)) for decorator in node.decorator_list]
        value = self.function(node)
        for decorator, span in reversed(decorators):
            value = self.call(decorator, (value,), span)
        self.store(self.mangled(node.name), value, self.span(node), last_use=True)

    def stmt_ClassDef(self, node: ast.ClassDef) -> None:
        value = self.unsupported("class defined in a function", node)
        self.store(self.mangled(node.name), value, self.span(node), last_use=True)

    def stmt_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        value = self.unsupported("asynchronous inner function", node)
        self.store(self.mangled(node.name), value, self.span(node), last_use=True)

    def stmt_Import(self, node: ast.Import) -> None:
        span = self.span(node)
        for alias in node.names:
            module = self.temp()
            self.emit(cfg.Import(module, alias.name, (), 0, span))
            top, *rest = alias.name.split(".")
            if alias.asname is not None:
                for part in rest:
                    dst = self.temp()
                    self.emit(cfg.ImportFrom(dst, module, part, span))
                    module = dst
            self.store(self.mangled(alias.asname or top), module, span, last_use=True)

    def stmt_ImportFrom(self, node: ast.ImportFrom) -> None:
        span = self.span(node)
        names = tuple(alias.name for alias in node.names)
        module = self.temp()
        self.emit(cfg.Import(module, node.module or "", names, node.level, span))
        for alias in node.names:
            dst = self.temp()
            self.emit(cfg.ImportFrom(dst, module, self.mangled(alias.name), span))
            self.store(self.mangled(alias.asname or alias.name), dst, span, last_use=True)
