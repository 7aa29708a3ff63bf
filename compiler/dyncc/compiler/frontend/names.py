"""Names: reading, binding and deleting variables, whatever they live in."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.emitter import Emitter
from dyncc.compiler.frontend.scopes import Comprehension, mangle
from dyncc.runtime.program import Span


@dataclass(frozen=True, slots=True)
class Variable:
    """Where a name lives: a register ``local``, a ``cell``, or ``global``."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Renaming:
    """The variables of an inlined comprehension: their new names, and which of them live in cells."""

    names: dict[str, str]
    captured: frozenset[str]


class Names(Emitter):
    """Resolves names in the function's scope and in the comprehensions around the place."""

    def __init__(self, *args: object) -> None:
        self.renamings: list[Renaming] = []
        super().__init__(*args)  # type: ignore[arg-type]  # passed on

    def mangled(self, name: str) -> str:
        return mangle(name, self.definition.class_name)

    def resolve(self, name: str, function_scope: bool = False) -> Variable:
        """The variable of a mangled name; ``function_scope`` passes the comprehensions by (walrus)."""
        if not function_scope:
            for renaming in reversed(self.renamings):
                if name in renaming.names:
                    kind = "cell" if name in renaming.captured else "local"
                    return Variable(kind, renaming.names[name])
        if name in self.scope.free or name in self.scope.cells:
            return Variable("cell", name)
        return Variable("local" if name in self.scope.locals else "global", name)

    def load(self, name: str, span: Span) -> cfg.Register:
        """Read a mangled name."""
        variable = self.resolve(name)
        if variable.kind == "local" and variable.name in self.scope.constant:
            return variable.name  # never bound again: no copy needed to keep the order of evaluation
        dst = self.temp()
        match variable.kind:
            case "local":
                self.emit(cfg.Move(dst, variable.name, span))
            case "cell":
                self.emit(cfg.LoadDeref(dst, variable.name, span))
            case _:
                self.emit(cfg.LoadGlobal(dst, variable.name, span))
        return dst

    def store(
        self,
        name: str,
        src: cfg.Register,
        span: Span,
        *,
        last_use: bool = False,
        function_scope: bool = False,
    ) -> None:
        """Bind a mangled name. ``last_use``: nothing reads the register ``src`` again."""
        variable = self.resolve(name, function_scope)
        match variable.kind:
            case "local":
                if not (last_use and self.retarget(src, variable.name)):
                    self.emit(cfg.Move(variable.name, src, span))
            case "cell":
                self.emit(cfg.StoreDeref(variable.name, src, span))
            case _:
                self.emit(cfg.StoreGlobal(variable.name, src, span))

    def delete(self, name: str, span: Span) -> None:
        """``del`` of a mangled name."""
        variable = self.resolve(name)
        match variable.kind:
            case "local":
                self.emit(cfg.Delete(variable.name, span))
            case "cell":
                self.emit(cfg.DeleteDeref(variable.name, span))
            case _:
                self.emit(cfg.DeleteGlobal(variable.name, span))

    def unbind(self, name: str, span: Span) -> None:
        """The end of ``except … as name``: ``name = None; del name``, so that it can't fail."""
        self.store(name, self.const(None, span), span, last_use=True)
        self.delete(name, span)

    def rename_apart(self, node: Comprehension) -> Renaming:
        """New names for the variables of the comprehension ``node``, like ``x$1``."""
        number = self.number("comprehension")
        names = {
            mangled: f"{mangled}${number}"
            for clause in node.generators
            for child in ast.walk(clause.target)
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
            for mangled in [self.mangled(child.id)]
        }
        return Renaming(names, self.scope.captured[node])

    def closure(self, free: tuple[str, ...]) -> tuple[str, ...]:
        """This frame's cells for the free variables of an inner function."""
        return tuple(self.resolve(name).name for name in free)
