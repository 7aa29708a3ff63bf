"""Lists of run-time length of objects: dataclasses, ordinary ones, those with slots."""

from __future__ import annotations

import copy
import dataclasses
import enum
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.compiler.test_lists_of_dicts import Net, assert_same, compiled, inputs
from torch import nn
from torch.export import Dim

from dyncc.compiler import CompileError, Limits, compile


@dataclass
class Hypothesis:
    tokens: list[int]
    score: float
    state: torch.Tensor
    note: str | None = None

    @property
    def normalized(self) -> float:
        return self.score / len(self.tokens)

    def extended(self, token: int, score: float, state: torch.Tensor) -> Hypothesis:
        return Hypothesis([*self.tokens, token], self.score + score, state)


class Kind(enum.Enum):
    LOW = 1
    HIGH = 2


class Track:
    """An ordinary class; the size is a method's doing."""

    def __init__(self, number: int, box: torch.Tensor, kind: Kind) -> None:
        self.number = number
        self.box = box
        self.kind = kind

    def area(self) -> torch.Tensor:
        return self.box[0] * self.box[1]


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    row: torch.Tensor
    index: int = 0


def beam_search(x: torch.Tensor) -> Any:
    """Hypotheses leave at the end token (0); the beam shrinks and the list of those done grows."""
    live = [Hypothesis([1], 0.0, x[0] * 0)]
    done: list[Hypothesis] = []
    for row in x:
        candidates = []
        for hypothesis in live:
            state = torch.tanh(hypothesis.state + row)
            scores, tokens = state.topk(2)
            for score, token in zip(scores.tolist(), tokens.tolist(), strict=True):
                candidates.append(hypothesis.extended(token, score, state))
        candidates.sort(key=lambda each: each.score, reverse=True)
        live = []
        for candidate in candidates[:2]:
            if candidate.tokens[-1] == 0:
                done.append(candidate)
            else:
                live.append(candidate)
        if not live:
            break
    ended = done or live
    best = max(ended, key=lambda each: each.normalized)
    return best.tokens, best.score, best.state, len(done), done


def tracks(x: torch.Tensor) -> Any:
    """Objects with a member of an enum; those that stay are in a new list."""
    alive: list[Track] = []
    for number, row in enumerate(x):
        if row[0] > 0:
            alive.append(Track(number, row.abs(), Kind.HIGH if row[1] > 0 else Kind.LOW))
        alive = [each for each in alive if each.area() > 0.1]
    total = x.sum() * 0
    high = 0
    for each in alive:
        total = total + each.area() * each.number
        if each.kind is Kind.HIGH:
            high += 1
    return total, high, [each.number for each in alive], isinstance(alive[0], Track) if alive else None


def points(x: torch.Tensor) -> Any:
    found = [Point(row[0].item(), row, i) for i, row in enumerate(x) if row[0] > -0.5]
    found = sorted(found, key=lambda point: point.x)
    moved = [dataclasses.replace(point, x=point.x + 1) for point in found]
    return found, [point.x for point in moved], len(moved), type(found[0]).__name__ if found else ""


class Version:
    """Compared by what it is; tells the next one."""

    __slots__ = ("major", "minor")

    def __init__(self, major: float, minor: int) -> None:
        self.major, self.minor = major, minor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.minor == other.minor

    def __lt__(self, other: Version) -> bool:
        return self.major < other.major

    __hash__ = None  # type: ignore[assignment]


def compared(x: torch.Tensor) -> Any:
    """By methods of the user's own."""
    found = []
    for row in x:
        if row[0] > -0.5:
            found.append(Version(row[1].item(), int(row.argmax())))
    wanted = Version(0.0, 2)
    least = sorted(found)[0].major if found else None
    return wanted in found, found.count(wanted), least, [each.minor for each in found if each == wanted]


@dataclass
class Node:
    value: float
    inner: Point
    path: list[int] = field(default_factory=list)
    of: nn.Module | None = None


