"""Facts: what was learned about a program and holds for every further attempt to specialize it.

Specialization starts out optimistic. When something turns out otherwise (a function decides on a tensor, a
weight is changed, a number differs from turn to turn, a generalized number is needed statically), the
fact is noted and everything begins again. Facts only grow and there are finitely many, so it ends.
"""

from __future__ import annotations

import types
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import torch

from dyncc.compiler.diagnostics import Diagnostic
from dyncc.compiler.specialize.lists.elements import common
from dyncc.compiler.specialize.recording.size_ranges import Range
from dyncc.compiler.specialize.values import DATA, Restart
from dyncc.compiler.specialize.values.decisions import current
from dyncc.runtime.program import Span

SMALL_LOOP = 8
"""A loop over a static range of at most this many turns is unrolled without looking further."""
Place = tuple[Any, ...]
"""A program point (see ``snapshot``) and a path of a slot in the state at it."""


@dataclass(frozen=True)
class Frozen:
    """Among the reasons of ``Facts.aliased``: memory that cannot be followed, because of ``origins``.

    ``family`` names the tensors that have it together, where these are all: when one alone is left, its
    memory is shared with nothing any more.
    """

    origins: frozenset[Any] = frozenset()
    family: Any = None


def _variable(place: Place) -> Any:
    """The variable that a place is about, whatever the program point; None where it is none."""
    if len(place) != 2 or not place[1] or place[1][0] != "frame":
        return None
    point, path = place
    return (point[path[1]][0], path[2:])


_HULLS = 3
"""Ranges tried for the states of a point that differ in them, before none is told."""
LOCALS = "all local variables"
"""Stands for the variables of all functions among what ``Facts.exact`` names."""


def _any_item(path: Any) -> Any:
    """A variable or path with every place in a sequence left open."""
    if not isinstance(path, tuple):
        return path
    if len(path) == 2 and path[0] == "item" and isinstance(path[1], int):
        return ("item", ...)
    return tuple(map(_any_item, path))


