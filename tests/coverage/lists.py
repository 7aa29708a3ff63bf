"""Lists, of known length and growing as data decide."""

import bisect
import copy
import heapq

import torch
from tests.coverage.cases import table

known = table("Lists", "Of known length")


@known("`append`, `extend`, `insert`, `pop`, `remove`, `clear`")
def methods(x):
    items = [1, 2, 3]
    if x.sum() > 0:
        items.append(4)
        items.extend([5, 6])
        items.insert(1, 9)
    else:
        items.pop()
        items.remove(1)
    if x[0] < 0:
        items.clear()
    return items


@known("`index`, `count`, `reverse`, `copy`, `sort`")
def more_methods(x):
    items = [3, 1, 2, 1]
    other = items.copy()
    if x.sum() > 0:
        items.reverse()
    other.sort()
    return items.index(1), items.count(1), items, other


@known("slices, read, assigned and deleted")
def slices(x):
    items = [1, 2, 3, 4, 5]
    if x.sum() > 0:
        items[1:3] = [7]
    else:
        del items[::2]
    return items[-2:], items[::-1]


@known("index from data, of numbers, of tensors, negative")
def index_from_data(x):
    i = int(x.argmax()) - 2
    return [10, 20, 30, 40][i], [x, x + 1, x + 2, x + 3][i]


@known("assignment to an index from data")
def store_at_data(x):
    items = [0, 0, 0, 0]
    items[int(x.argmax())] = 1
    return items


@known("`+`, `*`, comparison, `in`, `==`")
def operators(x):
    a = [1, 2] if x.sum() > 0 else [1, 3]
    return a + [4], a * 2, a < [1, 3], 3 in a, a == [1, 2]


@known("comparison of lists of numbers from data")
def compared(x):
    a, b = [int(x[0]), int(x[1])], [int(x[2]), int(x[3])]
    return a == b, a < b


@known("number from data `in` a list, `index`, `count`")
def searched(x):
    values = [int(v) for v in x]
    return 3 in values, values.count(0), values.index(values[3])


class Level:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other


@known("a number or a tensor `in` a list of tensors, tuples, objects: by `==` of each")
def searched_by_value(x):
    number, levels = int(x[0]), [Level(int(x[1])), Level(3)]
    tensors, tuples = [x[1].round(), x[2].round()], [(0, 1), (number, 2)]
    return number in tensors, number in levels, x[0].round() not in tensors, (number, 2) in tuples


@known("`sorted`, `sort` of numbers from data, `reverse`")
def sorted_numbers(x):
    values = [v.item() for v in x]
    values.sort(reverse=True)
    return values, sorted(int(v) for v in x)


@known("`sorted` with `key` by data")
def sorted_by_key(x):
    order = sorted(range(4), key=lambda i: x[i].item())
    return order, x[order]


@known("`sorted` of tuples with a number from data")
def sorted_tuples(x):
    pairs = sorted([(v.item(), i) for i, v in enumerate(x)], reverse=True)
    return pairs[0], pairs[1][1] if pairs[0][0] > 1 else -1


@known("`max`, `min` with `key`")
def best(x):
    return max(range(4), key=lambda i: x[i]), min([x[:2], x[2:]], key=lambda v: v.sum().item())


@known("list multiplication by a number from data", refused="DY110")
def repeated(x):
    return [0] * int(x.max())


@known("`copy.copy`, `copy.deepcopy`")
def copies(x):
    items = [[x], 1]
    shallow, deep = copy.copy(items), copy.deepcopy(items)
    if x.sum() > 0:
        items[0].append(2)
    return len(shallow[0]), len(deep[0]), deep[0][0]


@known("two names of one list")
def aliased(x):
    a = []
    b = a if x.sum() > 0 else []
    b.append(1)
    return a, a is b


@known("nested lists changed")
def nested(x):
    grid = [[0, 0], [0, 0]]
    grid[0][1] = 1 if x[0] > 0 else 2
    grid[1] += [3] if x[1] > 0 else []
    return grid


comprehensions = table("Lists", "Comprehensions")


@comprehensions("with a condition on data")
def filtered(x):
    return [v * 2 for v in x if v > 0]


@comprehensions("nested, two `for`")
def two_loops(x):
    return [a * b for a in x[:2] for b in x[2:] if a > b]


@comprehensions("conditional expression inside")
def conditional(x):
    return [v if v > 0 else -v for v in x]


@comprehensions("dict comprehension")
def dictionary(x):
    return {i: v for i, v in enumerate(x) if v > 0}


@comprehensions("generator expression in `any`, `all`")
def generators(x):
    return any(v > 3 for v in x), all(v > 0 for v in x)


@comprehensions("`:=` inside")
def walrus(x):
    return [y for v in x if (y := v * 2) > 1]


growing = table("Lists", "Growing as data decide")

