"""Operators, displays, subscripts, calls, assignments and their order of evaluation."""

from tests.frontend.compare import Registry

case = Registry()
counter = 0


class Box:
    """Notes what is done to it."""

    def __init__(self, t, name="box"):
        object.__setattr__(self, "t", t)
        object.__setattr__(self, "name", name)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self.t(f"get {self.name}.{name}")
        return 10

    def __setattr__(self, name, value):
        self.t(f"set {self.name}.{name} {value}")

    def __delattr__(self, name):
        self.t(f"del {self.name}.{name}")

    def __getitem__(self, index):
        self.t(f"get {self.name}[{index}]")
        return 20

    def __setitem__(self, index, value):
        self.t(f"set {self.name}[{index}] {value}")

    def __delitem__(self, index):
        self.t(f"del {self.name}[{index}]")

    def __iadd__(self, other):
        self.t(f"iadd {self.name} {other}")
        return self

    def __iter__(self):
        self.t(f"iter {self.name}")
        return iter((1, 2, 3))

    def keys(self):
        self.t(f"keys {self.name}")
        return ["p", "q"]

    def __format__(self, spec):
        self.t(f"format {self.name} {spec}")
        return f"<{self.name}:{spec}>"

    def __repr__(self):
        self.t(f"repr {self.name}")
        return f"Box({self.name})"


def show(t, *args, **kwargs):
    t("call")
    return args, tuple(kwargs.items())


@case((7, 3), (-7, 2))
def operators(t, a, b):
    return [
        a + b,
        a - b,
        a * b,
        a / b,
        a // b,
        a % b,
        a**b,
        a << b,
        a >> b if a > 0 else None,
        a & b,
        a | b,
        a ^ b,
        -a,
        +a,
        ~a,
        not a,
        -3,
        -2.5,
        +1,
        ~1,
        not 1,
        -(-b),
    ]


@case((7, 3))
def inplace_operators(t, a, b):
    c = d = [a]
    c += [b]
    a += b
    a -= 1
    a *= 2
    a **= 2
    a //= 3
    a %= 100
    a <<= 2
    a >>= 1
    a &= 127
    a |= 1
    a ^= b
    a /= 2
    return a, c is d, d


@case()
def order_of_operands(t):
    x = 1
    y = x + (x := 5) * x
    z = [x, x := 6, x]
    return y, z, t("a", 1) + t("b", 2) * t("c", 3), t("l", {}).get(t("k", 1), t("d", 2))


@case()
def order_of_assignment(t):
    a = Box(t, "a")
    b = Box(t, "b")
    t("target", a).x = t("value", 1)
    t("obj", a)[t("index", 0)] = t("value", 2)
    t("1", a).x = t("2", b)[t("3", 3)] = c = t("4", 4)
    t("5", a).x, t("6", b)[t("7", 7)] = t("8", (8, 9))
    (p, t("9", a).y), *q = (1, 2), 3, 4
    del t("10", a).x, t("11", b)[t("12", 12)], c
    return p, q


@case()
def augmented_targets(t):
    a = Box(t, "a")
    t("obj", a).x += t("rhs", 1)
    t("obj", a)[t("index", 2)] += t("rhs", 3)
    t("obj", a)[t("lo", 1) : t("hi", 2)] *= t("rhs", 2)
    a += t("rhs", 4)
    return None


@case()
def annotated(t):
    a = Box(t, "a")
    x: int = t("x", 3)
    t("obj", a).y: int = t("y", 4)
    t("only", a).z: t("never")
    t("sub", a)[t("index", 0)]: t("never")
    try:
        y: int
        return y
    except UnboundLocalError as error:
        return x, str(error)


@case()
def displays(t):
    a = Box(t, "a")
    empty = ((), [], {}, {*()})
    lists = [*a, t("1", 1), *t("2", (2,)), t("3", 3)], (t("4", 4), *a), [*a, *a]
    sets = {t("5", 5), *a, t("6", 6)}
    dicts = {t("k", 1): t("v", 2), **t("d", {3: 4}), t("k2", 1): t("v2", 5)}
    more = {"p": 0, **{"z": 1}, "z": 2, **{"p": 9}}
    return empty, lists, sets, dicts, list(dicts), more


