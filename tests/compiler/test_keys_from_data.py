"""Dicts, sets and counters whose keys are numbers that the network computes."""

from __future__ import annotations

import collections
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from dyncc.compiler import compile
from dyncc.compiler.check.compare import END_TO_END, compare
from dyncc.compiler.diagnostics import CompileError

TURNS = {("left", 0): "right", ("right", 0): "left", ("left", 1): "left", ("right", 1): "right"}


def numbers(x: torch.Tensor) -> list[int]:
    return (x * 2).long().tolist()


def grouped(x: torch.Tensor) -> torch.Tensor:
    groups = collections.defaultdict(list)
    for index, key in enumerate(numbers(x)):
        groups[key].append(index)
    out = torch.zeros_like(x)
    for key, members in groups.items():
        out[members] = x[members] * (key + 1)
    return out


def counted(x: torch.Tensor) -> Any:
    counts = collections.Counter(numbers(x))
    (best, often), *_ = counts.most_common(1)
    return best, often, counts[100], len(counts), sum(counts.values())


def added_up(x: torch.Tensor) -> Any:
    kept, found = {2: x}, {}
    while x.sum() > 0:
        x = x - 1
        key = min(int(x.abs().sum() * 1.37), 9)
        kept[key] = x
        if (key, 1) not in found:
            found[(key, 1)] = sum(found.values()) + 1
    return sum(kept.values(), x), sum(found.values())


def first_repeated(x: torch.Tensor) -> int:
    seen = set()
    for key in numbers(x):
        if key in seen:
            return key
        seen.add(key)
    return -100


def remembered(x: torch.Tensor) -> Any:
    memo: dict[int, torch.Tensor] = {}
    total, misses = torch.zeros(()), 0
    for key in numbers(x):
        if key not in memo:
            misses += 1
            memo[key] = torch.tanh(x[0] * key)
        total = total + memo[key]
    return total, misses


def by_pairs(x: torch.Tensor) -> Any:
    one, two, three = numbers(x)[:3]
    votes: dict[tuple[int, int], int] = {}
    for pair in ((one, two), (two, three)):
        votes[pair] = votes.get(pair, 0) + 1
    return len(votes), votes[one, two], (three, one) in votes


def walked(x: torch.Tensor) -> Any:
    state = "left"
    for value in x[:3]:
        state = TURNS[state, int(value > 0)]
    return state, x + (1 if state == "left" else 2)


def unmatched(x: torch.Tensor) -> Any:
    try:
        return TURNS["left", int(x[0])]
    except KeyError:
        return "none"


def sets(x: torch.Tensor) -> Any:
    one, two, three, *_ = numbers(x)
    left, right = {one, two}, {two, three}
    left.discard(one)
    return len(left), len(left | right), len(left & right), left <= right, sorted(right), {one} == {three}


def changed(x: torch.Tensor) -> Any:
    one, two, *_ = numbers(x)
    table = {one: 1, 0: 2}
    table.setdefault(two, 5)
    table[one] += 10
    table.pop(two, None)
    return sorted(table.values()), list(table.keys()) == [one, 0], len(table)


def under_two_names(x: torch.Tensor) -> Any:
    one, two, *_ = numbers(x)
    left = kept = {1, 2}
    left |= {one}
    right = also = {0, one}
    right &= {two}
    return len(left), len(kept), len(right), len(also), len(max({one}, {one, two}))


def without_repetitions(x: torch.Tensor) -> Any:
    counts = dict.fromkeys(numbers(x)[:2], 0)
    for key in numbers(x)[:2]:
        counts[key] += 1
    return list(dict.fromkeys(numbers(x)[:2])), list(counts.values())


def changed_in_place_afterwards(x: torch.Tensor) -> Any:
    """What is in a list that a dict has under a key from data is changed under its own name."""
    y, groups = x * 2, dict[int, list[torch.Tensor]]()
    key = int(x.sum() > 0)
    groups.setdefault(key, []).append(y if y[0] < y[1] else x * 3)
    groups[0] = [x + 1]
    with torch.no_grad():
        key -= 2
    y[1] = -0.5738
    return sum(groups.get(1, []), x), key


def in_tables_of_cpython(x: torch.Tensor) -> Any:
    one, two, *_ = numbers(x)
    table, counts = {(2, 0): 1, (4, 0): 2}, collections.Counter([2, 2, 4])
    ordered = collections.OrderedDict([(2, "a"), (3, "b")])
    found = (one, 0) in table.keys(), one in counts.keys(), two not in ordered.keys()  # noqa: SIM118
    del counts[two]
    return found, sorted(counts.items())


def texts(x: torch.Tensor) -> list[str]:
    return ["a"] if x[0] > 0 else ["a", "b", "a"]


def counted_texts(x: torch.Tensor) -> Any:
    counts = collections.Counter(a=1)
    counts.update(texts(x))
    counts.subtract(texts(-x))
    made = collections.Counter(texts(x))
    return counts["a"], counts["b"], made["a"], made["b"]


def sets_of_texts(x: torch.Tensor) -> Any:
    known = {"z"}
    known.update(texts(x))
    latest = collections.deque(["q"], maxlen=2)
    latest.extend(texts(x))
    table = dict([("a", 1)] if x[0] > 0 else [("a", 2), ("b", 3)])
    return len(known), "b" in known, "b" in set(texts(x)), list(latest), table["a"], table.get("b", 0)


def symmetric_differences(x: torch.Tensor) -> Any:
    one, other = {1, 2}, set(numbers(x))
    both = one ^ other
    swapped = {0, 5}
    swapped ^= other
    swapped.symmetric_difference_update([1, 1, 7])
    beside = one.union(other), one.intersection(other), one.symmetric_difference(other)
    return sorted(both), sorted(swapped), sorted(other ^ {0}), [len(each) for each in beside]


