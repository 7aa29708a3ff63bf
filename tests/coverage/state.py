"""State that calls leave behind: buffers, attributes, globals, several methods."""

import collections
import itertools
from typing import Any

import torch
from tests.coverage.cases import Net, table
from torch import nn

attributes = table("State over calls", "Attributes of the module")


@attributes("buffer changed in place")
class Buffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(4))

    def forward(self, x):
        if x.sum() > 0:
            self.total += x
        return self.total.clone()


@attributes("buffer bound anew")
class Rebound(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x):
        self.mean = self.mean * 0.9 + x if x.sum() > 0 else x
        return self.mean


@attributes("a counter, an int")
class Counter(Net):
    def __init__(self):
        super().__init__()
        self.steps = 0

    def forward(self, x):
        if x.sum() > 0:
            self.steps += 1
        return x * self.steps, self.steps


@attributes("a float, a bool, a text")
class Plain(Net):
    def __init__(self):
        super().__init__()
        self.best, self.seen, self.mode = 0.0, False, "cold"

    def forward(self, x):
        s = x.sum().item()
        if s > self.best:
            self.best, self.seen, self.mode = s, True, "hot"
        return self.best, self.seen, self.mode


@attributes("`None` at first, then a tensor")
class NoneFirst(Net):
    def __init__(self):
        super().__init__()
        self.last = None

    def forward(self, x):
        y = x if self.last is None else x + self.last
        self.last = y if y.sum() > 0 else None
        return y


@attributes("an attribute that does not exist at first")
class Missing(Net):
    def forward(self, x):
        if not hasattr(self, "kept"):
            self.kept = x if x.sum() > 0 else -x
        return x + self.kept


@attributes("a list that grows over calls")
class Grown(Net):
    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        if x.sum() > 0:
            self.seen.append(x)
        return len(self.seen), torch.stack(self.seen).sum(0) if self.seen else x


@attributes("a bounded list: append and `pop(0)`")
class Window(Net):
    def __init__(self):
        super().__init__()
        self.window = []

    def forward(self, x):
        self.window.append(x.sum().item())
        if len(self.window) > 2:
            self.window.pop(0)
        return sum(self.window), max(self.window) > 2


@attributes("a bounded `deque`")
class Deque(Net):
    def __init__(self):
        super().__init__()
        self.window = collections.deque(maxlen=2)

    def forward(self, x):
        self.window.append(x)
        return torch.stack(list(self.window)).mean(0) if x.sum() > 0 else x


@attributes("a dict changed under a decision")
class Dictionary(Net):
    def __init__(self):
        super().__init__()
        self.cache = {}

    def forward(self, x):
        if x.sum() > 0:
            self.cache["last"] = x
        return self.cache.get("last", -x), len(self.cache)


@attributes("a key-value cache, concatenated")
class Cache(Net):
    def __init__(self):
        super().__init__()
        self.keys: Any = None

    def forward(self, x):
        k = self.layer(x)[None]
        self.keys = k if self.keys is None else torch.cat([self.keys, k])
        if self.keys.shape[0] > 3:
            self.keys = self.keys[1:]
        return self.keys


@attributes("a parameter changed in place")
class Learning(Net):
    def forward(self, x):
        y = self.layer(x)
        if y.sum() > 0:
            self.layer.bias -= 0.1
        return y


@attributes("a parameter changed through `.data`")
class Data(Net):
    def forward(self, x):
        if x.sum() > 0:
            self.layer.weight.data.mul_(0.5)
        return self.layer(x)


@attributes("a layer replaced by another")
class Replaced(Net):
    def __init__(self):
        super().__init__()
        self.other = nn.Linear(4, 4)

    def forward(self, x):
        if x.sum() > 8:
            self.layer = self.other
        return self.layer(x)


@attributes("`training` switched by a decision")
class Switched(Net):
    def forward(self, x):
        if x.sum() > 8:
            self.train()
        return self.layer(x)


@attributes("an argument kept, then changed by the caller's next call")
class Kept(Net):
    def __init__(self):
        super().__init__()
        self.kept = None

    def forward(self, x):
        before = self.kept
        self.kept = x.clone() if x.sum() > 0 else None
        return x if before is None else before