@dataclass
class Facts:
    """``interpret``: code that decides. ``widen``: slots whose number, list or text varies at run time.

    ``keep``: slots that must stay static although they vary. ``cells``: weights that calls change.
    ``tables``: for a widened text, the values seen. ``elements``: for a widened list, its element type.
    ``symbols``: sizes that vary.
    """

    most_blocks: int = 1500
    """Beyond so many blocks the program is refused."""
    together: set[tuple[str, tuple[str, str]]] = field(default_factory=set[tuple[str, tuple[str, str]]])
    """Arguments (method, two inputs) that are one tensor, and the program asks for it."""
    interpret: set[types.CodeType] = field(default_factory=set[types.CodeType])
    widen: set[Place] = field(default_factory=set[Place])
    keep: set[Place] = field(default_factory=set[Place])
    tables: dict[Place, list[Any]] = field(default_factory=dict[Place, "list[Any]"])
    elements: dict[Place, Any] = field(default_factory=dict[Place, Any])
    symbols: set[Place] = field(default_factory=set[Place])
    unrelated: set[Place] = field(default_factory=set[Place])
    """Sizes that are not the same function of other sizes in all states: they are told by themselves."""
    ranged: set[Any] = field(default_factory=set[Any])
    """Variables of whose sizes the states tell what they can be, as a call depends on that."""
    mentioned: set[int] = field(default_factory=set[int])
    """The ends of ranges of sizes that the program mentions: in slices, comparisons, of arguments."""
    hulls: dict[Place, list[Range]] = field(default_factory=dict[Place, "list[Range]"])
    """Of such sizes the ranges that states were told so as to meet others, in the order of time."""
    lockstep: bool = False
    """Whether states tell which lists of run-time length grow together, as a call depends on that."""
    uneven: dict[Place, Any] = field(default_factory=dict[Place, Any])
    """Of places of such lists: what parts them from others that grow with them in some states only."""
    cells: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    frozen: dict[Place, Any] = field(default_factory=dict[Place, Any])
    """Numbers among the arguments that the program needs statically: place → why."""
    defaults: dict[tuple[str, str], Any] = field(default_factory=dict[tuple[str, str], Any])
    """The trees of containers that are defaults of parameters, by method and parameter."""
    written: set[str] = field(default_factory=set[str])
    """Names of tensor inputs that the program changes in place."""
    split: set[Place] = field(default_factory=set[Place])
    """Tensors that share memory in some states of a point and not in others: parameters of their own."""
    unknown: set[Place] = field(default_factory=set[Place])
    """Places of tensors that are parameters although their values depend on constants alone."""
    exact: set[Any] = field(default_factory=set[Any])
    """Variables whose sharing must be followed exactly, since they are changed in place."""
    few: bool = False
    """Follow those variables alone: to follow all made the program too large."""
    aliased: dict[Place, set[Any]] = field(default_factory=dict[Place, "set[Any]"])
    """Tensors that may share memory with something unseen → the split places that this is due to."""
    reasons: dict[Place, Diagnostic] = field(default_factory=dict[Place, Diagnostic])
    """Why places are kept static, where that was told."""
    needed: dict[Place, Span | None] = field(default_factory=dict[Place, "Span | None"])
    """Where the program needed places statically."""
    needs: dict[Any, Any] = field(default_factory=dict[Any, Any])
    """Calls on unknown sizes → what they need of them (``recording/small_sizes.py``)."""
    deciding: set[Any] = field(default_factory=set[Any])
    """Loops over small ranges (code, label, index) in which a decision was taken."""
    rolled: set[Any] = field(default_factory=set[Any])
    """Those that are not unrolled, unless their counter is needed statically."""
    unchosen: set[Any] = field(default_factory=set[Any])
    """Kinds of memory (dtype, bytes) that is changed in place: its tensors are not chosen by an index."""
    touched: set[int] = field(default_factory=set[int])
    """Objects, by identity, that are changed on some ways to a program point and not on others: they are
    described in all states, so that those of the point can meet."""
    keyed: set[Any] = field(default_factory=set[Any])
    """Where dicts and sets are made (code, label, index) that are given keys known only at run time."""
    arrays: bool = False
    """Whether the program reads tensors as NumPy arrays: its own code is interpreted then, where what
    stands for an array is told to be one."""
    deadline: float = float("inf")
    """When to give up (``time.process_time()``, so that a busy machine changes nothing)."""
    changed: bool = False
    told_late: bool = False
    """Whether this attempt began before states were to tell what they tell now: some do not tell all."""
    log: list[str] = field(default_factory=list[str])

    kept_names: set[Any] = field(default_factory=set[Any])
    """Variables (code and path) that were kept static at two places: they stay so everywhere."""

    def keeps(self, place: Place) -> bool:
        return place in self.keep or _variable(place) in self.kept_names

    def note(self, what: str) -> None:
        self.changed = True
        self.log.append(what)

    def demand(self, origins: frozenset[Any], why: Diagnostic | None = None) -> None:
        """Something generalized is needed statically: keep it so and begin again.

        ``why`` is what to tell where that then makes a loop unroll without end. Returns where there is
        nothing to keep (the number was read from data).
        """
        new = {origin for origin in origins if origin != DATA} - self.keep
        if not new:
            return
        known = {_variable(place) for place in self.keep}
        self.kept_names |= {_variable(place) for place in new} & known - {None}
        self.keep |= new
        if current:  # (a block is being recorded)
            self.needed.update(dict.fromkeys(new, current[-1].span))
        if why is not None:
            self.reasons.update(dict.fromkeys(new, why))
        self.aliased.clear()
        self.widen -= new
        self.symbols -= new
        self.note(f"keep static: {sorted(map(str, new))}")
        raise Restart

    def widen_elements(self, places: Collection[Place], *forms: Any) -> None:
        """Lists that were generalized at ``places`` have elements of these forms, too (or these values):
        begin again with what they have in common. Returns where that is nothing new, or nothing."""
        known = {place: self.elements[place] for place in places if place in self.elements}
        wider = {place: common([element, *forms]) for place, element in known.items()}
        new = {place: made for place, made in wider.items() if made not in (None, known[place])}
        if new:
            self.elements.update(new)
            self.note("elements of lists of several forms")
        if new or (self.changed and known and wider == known):  # this attempt began before they were known
            raise Restart

    def demand_ranges(self, places: Collection[Place]) -> None:
        """A call may depend on how large sizes can be: tell it in states, and begin again."""
        new = {_variable(place) or place for place in places} - self.ranged
        if new:
            self.ranged |= new
            self.told_late = True
            self.note(f"ranges of sizes: {sorted(map(str, new))}")
            raise Restart

    def range_told(self, place: Place, known: Range) -> Range | None:
        """What a state tells of the size at a place that is ``known`` to be in a range, if anything."""
        if (_variable(place) or place) not in self.ranged:
            return None
        known = known.rounded(self.mentioned)
        for tried in self.hulls.get(place, ()):
            known = known.hull(tried)
        return known

    def widen_range(self, place: Place, hull: Range) -> None:
        """States that are otherwise equal differ in a range: tell ``hull``, or after a few none."""
        tried = self.hulls.setdefault(place, [])
        tried.append(hull if len(tried) < _HULLS else Range())

    def demand_lengths(self) -> None:
        """A call may depend on whether lists are equally long: tell it in states, and begin again."""
        if not self.lockstep:
            self.lockstep = self.told_late = True
            self.note("lengths of lists")
            raise Restart

    def part_lengths(self, place: Place, classes: Any) -> None:
        """States that are otherwise equal differ in what grows together with the list at ``place``."""
        self.uneven[place] = (self.uneven.get(place), classes)

    def is_exact(self, place: Place) -> bool:
        """Whether the sharing of a place is followed."""
        if not self.exact:
            return False
        variable = self._followed(place)
        return variable in self.exact or _any_item(variable) in self.exact

    def _followed(self, place: Place) -> Any:
        """What is followed for a place: the variable, or all of them.

        One by one, each costs an attempt, and programs are smaller by 1 % only (60 generated ones,
        which took 24 % more attempts).
        """
        variable = _variable(place)
        return place[1] if variable is None else variable if self.few else LOCALS

    def demand_sharing(self, places: set[Place]) -> None:
        """Memory is changed that ``places`` may share unseen: follow their sharing and begin again."""
        new = {self._followed(place) for place in places if not self.is_exact(place)}
        if not new:
            return
        # two items of a container: all of them, since a list that grows would come back with each
        items = {_any_item(variable) for variable in self.exact}
        new = {whole if (whole := _any_item(variable)) in items else variable for variable in new}
        self.exact |= new
        self.split = {place for place in self.split if not self.is_exact(place)}
        self.aliased.clear()  # found anew: part of it was due to what is followed now
        self.note(f"follow the memory of {sorted(map(str, new))}")
        raise Restart

    def follow_few(self) -> None:
        """The program grows too large: follow the sharing of the variables that need it alone."""
        if LOCALS in self.exact and not self.few:
            self.few = True
            self.exact.discard(LOCALS)
            self.note("follow the memory of few variables")
            raise Restart

    def mark(self, point: tuple[Any, ...], marks: dict[Any, set[Any]]) -> bool:
        """Note what must not be changed in place at a point; whether any of it is new."""
        new = False
        for path, because in marks.items():
            known = self.aliased.setdefault((point, path), set())
            new |= not because <= known
            known |= because
        return new

    def bind_together(self, method: str, pair: tuple[str, str]) -> None:
        """The program asks whether two arguments are one tensor, and in the example they are."""
        if (method, pair) not in self.together:
            self.together.add((method, pair))
            self.note(f"one tensor: {' and '.join(pair)}")
            raise Restart

    def must_interpret(self, codes: set[types.CodeType]) -> None:
        new = codes - self.interpret
        if new:
            self.interpret |= new
            self.note(f"interpret: {sorted(code.co_qualname for code in new)}")
            raise Restart

    def read_as_arrays(self) -> None:
        if not self.arrays:
            self.arrays = True
            self.note("arrays of NumPy")
            raise Restart

    def roll_loops(self) -> None:
        """The program grows too large: small loops with decisions in them are to be loops."""
        if self.deciding - self.rolled:
            self.rolled |= self.deciding
            self.note(f"roll {len(self.rolled)} loops")
            raise Restart

    def never_choose(self, kind: Any) -> None:
        """Memory of this kind is changed in place, and a tensor that was chosen by an index is a copy."""
        if kind not in self.unchosen:
            self.unchosen.add(kind)
            self.note(f"never choose {kind}")
            raise Restart

    def key_by_data(self, site: Any) -> None:
        """A dict or set made there is given a key that is known only at run time."""
        if site not in self.keyed:
            self.keyed.add(site)
            self.note(f"keys known only at run time, of what is made at {site}")
            raise Restart

    def must_write(self, name: str) -> None:
        if name not in self.written:
            self.written.add(name)
            self.note(f"written argument: {name}")
            raise Restart

    def make_cell(self, name: str, tensor: torch.Tensor) -> None:
        if name not in self.cells:
            self.cells[name] = tensor
            self.note(f"cell: {name}")
            raise Restart
