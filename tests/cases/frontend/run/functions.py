"""Inner functions, closures, comprehensions, generators, super."""

import contextlib
import functools

from tests.frontend.compare import Registry

case = Registry()


def decorate(t, name):
    t(f"make {name}")

    def decorator(function):
        t(f"apply {name}")
        return lambda *args: (name, function(*args))

    return decorator


@case((2,))
def closures(t, n):
    def outer(a, b=t("default", 5), *rest, k=t("kwdefault", 6), **more):
        nonlocal n
        n += a
        return a, b, rest, k, more, n

    add = lambda x, y=n: x + y + n
    return outer(1), outer(1, 2, 3, k=4, z=5), add(1), (lambda: n)(), (lambda *a, **k: (a, k))(1, b=2)


@case()
def decorators(t):
    @decorate(t, "first")
    @decorate(t, "second")
    def inner(x, y=t("default", 2)):
        """A docstring."""
        return x + y

    @functools.lru_cache
    def cached(x):
        t("computed")
        return x

    return inner(1), cached(1), cached(1)


@case((4,))
def recursion(t, n):
    def fib(k):
        return k if k < 2 else fib(k - 1) + fib(k - 2)

    def even(k):
        return True if k == 0 else odd(k - 1)

    def odd(k):
        return False if k == 0 else even(k - 1)

    return fib(n), even(n)


@case()
def lambdas_on_one_line(t):
    fs = [lambda: 1, lambda: 2, lambda x=3: x, lambda: (lambda: 4)(), lambda: lambda: 1]
    a, b = (lambda q: q + 1), (lambda q: q - 1)
    same = [lambda: 0, lambda: 0, lambda: 1]
    f = lambda x: lambda y: lambda z: (x, y, z)
    return fs[0](), fs[1](), fs[2](), fs[3](), fs[4]()(), a(1), b(1), [s() for s in same], f(1)(2)(3)


@case()
def captured_loop_variable(t):
    fs = []
    for i in range(3):
        fs.append(lambda: i)
    gs = [lambda: j for j in range(3)]
    hs = [[lambda: (j, k) for j in range(2)] for k in range(2)]
    ks = {j: (lambda m=j: (m, j)) for j in range(2)}
    return (
        [f() for f in fs],
        [g() for g in gs],
        [h() for row in hs for h in row],
        [k() for k in ks.values()],
    )


@case()
def comprehension_cells_are_fresh(t):
    rows = []
    for n in range(2):
        rows += [lambda: (i, n) for i in range(n + 1)]
    return [row() for row in rows]


@case(([1, 2, 3],))
def comprehensions(t, xs):
    x = "kept"
    a = [x * 2 for x in xs]
    b = {x % 2 for x in xs if x > 1}
    c = {t("k", x): t("v", x * x) for x in xs if x != 2}
    d = [(x, y) for x in xs for y in xs if x < y if y > 2]
    e = [[x + y for x in xs] for y in xs]
    f = [x for x in [x for x in xs if x] if x > 1]
    g = [a for a, *b in [(1, 2), (3,)]]
    return x, a, b, c, list(c), d, e, f, g, [i for i in range(0)]


@case(([1, 2],))
def comprehension_scopes(t, xs):
    y = 10
    outer = [y + x for x in xs]
    shadow = [y for y in xs]
    both = [x for x in xs for xs in [[x]]]
    inner = [(lambda: y + x)() for x in xs]
    deep = [[(lambda: (x, y, z)) for z in xs] for x in xs]
    return y, outer, shadow, both, inner, [f() for row in deep for f in row], xs


@case(([3, 4],))
def comprehension_target_forms(t, xs):
    box = [0, 0]
    r = [box[0] for box[0] in xs]
    s = [v for i, box[1] in enumerate(xs) for v in box]
    return r, s, box


