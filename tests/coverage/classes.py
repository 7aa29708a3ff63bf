"""Classes: methods and operators, records, attributes, modules."""

import enum
import types
from collections import namedtuple
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from tests.coverage.cases import Net, table
from torch import nn

methods = table("Classes", "Methods")


class Base:
    def __init__(self, x):
        self.x = x

    def act(self, v):
        return v * 2 if v.sum() > 0 else v


class Derived(Base):
    kind = "derived"

    def act(self, v):
        return super().act(v) + 1

    @property
    def best(self):
        return self.x.max() if self.x[0] > 0 else self.x.min()

    @best.setter
    def best(self, value):
        self.x = self.x + value if value > 0 else self.x

    @staticmethod
    def scaled(v):
        return v * 3 if v.sum() > 0 else v

    @classmethod
    def made(cls, v):
        return cls(v if v.sum() > 0 else -v)


@methods("`super()`")
def super_call(x):
    return Derived(x).act(x)


@methods("property that decides, its setter")
def property_decides(x):
    d = Derived(x)
    d.best = x[0]
    return d.best


@methods("`staticmethod`, `classmethod`")
def static_and_class(x):
    return Derived.scaled(x), Derived.made(x).x


@methods("bound method as a value")
def bound_method(x):
    act = Derived(x).act if x[0] > 0 else Base(x).act
    return act(x)


records = table("Classes", "Records")


@dataclass
class Result:
    value: Any
    label: str = "none"
    trail: list = field(default_factory=list)

    def better(self, other):
        return self if self.value > other.value else other


class Pair(NamedTuple):
    a: Any
    b: int = 0


Loose = namedtuple("Loose", ["left", "right"])


class Mode(enum.Enum):
    UP = 1
    DOWN = 2

    def apply(self, x):
        return x + 1 if self is Mode.UP else x - 1


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 1


class Flags(enum.Flag):
    A = 1
    B = 2


@records("dataclass, changed and returned")
def dataclass_result(x):
    result = Result(x)
    if x.sum() > 0:
        result.label = "up"
        result.trail.append(x[0])
    return result


@records("dataclass with a method that decides, `replace`")
def dataclass_method(x):
    best = Result(x[0], "a").better(Result(x[1], "b"))
    return replace(best, value=best.value * 2)


@records("`NamedTuple` and `namedtuple`, `_replace`")
def named_tuple(x):
    pair = Pair(x, 1)
    if x.sum() > 0:
        pair = pair._replace(b=2)
    return pair, Loose(pair.b, right=x)


@records("`Enum` member changed by a decision")
def enum_member(x):
    mode = Mode.UP if x.sum() > 0 else Mode.DOWN
    return mode.apply(x), mode.name


@records("`IntEnum`, `Flag`")
def int_enum(x):
    level = Level.HIGH if x.sum() > 0 else Level.LOW
    flags = Flags.A | Flags.B if x[0] > 0 else Flags.A
    return x * level, bool(flags & Flags.B)


@records("`Enum` called with a number from data", refused="DY110")
def enum_by_number(x):
    mode = Mode(1 + int(x[0] > 0))
    return mode.apply(x)


@records("`SimpleNamespace`")
def namespace(x):
    ns = types.SimpleNamespace(y=x)
    if x.sum() > 0:
        ns.y = x * 2
        ns.extra = 1
    return ns.y, hasattr(ns, "extra")


@records("`__slots__`")
def slots(x):
    s = Slotted()
    s.a = x if x.sum() > 0 else -x
    return s.a


class Slotted:
    __slots__ = ("a",)


attributes = table("Classes", "Attributes by name")


@attributes("`getattr`, `setattr`, `hasattr`, `delattr`")
def by_name(x):
    box = types.SimpleNamespace()
    for i in range(2):
        if x[i] > 0:
            setattr(box, f"v{i}", x[i])
    if hasattr(box, "v0"):
        delattr(box, "v0")
    return getattr(box, "v1", x)


@attributes("`getattr` with a name chosen by data")
def chosen_name(x):
    name = "sum" if x[0] > 0 else "max"
    return getattr(x, name)()


