"""Random small programs of nested control flow, as source text of a function ``program(t, d)``.

``d()`` is the next of a list of decisions, false when they have run out, so that every program ends;
``t`` traces; ``m(name, swallow, fail)`` is a context manager; ``A`` and ``B`` are exceptions.
"""

from __future__ import annotations

import linecache
import types
from dataclasses import dataclass, replace
from itertools import count

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

_serial = count()


@dataclass(frozen=True)
class Place:
    """Where a statement stands."""

    depth: int
    in_loop: bool = False
    in_function: bool = False
    handling: bool = False


class Writer:
    """Draws statements; every trace is numbered, so that each is told from the others."""

    def __init__(self, draw: DrawFn, generator: bool) -> None:
        self.draw = draw
        self.generator = generator
        self.names = count(1)
        self.budget = 12  # compound statements in all

    def pick(self, *options: str) -> str:
        return self.draw(st.sampled_from(options))

    def body(self, place: Place) -> list[str]:
        inner = replace(place, depth=place.depth + 1)
        size = self.draw(st.integers(1, 3 if place.depth < 3 else 1))
        return ["    " + line for _ in range(size) for line in self.statement(inner)]

    def statement(self, place: Place) -> list[str]:
        simple = ["trace", "assign", "use", "raise", "leave", "leave", "delete", "comprehension"]
        nested = ["if", "while", "for", "try", "try", "with", "function", "match"]
        compound = place.depth <= 4 and self.budget > 0 and self.draw(st.booleans())
        kind = self.pick(*(nested if compound else simple))
        self.budget -= compound
        return getattr(self, f"_{kind}")(place)

    def condition(self) -> str:
        return self.pick(
            "d()", "not d()", "d() and d()", "d() or d()", "(d() if d() else d())", "0 < d() <= d()"
        )

    def variable(self) -> str:
        return self.pick("x", "y", "e")

    def _trace(self, place: Place) -> list[str]:
        if self.generator and not place.in_function and self.pick("trace", "yield") == "yield":
            return [f"yield {next(self.names)}"]
        return [f"t({next(self.names)})"]

    def _assign(self, place: Place) -> list[str]:
        value = f"t({next(self.names)}, {next(self.names)})"
        return [self.pick(f"{self.variable()} = {value}", f"{self.variable()} = [{value}] if d() else 0")]

    def _use(self, place: Place) -> list[str]:
        return [f"t(({next(self.names)}, str({self.variable()})))"]

    def _delete(self, place: Place) -> list[str]:
        return [f"del {self.variable()}"]

    def _comprehension(self, place: Place) -> list[str]:
        name = self.variable()
        element = self.pick("x", "y", "(lambda: x)()", "(y := x)", "[x for x in range(2)]")
        return [f"{name} = [{element} for x in range(3) if d()]"]

    def _raise(self, place: Place) -> list[str]:
        bare = ["raise", "raise"] if place.handling else []
        return [self.pick("raise A(1)", "raise B", "raise A from B()", "1 / 0", *bare)]

    def _leave(self, place: Place) -> list[str]:
        ways = [f"return t({next(self.names)}, {next(self.names)})"]
        if place.in_loop:
            ways += ["break", "continue"]
        return [self.pick(*ways)]

    def _if(self, place: Place) -> list[str]:
        lines = [f"if {self.condition()}:", *self.body(place)]
        if self.draw(st.booleans()):
            lines += ["else:", *self.body(place)]
        return lines

    def _loop(self, head: str, place: Place) -> list[str]:
        lines = [head, *self.body(replace(place, in_loop=True))]
        if self.pick("plain", "plain", "else") == "else":
            lines += ["else:", *self.body(place)]
        return lines

    def _while(self, place: Place) -> list[str]:
        condition = self.condition().replace("not ", "")  # false at last
        return self._loop(f"while {condition}:", place)

    def _for(self, place: Place) -> list[str]:
        return self._loop(f"for {self.variable()} in range({self.pick('0', '1', '2', '3')}):", place)

    def _try(self, place: Place) -> list[str]:
        lines = ["try:", *self.body(place)]
        handling = replace(place, handling=True)
        shape = self.pick("except", "finally", "both", "all")
        if shape != "finally":
            for kind in self.pick("A", "A,B", "B", "(A, B)", "A,Exception").split(","):
                name = self.pick("", " as e", " as x")
                kind = "(A, B)" if kind == "(A" else kind.strip(" )")
                lines += [f"except {kind}{name}:", *self.body(handling)]
            if shape == "all":
                lines += ["else:", *self.body(place)]
        if shape != "except":
            lines += ["finally:", *self.body(handling)]
        return lines

    def _with(self, place: Place) -> list[str]:
        def manager() -> str:
            return f"m({next(self.names)}, {self.pick('()', 'A', '(A, B)')}, {self.pick('0', '0', 'd()')})"

        target = self.pick("", " as x", " as y")
        more = self.pick("", f", {manager()}")
        return [f"with {manager()}{target}{more}:", *self.body(place)]

    def _function(self, place: Place) -> list[str]:
        name = f"f{next(self.names)}"
        declaration = self.pick("", f"    nonlocal {self.pick('x', 'y')}")
        inner = replace(place, in_loop=False, in_function=True, handling=False)
        call = f"t(({next(self.names)}, {name}()))"
        return [f"def {name}():", *([declaration] if declaration else []), *self.body(inner), call]

    def _match(self, place: Place) -> list[str]:
        first, second = next(self.names), next(self.names)
        return [
            f"match (d(), t({first}, d())):",
            f"    case ({self.pick('True', 'x', '_')}, False) if d():",
            *("    " + line for line in self.body(place)),
            f"    case (False, {self.pick('y', 'True | False', '_')}):",
            *("    " + line for line in self.body(place)),
            f"    case {self.pick('_', '(True, x)', '[*y]')}:",
            f"        t({second})",
        ]