@case(([1, 2, 3],))
def generator_expressions(t, xs):
    k = 2
    g = (t("elt", x * k) for x in t("iter", xs) if t("if", x) != 2)
    t("made")
    k = 3
    a = list(g)
    b = sum(x for x in xs) + sum(y for y in xs)
    c = dict((x, y) for x in xs for y in range(x))
    d = [list(z + x for z in xs) for x in xs]
    e = ((x, y) for x in xs for y in (x + w for w in xs))
    return a, b, c, d, list(e), max((x for x in xs), default=0), any(x > 2 for x in xs)


@case(([1],))
def generator_expression_fails_early(t, xs):
    try:
        g = (x for x in t("iter", 5))
    except TypeError as error:
        return str(error)


@case((3,))
def generators(t, n):
    def count(k):
        t("start")
        try:
            for i in range(k):
                got = yield i
                t(f"got {got}")
        finally:
            t("closed")
        return "done"

    def chain(*parts):
        for part in parts:
            yield from part
        yield

    g = count(n)
    first = next(g)
    second = g.send("hello")
    g.close()
    return first, second, list(chain([1], "ab", count(1)))


@case((3,))
def is_generator(t, n):
    while n:
        x = yield n
        t(x)
        n -= 1
    return 5


@case()
def throws_into_generator(t):
    def g():
        while True:
            try:
                yield 1
            except ValueError as error:
                t(f"caught {error}")
                yield 2

    it = g()
    return next(it), it.throw(ValueError("v")), next(it)


@case()
def context_manager_from_generator(t):
    @contextlib.contextmanager
    def managed(name):
        t(f"enter {name}")
        try:
            yield name
        except KeyError:
            t("swallowed")
        finally:
            t(f"exit {name}")

    with managed("a") as a, managed("b"):
        t(a)
        {}[1]
    return a


@case((1,))
def captured_parameter(t, a, *rest, **named):
    def inner():
        nonlocal a
        a += 1
        return a, rest, named

    a = a * 10
    return inner(), a


@case()
def deleted_cell(t):
    x = 1
    f = lambda: x
    t(f())
    del x
    try:
        f()
    except NameError as error:
        t(error)
    try:
        x
    except UnboundLocalError as error:
        t(error)
    try:
        del x
    except UnboundLocalError as error:
        t(error)
    x = 2
    return f()


@case()
def nonlocal_in_nested(t):
    total = 0

    def add(k):
        def inner():
            nonlocal total
            total += k
            return [total + j for j in range(2)], {k: (lambda: total)() for _ in "a"}

        return inner()

    return add(1), add(2), total


@case((5,))
def walrus_in_nested_scopes(t, n):
    f = lambda: (m := n) + m
    xs = [(y := x, [(z := w) for w in range(x)]) for x in range(3)]
    any((q := v) == 2 for v in range(5))
    return f(), xs, y, z, q


class Base:
    def __init__(self, n):
        self.n = n

    def value(self, k=1):
        return self.n + k


class Derived(Base):
    def __init__(self, n):
        super().__init__(n + 1)

    def value(self, k=1):
        inner = lambda: self.n
        return super().value(k) * 10 + inner()

    def closure(self):
        def inner(this):
            return super().value()

        return inner(self)

    def cls(self):
        return __class__.__name__, super(Derived, self).value()

    def rebinds(self):
        self = Derived(100)
        return super().value()


@case((3,))
def supers(t, n):
    from tests.frontend.interp import interpreted

    d = Derived.__new__(Derived)
    interpreted(Derived.__init__)(d, n)
    return [
        interpreted(method)(d) for method in (Derived.value, Derived.closure, Derived.cls, Derived.rebinds)
    ], [method(d) for method in (Derived.value, Derived.closure, Derived.cls, Derived.rebinds)]


@case((2,))
def same_name_everywhere(t, x):
    x = [x for x in range(x) if (lambda: x)() == x]
    y = [x for x in x]
    z = (lambda x: [x for x in x])(x)
    return x, y, z
