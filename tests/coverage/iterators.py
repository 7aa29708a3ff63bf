"""Builtins that iterate, `itertools`."""

import collections
import itertools

import torch
from tests.coverage.cases import table

builtins = table("Iterators", "Builtins")


@builtins("`zip`, `enumerate`")
def zipped(x):
    return [a * i for i, (a, b) in enumerate(zip(x, x.flip(0)), 1) if a > b]


@builtins("`zip(strict=True)`, lengths that data decide")
def zip_strict(x):
    kept = [v for v in x[:2] if v > 0]
    return [a + b for a, b in zip(kept, [1, 2], strict=True)], list(zip([1, 2], kept, strict=True))


@builtins("`map`, `filter` with a function that decides")
def mapped(x):
    signs = list(map(lambda v: 1 if v > 0 else -1, x[:2]))
    return signs, list(filter(lambda v: v > 0, x[:2]))


@builtins("generators given to `dict`, `OrderedDict`, `set`, `deque`, `update`, `extend`")
def consumed(x):
    def pairs():
        for i in range(2):
            yield i, x * i if x[i] > 0 else x

    rows, more = collections.OrderedDict(pairs()), dict(pairs())
    queue = collections.deque(v for _, v in pairs())
    more.update((k + 1, v) for k, v in pairs())
    some = []
    some.extend(v for _, v in pairs())
    keys = set(k for k, _ in pairs()) | frozenset(k for k, _ in pairs())
    return rows, more, queue[0] + some[1], len(keys)


@builtins("`map` over two")
def map_two(x):
    return list(map(lambda a, b: a if a > b else b, x[:3], x[1:]))


@builtins("`filter(None, …)`")
def filter_none(x):
    return list(filter(None, [int(v) for v in x]))


@builtins("`reversed`, `range` with a negative step")
def backwards(x):
    out = []
    for i in range(3, -1, -1):
        if x[i] > 0:
            out.append(i)
    return out, [i for i in reversed(range(4)) if x[i] > 0]


@builtins("`any`, `all` of a list of comparisons")
def quantifiers(x):
    return any([v > 3 for v in x]), all([v > -2 for v in x])


@builtins("`sum` with a start, `min`, `max` with `default`")
def reductions(x):
    kept = [v for v in x[:2] if v > 0]
    return sum(kept, torch.zeros(())), max(kept, default=None), min(x)


@builtins("`iter`, `next` by hand")
def by_hand(x):
    it = iter(x)
    total = next(it)
    while total < 5:
        v = next(it, None)
        if v is None:
            break
        total = total + v
    return total


@builtins("`iter(function, sentinel)`", refused="DY103")
def sentinel(x):
    state = [int(x.abs().sum())]

    def step():
        state[0] //= 2
        return state[0]

    return sum(1 for _ in iter(step, 0))


@builtins("a class as iterator that decides")
def own_iterator(x):
    return [v for v in Halves(x)]


class Halves:
    def __init__(self, x):
        self.x = x

    def __iter__(self):
        return self

    def __next__(self):
        if self.x.abs().sum() < 4:
            raise StopIteration
        self.x = self.x / 2
        return self.x


@builtins("`range` with `len`, `in`, index")
def ranges(x):
    r = range(0, 10, 2)
    return int(x[0]) in r, r[int(x.argmax())], len(range(int(x.max())))


tools = table("Iterators", "`itertools`")


@tools("`chain`, `chain.from_iterable`")
def chain(x):
    parts = [[v for v in x[:3] if v > 0], [1.0]]
    return list(itertools.chain(*parts)), list(itertools.chain.from_iterable(parts))


@tools("`chain` of generators that decide")
def chain_generators(x):
    return list(itertools.chain((v for v in x[:2] if v > 0), (v for v in x[2:] if v < 0)))


@tools("`chain.from_iterable` of a generator that decides")
def chain_from_generator(x):
    return list(itertools.chain.from_iterable([v, v + 1] for v in x if v > 0))


@tools("`islice`, `count`")
def islice(x):
    numbers = [i for i, v in zip(itertools.count(3), x[:2]) if v > 0]
    return numbers, list(itertools.islice((v for v in x[:3] if v > 0), 2))


@tools("`accumulate`")
def accumulate(x):
    return list(itertools.accumulate([v.item() for v in x])), list(itertools.accumulate(x, max))


@tools("`accumulate` with a function that decides, `initial`")
def accumulate_function(x):
    return list(itertools.accumulate(x, lambda a, b: a if a > b else b, initial=torch.zeros(())))


@tools("`takewhile`, `dropwhile`")
def takewhile(x):
    return list(itertools.takewhile(lambda v: v > 0, x[:3])), list(
        itertools.dropwhile(lambda v: v > 0, x[:3])
    )


@tools("`filterfalse`, `compress`")
def filterfalse(x):
    return list(itertools.filterfalse(lambda v: v > 0, x)), list(
        itertools.compress("abcd", [v > 0 for v in x])
    )


@tools("`product`, `permutations`, `combinations`")
def product(x):
    return (
        [a * b for a, b in itertools.product(x[:2], x[2:]) if a > b],
        [a for a, b in itertools.permutations(x[:3], 2) if a > b],
        [a + b for a, b in itertools.combinations(x, 2) if a > b],
    )


@tools("`repeat`, `cycle`")
def repeat(x):
    signs = [v * s for v, s in zip(x, itertools.cycle([1, -1])) if v > 0]
    return signs, list(itertools.repeat(2, 3 if x.sum() > 0 else 1))


@tools("`starmap`")
def starmap(x):
    return list(itertools.starmap(lambda a, b: a if a > b else b, [(x[0], x[1]), (x[2], x[3])]))


@tools("`groupby` by a decision; groups are empty once the next is asked for")
def groupby(x):
    runs = [(k, len(list(g))) for k, g in itertools.groupby(x[:3], key=lambda v: bool(v > 0))]
    late = [len(list(g)) for _, g in list(itertools.groupby([1, 1, 2]))]
    return runs, late


@tools("`zip_longest`")
def zip_longest(x):
    kept = [v for v in x[:3] if v > 0]
    return list(itertools.zip_longest(kept, [1, 2], fillvalue=0))


@tools("`pairwise`")
def pairwise(x):
    return [b - a for a, b in itertools.pairwise(x) if b > a]


@tools("`tee`", refused="DY103")
def tee(x):
    a, b = itertools.tee(v for v in x if v > 0)
    return list(a), list(b)
