"""Calls, inner functions, comprehensions and ``yield``."""

from __future__ import annotations

import ast
import sys

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.expressions import Expressions
from dyncc.compiler.frontend.scopes import Comprehension, Inner

_DISPLAY_KINDS: dict[type[ast.expr], str] = {ast.ListComp: "list", ast.SetComp: "set"}


class Calls(Expressions):
    """Expressions that call, make functions, loop or suspend."""

    def expr_Call(self, node: ast.Call) -> cfg.Register:
        if self._is_bare_super(node):
            return self._bare_super(node)
        span = self.span(node)
        func = self.expr(node.func)
        args = self.items(node.args, span)
        # CPython passes a lone `*args` on as it is, and else makes a tuple before it looks at keywords.
        starred = len(args) > 1 and any(arg.starred for arg in args)
        if starred and not all(self.is_inert(keyword.value) for keyword in node.keywords):
            args = (self.consumed(list(args), span),)
        kwargs = tuple((keyword.arg, self.expr(keyword.value)) for keyword in node.keywords)
        dst = self.temp()
        self.emit(cfg.Call(dst, func, args, kwargs, span))
        return dst

    def _is_bare_super(self, node: ast.Call) -> bool:
        return (
            isinstance(node.func, ast.Name)
            and node.func.id == "super"
            and not node.args
            and not node.keywords
            and self.resolve("super").kind == "global"
        )

    def _bare_super(self, node: ast.Call) -> cfg.Register:
        """``super()`` is ``super(__class__, first parameter)``."""
        in_comprehension = bool(self.renamings) and sys.version_info < (3, 12)
        if "__class__" not in self.scope.free or not self.code.co_argcount or in_comprehension:
            return self.unsupported("`super()` without arguments outside of a method", node)
        span = self.span(node)
        func = self.load("super", self.span(node.func))
        owner = self.load("__class__", span)
        first = self.load(self.code.co_varnames[0], span)
        return self.call(func, (owner, first), span)

    # ---------------------------------------------------------------------- inner functions

    def function(self, node: Inner) -> cfg.Register:
        """The function object of an inner function, its defaults evaluated here."""
        span = self.span(node)
        defaults: list[cfg.Register] = []
        kwdefaults: list[tuple[str, cfg.Register]] = []
        if not isinstance(node, ast.GeneratorExp):
            defaults = [self.expr(default) for default in node.args.defaults]
            for parameter, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
                if default is not None:
                    kwdefaults.append((self.mangled(parameter.arg), self.expr(default)))
        code = self.scope.codes.get(node)
        if code is None:
            return self.unsupported("inner function without code", node)
        dst = self.temp()
        closure = self.closure(code.co_freevars)
        self.emit(cfg.MakeFunction(dst, code, tuple(defaults), tuple(kwdefaults), closure, span))
        return dst

    def expr_Lambda(self, node: ast.Lambda) -> cfg.Register:
        return self.function(node)

    def expr_GeneratorExp(self, node: ast.GeneratorExp) -> cfg.Register:
        """Its first iterable is evaluated here, everything else when the generator runs."""
        if _is_async(node):
            return self.unsupported("asynchronous generator expression", node)
        func = self.function(node)
        return self.call(func, (self.iterator(node.generators[0].iter),), self.span(node))

    def iterator(self, node: ast.expr) -> cfg.Register:
        """``iter`` of the value of ``node``."""
        value = self.expr(node)
        dst = self.temp()
        self.emit(cfg.GetIter(dst, value, self.span(node)))
        return dst

    # ---------------------------------------------------------------------- comprehensions

    def _comprehension(self, node: Comprehension) -> cfg.Register:
        """A loop, whose variables are renamed apart."""
        if _is_async(node):
            return self.unsupported("asynchronous comprehension", node)
        span = self.span(node)
        first = self.iterator(node.generators[0].iter)
        collection = self.temp()
        if isinstance(node, ast.DictComp):
            self.emit(cfg.BuildDict(collection, (), span))
        else:
            self.emit(cfg.Build(collection, _DISPLAY_KINDS[type(node)], (), span))
        renaming = self.rename_apart(node)
        for name in sorted(renaming.captured):
            self.emit(cfg.NewCell(renaming.names[name], span))
        self.renamings.append(renaming)
        self._clauses(node, collection, 0, first)
        self.renamings.pop()
        return collection

    def _clauses(
        self,
        node: Comprehension | ast.GeneratorExp,
        collection: cfg.Register,
        i: int,
        iterator: cfg.Register,
    ) -> None:
        """The loop of the ``i``-th clause over ``iterator``; the element is added in the innermost."""
        clause = node.generators[i]
        head, body, done = self.label(), self.label(), self.label()
        self.place(head, self.definition.file.hints.get(clause.target.lineno, ""))
        self.next_item(clause.target, iterator, body, done, clause.iter)
        for condition in clause.ifs:
            following = self.label()
            self.branch(condition, following, head)
            self.start(following)
        if i + 1 < len(node.generators):
            self._clauses(node, collection, i + 1, self.iterator(node.generators[i + 1].iter))
        else:
            self._element(node, collection)
        self.goto(head)
        self.start(done)

    def next_item(
        self, target: ast.expr, iterator: cfg.Register, body: cfg.Label, done: cfg.Label, iterable: ast.expr
    ) -> None:
        """At the head of a loop: the next item into ``target`` in block ``body``, or ``done``."""
        name = self.plain_local(target)
        item = name or self.temp()
        self.end(cfg.ForNext(item, iterator, body, done, self.span(iterable)))
        self.start(body)
        if name is None:
            self.assign(target, item)

    def _element(self, node: Comprehension | ast.GeneratorExp, collection: cfg.Register) -> None:
        if isinstance(node, ast.DictComp):
            key, value = self.expr(node.key), self.expr(node.value)
            self.emit(cfg.DictSet(collection, key, value, self.span(node.value)))
            return
        item, span = self.expr(node.elt), self.span(node.elt)
        if isinstance(node, ast.GeneratorExp):
            self.emit(cfg.Yield(self.temp(), item, span))
        else:
            self.emit(cfg.ListAppend(collection, _DISPLAY_KINDS[type(node)], item, span))

    def expr_ListComp(self, node: ast.ListComp) -> cfg.Register:
        return self._comprehension(node)

    def expr_SetComp(self, node: ast.SetComp) -> cfg.Register:
        return self._comprehension(node)

    def expr_DictComp(self, node: ast.DictComp) -> cfg.Register:
        return self._comprehension(node)

    def generator_body(self, node: ast.GeneratorExp) -> None:
        """The body of a generator expression, whose iterator is its parameter ``.0``."""
        self._clauses(node, "", 0, ".0")

    # ------------------------------------------------------------------------------- yield

    def expr_Yield(self, node: ast.Yield) -> cfg.Register:
        span = self.span(node)
        value = self.const(None, span) if node.value is None else self.expr(node.value)
        dst = self.temp()
        self.emit(cfg.Yield(dst, value, span))
        return dst

    def expr_YieldFrom(self, node: ast.YieldFrom) -> cfg.Register:
        """``yield from``: a loop of yields, whose value is what the other generator returns."""
        span = self.span(node)
        iterator = self.iterator(node.value)
        head, body, done = self.label(), self.label(), self.label()
        self.place(head)
        item = self.temp()
        result = self.temp()
        self.end(cfg.ForNext(item, iterator, body, done, span, result))
        self.start(body)
        self.emit(cfg.Yield(self.temp(), item, span, delegated=True))
        self.goto(head)
        self.start(done)
        return result

    # ------------------------------------------------------------------- bound in Statements

    def plain_local(self, target: ast.expr) -> cfg.Register | None:
        """The register of a target that is a variable in one."""
        if not isinstance(target, ast.Name):
            return None
        variable = self.resolve(self.mangled(target.id))
        return variable.name if variable.kind == "local" else None

    def assign(self, target: ast.expr, value: cfg.Register, *, last_use: bool = False) -> None:
        """Bind a target of any form to ``value``."""
        raise NotImplementedError


def _is_async(node: Comprehension | ast.GeneratorExp) -> bool:
    return any(clause.is_async for clause in node.generators)
