"""Exits: ``return``, ``raise``, ``try`` and ``with``, and the ways through them.

A ``finally`` is compiled once. Each way into it writes a tuple such as ``("return",)`` into its register
``%finN`` and the value it carries into ``%finN.value``; its end compares ``%finN`` with the ways there are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.emitter import Finally, Handling, InFinally, Loop, With
from dyncc.compiler.frontend.statements import Statements
from dyncc.runtime.program import Span

_WAYS = ("next", "return", "break", "continue", "raise")


class Exits(Statements):
    """Statements that leave, and statements that are told when they are left."""

    def stmt_Return(self, node: ast.Return) -> None:
        span = self.span(node)
        value = self.const(None, span) if node.value is None else self.expr(node.value)
        self.leave("return", value, span)

    def stmt_Break(self, node: ast.Break) -> None:
        self.leave("break", None, self.span(node))

    def stmt_Continue(self, node: ast.Continue) -> None:
        self.leave("continue", None, self.span(node))

    def leave(self, way: str, value: cfg.Register | None, span: Span) -> None:
        """``return`` (of ``value``), ``break`` or ``continue``, through whatever surrounds the place."""
        handler = self.handler
        for surrounding in reversed(self.surroundings):
            match surrounding:
                case Finally():
                    self.enter_finally(surrounding, way, value, span)
                    break
                case With():
                    self.set_handler(surrounding.outside)
                    self.emit(cfg.WithExit(self.temp(), surrounding.exit, None, surrounding.span))
                case Handling(name=str(name)):
                    self.set_handler(surrounding.outside)
                    self.unbind(name, surrounding.span)
                case Loop() if way != "return":
                    self.end(cfg.Goto(surrounding.exit if way == "break" else surrounding.head, span))
                    break
                case _:
                    pass
        else:
            if value is None:
                raise SyntaxError(f"`{way}` outside of a loop")
            self.end(cfg.Return(value, span))
        self.handler = handler

    def enter_finally(self, finally_: Finally, way: str, value: cfg.Register | None, span: Span) -> None:
        """Close the current block by going into a ``finally``."""
        finally_.ways.add(way)
        carried = f"{finally_.register}.value"
        self.emit(cfg.Const(finally_.register, (way,), span))
        if value is None:
            self.emit(cfg.Const(carried, None, span))
        elif value != carried:
            self.emit(cfg.Move(carried, value, span))
        self.end(cfg.Goto(finally_.label, span))

    # ------------------------------------------------------------------------------- raise

    def stmt_Raise(self, node: ast.Raise) -> None:
        span = self.span(node)
        if node.exc is None:
            self._reraise_handled(span)
            return
        exc = self.expr(node.exc)
        cause = None if node.cause is None else self.expr(node.cause)
        self.end(cfg.Raise(exc, cause, span))

    def _reraise_handled(self, span: Span) -> None:
        """A bare ``raise`` of the exception that the place handles; what a caller handles isn't known."""
        for surrounding in reversed(self.surroundings):
            match surrounding:
                case Handling(exc=exc):
                    self.end(cfg.Reraise(exc, span))
                    return
                case InFinally(register=register):
                    raised, following = self.label(), self.label()
                    self.end(cfg.If(self._is_way(register, "raise", span), raised, following, span))
                    self.start(raised)
                    self.end(cfg.Reraise(f"{register}.value", span))
                    self.start(following)
                case _:
                    pass
        self.emit(cfg.Unsupported("`raise` alone where the function handles no exception", span))
        self.end(cfg.Raise(None, None, span))

    def stmt_Assert(self, node: ast.Assert) -> None:
        failed, passed = self.label(), self.label()
        self.branch(node.test, passed, failed)
        self.start(failed)
        span = self.span(node)
        error = self.const(AssertionError, span)
        if node.msg is not None:
            error = self.call(error, (self.expr(node.msg),), span)
        self.end(cfg.Raise(error, None, span))
        self.start(passed)

    # --------------------------------------------------------------------------------- try

    def stmt_Try(self, node: ast.Try) -> None:
        if not node.finalbody:
            self._try_except(node)
            return
        register = f"%fin{self.number('finally')}"
        finally_ = Finally(register, self.label())
        done = self.label()
        raised = self.label()
        with self.surrounded(finally_), self.protected(raised):
            self.place(self.label())
            if node.handlers:
                self._try_except(node)
            else:
                self.body(node.body)
            if self.reachable:
                self.enter_finally(finally_, "next", None, self.here)
        self.start(raised, catch=f"{register}.value")
        self.enter_finally(finally_, "raise", f"{register}.value", self.span(node.finalbody[0]))
        self.start(finally_.label)
        with self.surrounded(InFinally(register)):
            self.body(node.finalbody)
        if self.reachable:
            self._dispatch(finally_, done)
        self.start(done)

    def _dispatch(self, finally_: Finally, done: cfg.Label) -> None:
        """The end of a ``finally``: go on the way it was entered."""
        register, span = finally_.register, self.here
        ways = [way for way in _WAYS if way in finally_.ways]
        for way in ways:
            if way != ways[-1]:
                chosen, following = self.label(), self.label()
                self.end(cfg.If(self._is_way(register, way, span), chosen, following, span))
                self.start(chosen)
            else:
                following = None
            match way:
                case "next":
                    self.goto(done)
                case "raise":
                    self.end(cfg.Reraise(f"{register}.value", span))
                case "return":
                    self.leave(way, f"{register}.value", span)
                case _:
                    self.leave(way, None, span)
            if following is not None:
                self.start(following)

    def _is_way(self, register: cfg.Register, way: str, span: Span) -> cfg.Register:
        return self.compare("==", register, self.const((way,), span), span)

    def _try_except(self, node: ast.Try) -> None:
        caught, done = self.label(), self.label()
        with self.protected(caught):
            self.place(self.label())
            self.body(node.body)
            after = self.label()
            self.goto(after)
        self.start(after)
        self.body(node.orelse)
        self.goto(done)
        exc = self.temp()
        self.start(caught, catch=exc)
        for handler in node.handlers:
            self._handler(handler, exc, done)
        self.end(cfg.Reraise(exc, self.span(node)))
        self.start(done)

    def _handler(self, node: ast.ExceptHandler, exc: cfg.Register, done: cfg.Label) -> None:
        """One ``except`` clause; ends in the block where it does not match."""
        span = self.span(node)
        following = self.label()
        if node.type is not None:
            types = self.expr(node.type)
            matches, chosen = self.temp(), self.label()
            self.emit(cfg.ExcMatch(matches, exc, types, self.span(node.type)))
            self.end(cfg.If(matches, chosen, following, self.span(node.type)))
            self.start(chosen)
        name = None if node.name is None else self.mangled(node.name)
        handling = Handling(exc, name, self.handler, span)
        if name is None:
            with self.surrounded(handling):
                self.body(node.body)
            self.goto(done)
            self.start(following)
            return
        self.store(name, exc, span)
        failed, end = self.label(), self.label()
        with self.surrounded(handling), self.protected(failed):
            self.place(self.label())
            self.body(node.body)
            self.goto(end)
        self.start(end)
        self.unbind(name, span)
        self.goto(done)
        error = self.temp()
        self.start(failed, catch=error)
        self.unbind(name, span)
        self.end(cfg.Reraise(error, span))
        self.start(following)

    # -------------------------------------------------------------------------------- with

    def stmt_With(self, node: ast.With) -> None:
        build: Callable[[], None] = partial(self.body, node.body)
        for item in reversed(node.items):
            build = partial(self._with_item, item, build)
        build()

    def _with_item(self, item: ast.withitem, body: Callable[[], None]) -> None:
        """Enter, run ``body`` with its exceptions shown to ``__exit__``, exit."""
        span = self.span(item.context_expr)
        manager = self.expr(item.context_expr)
        entered, exit_ = self.temp(), self.temp()
        self.emit(cfg.WithEnter(entered, exit_, manager, span))
        caught, done, left = self.label(), self.label(), self.label()
        with self.surrounded(With(exit_, self.handler, span)), self.protected(caught):
            self.place(self.label())
            if item.optional_vars is not None:
                self.assign(item.optional_vars, entered)
            body()
            self.goto(left)
        self.start(left)
        self.emit(cfg.WithExit(self.temp(), exit_, None, span))
        self.goto(done)
        exc, suppressed, propagate = self.temp(), self.temp(), self.label()
        self.start(caught, catch=exc)
        self.emit(cfg.WithExit(suppressed, exit_, exc, span))
        self.end(cfg.If(suppressed, done, propagate, span))
        self.start(propagate)
        self.end(cfg.Reraise(exc, span))
        self.start(done)