LAYER = nn.Linear(4, 4)


def nested(x: torch.Tensor) -> Any:
    """Objects in objects, lists of numbers in them, a module that all share; popped, inserted, joined."""
    found: list[Node] = []
    for i, row in enumerate(x):
        path = [*found[-1].path, i] if found and row[2] > 0 else [i]
        if row[0] > 0:
            found.append(Node(row[0].item(), Point(row[1].item(), row), path, LAYER))
        elif found and row[1] > 0.5:
            found.pop()
        else:
            found.insert(0, Node(-1.0, Point(0.0, row * 2, i), [], LAYER))
    total = x.sum() * 0
    for node in found[1:] + found[:1]:
        assert node.of is not None
        total = total + node.of(node.inner.row).sum() * node.value + len(node.path)
    return total, [node.path for node in found], [node.inner for node in reversed(found)]


def namespaces(x: torch.Tensor) -> Any:
    found = []
    for row in x:
        if row.sum() > 0:
            found.append(types.SimpleNamespace(total=row.sum().item(), first=row[:2]))
    best = None
    for each in found:
        if best is None or each.total > best.total:
            best = each
    return (None if best is None else best.first), [vars(each)["total"] for each in found]


class Movable(Track):
    def moved(self) -> Movable:
        return type(self)(self.number + 1, self.box * 2, self.kind)


def copied(x: torch.Tensor) -> Any:
    """Copies may be changed, also one of two that data choose; what a method makes is no element."""
    found = [Movable(i, row, Kind.LOW) for i, row in enumerate(x) if row[0] > 0]
    total = x.sum() * 0
    others = []
    for track in found:
        other = copy.copy(track)
        if total > 1:
            total = total * 0.5
        other.number = other.number + 5
        others.append(other)
        total = total + track.moved().box.sum()
    if len(found) > 1:
        best = max([found[0], found[1]], key=lambda track: track.box.sum().item())
        if total > 0:
            total = total + best.number
        total = total + best.box.sum()
    one, other = types.SimpleNamespace(v=total.item()), types.SimpleNamespace(v=x[0, 1].item())
    largest = max([one, other], key=lambda each: each.v)
    return total, [each.number for each in found], [each.number for each in others], largest.v


FUNCTIONS = [beam_search, tracks, points, compared, nested, copied, namespaces]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_lists_of_objects(function: Callable[[torch.Tensor], Any], tmp_path: Path) -> None:
    net = compiled(function, tmp_path)
    for x in inputs():
        got, wanted = net(x), function(x)
        assert_same(as_dicts(got), as_dicts(wanted))


def as_dicts(value: Any) -> Any:
    """Dataclasses as (class, fields)."""
    if isinstance(value, (list, tuple)):
        return [as_dicts(each) for each in value]
    if dataclasses.is_dataclass(value):
        names = [item.name for item in dataclasses.fields(value)]
        return type(value).__name__, {name: as_dicts(getattr(value, name)) for name in names}
    return value


class Tracker(nn.Module):
    """Tracks live from call to call; what changes of one is put back."""

    def __init__(self) -> None:
        super().__init__()
        self.tracks: list[Track] = []
        self.born = 0

    def forward(self, x: torch.Tensor) -> Any:
        moved = []
        for track in self.tracks:
            box = 0.5 * (track.box + x[0])
            if box.sum() > -1:
                moved.append(Track(track.number, box, Kind.LOW if box[0] < 0 else track.kind))
        if x[1].sum() > 0.5:
            self.born += 1
            moved.append(Track(self.born, x[1], Kind.HIGH))
        self.tracks = moved
        return [track.number for track in self.tracks], sum(track.kind is Kind.HIGH for track in moved)


