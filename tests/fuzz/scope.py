"""What the generator knows of the program it is writing: its lines, its variables and its budget.

Kinds of variables (``D`` is the width of the program)::

    v   float32 tensor [D]         h   float32 tensor [D // 2], maybe a view
    w   float64 tensor [D]         q   int64 tensor [D]
    s   float32 tensor []          b   bool tensor []
    n   int      f  float          g   bool          t  str
    L   list of v                  N   list of numbers
    T   list of texts              R   list of dicts of a text, a float and a v
    O   list of objects with such attributes
    o   None or v                  m   tensor [D], float32 or float64
    z   float32 tensor [any], maybe of a size that is free (``u``) or that calls change (``self.trace``)
    K   list of two or three small ints read from a tensor
    C.  dict of ints               V.  dict of v
    G.  dict of lists of v         S.  set

The latter have keys that may be known only at run time: ints (``Ci``, ...) or pairs of ints (``Cp``, ...).

A "variable" may be any text that can be read and assigned to: ``self.memory``, ``box.h``, ``cache['a']``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FEATURES = (
    *("views", "inplace", "numbers", "lists", "tags", "flags", "state", "experts", "loops", "whiles"),
    *("raises", "helper", "closure", "comprehension", "dtypes", "optional", "slices", "finally"),
    *("dicts", "attributes", "recursion", "boolops", "early", "random", "free sizes"),
    *("keys", "records"),
)


@dataclass
class Writer:
    """The program being written. ``kinds`` maps every variable that is surely bound here to its kind."""

    rng: random.Random
    width: int
    features: frozenset[str]
    budget: int
    lines: list[str] = field(default_factory=list[str])
    indent: int = 2
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    names: int = 0
    loops: int = 0
    """How many loops surround this place."""
    guarded: int = 0
    """How many ``try`` bodies surround this place."""
    frozen: set[str] = field(default_factory=set[str])
    """Variables that may not be assigned here (loop counters that bound a loop, lists iterated over)."""
    classes: dict[str, str] = field(default_factory=dict[str, str])
    """The class of each container with keys from data, by its name."""
    key_writes: int = 5
    """How often such containers may still be changed: each time may double the paths."""
    inner: bool = False
    """Whether this is the body of an inner function or helper (its ``return`` gives a ``v``)."""

    def emit(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        self.emit(header)
        self.indent += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.emit("pass")
        self.indent -= 1

    def has(self, feature: str) -> bool:
        return feature in self.features

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, items: list[str]) -> str:
        return items[self.rng.randrange(len(items))]

    def of(self, *kinds: str, writable: bool = False) -> list[str]:
        """The variables of these kinds, oldest first."""
        return [
            name
            for name, kind in self.kinds.items()
            if kind in kinds and not (writable and name in self.frozen)
        ]

    def fresh(self, kind: str) -> str:
        """A new name; the caller binds it with :meth:`bind` once it is assigned."""
        self.names += 1
        stem = {"v": "h", "w": "w", "q": "q", "h": "part", "s": "s", "b": "flag", "n": "n", "f": "f"}
        stem |= {"g": "ok", "t": "tag", "L": "hs", "N": "ns", "o": "best", "m": "mix", "z": "seq"}
        stem |= {"T": "words", "R": "records", "O": "items", "e": "each"}
        stem |= {"k": "key", "K": "keys", "C": "tally", "V": "memo", "G": "groups", "S": "seen"}
        return f"{stem[kind[0]]}{self.names}"

    def bind(self, name: str, kind: str) -> None:
        self.kinds[name] = kind

    def target(self, kind: str, new: float = 0.4) -> str:
        """A variable of ``kind`` to assign to: one that exists, or (probability ``new``) a fresh one."""
        existing = self.of(kind, writable=True)
        if existing and not self.chance(new):
            return self.pick(existing)
        return self.fresh(kind)

    def constant(self, low: float = -0.6, high: float = 0.6) -> str:
        """A float literal that no computed value hits by design."""
        return f"{self.rng.uniform(low, high):.4f}"
