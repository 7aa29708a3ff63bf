"""Expressions: operators, conditions, displays, subscripts, f-strings."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.names import Names
from dyncc.runtime.program import Span

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}
_UNARY: dict[type[ast.unaryop], str] = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not"}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is-not",
    ast.In: "in",
    ast.NotIn: "not-in",
}


def operator_text(op: ast.operator) -> str:
    """``op`` as :class:`~dyncc.compiler.frontend.cfg.Binary` spells it."""
    return _BINARY[type(op)]


class Expressions(Names):
    """``expr`` evaluates a node into a register, which is not written again unless it is a variable's."""

    def expr(self, node: ast.expr) -> cfg.Register:
        kind = type(node).__name__
        handle: Callable[[ast.expr], cfg.Register] | None = getattr(self, f"expr_{kind}", None)
        if handle is None:
            return self.unsupported(f"`{kind}` expression", node)
        return handle(node)

    def expr_Constant(self, node: ast.Constant) -> cfg.Register:
        return self.const(node.value, self.span(node))

    def expr_Name(self, node: ast.Name) -> cfg.Register:
        return self.load(self.mangled(node.id), self.span(node))

    def expr_Attribute(self, node: ast.Attribute) -> cfg.Register:
        obj = self.expr(node.value)
        dst = self.temp()
        self.emit(cfg.GetAttr(dst, obj, self.mangled(node.attr), self.span(node)))
        return dst

    def expr_Subscript(self, node: ast.Subscript) -> cfg.Register:
        obj = self.expr(node.value)
        index = self.expr(node.slice)
        dst = self.temp()
        self.emit(cfg.GetItem(dst, obj, index, self.span(node)))
        return dst

    def expr_Slice(self, node: ast.Slice) -> cfg.Register:
        parts = [None if part is None else self.expr(part) for part in (node.lower, node.upper, node.step)]
        dst = self.temp()
        self.emit(cfg.BuildSlice(dst, parts[0], parts[1], parts[2], self.span(node)))
        return dst

    def expr_NamedExpr(self, node: ast.NamedExpr) -> cfg.Register:
        value = self.expr(node.value)
        self.store(self.mangled(node.target.id), value, self.span(node.target), function_scope=True)
        return value

    # ---------------------------------------------------------------------------- operators

    def expr_UnaryOp(self, node: ast.UnaryOp) -> cfg.Register:
        operand = node.operand
        if (
            isinstance(node.op, ast.USub)
            and isinstance(operand, ast.Constant)
            and isinstance(operand.value, int | float | complex)
        ):
            return self.const(-operand.value, self.span(node))
        value = self.expr(operand)
        dst = self.temp()
        self.emit(cfg.Unary(dst, _UNARY[type(node.op)], value, self.span(node)))
        return dst

    def expr_BinOp(self, node: ast.BinOp) -> cfg.Register:
        left = self.expr(node.left)
        right = self.expr(node.right)
        return self.binary(_BINARY[type(node.op)], left, right, self.span(node))

    def expr_Compare(self, node: ast.Compare) -> cfg.Register:
        """``a < b < c`` is the first comparison that is false, else the last."""
        if len(node.ops) == 1:
            left = self.expr(node.left)
            right = self.expr(node.comparators[0])
            return self.compare(_COMPARE[type(node.ops[0])], left, right, self.span(node))
        result, done = self.temp(), self.label()
        self._chain(node, result, done)
        self.place(done)
        return result

    def _chain(self, node: ast.Compare, result: cfg.Register, otherwise: cfg.Label) -> None:
        """Compare into ``result``, going to ``otherwise`` where one before the last is false."""
        left, start = self.expr(node.left), node.left
        for i, (op, comparator) in enumerate(zip(node.ops, node.comparators, strict=True)):
            right = self.expr(comparator)
            span = _hull(self.span(start), self.span(comparator))
            self.emit(cfg.Compare(result, _COMPARE[type(op)], left, right, span))
            if i + 1 < len(node.ops):
                following = self.label()
                self.end(cfg.If(result, following, otherwise, span))
                self.start(following)
            left, start = right, comparator

    def expr_BoolOp(self, node: ast.BoolOp) -> cfg.Register:
        """``a and b`` is the operand that decides; its truth is asked for once."""
        result, done = self.temp(), self.label()
        on = isinstance(node.op, ast.Or)
        for value in node.values[:-1]:
            self._value_or_jump(value, result, done, on)
        self._assign_into(result, node.values[-1])
        self.place(done)
        return result

    def _value_or_jump(self, node: ast.expr, result: cfg.Register, target: cfg.Label, on: bool) -> None:
        """Go to ``target`` with the value in ``result`` where its truth is ``on``; else fall through."""
        if not isinstance(node, ast.BoolOp):
            self._assign_into(result, node)
            following = self.label()
            then, orelse = (target, following) if on else (following, target)
            self.end(cfg.If(result, then, orelse, self.span(node)))
            self.start(following)
            return
        if isinstance(node.op, ast.Or) == on:
            for value in node.values:
                self._value_or_jump(value, result, target, on)
            return
        fall = self.label()
        for value in node.values[:-1]:
            following = self.label()
            if on:
                self.branch(value, following, fall)
            else:
                self.branch(value, fall, following)
            self.start(following)
        self._value_or_jump(node.values[-1], result, target, on)
        self.place(fall)

    def expr_IfExp(self, node: ast.IfExp) -> cfg.Register:
        result = self.temp()
        then, orelse, done = self.label(), self.label(), self.label()
        self.branch(node.test, then, orelse)
        self.start(then)
        self._assign_into(result, node.body)
        self.goto(done)
        self.start(orelse)
        self._assign_into(result, node.orelse)
        self.place(done)
        return result

    def _assign_into(self, result: cfg.Register, node: ast.expr) -> None:
        value = self.expr(node)
        if not self.retarget(value, result):
            self.emit(cfg.Move(result, value, self.span(node)))

    def branch(self, node: ast.expr, then: cfg.Label, orelse: cfg.Label) -> None:
        """Close the current block by deciding on the truth of ``node``, short circuits spelled out."""
        match node:
            case ast.Constant():
                self.end(cfg.Goto(then if node.value else orelse, self.span(node)))
            case ast.UnaryOp(op=ast.Not()):
                self.branch(node.operand, orelse, then)
            case ast.BoolOp():
                conjunction = isinstance(node.op, ast.And)
                for value in node.values[:-1]:
                    following = self.label()
                    self.branch(value, *((following, orelse) if conjunction else (then, following)))
                    self.start(following)
                self.branch(node.values[-1], then, orelse)
            case ast.IfExp():
                yes, no = self.label(), self.label()
                self.branch(node.test, yes, no)
                self.start(yes)
                self.branch(node.body, then, orelse)
                self.start(no)
                self.branch(node.orelse, then, orelse)
            case ast.Compare() if len(node.ops) > 1:
                result = self.temp()
                self._chain(node, result, orelse)
                last = _hull(self.span(node.comparators[-2]), self.span(node.comparators[-1]))
                self.end(cfg.If(result, then, orelse, last))
            case _:
                self.end(cfg.If(self.expr(node), then, orelse, self.span(node)))

    # ----------------------------------------------------------------------------- displays

    def items(self, nodes: Sequence[ast.expr], span: Span) -> tuple[cfg.Arg, ...]:
        """Evaluate items in order. What is starred is consumed before what follows it is evaluated."""
        args: list[cfg.Arg] = []
        pending = False
        for node in nodes:
            if pending and not self.is_inert(node):
                args = [self.consumed(args, span)]
                pending = False
            if isinstance(node, ast.Starred):
                args.append(cfg.Arg(self.listed(self.expr(node.value), node.value), True))
                pending = True
            else:
                args.append(cfg.Arg(self.expr(node)))
        return tuple(args)

    def listed(self, value: cfg.Register, node: ast.expr) -> cfg.Register:
        """``value``, to be unpacked: where ``node`` may be a generator, its items first."""
        if not isinstance(node, ast.GeneratorExp | ast.Call | ast.Name):
            return value
        dst = self.temp()
        self.emit(cfg.Listed(dst, value, self.span(node)))
        return dst

    def consumed(self, args: list[cfg.Arg], span: Span) -> cfg.Arg:
        """The items so far in a list, to be unpacked where they are used."""
        dst = self.temp()
        self.emit(cfg.Build(dst, "list", tuple(args), span))
        return cfg.Arg(dst, True)

    def is_inert(self, node: ast.expr) -> bool:
        """Whether it can't be told when ``node`` is evaluated."""
        if isinstance(node, ast.Name):
            variable = self.resolve(self.mangled(node.id))
            return variable.kind == "local" and variable.name in self.scope.constant
        return isinstance(node, ast.Constant)

    def _display(self, node: ast.Tuple | ast.List | ast.Set, kind: str) -> cfg.Register:
        items = self.items(node.elts, self.span(node))
        dst = self.temp()
        self.emit(cfg.Build(dst, kind, items, self.span(node)))
        return dst

    def expr_Tuple(self, node: ast.Tuple) -> cfg.Register:
        return self._display(node, "tuple")

    def expr_List(self, node: ast.List) -> cfg.Register:
        return self._display(node, "list")

    def expr_Set(self, node: ast.Set) -> cfg.Register:
        return self._display(node, "set")

    def expr_Dict(self, node: ast.Dict) -> cfg.Register:
        span = self.span(node)
        items: list[tuple[cfg.Register | None, cfg.Register]] = []
        pending = False
        for key, value in zip(node.keys, node.values, strict=True):
            if pending and not (key is not None and self.is_inert(key) and self.is_inert(value)):
                merged = self.temp()
                self.emit(cfg.BuildDict(merged, tuple(items), span))
                items[:], pending = [(None, merged)], False
            if key is None:
                items.append((None, self.expr(value)))
                pending = True
            else:
                items.append((self.expr(key), self.expr(value)))
        dst = self.temp()
        self.emit(cfg.BuildDict(dst, tuple(items), span))
        return dst

    # ---------------------------------------------------------------------------- f-strings

    def expr_JoinedStr(self, node: ast.JoinedStr) -> cfg.Register:
        span = self.span(node)
        with self.clamped(span):
            parts = tuple(self.expr(value) for value in node.values)
        if len(parts) == 1:
            return parts[0]
        dst = self.temp()
        self.emit(cfg.Join(dst, parts, span))
        return dst

    def expr_FormattedValue(self, node: ast.FormattedValue) -> cfg.Register:
        value = self.expr(node.value)
        spec = None if node.format_spec is None else self.expr(node.format_spec)
        conversion = "" if node.conversion < 0 else chr(node.conversion)
        dst = self.temp()
        self.emit(cfg.Format(dst, value, conversion, spec, self.span(node)))
        return dst


def _hull(start: Span, end: Span) -> Span:
    """From the start of one to the end of the other."""
    return Span(start.path, start.line, start.column, end.end_line, end.end_column, start.function)