@attributes("`isinstance`, `type`, `callable` of what data chose")
def kinds(x):
    value = 2 if x.sum() > 0 else x
    return isinstance(value, int), type(value) is torch.Tensor, callable(value)


@attributes("`vars`, `__dict__`")
def dictionary(x):
    box = types.SimpleNamespace(a=1)
    if x.sum() > 0:
        vars(box)["b"] = 2
    return sorted(box.__dict__)


@attributes("class attribute written under a decision")
class ClassAttribute(Net):
    seen = 0

    def __init__(self):
        super().__init__()
        ClassAttribute.seen = 0

    def forward(self, x):
        if x.sum() > 0:
            ClassAttribute.seen += 1
        return x + self.seen


modules = table("Classes", "Modules")


@modules("forward hook that decides")
class ForwardHook(Net):
    def __init__(self):
        super().__init__()
        self.layer.register_forward_hook(lambda module, args, out: out if out.sum() > 0 else -out)

    def forward(self, x):
        return self.layer(x)


@modules("forward hook that keeps an activation")
class KeepingHook(Net):
    def __init__(self):
        super().__init__()
        self.kept = {}
        self.layer.register_forward_hook(self.keep)

    def keep(self, module, args, out):
        self.kept["out"] = out

    def forward(self, x):
        y = self.layer(x)
        return y if self.kept["out"].sum() > 0 else x


@modules("forward pre-hook that decides")
class PreHook(Net):
    def __init__(self):
        super().__init__()
        self.layer.register_forward_pre_hook(
            lambda module, args: (args[0].abs(),) if args[0][0] < 0 else None
        )

    def forward(self, x):
        return self.layer(x)


@modules("`Sequential`, `ModuleList`, `ModuleDict` by index or name from data")
class Containers(nn.Module):
    def __init__(self):
        super().__init__()
        self.list = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.dict = nn.ModuleDict({"e0": nn.Linear(4, 4), "e1": nn.Linear(4, 4)})
        self.seq = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x):
        i = int(x.argmax())
        return self.list[i % 3](x), self.dict[f"e{i % 2}"](x), self.seq[i % 2](x)


@modules("`ParameterList`, `ParameterDict`")
class Parameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.list = nn.ParameterList([torch.ones(4), torch.zeros(4)])
        self.dict = nn.ParameterDict({"up": torch.ones(4), "down": torch.zeros(4)})

    def forward(self, x):
        tag = "up" if x.sum() > 0 else "down"
        return x + self.list[int(x[0] > 0)] + self.dict[tag]


@modules("`Sequential` of modules that decide")
class DecidingSequential(nn.Module):
    def __init__(self):
        super().__init__()
        self.seq = nn.Sequential(Gate(), Gate(), nn.ReLU())

    def forward(self, x):
        return self.seq(x)


class Gate(Net):
    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else x + 1


@modules("`self.training`")
class Training(Net):
    def forward(self, x):
        if self.training:
            return x
        return self.layer(x) if x.sum() > 0 else x


@modules("a module that is not registered, in a plain list")
class PlainList(nn.Module):
    def __init__(self):
        super().__init__()
        self.gates = [Gate().eval(), Gate().eval()]

    def forward(self, x):
        for gate in self.gates:
            x = gate(x)
        return x


@modules("`children`, `named_modules`, `parameters` looped over")
class Walks(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)

    def forward(self, x):
        for name, child in self.named_children():
            if x.sum() > 0 or name == "b":
                x = child(x)
        return x, sum(p.sum() for p in self.parameters())


@modules("`apply`, `modules` that change nothing")
class Applies(Net):
    def forward(self, x):
        count = len(list(self.modules()))
        return self.layer(x) * count if x.sum() > 0 else x


@modules("the instance's `forward` replaced")
class Replaced(Net):
    def __init__(self):
        super().__init__()
        self.layer.forward = lambda v: v * 2 if v.sum() > 0 else v

    def forward(self, x):
        return self.layer(x)