@st.composite
def sources(draw: DrawFn) -> str:
    """The text of a function ``program(t, d)``."""
    generator = draw(st.booleans())
    writer = Writer(draw, generator)
    lines = ["def program(t, d):", "    m = managers(t)"]
    if draw(st.booleans()):
        lines.append("    x = y = 0")
    for _ in range(draw(st.integers(1, 4))):
        lines += ["    " + line for line in writer.statement(Place(0))]
    lines.append("    if 0: x = y = e = 0")
    if generator:
        lines.append("    yield 0")
    lines.append("    return 'end'")
    return "\n".join(lines) + "\n"


class A(Exception):
    """One kind of exception."""


class B(Exception):
    """Another kind."""


class Manager:
    """Traces; swallows what it is told to; fails at its exit where told to."""

    def __init__(self, t, name, swallow, fail) -> None:
        self.t, self.name, self.swallow, self.fail = t, name, swallow, fail

    def __enter__(self) -> str:
        self.t(f"enter {self.name}")
        return f"entered {self.name}"

    def __exit__(self, kind, error, traceback) -> bool:
        unbound = kind is not None and issubclass(kind, NameError)  # see test_random.normalized
        self.t(f"exit {self.name} {'unbound' if unbound else kind and kind.__name__}")
        if self.fail:
            raise B(self.name)
        return error is not None and isinstance(error, self.swallow)


def managers(t):
    return lambda name, swallow, fail: Manager(t, name, swallow, fail)


def compiled(source: str) -> types.FunctionType:
    """The function of a source text, whose lines are found where an editor or notebook would put them."""
    path = f"<program {next(_serial)}>"
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    names = {"A": A, "B": B, "managers": managers}
    exec(compile(source, path, "exec"), names)
    function = names["program"]
    assert isinstance(function, types.FunctionType)
    return function