@case()
def calls(t):
    a = Box(t, "a")
    return [
        show(t, t("1", 1), t("2", 2), k=t("3", 3)),
        show(t, *a, k=t("k", 1)),
        show(t, t("1", 1), *a, k=t("k", 1)),
        show(t, *a, t("2", 2), *t("3", [3]), t("4", 4)),
        show(t, k=t("k", 1), *t("late", (1,)), **t("m", {"z": 2}), y=t("y", 3)),
        show(t, *[], **{}),
        show(*[t], *(1, 2), **{"a": 1}, b=2),
    ]


@case()
def duplicate_keyword(t):
    try:
        return show(t, k=1, **{"k": 2})
    except TypeError:
        return "refused"


@case(([0, 1, 2, 3, 4, 5],))
def subscripts(t, xs):
    first, *middle, last = xs
    xs[1] = 10
    xs[4:] = [40, 50, 60]
    del xs[0], xs[-1]
    grid = {(0, 1): "a", (slice(1, 2, None).start, Ellipsis): "b"}
    return xs[1:3], xs[::2], xs[:-1], xs[::-1], xs[-1], first, middle, last, grid[0, 1], grid[1, ...]


@case(((1, 2),), ((1, 2, 3),), ((1,),), ("ab",), (5,))
def unpacking(t, xs):
    a, b = xs
    return a, b


@case(((1, 2),), ((1, 2, 3, 4),), ((1,),))
def starred_unpacking(t, xs):
    a, *b, c = xs
    [*d] = xs
    (e, *f), g = xs, 1
    return a, b, c, d, e, f, g


@case()
def swap(t):
    a, b, c = 1, 2, 3
    a, b, c = c, a, b
    i, xs = 0, [5, 6]
    i, xs[i] = 1, 7
    a, a = 1, 2
    return a, b, c, i, xs


@case((3.14159, 5))
def formatted(t, x, n):
    a = Box(t, "a")
    name = "é"
    return (
        f"{x:.2f} {n:>{n + 1}} {n!r:>4} {name!a} {n=} {x = :.1f} {{}} {n + 1=}",
        f"{t('first', 1)}{a}{t('second', 2):{t('spec', '03')}d}",
        f"{a!r:>12}",
        f"",
        f"plain",
        f"{n}",
        f"joined {n} strings",
        f"{'nested ' + f'{n}'} {[i for i in range(n)]} {(lambda q: q)(n)}",
        f"""multi
        {n} and {x:.0f} {n}""",
    )


@case((1,), ("s",))
def walrus(t, a):
    if (b := a) == 1 and (c := b + 1):
        t(c)
    ys = [last := x for x in range(3)]
    zs = {k: (seen := k) for k in "ab"}
    total = 0
    sums = [total := total + v for v in range(4)]
    found = any((hit := v) > 1 for v in range(4))
    return b, ys, last, zs, seen, total, sums, found, hit


@case()
def uses_globals(t):
    global counter, fresh
    counter = 1
    counter += 2
    fresh = counter
    try:
        return counter, fresh, len("abc"), missing_name
    except NameError as error:
        del fresh
        return str(error), "fresh" in globals()


@case()
def imports(t):
    import os.path
    import collections.abc as abc
    import json, math as m
    from os import path as p, sep
    from collections import OrderedDict
    from xml import dom

    try:
        from os import nothing_of_the_kind
    except ImportError:
        t("no such name")
    try:
        import no_such_module_at_all
    except ModuleNotFoundError as error:
        t(error)
    return (
        os.path is p,
        abc.Sized.__name__,
        json.dumps(1),
        m.floor(1.5),
        sep,
        OrderedDict.__name__,
        dom.__name__,
    )


@case()
def unbound_local(t):
    try:
        t(x)
    except UnboundLocalError as error:
        t(error)
    x = 1
    del x
    try:
        x += 1
    except UnboundLocalError as error:
        t(error)
    try:
        del x
    except UnboundLocalError as error:
        t(error)


@case()
def literals(t):
    return 1, 2.5, 3j, "s", b"b", None, True, ..., 1_000, 0x1F, "ab", -1j, (1, (2, 3))


class Private:
    __secret = 3

    def __init__(self):
        self.__x = 1

    def read(self, __arg=5):
        __local = self.__x + self.__secret + __arg
        self.__x += 1
        keep = lambda: __local + self.__x

        def __inner():
            return __local

        return keep(), [__i * self.__x for __i in range(2)], __inner()


@case()
def private_names(t):
    from tests.frontend.interp import interpreted

    box = Private()
    return Private.read(box), interpreted(Private.read)(box)[1:]
