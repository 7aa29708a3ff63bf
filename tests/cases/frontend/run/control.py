"""Branches, loops, and the order in which things are evaluated."""

from tests.frontend.compare import Registry

case = Registry()


class Truth:
    """An operand whose truth is asked for visibly."""

    def __init__(self, t, name, value):
        self.t, self.name, self.value = t, name, value

    def __bool__(self):
        self.t(f"bool {self.name}")
        return self.value

    def __lt__(self, other):
        self.t(f"{self.name} < {other.name}")
        return Truth(self.t, f"{self.name}<{other.name}", self.value < other.value)


@case((0,), (1,), (2,), (3,))
def if_elif_else(t, n):
    if n == 0:
        t("zero")
    elif n == 1:
        t("one")
        return "one"
    elif n == 2:
        pass
    else:
        t("many")
    return n


@case((True, True), (True, False), (False, True), (False, False))
def boolean_values(t, a, b):
    x, y = Truth(t, "a", a), Truth(t, "b", b)
    return [(x and y).name, (x or y).name, (x and y and x).name, (x or y or y).name, not x, not y]


@case(
    (True, True, True),
    (True, False, True),
    (False, True, False),
    (False, False, False),
    (True, True, False),
)
def boolean_conditions(t, a, b, c):
    x, y, z = Truth(t, "a", a), Truth(t, "b", b), Truth(t, "c", c)
    if x and y or z:
        t("1")
    if not (x or y) and not z:
        t("2")
    if x or (y and not z):
        t("3")
    if x if y else z:
        t("4")
    while x and (y or z):
        t("5")
        break
    assert x or not x
    return [i for i in range(2) if x and y or z]


@case((True, True, True), (True, False, True), (False, True, False), (False, False, True))
def mixed_boolean_values(t, a, b, c):
    return [a and b or c, a or b and c, (a or b) and c, not (a and b) or c, (a or b) or c, a and (b and c)]


@case((1, 2, 3), (2, 1, 3), (1, 3, 2), (3, 2, 1))
def chained_comparisons(t, a, b, c):
    x, y, z = Truth(t, "a", a), Truth(t, "b", b), Truth(t, "c", c)
    r = x < y < z
    if t("x", x) < t("y", y) < t("z", z):
        t("ordered")
    return r.name, a < b <= c != a, not a < b < c, (a < b < c) and b


@case((1,), (5,), (None,), ([1],))
def comparisons(t, a):
    return a is None, a is not None, a in (1, None), a not in (1, 2), a == 5, a != 5


@case((True,), (False,))
def ternaries(t, c):
    return (
        (t("a", 1) if t("c", c) else t("b", 2)) if not c else t("d", 4),
        1 if 0 else 2,
        (1 if c else 2, 3),
    )


@case((0,), (1,), (4,))
def while_else(t, n):
    i = 0
    while i < n:
        i += 1
        if i == 3:
            t("break")
            break
        if i == 2:
            continue
        t(i)
    else:
        t("else")
    return i


@case(([],), ([1],), ([1, 2, 3, 4],), ([5, 1],))
def for_else(t, xs):
    for x in xs:
        if x == 3:
            break
        if x == 5:
            continue
        t(x)
    else:
        t("exhausted")
        x = -1
    return x


@case(([],), ([1],))
def unbound_after_loop(t, xs):
    for x in xs:
        pass
    return x


@case((3,), (0,))
def nested_loops(t, n):
    total = 0
    for i in range(n):
        for j in range(n):
            if j > i:
                break
            if (i + j) % 2:
                continue
            total += i * j + 1
        else:
            t(f"full {i}")
            continue
        t(f"short {i}")
        while True:
            total += 1
            if total % 3 == 0:
                break
    return total


@case((7,), (0,))
def while_true(t, n):
    while True:
        n -= 1
        while 1:
            if n > 3:
                break
            return n


@case()
def loop_that_never_runs(t):
    while 0:
        t("never")
    else:
        t("else")
    if False:
        return lambda: t
    while False:
        pass
    return 1


@case(([(1, 2), (3, 4)],))
def loop_targets(t, pairs):
    class_like = {}
    holder = [0]
    for a, (b) in pairs:
        t((a, b))
    for holder[0] in range(3):
        t(holder)
    for class_like["k"], *rest in [(1, 2, 3), (4,)]:
        t((class_like, rest))
    for i, (x, [y, *z]) in enumerate([(1, (2, 3)), (4, "567")]):
        t((i, x, y, z))
    return holder, rest


@case(([3, 1, 2],))
def modifies_while_iterating(t, xs):
    for x in xs:
        if len(xs) < 6:
            xs.append(x)
    return xs


@case((5,), (-1,), (0,))
def asserts(t, n):
    assert n >= 0
    assert t("check", n), t("message", f"{n} is zero")
    return n


@case((True,), (False,))
def conditional_binding(t, c):
    if c:
        x = 1
    return x


@case((True,), (False,))
def deleted(t, c):
    x = [1]
    y = x
    if c:
        del x
    t(y)
    return x


@case((4,))
def dead_code(t, n):
    while n:
        n -= 1
        if n == 2:
            continue
            t("never")
        if n == 1:
            break
            n = 100
    return n
    t("never")
    for i in range(3):
        return i


@case((3,))
def rebinding_iterable(t, n):
    xs = list(range(n))
    for xs in xs:
        t(xs)
    return xs


@case((3,), (0,))
def elif_chain_with_walrus(t, n):
    if (k := t("k", n - 3)) and k < 0:
        return k
    elif m := t("m", n - 2):
        return m, k
    while (n := n - 1) > 0:
        t(n)
    return k, m, n
