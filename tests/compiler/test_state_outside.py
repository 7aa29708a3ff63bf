"""State that a program keeps outside of its module: globals, classes, lists of earlier calls."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from dyncc.compiler.check.compare import REFERENCE, compare_outcomes, outcome
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize

HEAD = """
import torch
from torch import nn

COUNT = 0
SEEN = []
TABLE = {}
SCALE = torch.ones(2)

class Registry:
    total = 0
    names = []

"""
CASES = {
    "a global is counted up": """
class Net(nn.Module):
    def forward(self, x):
        global COUNT
        COUNT += 1
        if x.sum() > 0:
            COUNT += 2
        return x.sum(), COUNT
""",
    "native code counts a global up": """
def helper(x):
    global COUNT
    COUNT += 1
    return x * COUNT

class Net(nn.Module):
    def forward(self, x):
        x = helper(x)
        if x.sum() > 0:
            x = helper(x)
        return x, COUNT
""",
    "native code appends to a global list": """
def note(x):
    SEEN.append(1)
    return x + len(SEEN)

class Net(nn.Module):
    def forward(self, x):
        x = note(x)
        if x.sum() > 0:
            x = note(x)
        return x, len(SEEN)
""",
    "native code fills a global table": """
def note(name):
    TABLE[name] = TABLE.get(name, 0) + 1

class Net(nn.Module):
    def forward(self, x):
        note("a")
        if x.sum() > 0:
            note("b")
        return x.sum(), TABLE.get("a"), TABLE.get("b", 0)
""",
    "an attribute of a class": """
class Net(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            Registry.total += 2
        return x.sum(), Registry.total
""",
    "native code changes a class by an instance": """
class Stage(nn.Module):
    calls = 0
    def forward(self, x):
        type(self).calls += 1
        return x * 2

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stage = Stage()
    def forward(self, x):
        x = self.stage(x)
        if x.sum() > 0:
            x = self.stage(x)
        return x, Stage.calls
""",
    "a class method and a list of numbers on the class": """
class Meter:
    values = []
    last = None
    @classmethod
    def add(cls, value):
        cls.values.append(value)
        cls.last = value

class Net(nn.Module):
    def forward(self, x):
        Meter.add(1)
        if x.sum() > 0:
            Meter.add(2)
        return x * sum(Meter.values), Meter.last
""",
    "native code appends to a list of the module": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []
        self.same = {"seen": self.seen}
    def note(self, x):
        self.seen.append(x.mean())
        return x + len(self.same["seen"])
    def forward(self, x):
        x = self.note(x)
        if x.sum() > 0:
            x = self.note(x)
        return x, torch.stack(self.seen).sum()
""",
    "a global is deleted and made anew": """
class Net(nn.Module):
    def forward(self, x):
        global COUNT
        n = COUNT
        del COUNT
        if x.sum() > 0:
            n += 1
        COUNT = n + 1
        return x, COUNT
""",
    "a closure counts": """
def make():
    count = 0
    def step(x):
        nonlocal count
        count += 1
        return x * count
    return step

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.step = make()
    def forward(self, x):
        x = self.step(x)
        if x.sum() > 0:
            x = self.step(x)
        return x
""",
    "a list of texts": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.names = []
    def forward(self, x):
        self.names.append("a")
        if x.sum() > 0:
            self.names.append("b")
        return x, len(self.names)
""",
}
REFUSED = {
    "a default that grows": (
        "DY106",
        """
def note(x, seen=[]):
    seen.append(1)
    return x * len(seen)

class Net(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            x = note(x)
        return note(x)
""",
    ),
}


def load(source: str, folder: Path, name: str) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(HEAD + source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CASES)
def test_it_is_as_eager(name: str, tmp_path: Path) -> None:
    ours = load(CASES[name], tmp_path, "ours_outside")
    theirs = load(CASES[name], tmp_path, "theirs_outside")
    before = dict(vars(ours))
    recorded = specialize(ours.Net(), (torch.ones(2),))
    assert vars(ours) == before, "compiling left the module changed"
    compiled, eager = Interpreter(recorded.program, recorded.weights), theirs.Net()
    inputs = [torch.ones(2), -torch.ones(2), torch.ones(2), torch.tensor([2.0, 1.0]), -torch.ones(2)]
    for x in inputs:
        expected = outcome(eager, (x,), {})
        actual = outcome(functools.partial(compiled.run, "forward"), (x.clone(),), {})
        assert not compare_outcomes(expected, actual, REFERENCE).differences


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    code, source = REFUSED[name]
    with pytest.raises(CompileError) as caught:
        specialize(load(source, tmp_path, "refused_outside").Net(), (torch.ones(2),))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    assert "holds 41 values" in diagnostic.message