FUNCTIONS: dict[str, Callable[[torch.Tensor], Any]] = {
    each.__name__: each
    for each in (
        counted_texts,
        sets_of_texts,
        symmetric_differences,
        grouped,
        added_up,
        counted,
        first_repeated,
        remembered,
        by_pairs,
        walked,
        unmatched,
        sets,
        changed,
        under_two_names,
        without_repetitions,
        changed_in_place_afterwards,
    )
}


def agree(expected: Any, actual: Any) -> None:
    assert not compare(expected, actual, END_TO_END).differences


@pytest.mark.parametrize("name", FUNCTIONS)
def test_they_are_those_of_eager(name: str, tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    net = compile(FUNCTIONS[name], (torch.rand(4, generator=random),), output=tmp_path / "net.dyncc")
    for _ in range(20):
        x = torch.rand(4, generator=random) * 4 - 1.5
        agree(FUNCTIONS[name](x), net(x))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    def function(x: torch.Tensor) -> int:
        return {0: 1, 1: 2}[int(x[0])]

    net = compile(function, (torch.zeros(1),), output=tmp_path / "net.dyncc")
    with pytest.raises(KeyError) as caught:
        net(torch.full((1,), 9.0))
    assert caught.value.args == (9,) and str(caught.value) == "9"


@pytest.mark.parametrize(
    ("at", "args"),
    [(1, (1,)), (2, ("2",)), (3, ("3",)), (4, (4.5,)), (5, (None,)), (6, (6,)), (7, ("k7",))],
)
def test_what_an_exception_is_given_is_no_text_of_it(
    at: int, args: tuple[Any, ...], tmp_path: Path
) -> None:
    # compiled with its checks, that of the messages among them
    net = compile(_raising, (torch.zeros(1),), output=tmp_path / "net.dyncc")
    with pytest.raises(KeyError) as caught:
        net(torch.full((1,), float(at)))
    assert caught.value.args == args and type(caught.value.args[0]) is type(args[0])


def _raising(x: torch.Tensor) -> torch.Tensor:
    n = int(x[0])
    if n == 1:
        raise KeyError(n)
    if n == 2:
        raise KeyError(f"{n}")
    if n == 3:
        raise KeyError(str(n))
    if n == 4:
        raise KeyError(x[0].item() + 0.5)
    if n == 5:
        raise KeyError(None)
    if n == 6:
        raise KeyError(6)
    if n == 7:
        raise KeyError(f"k{n}")
    return x


def _gone_through(x: torch.Tensor) -> Any:
    return [key for key in set(numbers(x))]


def _float_key(x: torch.Tensor) -> Any:
    return len({x[0].item(), x[1].item()})


TABLE: dict[int, int] = {}


def _kept(x: torch.Tensor) -> Any:
    TABLE[int(x[0])] = 1
    return len(TABLE)


def _returned(x: torch.Tensor) -> Any:
    return {int(x[0]): 1}


@pytest.mark.parametrize("function", [_gone_through, _float_key, _kept, _returned])
def test_what_depends_on_more_than_equality_is_refused(
    function: Callable[[torch.Tensor], Any], tmp_path: Path
) -> None:
    with pytest.raises(CompileError) as caught:
        compile(function, (torch.rand(4),), output=tmp_path / "net.dyncc")
    assert {each.code for each in caught.value.diagnostics} == {"DY110"}


class Visited(nn.Module):
    def forward(self, x: torch.Tensor, k: int) -> Any:
        number = k if (x > -0.2).all() else 1
        seen = {(1, 2), (number % 3, 1)}
        if number % 2 == 1 or x.mean() >= 0.5:
            x = x * 2
        if x.sum() > 0.2:
            return x, number, len(seen | {(0, 0)})
        return x, number, len(seen)


def test_the_parts_of_members_are_known(tmp_path: Path) -> None:
    """A set of CPython's is made again from its members: their numbers must not become parameters."""
    net = compile(Visited(), (torch.ones(4), 2), output=tmp_path / "net.dyncc")
    for x in (torch.ones(4), -torch.ones(4), torch.tensor([0.1, 0, -0.1, 0.1])):
        torch.testing.assert_close(net(x, 2), Visited()(x, 2))


class Counting(nn.Module):
    """A number that differs from call to call is no counter of a loop, to be had static."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> Any:
        seen = {0: "none"}
        if x.sum() > 0:
            seen[int(x[0])] = "some"
        self.calls += 3
        return seen.get(self.calls % 5, "other")


def test_a_count_of_calls_is_a_key(tmp_path: Path) -> None:
    model = Counting().eval()
    net = compile(model, (torch.ones(2),), output=tmp_path / "net.dyncc")
    for call in range(60):
        x = torch.full((2,), float(call % 7 - 2))
        assert net(x) == model(x)


def _of_any_length(x: torch.Tensor) -> Any:
    """Keys are the elements of a list whose length is free."""
    first: dict[int, int] = {}
    counts: dict[int, int] = {}
    for i, key in enumerate(x.tolist()):
        if key not in first:
            first[key] = i
        counts[key] = counts.get(key, 0) + 1
    return sorted(first.items()), sorted(counts.items()), sorted(set(x.tolist()))


def test_keys_are_elements_of_a_list_of_free_length(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    calls = [torch.randint(-2, 4, (n,), generator=generator) for n in (5, 0, 1, 2, 3, 8, 12)]
    net = compile(_of_any_length, (calls[0],), dynamic_shapes=({0: Dim("n")},), output=tmp_path / "n")
    for x in calls:
        assert net(x) == _of_any_length(x)
