"""Dicts, sets, tuples, `collections`."""

import collections

import torch
from tests.coverage.cases import table

dicts = table("Containers", "Dicts")


@dicts("`[]`, `get`, `setdefault`, `pop`, `update`, `|`")
def dict_methods(x):
    d = {"a": 1}
    if x.sum() > 0:
        d["b"] = x
        d.update(c=3)
    else:
        d.setdefault("e", 5)
        d.pop("a")
    return d | {"z": d.get("c", 0)}


@dicts("`items`, `keys`, `values` looped over, in order")
def dict_views(x):
    d = {"a": x[0], "b": x[1], "c": x[2]}
    if x.sum() > 0:
        d["d"] = d.pop("a")
    return [k for k, v in d.items() if v > 0], list(d), sum(d.values())


@dicts("`del`, `in`, `len`, `popitem`, `clear`, `copy`")
def dict_more(x):
    d = {"a": 1, "b": 2}
    if x.sum() > 0:
        del d["a"]
    e = d.copy()
    last = e.popitem()
    return d, "a" in d, len(e), last


@dicts("a number from data as key, of a dict of numbers")
def dict_by_number(x):
    return {0: 10, 1: 20, 2: 30, 3: 40}[int(x.argmax())]


@dicts("`get` by a number from data")
def dict_get_number(x):
    return {0: 10, 1: 20}.get(int(x.argmax()), -1), {9: x}.get(int(x[0]))


@dicts("number from data `in` a dict or set")
def number_in_dict(x):
    return int(x[0]) in {0: 1, 9: 2}, int(x[0]) in {1, 9}


@dicts("a missing key by a number from data, caught")
def dict_missing(x):
    try:
        return {0: 10, 1: 20}[int(x[0])]
    except KeyError:
        return -1


@dicts("stored under a number from data", refused="DY110")
def dict_stored(x):
    d = {}
    d[int(x[0])] = x
    return d


@dicts("merged with `{**a, **b}`")
def dict_merged(x):
    return {**{"a": 1}, **({"a": 2, "b": x} if x.sum() > 0 else {})}


@dicts("a tuple of tags as key")
def dict_tuple_key(x):
    key = ("up" if x[0] > 0 else "down", x[1].item() > 0)
    return {("up", True): 1, ("up", False): 2, ("down", True): 3, ("down", False): 4}[key]


@dicts("sorted by value from data")
def dict_sorted(x):
    d = {"a": x[0].item(), "b": x[1].item(), "c": x[2].item()}
    return sorted(d, key=d.get) if x[3] > 0 else max(d, key=lambda k: d[k])


@dicts("memo table of tensors by static key")
def memo(x):
    seen = {}
    for i in (0, 1, 0):
        if i not in seen:
            seen[i] = x * i if x.sum() > 0 else x
    return seen[0] + seen[1]


sets = table("Containers", "Sets")


@sets("`add`, `discard`, `remove`, `update`, `in`, `len`")
def set_methods(x):
    s = {1, 2}
    if x.sum() > 0:
        s.add(3)
        s.discard(1)
    else:
        s.update({5, 6})
    return s, 3 in s, len(s)


@sets("set of tensors, by identity")
def set_of_tensors(x):
    y = x if x.sum() > 0 else x + 1
    return len({x, y})


@sets("set of numbers from data")
def set_of_numbers(x):
    return len({int(x[0]), int(x[1])})


@sets("`frozenset` as key")
def frozen(x):
    key = frozenset((1, 2)) if x.sum() > 0 else frozenset((3,))
    return {frozenset((1, 2)): 5, frozenset((3,)): 6}[key]


tuples = table("Containers", "Tuples")


@tuples("concatenation, slice, comparison, `index`, `count`")
def tuple_operations(x):
    t = (1, 2) if x.sum() > 0 else (3,)
    return t + (4,), t[:1], t < (2,), (t * 2).count(1)


@tuples("of numbers from data, compared")
def tuple_compared(x):
    return (int(x[0]), int(x[1])) > (int(x[2]), int(x[3])), (int(x[0]), 2) == (1, 2)


@tuples("nested, in the result")
def tuple_result(x):
    return (x, (x[0], [x[1], None])) if x.sum() > 0 else (x, (x[1], [x[0], None]))


collection = table("Containers", "`collections`")


@collection("`deque`: `append`, `appendleft`, `pop`, `popleft`, `rotate`")
def deque(x):
    d = collections.deque([1, 2])
    if x.sum() > 0:
        d.append(3)
        d.appendleft(0)
    d.rotate(1)
    return list(d), d.popleft(), d[-1], len(d)


@collection("`deque(maxlen=…)` of tensors")
def deque_bounded(x):
    d = collections.deque(maxlen=2)
    for v in x:
        if v > 0:
            d.append(v)
    return list(d)


@collection("`deque` as a queue whose length data decide")
def deque_grown(x):
    queue, seen = collections.deque([int(x.abs().sum())]), 0
    while queue:
        n = queue.popleft()
        seen += 1
        if n > 3:
            queue.append(n // 2)
    return seen


@collection("`defaultdict`")
def defaultdict(x):
    groups = collections.defaultdict(list)
    for v in x:
        groups["+" if v > 0 else "-"].append(v)
    return dict(groups)


@collection("`Counter`")
def counter(x):
    c = collections.Counter()
    for v in x:
        c["+" if v > 0 else "-"] += 1
    return c["+"], c.most_common(1)


@collection("`ChainMap`")
def chain_map(x):
    m = collections.ChainMap({"a": 1} if x.sum() > 0 else {}, {"a": 2, "b": 3})
    return m["a"], m["b"]


@collection("a list subclass with its own methods")
def list_subclass(x):
    s = Stack([x])
    if x.sum() > 0:
        s.push(x * 2)
    return len(s), s.top()


class Stack(list):
    def push(self, v):
        self.append(v if v.sum() > 0 else -v)

    def top(self):
        return self[-1]


@collection("a dict subclass")
def dict_subclass(x):
    d = Record(a=x)
    if x.sum() > 0:
        d.b = 3
    return dict(d)


class Record(dict):
    def __setattr__(self, name, value):
        self[name] = value


@collection("a tensor as element, found by identity")
def identity(x):
    y = x * 2
    chosen = x if x.sum() > 0 else y
    return chosen is x, torch.is_tensor(chosen)


@collection("`deque` of numbers read, gone through, `max`, `maxlen`")
def deque_numbers(x):
    last = collections.deque(maxlen=2)
    for i in range(3):
        last.append((x[i] * i).item())
        if len(last) == 2 and max(last) - min(last) < 1:
            break
    total = 0
    for value in last:
        total = total + value if value > 0 else total - 1
    return total, len(last)


ordered = table("Containers", "`OrderedDict`")


@ordered("`move_to_end` under a decision")
def moved(x):
    entries = collections.OrderedDict([("a", x), ("b", x * 2)])
    if x.sum() > 0:
        entries.move_to_end("a")
    y = x + 1
    if x[0] > 3:
        y = y * 2
    return list(entries.values()), y


@sets("a set of numbers and texts that decisions fill")
def filled(x):
    numbers = {i % 2 for i in range(4) if x[i] > 0}
    texts = set()
    if x.sum() > 0:
        texts.add("up")
    y = x + 1
    if x[0] > 3:
        numbers |= {4}
        texts.discard("up")
    return y, len(numbers), 4 in numbers, sorted(texts)
