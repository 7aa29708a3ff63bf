"""Functions: arguments, closures, decorators, generators, `functools`."""

import functools
import operator

import torch
from tests.coverage.cases import table

arguments = table("Functions", "Arguments and calls")


def helper(x, by=2, *rest, scale=1.0, **more):
    if x.sum() > 0:
        return x * by * scale + len(rest)
    return x - by + more.get("shift", 0)


@arguments("default arguments")
def defaults(x):
    return helper(x) + helper(-x)


@arguments("keyword arguments, `**` of a dict")
def keywords(x):
    options = {"scale": 3.0, "shift": 1}
    return helper(x, by=3, **options)


PAIRS = tuple((x, {"a": [1, 2], "n": 2}) for x in ([1, 2], [-1, -2], [3, 3]))


@arguments("a dict of tensors and numbers, copied and changed", calls=PAIRS)
def changed_copy(x, kept):
    kept = dict(kept)
    if x.sum() > 0:
        kept["a"] = kept["a"] + x
    kept["n"] += 1
    return kept, x * kept["n"]


@arguments("a dict among the arguments changed, as the caller sees", calls=PAIRS, refused="DY121")
def changed_argument(x, kept):
    if x.sum() > 0:
        kept["a"] = kept["a"] + x
    return x * kept["n"]


@arguments(
    "whether two of them are one tensor: `is`, `id`, `data_ptr`",
    calls=tuple((x, [1, 2]) for x in ([1, 2], [-1, -2])),
    note="as in the example; another call is refused",
)
def one_tensor(q, k):
    if q.sum() > 0:
        return q * 2 if q.data_ptr() == k.data_ptr() else q + k
    return q - k if q is k or id(q) == id(k) else q * k


@arguments("`*args`, unpacked and taken")
def star_args(x):
    values = (3, 4, 5)
    return helper(x, *values)


@arguments("keyword-only and positional-only parameters")
def only_kinds(x):
    def inner(a, /, b, *, c=1):
        return a * b + c if a.sum() > 0 else a - b

    return inner(x, 2) + inner(x, b=3, c=4)


