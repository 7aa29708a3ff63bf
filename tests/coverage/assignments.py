"""Statements that bind names, and patterns."""

import types
from dataclasses import dataclass
from typing import Any

import torch
from tests.coverage.cases import table

binding = table("Statements", "Assignments and scopes")

TOTAL: Any = 0


@binding("`:=`")
def walrus(x):
    while (s := x.sum()) > 1:
        x = x / 2
    return s


@binding("augmented assignment of numbers: `+= -= *= /= //= %= **= <<= >>= &= |= ^=`")
def augmented_numbers(x):
    n = int(x.max())
    n += 3
    n *= 2
    n -= 1
    n <<= 2
    n >>= 1
    n |= 8
    n &= 31
    n ^= 5
    n **= 2
    n //= 3
    n %= 11
    f = float(n)
    f /= 2
    return n, f, x if n > 3 else -x


@binding("augmented assignment of a tensor, in place")
def augmented_tensor(x):
    y = x.clone()
    z = y
    if x.sum() > 0:
        y += 1
    else:
        y *= 2
    return y, z


@binding("augmented assignment of a list, an item, an attribute")
def augmented_places(x):
    items = [x.clone()]
    box = types.SimpleNamespace(n=0)
    for v in x:
        if v > 0:
            items += [v]
            box.n += 1
            items[0] += 1
    return items, box.n


@binding("unpacking, nested")
def unpacking(x):
    (a, b), [c, d] = x[:2], x[2:]
    if a > b:
        a, b = b, a
    return a, b, c * d


@binding("starred assignment")
def starred(x):
    first, *rest = [v for v in x if v > 0] if x.sum() > 0 else [x, x]
    return first, rest


@binding("starred assignment of a tensor")
def starred_tensor(x):
    first, *middle, last = x
    return middle[0] if first > last else middle[1]


@binding("several targets: `a = b = …`")
def several_targets(x):
    a = b = []
    if x.sum() > 0:
        a.append(x)
    return a, b


@binding("swap under a decision")
def swap(x):
    y = x * 2
    if x[0] > x[1]:
        x, y = y, x
    return x, y


@binding("`del` of a name, an item, a slice")
def delete(x):
    items = [1, 2, 3, 4]
    y = x
    if x.sum() > 0:
        del items[0]
    else:
        del items[1:3]
    del y
    return items


@binding("a name that is unbound on one side")
def unbound(x):
    if x.sum() > 0:
        y = x * 2
    return y


@binding("annotated assignment")
def annotated(x):
    y: torch.Tensor = x * 2
    z: int
    z = 1 if y.sum() > 0 else 2
    return y, z


@binding("`global`, written under a decision")
class WritesGlobal(torch.nn.Module):
    def __init__(self):
        super().__init__()
        global TOTAL
        TOTAL = 0

    def forward(self, x):
        global TOTAL
        if x.sum() > 0:
            TOTAL += 1
        return x + TOTAL


@binding("`nonlocal`")
def nonlocal_count(x):
    count = 0

    def step(v):
        nonlocal count
        if v > 0:
            count += 1

    for v in x:
        step(v)
    return count


@binding("`import` in a function")
def local_import(x):
    import math

    return x * math.pi if x.sum() > 0 else x


@binding("a class in a function that decides", refused="DY101")
def local_class(x):
    class Box:
        value = 1

    return x + Box.value if x.sum() > 0 else x


@binding("a function in a function that decides")
def local_function(x):
    def scaled(v, by=2):
        return v * by if v.sum() > 0 else v

    return scaled(x) + scaled(-x, by=3)


@binding("a slice object as a name")
def slice_object(x):
    part = slice(0, 2) if x.sum() > 0 else slice(1, None, 2)
    return x[part]


matching = table("Statements", "`match`")


@dataclass
class Point:
    a: Any
    b: Any


@matching("values, `|`, a number from data")
def match_values(x):
    match int(x[0]):
        case 0:
            return x
        case 1 | 9:
            return x * 2
        case _:
            return x * 3


@matching("guard")
def match_guard(x):
    match x.sum():
        case s if s > 5:
            return x
        case s if s > 0:
            return s
    return x * 2


@matching("sequences with a star")
def match_sequence(x):
    items = [v for v in (x[0], x[1], x[2]) if v > 0]
    match items:
        case []:
            return x
        case [one]:
            return one
        case [first, *rest]:
            return first, rest


@matching("mappings with `**rest`")
def match_mapping(x):
    config = {"mode": "up" if x.sum() > 0 else "down", "gain": 3}
    match config:
        case {"mode": "up", **rest}:
            return x * rest["gain"]
        case {"mode": mode}:
            return x, mode


@matching("classes with attributes")
def match_class(x):
    point = Point(x[0], 1) if x.sum() > 0 else Point(0, x[1])
    match point:
        case Point(a=0, b=b):
            return b
        case Point(a, 1):
            return a * 2


@matching("strings chosen by data")
def match_text(x):
    tag = "up" if x[0] > 0 else "down" if x[1] > 0 else "none"
    match tag:
        case "up":
            return x + 1
        case "down" | "none" as kind:
            return x - 1, kind


@matching("`None`, `True`, types")
def match_types(x):
    value = None if x.sum() < 0 else x[0] > 0 if x.sum() < 5 else 2.5
    match value:
        case None:
            return x
        case float():
            return x * value
        case torch.Tensor():
            return value
