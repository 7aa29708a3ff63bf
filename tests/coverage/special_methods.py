"""Special methods of classes of one's own, which decide."""

import abc

import torch
from tests.coverage.cases import table


class Table:
    def __init__(self, x):
        self.x = x

    def __call__(self, v):
        return v + 1 if v > 0 else v

    def __getitem__(self, i):
        return self.x[i] if self.x[i] > 0 else -self.x[i]

    def __setitem__(self, i, v):
        if v > 0:
            self.x = self.x + v

    def __len__(self):
        return 2 if self.x.sum() > 0 else 3

    def __bool__(self):
        return bool(self.x[0] > 0)

    def __contains__(self, v):
        return bool((self.x == v).any())

    def __iter__(self):
        return iter([v for v in self.x if v > 0])

    def __eq__(self, other):
        return bool(torch.equal(self.x, other.x))

    def __lt__(self, other):
        return bool(self.x.sum() < other.x.sum())

    def __hash__(self):
        return 7

    def __add__(self, other):
        return Table(self.x + other.x if other.x.sum() > 0 else self.x)

    def __radd__(self, other):
        return Table(self.x * 2 if self.x.sum() > other else self.x)

    def __iadd__(self, v):
        self.x = self.x + v if v > 0 else self.x
        return self

    def __matmul__(self, other):
        return self.x @ other.x if self.x[0] > 0 else other.x

    def __neg__(self):
        return Table(-self.x if self.x.sum() > 0 else self.x)

    def __getattr__(self, name):
        if name == "gain":
            return 2 if self.x.sum() > 0 else 3
        raise AttributeError(name)

    def __delitem__(self, i):
        if self.x[i] > 0:
            self.x = -self.x

    def __abs__(self):
        return self.x if self.x.sum() > 0 else -self.x

    def __int__(self):
        return 1 if self.x.sum() > 0 else 0

    def __float__(self):
        return 1.5 if self.x.sum() > 0 else 0.5

    def __index__(self):
        return 1 if self.x.sum() > 0 else 0

    def __str__(self):
        return "up" if self.x.sum() > 0 else "down"

    def __format__(self, spec):
        return spec if self.x.sum() > 0 else ""

    def __round__(self, digits=0):
        return digits if self.x.sum() > 0 else 0

    def __reversed__(self):
        return iter([self.x, 1] if self.x.sum() > 0 else [2])


operators = table("Classes", "Special methods of one's own classes, which decide")


@operators("`__call__`")
def call(x):
    return Table(x)(x[0])


@operators("`__getitem__`, `__setitem__`, `__delitem__`")
def getitem(x):
    t = Table(x)
    t[0] = x[1]
    y = t[0]
    del t[2]
    return y, t.x


@operators("`__len__`")
def length(x):
    return x * len(Table(x))


@operators("`__bool__`")
def truth(x):
    return x * 2 if Table(x) else x


@operators("`__contains__`")
def contains(x):
    return 3 in Table(x)


@operators("`__iter__`")
def iterate(x):
    return [v * 2 for v in Table(x)]


@operators("`__eq__`, `!=`")
def equality(x):
    y = x * 2 if Table(x) == Table(x.abs()) else x
    return y, Table(x) != Table(x.abs())


@operators("`__lt__`, in `sorted` and `max`")
def less(x):
    a, b, c = Table(x), Table(x * 2), Table(-x)
    return max(a, b).x, [t.x for t in sorted([a, b, c])]


@operators("`__add__`, `__radd__`, `__iadd__`")
def arithmetic(x):
    t = Table(x) + Table(x)
    t += x[0]
    return t.x, (3 + t).x


@operators("`__matmul__`")
def matmul(x):
    return Table(x) @ Table(-x)


@operators("`__neg__`")
def negative(x):
    return (-Table(x)).x


@operators("`__getattr__`")
def getattr_method(x):
    return x * Table(x).gain


@operators("`__abs__`, `__round__`")
def absolute(x):
    return abs(Table(x)), round(Table(x), 2)


@operators("`__int__`, `__float__`")
def conversions(x):
    t = Table(x)
    return int(t), float(t)


@operators("`__index__`", refused="DY103")
def index(x):
    return [4, 5][Table(x)]


@operators("`__str__`")
def text(x):
    return str(Table(x))


@operators("`__format__`", refused="DY103")
def formatted(x):
    return f"{Table(x):abc}"


@operators("`__reversed__`")
def reverse(x):
    return list(reversed(Table(x)))


@operators("`__setattr__`")
def setattr_method(x):
    class_ = Guarded()
    class_.level = x[0]
    return class_.level


class Guarded:
    def __setattr__(self, name, value):
        super().__setattr__(name, value if value > 0 else 0)


class Descriptor:
    def __get__(self, obj, owner=None):
        return obj.x * 2 if obj.x.sum() > 0 else obj.x

    def __set__(self, obj, value):
        obj.x = value if value.sum() > 0 else -value


class Described:
    value = Descriptor()

    def __init__(self, x):
        self.x = x


@operators("descriptor: `__get__`, `__set__`", refused="DY103")
def descriptor(x):
    d = Described(x)
    d.value = x - 1
    return d.value


@operators("`__new__`", refused="DY103")
def new(x):
    return Positive(x).x


class Positive:
    def __new__(cls, x):
        made = super().__new__(cls)
        made.x = x if x.sum() > 0 else -x
        return made


@operators("`__init__` that decides")
def init(x):
    class_ = Rated(x)
    return class_.rating, class_.x


class Rated:
    def __init__(self, x):
        self.x = x
        self.rating = 1 if x.sum() > 0 else 2


@operators("`__init_subclass__`, metaclass, abstract base class")
def abstract(x):
    return Concrete().act(x)


class Abstract(abc.ABC):
    @abc.abstractmethod
    def act(self, x): ...


class Concrete(Abstract):
    def act(self, x):
        return x if x.sum() > 0 else -x


@operators("`__getitem__` of a number or tensor from data")
def items_of_own(x):
    bank = Bank()
    return bank[int(x.argmax())], bank[x.argmin()]


class Bank:
    def __init__(self):
        self.rows = [1.5, -2.0, 3.0, 0.5, 4.0, -1.0, 2.5, 6.0]

    def __getitem__(self, i):
        return self.rows[i] if i > 0 else -self.rows[i]