def test_a_list_of_objects_is_kept(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(2)
    calls = [torch.randn(2, 3, generator=generator) for _ in range(20)]
    net = compile(Tracker(), (calls[0],), output=tmp_path / "n")
    eager = Tracker()
    for x in calls:
        assert_same(net(x), eager(x))


def found_in(x: torch.Tensor) -> list[Track]:
    return [Track(i, row, Kind.LOW) for i, row in enumerate(x) if row[0] > 0]


def changed(x: torch.Tensor) -> Any:
    found = found_in(x)
    for track in found:
        track.number = 2
    return [track.number for track in found]


def changed_after(x: torch.Tensor) -> Any:
    found = []
    for row in x:
        made = Track(1, row, Kind.LOW)
        if row[0] > 0:
            found.append(made)
        made.number = 2
    return [track.number for track in found]


def changed_in_dict(x: torch.Tensor) -> Any:
    found = found_in(x)
    for track in found:
        vars(track)["number"] = 2
    return [track.number for track in found]


def changed_inside(x: torch.Tensor) -> Any:
    found = [Node(0.0, Point(0.0, row), [1]) for row in x if row[0] > 0]
    for node in found:
        node.path.append(2)
    return [node.path for node in found]


def asked_by_is(x: torch.Tensor) -> Any:
    found = found_in(x)
    best = max(found, key=lambda track: track.box.sum().item()) if found else None
    return [track.number for track in found if track is best]


def chosen_changed(x: torch.Tensor) -> Any:
    found = found_in(x)
    if len(found) < 2:
        return 0
    best = max([found[0], found[1]], key=lambda track: track.box.sum().item())
    best.number = 7
    return [track.number for track in found]


def asked_of_tuples(x: torch.Tensor) -> Any:
    found = [(i, row.sum().item()) for i, row in enumerate(x) if row[0] > 0]
    return bool(found) and found[0] is found[-1]


def asked_of_lists(x: torch.Tensor) -> Any:
    found = [row.tolist() for row in x if row[0] > 0]
    return bool(found) and found[0] is found[-1]


def asked_of_tensors(x: torch.Tensor) -> Any:
    found = [row for row in x if row[0] > 0]
    return bool(found) and found[0] is found[-1]


def is_one(left: Any, right: Any) -> bool:
    return left is right


def asked_in_a_call(x: torch.Tensor) -> Any:
    found = found_in(x)
    return bool(found) and is_one(found[0], found[-1])


def asked_by_equality(x: torch.Tensor) -> Any:
    found = found_in(x)
    return [track.number for track in found if track == found[0]]


def asked_by_in(x: torch.Tensor) -> Any:
    found = found_in(x)
    return bool(found) and found[0] in found


def asked_by_set(x: torch.Tensor) -> Any:
    found = found_in(x)
    seen: set[Track] = set()
    for track in found:
        seen.add(track)
    return len(seen)


def asked_by_number(x: torch.Tensor) -> Any:
    found = found_in(x)
    return bool(found) and id(found[0]) == id(found[-1])


def removed(x: torch.Tensor) -> Any:
    found = found_in(x)
    if found:
        found.remove(found[-1])
    return len(found)


@pytest.mark.parametrize(
    "function",
    [
        changed, changed_after, changed_in_dict, changed_inside, chosen_changed, asked_by_is,
        asked_in_a_call, asked_of_tuples, asked_of_lists, asked_of_tensors,
        asked_by_equality, asked_by_in, asked_by_set, asked_by_number, removed,
    ],
    ids=lambda function: function.__name__,
)  # fmt: skip
def test_what_a_copy_cannot_tell_is_refused(
    function: Callable[[torch.Tensor], Any], tmp_path: Path
) -> None:
    with pytest.raises(CompileError) as raised:
        compile(Net(function), (inputs()[0],), dynamic_shapes=({0: Dim("n")},), limits=Limits(blocks=100))
    assert raised.value.diagnostics[0].code == "DY112", str(raised.value)
    assert raised.value.diagnostics[0].span is not None