START = ([1, 2, 3, 4], [16, 0, 0, 1], [0.25, 0, 0, 0], [-40, 3, 1, 0])


def halves(x):
    items = []
    while x.abs().sum() > 1:
        items.append(x)
        x = x / 2
    return items


def counts(x):
    items = []
    n = int(x.abs().sum())
    while n > 0:
        items.append(n % 3)
        n //= 2
    return items


@growing("`append`, returned", calls=START)
def grown(x):
    return halves(x), counts(x)


@growing("`len`, truth, index, negative index", calls=START)
def grown_read(x):
    items = halves(x)
    return len(items), items[-1] if items else x, items[0] if len(items) > 1 else x


@growing("iterated, `enumerate`, `zip`, `reversed`", calls=START)
def grown_iterated(x):
    total = torch.zeros(4)
    for i, v in enumerate(halves(x)):
        total = total + v * i
    for n, v in zip(counts(x), halves(x)):
        total = total + n * v
    return total


@growing("slices", calls=START)
def grown_slice(x):
    items = counts(x)
    return items[1:], items[::-1], items[: len(items) // 2]


@growing("`pop`, `insert`, `del`, `clear`, `extend`", calls=START)
def grown_changed(x):
    items = counts(x)
    items.insert(0, 7)
    items.extend([8, 9])
    last = items.pop()
    del items[0]
    return items, last


@growing("`pop(0)`: a queue worked off", calls=START)
def grown_queue(x):
    queue, seen = [int(x.abs().sum())], 0
    while queue:
        n = queue.pop(0)
        seen += 1
        if n > 3:
            queue.append(n // 2)
            queue.append(n // 3)
    return seen


@growing("`in`, `index`, `count`, `remove`", calls=START)
def grown_searched(x):
    items = counts(x)
    if 2 in items:
        items.remove(2)
    return items, items.count(1)


@growing("`sum`, `max`, `min`, `sorted`, `any`, `all`", calls=START)
def grown_reduced(x):
    items = counts(x)
    items.append(1)
    return sum(items), max(items), min(items), sorted(items), any(items), all(items)


@growing("one of two, chosen by a condition, grows: of numbers, of tuples")
def grown_chosen(x):
    done, open_, more, less = [], [], [], []
    for i in range(3):
        (done if x[i] > 0 else open_).append((i, x * i))
        chosen = more if x[i] > 1 else less
        chosen.append(i)
    number, first = (done + open_)[0]
    return number, first, len(done), len(open_), sum(more), sum(less)


@growing("`reversed`", calls=START)
def grown_reversed(x):
    values, total = [], 0.0
    while x.sum() > 4:
        values.append(x.sum().item())
        x = x / 2
    for value in reversed(values):
        total = value + 0.5 * total
    return total, len(values)


@growing("`torch.stack`, `torch.cat` of an empty one, caught", calls=([1, 2], [0, 2], [2, 0], [0, 0]))
def grown_none(x):
    rows, more = [], []
    for i in range(int(x[0])):
        rows.append(x + i)
    for i in range(int(x[1])):
        more.append(x * i)
    try:
        y = torch.stack(rows)
    except RuntimeError as error:
        y = x - len(str(error))
    try:
        return y, torch.cat(more)
    except ValueError:
        return y, x


@growing("`torch.stack`, `torch.cat`, `torch.tensor`", calls=START)
def grown_stacked(x):
    items = halves(x)
    items.append(x)
    return torch.stack(items), torch.cat(items), torch.tensor(counts(x))


@growing("list comprehension over it", calls=START)
def grown_comprehension(x):
    return [n + 1 for n in counts(x) if n != 1]


@growing("list of lists", calls=START)
def grown_lists(x):
    rows = []
    while x.abs().sum() > 1:
        rows.append([1, 2])
        x = x / 2
    return rows


@growing("an element assigned", calls=START)
def grown_assigned(x):
    items = counts(x)
    if items:
        items[0] = 5
        items[-1] += 2
    return items


@growing("a set that grows", calls=START)
def grown_set(x):
    seen = set()
    n = int(x.abs().sum())
    while n > 0:
        seen.add(n % 3)
        n //= 2
    return len(seen)


@growing("of tuples, of dicts with texts that data choose: read, sorted, returned", calls=START)
def grown_records(x):
    found, pairs = [], []
    while x.abs().sum() > 1:
        found.append({"sign": "plus" if x.sum() > 0 else "minus", "sum": x.sum().item(), "row": x})
        pairs.append((x[0].item(), len(pairs)))
        x = x / 2
    plus = [each for each in found if each["sign"] == "plus"]
    return found, sorted(pairs), len(plus), [each["sum"] for each in plus]


class Step:
    def __init__(self, total, row, kind):
        self.total = total
        self.row = row
        self.kind = kind

    def weighted(self):
        return self.row * self.total


@growing("of whole numbers: `==`, `!=`, also of slices; a set of it", calls=START)
def grown_equal(x):
    ids = [3]
    while x.abs().sum() > 1:
        ids.append(int(x.abs().sum()) % 3)
        x = x / 2
    repeated = 0
    for i in range(len(ids) - 2):
        if ids[i : i + 2] == ids[-2:]:
            repeated += 1
    return repeated, ids == [3], ids[1:] != [0, 0], sorted(set(ids))


@growing("of objects: attributes, methods, sorted, the best", calls=START)
def grown_objects(x):
    steps = []
    while x.abs().sum() > 1:
        steps.append(Step(x.sum().item(), x, "plus" if x.sum() > 0 else "minus"))
        x = x / 2
    steps.sort(key=lambda step: step.total)
    if not steps:
        return x
    best = max(steps, key=lambda step: step.total)
    return sum(step.weighted() for step in steps), best.kind, [step.total for step in steps[1:]]


@growing("an object in it changed", refused="DY112", calls=START)
def grown_object_changed(x):
    steps = []
    while x.abs().sum() > 1:
        steps.append(Step(x.sum().item(), x, "plus"))
        x = x / 2
    for step in steps:
        step.total = 0.0
    return sum(step.total for step in steps)


@growing("an object in it compared by identity", refused="DY112", calls=START)
def grown_object_found(x):
    steps = []
    while x.abs().sum() > 1:
        steps.append(Step(x.sum().item(), x, "plus"))
        x = x / 2
    return len(steps) > 1 and steps[0] is steps[-1]


@growing("a dict in it changed", refused="DY112", calls=START)
def grown_record_changed(x):
    found = []
    while x.abs().sum() > 1:
        found.append({"sum": x.sum().item()})
        x = x / 2
    for each in found:
        each["sum"] = 0.0
    return found


@growing("of texts: `in`, `count`, `join`, returned", calls=START)
def grown_texts(x):
    words = []
    while x.abs().sum() > 1:
        words.append(["small", "large", "odd"][int(x.abs().sum()) % 3])
        x = x / 2
    return words, " ".join(words), "odd" in words, words.count("small")


@growing("`tolist` of a tensor of run-time size, `nonzero().tolist()`")
def from_mask(x):
    return torch.nonzero(x > 0).flatten().tolist(), x[x > 0].tolist()


@growing("`torch.tensor` of tensors: `torch.tensor([x[i] for i in kept])`")
def tensor_of_tensors(x):
    kept = (x > 0.5).nonzero().view(-1)
    return torch.tensor([x[i] for i in kept]), torch.tensor([i for i in kept], dtype=torch.float64)


algorithms = table("Lists", "`heapq`, `bisect`")


@algorithms("`heapq` of numbers from data")
def heap(x):
    items = []
    for v in x:
        heapq.heappush(items, v.item())
    return heapq.heappop(items), heapq.nlargest(2, items)


@algorithms("`bisect` of a number from data")
def bisected(x):
    return bisect.bisect([0.25, 0.5, 2.5], x[0].item()), bisect.bisect_left([1, 2, 3], int(x[0]))


@algorithms("`heapq` of tuples that begin with numbers from data: beam search, best-first search")
def heap_of_tuples(x):
    heap = []
    for i, v in enumerate(x):
        heapq.heappush(heap, (-v.item(), i, x * v))
    best = heapq.heapreplace(heap, (0.5, 9, x))
    return best[2], heapq.heappushpop(heap, (0.0, 10, -x))[1], heap[0][0]


@algorithms("`heapq` of a list that grows", calls=START)
def grown_heap(x):
    heap = []
    while x.abs().sum() > 1:
        heapq.heappush(heap, (x[0].item(), len(heap)))
        x = x.roll(1) * 0.5
    return heapq.heappop(heap)[1] if heap else -1


@algorithms("`heapq.merge`, `bisect.insort` with a key")
def merged(x):
    ordered = []
    for v in x[:2]:
        bisect.insort(ordered, v.item(), key=lambda value: -value)
    return list(heapq.merge(ordered, [2.0, 1.0], reverse=True))


@known("an item by a tensor: `items[x.argmax()]`, read and assigned")
def by_tensor(x):
    items = [x, x * 2, x * 3, -x]
    index = x.argmax()
    items[x.argmin()] = x * 5
    return items[index], (1, 2, 3, 4)[index], [10, 20, 30, 40][x.argmin()], index


@known("`index`, `count` of values that are not known: `scores.index(max(scores))`")
def places(x):
    numbers = x.tolist()
    parts = [x.max(), x.min(), x.mean()]
    return numbers.index(max(numbers)), numbers.count(2.0), parts.index(min(parts)), parts.count(x.max())


@known("`index` of what is not in it")
def no_place(x):
    try:
        return x.tolist().index(9.0)
    except ValueError:
        return -1