@arguments("a mutable default argument that grows")
class GrownDefault(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.add = make_grown()

    def forward(self, x):
        return len(self.add(x))


def make_grown():
    def add(x, seen=[]):  # noqa: B006
        if x.sum() > 0:
            seen.append(x.sum())
        return seen

    return add


@arguments("optional argument, `None` by default", calls=[([1, 2],), ([-1, 2],), ([-3, 2],)])
def optional(x, mask=None):
    if mask is not None:
        x = x * mask
    return x if x.sum() > 0 else -x


@arguments("a number as argument of the program", calls=[([1, 2], 3), ([1, 2], -1), ([1, -2], 7)])
def number_argument(x, n):
    return x * n if n > 0 and x.sum() > 0 else x - n


@arguments("a bool as argument of the program", calls=[([1, 2], True), ([1, 2], False), ([-1, -2], True)])
def bool_argument(x, flag):
    return x * 2 if flag and x.sum() > 0 else x


@arguments(
    "a dict of tensors as argument", calls=[({"a": [1, 2]},), ({"a": [-1, -2]},), ({"a": [0.5, 1]},)]
)
def dict_argument(batch):
    return {"b": batch["a"] * 2 if batch["a"].sum() > 0 else batch["a"]}


@arguments("helper that decides, called on both sides of a decision")
def nested_calls(x):
    def sign(v):
        return 1 if v > 0 else -1

    return x * sign(x[0]) if x[1] > 0 else x * sign(x[2])


@arguments("function chosen by a number from data")
def table_of_functions(x):
    table = [torch.sin, torch.cos, lambda v: v * 2]
    return table[int(x[0].abs()) % 3](x)


@arguments("function chosen by a decision")
def chosen_function(x):
    act = torch.relu if x.sum() > 0 else torch.tanh
    return act(x)


@arguments("recursion of static depth")
def recursion(x):
    def down(v, depth):
        if depth == 0 or v.sum() > 8:
            return v
        return down(v * 2, depth - 1)

    return down(x, 3)


@arguments("recursion whose depth data decide", refused="DY105")
def deep_recursion(x):
    def halve(v):
        return v if v.abs().sum() < 1 else halve(v / 2)

    return halve(x)


@arguments("`eval` and `exec` of code that does not decide")
def evaluated(x):
    gain = eval("1 + 2")
    return x * gain if x.sum() > 0 else x


@arguments("a function made by `exec` that decides", refused="DY102")
def executed(x):
    space = {}
    exec("def pick(x):\n    return x if x.sum() > 0 else -x", space)
    return space["pick"](x)


closures = table("Functions", "Closures, lambdas, decorators")


@closures("closure over a tensor")
def closure(x):
    def add(v):
        return v + x if v > 0 else v

    return add(x[0]), add(x[1])


@closures("closures made in a loop, late binding")
def late_binding(x):
    made = []
    for i in range(3):
        made.append(lambda v, k=i: v * k if v.sum() > 0 else v + i)  # noqa: B023
    return [f(x) for f in made]


@closures("lambda that decides")
def lambda_decides(x):
    f = lambda v: v * 2 if v > 0 else v - 1  # noqa: E731
    return f(x[0]) + f(x[1])


def clamped(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        result = function(*args, **kwargs)
        return result if result.abs().max() < 10 else result / 10

    return wrapper


@clamped
def tripled(x):
    return x * 3


@closures("decorator with `functools.wraps` that decides")
def decorated(x):
    return tripled(x)


@closures("`torch.no_grad` as decorator")
@torch.no_grad()
def no_grad_decorator(x):
    return x * 2 if x.sum() > 0 else x


tools = table("Functions", "`functools`, `operator`")


@tools("`functools.partial`")
def partial(x):
    double = functools.partial(helper, by=2)
    return double(x) + double(-x, scale=0.5)


@tools("`functools.reduce`")
def reduce(x):
    return functools.reduce(lambda a, b: a if a > b else b, list(x))


@functools.cache
def cached_window(n):
    return torch.arange(n) / n


@tools("`functools.lru_cache` of a function of static numbers")
def lru_cache(x):
    return x * cached_window(x.shape[0]) if x.sum() > 0 else x


@functools.singledispatch
def describe(value, x):
    return x


@describe.register
def _(value: int, x):
    return x * value if x.sum() > 0 else x


@describe.register
def _(value: list, x):
    return x + len(value) if x.sum() > 0 else -x


@tools("`functools.singledispatch`")
def singledispatch(x):
    return describe(3, x) + describe([1], x) + describe("a", x)


@tools("`functools.cmp_to_key`", refused="DY103")
def cmp_to_key(x):
    return sorted([3, 1, 2], key=functools.cmp_to_key(lambda a, b: b - a if x.sum() > 0 else a - b))


@tools("`operator.itemgetter`, `attrgetter`, `methodcaller`")
def getters(x):
    pairs = [(x[0], 1), (x[1], 2)]
    best = max(pairs, key=operator.itemgetter(0))
    return best[1], operator.methodcaller("sum")(x), operator.attrgetter("ndim")(x)


@tools("`operator.add`, `gt` … of numbers from data")
def operators(x):
    n = int(x.max())
    return operator.add(n, 2), operator.mul(n, 3), operator.gt(n, 3), operator.neg(n)


generators = table("Functions", "Generators")


@generators("generator that decides")
def generator(x):
    def positive():
        for v in x:
            if v > 0:
                yield v * 2

    return sum(positive(), torch.zeros(()))


@generators("generator expression")
def generator_expression(x):
    return sum(v for v in x if v > 0)


@generators("`yield from`")
def yield_from(x):
    def inner(v):
        if v > 0:
            yield v
        yield v + 1
        return 3

    def outer():
        for v in x[:2]:
            n = yield from inner(v)
            yield n

    return list(outer())


@generators("`send`")
def send(x):
    def averaged():
        total, count = 0.0, 0
        while True:
            value = yield total / max(count, 1)
            if value > 0:
                total, count = total + value, count + 1

    g = averaged()
    next(g)
    return [g.send(v) for v in x]


@generators("`throw`, `close`")
def throw_close(x):
    log = []

    def work():
        try:
            yield 1
        except ValueError:
            log.append("thrown")
            yield 2
        finally:
            log.append("done")

    g = work()
    values = [next(g)]
    if x.sum() > 0:
        values.append(g.throw(ValueError()))
    g.close()
    return values, log


@generators("endless generator, stopped by data")
def endless(x):
    def halves():
        v = x
        while True:
            yield v
            v = v / 2

    for v in halves():
        if v.abs().max() < 1:
            return v


@generators("`next` with a default")
def next_default(x):
    return next((v for v in x if v < 0), None)


@generators("the value of a generator's `return`")
def generator_return(x):
    def work():
        yield 1
        return 5 if x.sum() > 0 else 6

    g = work()
    next(g)
    try:
        next(g)
    except StopIteration as stop:
        return stop.value


@generators("unpacked: `a, b = …`, `f(*…)`, `[*…]`")
def unpacked_generator(x):
    def pair():
        yield x * 2 if x.sum() > 0 else x
        yield 3

    a, b = pair()
    q, k, *v = (t * 2 if t > 0 else t for t in x)
    values = pair()
    c, d = values
    e, f = map(lambda t: t + 1 if t > 0 else t, x[:2])
    return a * b, q + k, v, c * d, e - f, [*pair(), 1], torch.add(*pair())


@generators("`async def`, `await`", refused="DY101")
def coroutine(x):
    async def work():
        return x if x.sum() > 0 else -x

    try:
        work().send(None)
    except StopIteration as stop:
        return stop.value


@arguments(
    "a flag that leads to what is refused only where it is not as given: it is fixed",
    calls=[([1, 2, 3, 4], False), ([9, 2, 3, 4], False), ([1, 9, 3, 4], False)],
)
def chosen(x, sample):
    scores = x.softmax(0)
    index = torch.multinomial(scores, 1) if sample else scores.argmax()
    return x * 2 if index > 1 else index
