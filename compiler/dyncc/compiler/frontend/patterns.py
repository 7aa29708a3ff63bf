"""``match``: patterns as tests and captures."""

from __future__ import annotations

import ast

from dyncc.compiler.frontend import cfg, matching
from dyncc.compiler.frontend.calls import Calls
from dyncc.runtime.program import Span

Captures = list[tuple[str, cfg.Register, Span]]
"""Names to bind when the whole pattern has matched."""


class Patterns(Calls):
    """The opcodes that CPython has for patterns are calls of the functions in ``matching``."""

    def stmt_Match(self, node: ast.Match) -> None:
        subject = self.expr(node.subject)
        done = self.label()
        for case in node.cases:
            following = self.label()
            captures: Captures = []
            self._pattern(case.pattern, subject, following, captures)
            for name, register, span in captures:
                self.store(name, register, span)
            if case.guard is not None:
                chosen = self.label()
                self.branch(case.guard, chosen, following)
                self.start(chosen)
            self.body(case.body)
            self.goto(done)
            self.start(following)
        self.place(done)

    def body(self, statements: list[ast.stmt]) -> None:
        """Build statements in order."""
        raise NotImplementedError

    def _require(self, cond: cfg.Register, otherwise: cfg.Label, span: Span) -> None:
        following = self.label()
        self.end(cfg.If(cond, following, otherwise, span))
        self.start(following)

    def _pattern(
        self, node: ast.pattern, subject: cfg.Register, otherwise: cfg.Label, captures: Captures
    ) -> None:
        """Fall through where ``subject`` matches, else go to ``otherwise``."""
        span = self.span(node)
        match node:
            case ast.MatchValue():
                value = self.expr(node.value)
                self._require(self.compare("==", subject, value, span), otherwise, span)
            case ast.MatchSingleton():
                value = self.const(node.value, span)
                self._require(self.compare("is", subject, value, span), otherwise, span)
            case ast.MatchAs():
                if node.pattern is not None:
                    self._pattern(node.pattern, subject, otherwise, captures)
                if node.name is not None:
                    captures.append((self.mangled(node.name), subject, span))
            case ast.MatchOr():
                self._alternatives(node, subject, otherwise, captures)
            case ast.MatchSequence():
                self._sequence(node, subject, otherwise, captures)
            case ast.MatchMapping():
                self._mapping(node, subject, otherwise, captures)
            case ast.MatchClass():
                self._class(node, subject, otherwise, captures)
            case _:
                self.unsupported(f"`{type(node).__name__}` pattern", node)

    def _alternatives(
        self, node: ast.MatchOr, subject: cfg.Register, otherwise: cfg.Label, captures: Captures
    ) -> None:
        """``a | b``: every alternative captures the same names, into the same registers."""
        registers: dict[str, cfg.Register] = {}
        matched = self.label()
        for i, alternative in enumerate(node.patterns):
            last = i + 1 == len(node.patterns)
            following = otherwise if last else self.label()
            own: Captures = []
            self._pattern(alternative, subject, following, own)
            for name, register, span in own:
                if name not in registers:
                    registers[name] = self.temp()
                    captures.append((name, registers[name], span))
                self.emit(cfg.Move(registers[name], register, span))
            self.goto(matched)
            if not last:
                self.start(following)
        self.start(matched)

    def _sequence(
        self, node: ast.MatchSequence, subject: cfg.Register, otherwise: cfg.Label, captures: Captures
    ) -> None:
        span = self.span(node)
        is_sequence = self.const(matching.is_sequence, span)
        self._require(self.call(is_sequence, (subject,), span), otherwise, span)
        stars = [i for i, p in enumerate(node.patterns) if isinstance(p, ast.MatchStar)]
        count = len(node.patterns) - len(stars)
        if count or not stars:
            length = self.call(self.const(len, span), (subject,), span)
            op = ">=" if stars else "=="
            self._require(self.compare(op, length, self.const(count, span), span), otherwise, span)
        wild = [_is_wildcard(pattern) for pattern in node.patterns]
        if all(wild):
            return
        if stars and wild[stars[0]]:
            self._subscripts(node, stars[0], subject, otherwise, captures)
            return
        registers = [self.temp() for _ in node.patterns]
        star = stars[0] if stars else len(registers)
        starred = registers[star] if stars else None
        self.emit(cfg.Unpack(tuple(registers[:star]), starred, tuple(registers[star + 1 :]), subject, span))
        for pattern, register in zip(node.patterns, registers, strict=True):
            if isinstance(pattern, ast.MatchStar):
                if pattern.name is not None:
                    captures.append((self.mangled(pattern.name), register, self.span(pattern)))
            else:
                self._pattern(pattern, register, otherwise, captures)

    def _subscripts(
        self,
        node: ast.MatchSequence,
        star: int,
        subject: cfg.Register,
        otherwise: cfg.Label,
        captures: Captures,
    ) -> None:
        """The rest is not captured, so the items are indexed instead, as CPython does."""
        size = len(node.patterns)
        for i, pattern in enumerate(node.patterns):
            if _is_wildcard(pattern):
                continue
            span = self.span(pattern)
            if i < star:
                index = self.const(i, span)
            else:
                length = self.call(self.const(len, span), (subject,), span)
                index = self.binary("-", length, self.const(size - i, span), span)
            item = self.temp()
            self.emit(cfg.GetItem(item, subject, index, span))
            self._pattern(pattern, item, otherwise, captures)

    def _mapping(
        self, node: ast.MatchMapping, subject: cfg.Register, otherwise: cfg.Label, captures: Captures
    ) -> None:
        span = self.span(node)
        is_mapping = self.const(matching.is_mapping, span)
        self._require(self.call(is_mapping, (subject,), span), otherwise, span)
        if node.keys:
            length = self.call(self.const(len, span), (subject,), span)
            count = self.const(len(node.keys), span)
            self._require(self.compare(">=", length, count, span), otherwise, span)
        keys = self.temp()
        self.emit(cfg.Build(keys, "tuple", tuple(cfg.Arg(self.expr(key)) for key in node.keys), span))
        values = self.call(self.const(matching.mapping_values, span), (subject, keys), span)
        registers = self._taken(values, len(node.keys), otherwise, span)
        for pattern, register in zip(node.patterns, registers, strict=True):
            self._pattern(pattern, register, otherwise, captures)
        if node.rest is not None:
            rest = self.call(self.const(matching.mapping_rest, span), (subject, keys), span)
            captures.append((self.mangled(node.rest), rest, span))

    def _class(
        self, node: ast.MatchClass, subject: cfg.Register, otherwise: cfg.Label, captures: Captures
    ) -> None:
        span = self.span(node)
        cls = self.expr(node.cls)
        count = self.const(len(node.patterns), span)
        names = self.const(tuple(node.kwd_attrs), span)  # which CPython does not mangle
        values = self.call(self.const(matching.class_values, span), (subject, cls, count, names), span)
        patterns = [*node.patterns, *node.kwd_patterns]
        registers = self._taken(values, len(patterns), otherwise, span)
        for pattern, register in zip(patterns, registers, strict=True):
            self._pattern(pattern, register, otherwise, captures)

    def _taken(
        self, values: cfg.Register, count: int, otherwise: cfg.Label, span: Span
    ) -> tuple[cfg.Register, ...]:
        """Unpack a tuple of ``count`` values, or go to ``otherwise`` where it is None."""
        found = self.compare("is-not", values, self.const(None, span), span)
        self._require(found, otherwise, span)
        registers = tuple(self.temp() for _ in range(count))
        self.emit(cfg.Unpack(registers, None, (), values, span))
        return registers


def _is_wildcard(node: ast.pattern) -> bool:
    match node:
        case ast.MatchAs(pattern=None, name=None) | ast.MatchStar(name=None):
            return True
        case _:
            return False
