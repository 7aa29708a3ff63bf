"""``heapq`` and ``bisect`` of what begins with numbers from data; tuples that are compared item by item."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.functions import FIRST, Net, inputs

from dyncc.compiler import compile
from dyncc.compiler.check.compare import REFERENCE, compare
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import prelude, specialize
from dyncc.compiler.specialize.prelude import bisection, heaps

# ------------------------------------------------------------------ the definitions against CPython's


class Key:
    """A number whose comparisons are noted."""

    def __init__(self, number: int, name: int, asked: list[tuple[int, int]]) -> None:
        self.number, self.name, self.asked = number, name, asked

    def __lt__(self, other: Key) -> bool:
        self.asked.append((self.name, other.name))
        return self.number < other.number


Made = tuple[list[Key], Key, list[tuple[int, int]]]


def made(numbers: list[int], item: int) -> Made:
    asked: list[tuple[int, int]] = []
    keys = [Key(number, name, asked) for name, number in enumerate([*numbers, item])]
    return keys[:-1], keys[-1], asked


def told(function: Callable[[list[Key], Key], Any], numbers: list[int], item: int) -> Any:
    """What it gives or raises, what becomes of the list, and what was compared, in order."""
    keys, key, asked = made(numbers, item)
    try:
        result = function(keys, key)
    except IndexError as error:
        result = repr(error)
    if isinstance(result, list):
        result = [each.name for each in result]
    return getattr(result, "name", result), [each.name for each in keys], asked


def drained(pop: Callable[[list[Key]], Key]) -> Callable[[list[Key], Key], list[Key]]:
    return lambda keys, _: [pop(keys) for _ in range(len(keys))]


def then(first: Callable[..., Any], second: Callable[..., Any]) -> Callable[[list[Key], Key], Any]:
    """A heap is made by ``first``."""

    def call(keys: list[Key], key: Key) -> Any:
        first(keys)
        return second(keys, key)

    return call


def merging(merge: Any, reverse: bool, by: Any = None) -> Callable[[list[Key], Key], list[Key]]:
    def call(keys: list[Key], key: Key) -> list[Key]:
        ordered = sorted(keys, key=lambda each: each.number, reverse=reverse)
        return list(merge(ordered[::2], ordered[1::2], [], [key], key=by, reverse=reverse))

    return call


falling: Any = heapq
PAIRS: dict[str, tuple[Callable[[list[Key], Key], Any], Callable[[list[Key], Key], Any]]] = {
    "heapify": (lambda h, _: heapq.heapify(h), lambda h, _: heaps.made_heap(h)),
    "heappush": (heapq.heappush, heaps.pushed),
    "heappush on a heap": (then(heapq.heapify, heapq.heappush), then(heaps.made_heap, heaps.pushed)),
    "heappop": (lambda h, _: heapq.heappop(h), lambda h, _: heaps.popped(h)),
    "all heappop": (drained(heapq.heappop), drained(heaps.popped)),
    "heapreplace": (heapq.heapreplace, heaps.replaced),
    "heappushpop": (heapq.heappushpop, heaps.pushed_and_popped),
    "heapify, falling": (
        lambda h, _: falling._heapify_max(h),
        lambda h, _: heaps.made_falling_heap(h),
    ),
    "all heappop, falling": (drained(falling._heappop_max), drained(heaps.popped_greatest)),
    "heapreplace, falling": (falling._heapreplace_max, heaps.replaced_greatest),
    "bisect_right": (bisect.bisect_right, bisection.place_after),
    "bisect_left": (bisect.bisect_left, bisection.place_before),
    "insort_right": (bisect.insort_right, bisection.inserted_after),
    "insort_left": (bisect.insort_left, bisection.inserted_before),
    "bisect between": (
        lambda h, key: bisect.bisect(h, key, 1, max(1, len(h) - 1)),
        lambda h, key: bisection.place_after(h, key, 1, max(1, len(h) - 1)),
    ),
    "nlargest": (lambda h, _: heapq.nlargest(3, h), lambda h, _: heaps.largest(3, h)),
    "nsmallest": (lambda h, _: heapq.nsmallest(2, h), lambda h, _: heaps.smallest(2, h)),
    "the largest": (lambda h, _: heapq.nlargest(1, h), lambda h, _: heaps.largest(1, h)),
    "merge": (merging(heapq.merge, False), merging(heaps.merged, False)),
    "merge, falling": (merging(heapq.merge, True), merging(heaps.merged, True)),
    "merge by key": (
        merging(heapq.merge, False, lambda each: -each.number),
        merging(heaps.merged, False, lambda each: -each.number),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=150, deadline=None)
@given(numbers=st.lists(st.integers(0, 5), max_size=14), item=st.integers(0, 5), order=st.booleans())
def test_the_comparisons_are_those_of_cpython(
    name: str, numbers: list[int], item: int, order: bool
) -> None:
    original, definition = PAIRS[name]
    numbers = sorted(numbers) if order else numbers
    assert told(definition, numbers, item) == told(original, numbers, item)


@given(st.lists(st.sampled_from([0.0, 1.0, float("nan")]), max_size=9), st.sampled_from([-1, 0, 1, 2, 99]))
def test_the_largest_of_numbers_that_are_none(values: list[float], count: int) -> None:
    assert repr(heaps.largest(count, values)) == repr(heapq.nlargest(count, values))
    assert repr(heaps.smallest(count, values)) == repr(heapq.nsmallest(count, values))


_ITEMS = st.lists(st.integers(0, 2), max_size=3)


@given(_ITEMS, _ITEMS, st.booleans())
def test_sequences_are_compared_as_cpython_does(left: Any, right: Any, tuples: bool) -> None:
    one, other = (tuple(left), tuple(right)) if tuples else (left, right)
    for numbers in range(min(len(one), len(other)) + 1):
        assert prelude.sequences_in_order("<", one, other, numbers) == (one < other)
        assert prelude.sequences_in_order("<=", one, other, numbers) == (one <= other)
        assert prelude.sequences_in_order(">", one, other, numbers) == (one > other)
        assert prelude.sequences_in_order(">=", one, other, numbers) == (one >= other)
        assert prelude.equal_sequences("==", one, other, numbers) == (one == other)
        assert prelude.equal_sequences("!=", one, other, numbers) == (one != other)


# ----------------------------------------------------------------------------- programs against eager


class Candidate(NamedTuple):
    score: float
    number: int
    state: torch.Tensor


@dataclass
class Hypothesis:
    score: float
    name: int

    def __lt__(self, other: Hypothesis) -> bool:
        return self.score > other.score


def numbers(x: torch.Tensor) -> Any:
    heap: list[float] = []
    for value in x:
        heapq.heappush(heap, value.item())
    return heapq.heappop(heap), heap


def records(x: torch.Tensor) -> Any:
    heap: list[Any] = []
    for i, value in enumerate(x):
        heapq.heappush(heap, (value.item(), i, x * value))
    first, second = heapq.heappop(heap), heapq.heappop(heap)
    return first, second[2], len(heap)


def named(x: torch.Tensor) -> Any:
    heap = [Candidate(-value.item(), i, x + i) for i, value in enumerate(x)]
    heapq.heapify(heap)
    found = heapq.heapreplace(heap, Candidate(-1.0, 9, x))
    return found.number, found.state, heap[0].score


def objects(x: torch.Tensor) -> Any:
    heap: list[Hypothesis] = []
    for i, value in enumerate(x.tolist()):
        heapq.heappush(heap, Hypothesis(value, i))
    return heapq.heappop(heap).name, heapq.heappushpop(heap, Hypothesis(1.0, 7)).name


def replaced(x: torch.Tensor) -> Any:
    heap = x.tolist()
    heapq.heapify(heap)
    least = heapq.heappushpop(heap, x.sum().item() / 4)
    return least, heapq.heapreplace(heap, 0.5), heap


def of_tensors(x: torch.Tensor) -> Any:
    heap: list[torch.Tensor] = []
    for value in x[:3]:
        heapq.heappush(heap, value * 2)
    return heapq.heappop(heap), heap[0]


def ties(x: torch.Tensor) -> Any:
    """Where scores are equal, tensors are compared."""
    heap: list[Any] = []
    for value in x[:2]:
        heapq.heappush(heap, (int(value), value))
    return heapq.heappop(heap)[1]


def grown(x: torch.Tensor) -> Any:
    heap: list[float] = []
    while x.sum() > 0.5:
        heapq.heappush(heap, x[0].item())
        x = x.roll(1) * 0.5
    found: list[float] = []
    while heap:
        found.append(heapq.heappop(heap))
    return found


def grown_records(x: torch.Tensor) -> Any:
    heap: list[Any] = []
    count = 0
    while x.sum() > 0.5:
        heapq.heappush(heap, (x[0].item(), count, x))
        count += 1
        x = x.roll(1) * 0.5
    if not heap:
        return x
    found = heapq.heappop(heap)
    return found[2] * found[0] + found[1]


def best_first(x: torch.Tensor) -> Any:
    """Best-first search: the best is expanded, until there have been enough."""
    heap: list[Any] = [(0.0, 0, x)]
    count = 0
    cost = 0.0
    while heap and count < 6:
        cost, _, state = heapq.heappop(heap)
        if state.sum() < 1:
            break
        count += 1
        heapq.heappush(heap, (cost + state[0].item(), 2 * count, state * 0.5))
        heapq.heappush(heap, (cost + state[1].item(), 2 * count + 1, state.roll(1) * 0.75))
    return cost, count


def beam(x: torch.Tensor) -> Any:
    """Beam search: of all continuations the two best."""
    beams = [(0.0, [0], x)]
    for step in range(2):
        found = []
        for score, tokens, state in beams:
            for token in range(2):
                found.append((score + state[token].item(), [*tokens, token], state * (token + step + 1)))
        beams = heapq.nlargest(2, found, key=lambda each: each[0])
    return [(score, tokens) for score, tokens, _ in beams], beams[0][2]


def chosen(x: torch.Tensor) -> Any:
    values = x.tolist()
    return heapq.nlargest(2, values), heapq.nsmallest(9, values), heapq.nlargest(1, values)


def chosen_of_grown(x: torch.Tensor) -> Any:
    values: list[float] = []
    while x.sum() > 0.5:
        values.append(x[0].item())
        x = x.roll(1) * 0.5
    return heapq.nlargest(2, values), bisect.bisect_left(values, 0.5)


def merged(x: torch.Tensor) -> Any:
    one, other = sorted(x[:2].tolist()), sorted(x[2:].tolist())
    return list(heapq.merge(one, other))


def bisected(x: torch.Tensor) -> Any:
    limits = [0.5, 1.0, 1.0, 2.5]
    value = x[0].item()
    inner = bisect.bisect(limits, value, 1, 3), bisect.bisect_left(limits, value, lo=2)
    return bisect.bisect(limits, value), bisect.bisect_left((1, 2, 3), int(x[1])), inner


def bisected_by_key(x: torch.Tensor) -> Any:
    pairs = [(x, i / 2) for i in range(5)]
    return bisect.bisect_left(pairs, x[0].item(), key=lambda pair: pair[1])


def bucket(x: torch.Tensor) -> Any:
    """The index of a bucket leads on."""
    total = x
    for value in x:
        total = total * [1, 2, 4][bisect.bisect([0.5, 1.5], value.item())]
    return total


def inserted(x: torch.Tensor) -> Any:
    ordered: list[float] = []
    by_key: list[Any] = []
    for value in x:
        bisect.insort(ordered, value.item())
        bisect.insort_left(by_key, (value.item(), x), key=lambda pair: -pair[0])
    return ordered, [score for score, _ in by_key]


def inserted_in_grown(x: torch.Tensor) -> Any:
    ordered: list[float] = []
    while x.sum() > 0.5:
        bisect.insort(ordered, x[0].item())
        x = x.roll(1) * 0.5
    return ordered


def empty(x: torch.Tensor) -> Any:
    heap = x[x > 1.5].tolist()
    try:
        return x * heapq.heappop(heap)
    except IndexError as error:
        return x, str(error)


def equal(x: torch.Tensor) -> Any:
    one, other = ("a", x[0].item(), x[1]), ("a", x[2].item(), x[3])
    return x if one == other else (-x if ("b", x[0].item()) != ("b", 1.0) else x * 2)


PROGRAMS = [
    numbers, records, named, objects, replaced, of_tensors, ties, grown, grown_records, best_first, beam,
    chosen, chosen_of_grown, merged, bisected, bisected_by_key, bucket, inserted, inserted_in_grown, empty,
    equal,
]  # fmt: skip


@pytest.mark.parametrize("function", PROGRAMS)
def test_they_are_those_of_eager(function: Callable[[torch.Tensor], Any], tmp_path: Path) -> None:
    recorded = specialize(Net(function), (FIRST,))
    net = compile(function, (FIRST,), output=tmp_path / "net.dyncc")
    for x in inputs():
        expected = function(x)
        interpreter = Interpreter(recorded.program, recorded.weights)
        assert not compare(expected, interpreter.run("forward", x), REFERENCE).differences
        assert not compare(expected, net(x), REFERENCE).differences


def test_numbers_are_found_without_a_block_for_each_order() -> None:
    x = torch.ones(4)
    for function in (chosen, bucket, beam):
        assert len(specialize(Net(function), (x,)).program.blocks) < 25


def test_what_is_no_heap_is_told_as_by_cpython() -> None:
    def no_list(x: torch.Tensor) -> Any:
        heapq.heappush((), x[0].item())  # type: ignore[arg-type]
        return x

    with pytest.raises(CompileError, match=r"heappush\(\) argument 1 must be list, not tuple"):
        specialize(Net(no_list), (torch.ones(4),))