@attributes("an object of one's own as state")
class Tracker(Net):
    def __init__(self):
        super().__init__()
        self.tracker = Track()

    def forward(self, x):
        return self.tracker.update(x)


class Track:
    def __init__(self):
        self.best = None
        self.age = 0

    def update(self, x):
        self.age += 1
        if self.best is None or x.sum() > self.best.sum():
            self.best, self.age = x, 0
        return self.best, self.age


@attributes("a counter of calls chooses the layer")
class Alternating(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.turn = 0

    def forward(self, x):
        y = self.layers[self.turn](x)
        self.turn = (self.turn + 1) % 2 if y.sum() > 0 else self.turn
        return y


@attributes(
    "of modules in a plain list, which have no names", calls=([1, 2, 3, 4], [-1, 0, -2, 1], [2, 2, 2, 2])
)
class Unnamed(Net):
    def __init__(self):
        super().__init__()
        self.norms = [nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)) for _ in range(2)]
        for norm in self.norms:
            norm.requires_grad_(False)

    def forward(self, x):
        rows = torch.stack([x, -x, x * 2])
        for norm in self.norms:
            rows = norm(rows)
            if rows.sum() > x.sum():
                rows = rows + 1
        return rows, self.norms[1][1].running_mean


outside = table("State over calls", "Outside of the module")

SEEN: list[Any] = []
CONFIG: dict[str, Any] = {}


@outside("a global list")
class GlobalList(Net):
    def __init__(self):
        super().__init__()
        SEEN.clear()

    def forward(self, x):
        if x.sum() > 0:
            SEEN.append(x.sum())
        return len(SEEN)


@outside("a global dict")
class GlobalDict(Net):
    def __init__(self):
        super().__init__()
        CONFIG.clear()
        CONFIG["gain"] = 1

    def forward(self, x):
        if x.sum() > 0:
            CONFIG["gain"] += 1
        return x * CONFIG["gain"]


@outside("a closure cell")
class Cell(Net):
    def __init__(self):
        super().__init__()
        self.step = counting()

    def forward(self, x):
        return self.step(x)


def counting():
    count = 0

    def step(x):
        nonlocal count
        if x.sum() > 0:
            count += 1
        return x + count

    return step


def counted(x):
    if x.sum() > 0:
        counted.calls += 1
    return x + counted.calls


def stepping():
    total = 0
    while True:
        x = yield total
        if x.sum() > 0:
            total = total + 1


several = table("State over calls", "Several methods")


@several(
    "one module, shared state",
    methods=("start", "step"),
    calls=[("step", [1, 2]), ("start", [3, 4]), ("step", [1, 1]), ("step", [-9, 1]), ("start", [-1, 0])],
)
class Dialogue(nn.Module):
    def __init__(self):
        super().__init__()
        self.context = None

    def start(self, x):
        self.context = x if x.sum() > 0 else -x
        return self.context

    def step(self, x):
        if self.context is None:
            return None
        self.context = self.context + x
        if self.context.sum() < 0:
            self.context = None
        return self.context


@several(
    "a method called before and inside of another",
    methods=("encode", "forward"),
    calls=[("encode", [1, 2, 3, 4]), ("forward", [1, 2, -3, 4]), ("forward", [-1, 2, -3, -4])],
)
class Encoder(Net):
    def encode(self, x):
        return self.layer(x) if x.sum() > 0 else x

    def forward(self, x):
        return self.encode(x) + self.encode(-x)


elsewhere = table("State over calls", "Out of sight")


@elsewhere("iterator of C, kept over calls", refused="DY112")
class Iterating(nn.Module):
    def __init__(self):
        super().__init__()
        self.numbers = itertools.count()

    def forward(self, x):
        number = next(self.numbers)
        return x + number if x.sum() > 0 else x


def tallied(x):
    tallied.calls += 1
    return x * tallied.calls


tallied.calls = 0


@elsewhere("attribute of a function")
class Counting(nn.Module):
    def forward(self, x):
        y = tallied(x)
        return y if x.sum() > 0 else -y
