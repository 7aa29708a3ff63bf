"""``match``."""

from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from enum import Enum

from tests.frontend.compare import Registry

case = Registry()


@dataclass
class Point:
    x: int
    y: int


class Color(Enum):
    RED = 1
    BLUE = 2


Pair = namedtuple("Pair", "left right")


class BadArgs:
    __match_args__ = ["x"]

    def __eq__(self, other):
        return isinstance(other, BadArgs)


@case((1,), (-2,), ("a",), (None,), (True,), (2.5,), (Color.RED,), (b"x",), ([],), (3 + 4j,))
def values(t, v):
    match v:
        case None:
            return "none"
        case True | False:
            return "bool"
        case 1 | 2:
            return "small"
        case -2:
            return "minus two"
        case "a":
            return "text"
        case 2.5:
            return "float"
        case Color.RED:
            return "red"
        case b"x":
            return "bytes"
        case 3 + 4j:
            return "complex"
    return "nothing"


@case(
    ([],),
    ([1],),
    ([1, 2],),
    ((1, 2, 3),),
    ([1, 2, 3, 4],),
    ("ab",),
    (b"ab",),
    (deque([1, 2]),),
    (range(3),),
    ({1: 2},),
    ({1, 2},),
    (5,),
    ([[1, 2], 3],),
    (Pair(1, 9),),
    (["x", 1, 2, "y"],),
)
def sequences(t, v):
    match v:
        case []:
            return "empty"
        case [x]:
            return "one", x
        case ["x", *rest, "y"]:
            return "xy", rest
        case [[a, b], c]:
            return "nested", a, b, c
        case (1, 9 | 10 as n):
            return "or", n
        case (x, y) if x == y:
            return "same", x
        case [x, y]:
            return "two", x, y
        case [_, _, _]:
            return "three"
        case [first, *_, last]:
            return "many", first, last
        case [*_]:
            return "never"
        case str(s) | bytes(s):
            return "text", s
        case _:
            return "other"


@case(
    ({},),
    ({"k": 1},),
    ({"k": 2, "z": 3},),
    ({"k": {"n": 5}},),
    (OrderedDict(k=1, m=2),),
    ([("k", 1)],),
    ({"a": 1, "b": 2},),
)
def mappings(t, v):
    match v:
        case {"k": 1, **rest}:
            return "k is 1", rest
        case {"k": {"n": n}}:
            return "deep", n
        case {"k": k, "z": z}:
            return k, z
        case {"a": _, "b": x}:
            return x
        case {**everything}:
            return "any", everything
        case _:
            return "other"


@case(
    (Point(0, 0),),
    (Point(0, 2),),
    (Point(3, 4),),
    (5,),
    ("s",),
    ([1],),
    ({"a": 1},),
    (1.5,),
    (Pair(1, 2),),
    (True,),
)
def classes(t, v):
    match v:
        case Point(0, 0):
            return "origin"
        case Point(x=0, y=y):
            return "on the axis", y
        case Point(x, y=yy):
            return x, yy
        case bool(b):
            return "bool", b
        case int(n) | float(n) if n > 2:
            return "big", n
        case int() | float():
            return "number"
        case str() as s:
            return s
        case Pair(left=1, right=r):
            return "pair", r
        case list(items):
            return items
        case dict():
            return "dict"


@case((Point(1, 2),), (BadArgs(),), (3,))
def bad_patterns(t, v):
    outcomes = []
    not_a_class = 5
    for attempt in range(5):
        try:
            match v:
                case not_a_class() if attempt == 9:
                    pass
            match attempt:
                case 0:
                    match v:
                        case Point(a, b, c):
                            pass
                case 1:
                    match v:
                        case BadArgs(a):
                            pass
                case 2:
                    match v:
                        case Point(a, x=b):
                            pass
                case 3:
                    match v:
                        case int(a, b):
                            pass
        except TypeError as error:
            outcomes.append(str(error))
    return outcomes


@case((Point(1, 2),), (BadArgs(),), (3,))
def wrong_counts(t, v):
    outcomes = []
    for attempt in range(4):
        try:
            match attempt:
                case 0:
                    match v:
                        case Point(a, b, c):
                            t("never")
                case 1:
                    match v:
                        case BadArgs(a):
                            t("never")
                case 2:
                    match v:
                        case Point(a, x=b):
                            t("never")
                case 3:
                    match v:
                        case int(a, b):
                            t("never")
        except TypeError as error:
            outcomes.append(str(error))
    return outcomes


@case((1,), (2,), (3,))
def guards(t, v):
    match t("subject", v):
        case x if t("guard 1", x == 1):
            r = "one"
        case y if t("guard 2", y == 2) and t("guard 3", False):
            r = "never"
        case z:
            r = z
    return r, x


@case((3,), (0,))
def in_a_loop(t, n):
    out = []
    while True:
        match n:
            case 0:
                break
            case 2:
                n -= 1
                continue
            case k if k > 100:
                return "never"
        n -= 1
        out.append(n)
    return out


@case(((1, 2),))
def captures_in_cells(t, v):
    match v:
        case (a, b):
            f = lambda: (a, b)
    match 1, 2, v:
        case 1, 2, (c, _):
            pass
    return f(), c
