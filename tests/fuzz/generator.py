"""Random small dynamic PyTorch programs as source text.

``draft(rng)`` writes a program; ``complete(draft)`` runs it in eager, drops it when it fails or decides
too little, and adds inputs that take different paths through it. ``generate(seed)`` does both. The text
is a module with ``build() -> Net`` and ``calls() -> list[tuple[object, ...]]``: the arguments of
successive calls on one model. Where a size is free it has ``SHAPES``, and where random numbers are drawn
``SEED`` (see :func:`tests.fuzz.inputs.drawing_of`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.fuzz import inputs, keyed, records
from tests.fuzz.control import body, branch, closure, plain_return, result, while_loop
from tests.fuzz.expressions import tensor_condition, vector
from tests.fuzz.scope import FEATURES, Writer
from tests.fuzz.statements import declare

PRELUDE = {
    "Pair": "class Pair(NamedTuple):\n    first: torch.Tensor\n    second: object\n",
    "Box": "class Box:\n    def __init__(self, h, n):\n        self.h = h\n        self.n = n\n",
    "Item": (
        "class Item:\n    def __init__(self, kind, f, row):\n"
        "        self.kind, self.f, self.row = kind, f, row\n\n"
        "    def scaled(self, c):\n        return Item(self.kind, self.f * c, self.row)\n"
    ),
    "Exit": (
        "class Exit(Exception):\n    def __init__(self, value):\n"
        '        super().__init__("exit")\n        self.value = value\n'
    ),
    "Stop": "class Stop(Exception):\n    pass\n",
}

ALIASING = ("inplace", "views")
"""Features that are wanted together more often than others."""


@dataclass(frozen=True)
class Draft:
    """A program without its inputs. ``parameters`` are names and kinds of forward's parameters."""

    source: str
    parameters: tuple[tuple[str, str], ...]
    width: int


@dataclass(frozen=True)
class Case:
    """A complete program: the source of a module with ``build`` and ``calls``."""

    seed: int
    source: str


def draft(rng: random.Random) -> Draft:
    """A random program; most of them run, none is known to."""
    features = frozenset(f for f in FEATURES if rng.random() < (0.5 if f in ALIASING else 0.35))
    w = Writer(rng, rng.choice((4, 6, 8)), features, rng.randint(8, 22))
    parameters = _parameters(w)
    for name, kind in parameters:
        if kind == "M":
            for i in range(3):
                w.bind(f"{name}[{i}]", "v")
        else:
            w.bind(name, kind)
    if w.has("state"):
        state = {"self.count": "n", "self.hidden": "o", "self.memory": "v", "self.trace": "z"}
        w.kinds |= dict(rng.sample(sorted(state.items()), rng.randint(1, 3)))
    signature = ", ".join(name for name, _ in parameters)
    w.indent = 1
    with w.block(f"def forward(self, {signature}):"):
        _forward(w)
    forward = w.lines
    return Draft(_module(w, forward), parameters, w.width)


def _parameters(w: Writer) -> tuple[tuple[str, str], ...]:
    found = [("x", "v")]
    if w.chance(0.35):
        found.append(("y", w.pick(["v", "M"])))
    if w.has("numbers") and w.chance(0.4):
        found.append(("k", "n"))
    if w.has("flags") and w.chance(0.3):
        found.append(("go", "g"))
    if w.has("free sizes"):
        found.append(("u", "z"))
    return tuple(found)


def _forward(w: Writer) -> None:
    w.emit(f"h = {vector(w)}")
    w.bind("h", "v")
    if w.has("closure"):
        closure(w)
    declare(w)
    if w.has("keys"):
        keyed.make(w)
    if w.has("records"):
        records.make(w)
    control = [branch, while_loop] if w.has("whiles") else [branch]
    for _ in range(w.rng.randint(1, 2)):
        if body(w, 4) or w.rng.choice(control)(w):
            return
    while w.budget > 0:
        if body(w, 4):
            return
    if w.chance(0.3):
        with w.block(f"if {tensor_condition(w)}:"):
            w.emit(f"return {result(w)}")
    plain_return(w)


def _method(w: Writer, header: str, kinds: dict[str, str], ends: list[str]) -> list[str]:
    """The lines of a helper method of one to three statements."""
    outer = {name: kind for name, kind in w.kinds.items() if name.startswith("self.")}
    inner = Writer(w.rng, w.width, w.features - {"helper", "closure"}, 5, indent=1, inner=True)
    inner.kinds = kinds | outer
    with inner.block(header):
        for end in ends[:-1]:
            inner.emit(end)
        if not body(inner, 3):
            inner.emit(ends[-1].format(vector(inner)))
    return ["", *inner.lines]


def _module(w: Writer, forward: list[str]) -> str:
    methods: list[str] = []
    text = "\n".join(forward)
    if "self.helper(" in text:
        with_default = {"t": "v", "k": "n"}
        methods += _method(w, "def helper(self, t, k=1):", with_default, ["return {}"])
    if "self.descend(" in text:
        stop = f"if depth == 0 or t.mean() > {w.constant(0.0, 0.4)}:\n            return t"
        ends = [stop, "return self.descend({}, depth - 1)"]
        methods += _method(w, "def descend(self, t, depth):", {"t": "v"}, ends)
    text = "\n".join([*_init(w), "", *forward, *methods])
    parts = [
        "from typing import NamedTuple\n" if "Pair(" in text else "",
        "import collections\n" if "collections." in text else "",
        "import torch\nfrom torch import nn\n",
        *(code for name, code in PRELUDE.items() if f"{name}(" in text or f"except {name}" in text),
        f"class Net(nn.Module):\n{text}\n",
        # (torch.manual_seed asks every kind of device, which takes longer than to build the network.)
        f"def build():\n    torch.default_generator.manual_seed({w.rng.randrange(1000)})\n"
        "    return Net().eval().requires_grad_(False)\n",
    ]
    return "\n\n".join(part for part in parts if part)


def _init(w: Writer) -> list[str]:
    d = w.width
    return [
        "    def __init__(self):",
        "        super().__init__()",
        f"        self.f1 = nn.Linear({d}, {d})",
        f"        self.f2 = nn.Linear({d}, {d})",
        f"        self.layers = nn.ModuleList(nn.Linear({d}, {d}) for _ in range(3))",
        f"        self.experts = nn.ModuleList(nn.Linear({d}, {d}) for _ in range(4))",
        f"        self.weight = nn.Parameter(torch.randn({d}, {d}) * 0.5)",
        f'        self.register_buffer("bias", torch.linspace(-0.5, 0.6, {d}))',
        f'        self.register_buffer("memory", torch.zeros({d}))',
        "        self.trace = torch.zeros(2)",
        "        self.count = 0",
        "        self.hidden = None",
    ]


def generate(seed: int) -> Case:
    """The program of ``seed``: valid, deterministic, with at least two decisions on tensors."""
    for attempt in range(1000):
        rng = random.Random(seed * 1_000_003 + attempt)
        source = inputs.complete(draft(rng), rng)
        if source is not None:
            return Case(seed, source)
    raise AssertionError(f"no program for seed {seed}")
