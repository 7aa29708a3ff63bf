"""Every operation of Python on every kind of operand: compiled ≡ eager, or refused.

The generator of programs (``generator.py``) combines constructs; this goes through a table instead, of
operations by the kinds of their operands (numbers, tensors, lists that grow, ranges, dicts and sets with
keys from data, …), most of which nobody writes and each of which has to be right or refused.

    python -m tests.fuzz.operations --count 5000 --seed 1
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import itertools
import random
import sys
import tempfile
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize

KINDS = {
    "int": "int(x[0])", "float": "float(x[1])", "bool": "bool(x[2] > 0)", "int tensor": "x[0].long()",
    "float tensor": "x[1]", "bool tensor": "(x[2] > 0)", "known int": "1", "known float": "0.5",
    "None": "None", "text": "'a'", "list": "[int(x[0]), int(x[1])]", "mixed list": "[int(x[0]), 1, None]",
    "list of tensors": "[x[0], x[1].round()]", "tuple": "(int(x[0]), 2)", "empty list": "[]",
    "dict": "{1: int(x[0]), 2: 5}", "dict of tensors": "{1: x[0], 0: x[1]}", "known set": "{1, 2}",
    "known range": "range(3)", "range": "range(int(x[3].abs()))", "grown list": "grown(x)",
    "grown list of tensors": "grown_tensors(x)", "grown list of tuples": "grown_tuples(x)",
    "object": "Level(int(x[0]))", "tag": "('p' if x[0] > 0 else 'q')", "size": "x[x > 0].shape[0]",
    "vector": "x", "optional": "(None if x[0] > 0 else 3)", "nested list": "[[int(x[0])], [1, 2]]",
    "array": "x.numpy()", "keyed dict": "keyed(x)", "keyed set": "keyed_set(x)", "keys": "keyed(x).keys()",
    "values": "list(keyed(x).values())",
}  # fmt: skip
BINARY = (
    *(
        "a in b",
        "a not in b",
        "a == b",
        "a != b",
        "a < b",
        "a <= b",
        "a > b",
        "a >= b",
        "a and b",
        "a or b",
    ),
    *("a + b", "a - b", "a * b", "a // b", "a % b", "a / b", "a ** b", "a & b", "a | b", "divmod(a, b)"),
    *("a[b]", "a[b:]", "x[a:b]", "[0, 1, 2][a:b]", "b.get(a, 7)", "a if b else 0", "sum(a, b)"),
    *("min(a, b)", "max(a, b)", "sorted([a, b])", "[a, 1] < [b, 2]", "(a, b) == (b, a)", "sum([a, b])"),
    *("[a, b].index(b)", "(a, b).count(a)", "list(zip(a, b))", "isinstance(a, type(b))", "round(a, b)"),
    *("[e for e in a if e != b]", "any(e == b for e in a)", "list(map(lambda e: e == b, a))"),
    *("a.append(b) or a", "a.extend(b) or a", "a.insert(b, 3) or a", "a.remove(b) or a", "a.pop(b)"),
    *("max(a, key=lambda e: e == b)", "math.pow(a, b)", "torch.where(x > a, x, b)", "x * a + b"),
    *("torch.clamp(x, a, b)", "dict([(1, a), (2, b)])", "f'{a}|{b}'"),
)
UNARY = (
    *("bool(a)", "not a", "-a", "abs(a)", "~a", "len(a)", "int(a)", "float(a)", "round(a)", "str(a)"),
    *(
        "list(a)",
        "tuple(a)",
        "[*a, 1]",
        "sum(a)",
        "min(a)",
        "max(a)",
        "max(a, default=3)",
        "any(a)",
        "all(a)",
    ),
    *("sorted(a)", "sorted(a, reverse=True)", "list(reversed(a))", "list(enumerate(a))", "next(iter(a))"),
    *(
        "a if a else 0",
        "type(a).__name__",
        "isinstance(a, (int, float))",
        "isinstance(a, list)",
        "a.copy()",
    ),
    *("math.floor(a)", "math.sqrt(abs(a))", "list(filter(None, a))", "a is None", "a.item()", "dict(a)"),
    *("torch.as_tensor(a)", "torch.stack(list(a))", "len(str(a))", "bool(a) + 1", "divmod(a, 2)"),
)
_HEAD = """
import math
import torch

class Level:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return self.n == (o.n if isinstance(o, Level) else o)
    def __hash__(self): return 7
    def __lt__(self, o): return self.n < (o.n if isinstance(o, Level) else o)
    def __repr__(self): return "Level"

def grown(x):
    out = []
    while x.sum() < 4 and len(out) < 6:
        out.append(int(x[1].abs()))
        x = x + 0.5
    return out

def grown_tensors(x):
    out = []
    while x.sum() < 4 and len(out) < 6:
        out.append(x[1])
        x = x + 0.5
    return out

def grown_tuples(x):
    out = []
    while x.sum() < 4 and len(out) < 3:
        out.append((int(x[1].abs()), 1))
        x = x + 0.5
    return out

def keyed(x):
    d = {}
    d[int(x[0])] = 1
    d[2] = int(x[1])
    return d

def keyed_set(x):
    s = set()
    s.add(int(x[0]))
    s.add(2)
    return s
"""
INPUTS = (
    (1.0, 0.5, -1.0, 2.0), (0.0, 1.0, 1.0, 1.0), (-1.4, 2.0, 0.3, 0.0), (2.0, 0.0, -2.0, 3.0),
    (3.0, 1.0, 0.0, -2.0),
)  # fmt: skip


class Case(NamedTuple):
    operation: str
    left: str
    right: str = ""

    def source(self, name: str) -> str:
        lines = [f"def {name}(x):", f"    a = {KINDS[self.left]}"]
        lines += [f"    b = {KINDS[self.right]}"] if self.right else []
        return "\n".join([*lines, f"    return {self.operation}\n"])


KNOWN = (
    # what PyTorch refuses for values of integers
    ("a ** b", "int tensor"), ("a ** b", "bool tensor"),
    # which of two errors is raised first, where the arguments have several faults
    ("torch.clamp(x, a, b)", "array"), ("sum([a, b])", "int tensor"), ("sum([a, b])", "array"),
    ("a != b", "grown list of tuples"), ("a == b", "grown list of tuples"), ("a in b", "array"),
    ("a not in b", "array"),
)  # fmt: skip
"""Operations and left operands that differ, and are left so (see docs/fuzzing.md)."""


def cases() -> list[Case]:
    pairs = itertools.product(BINARY, KINDS, KINDS)
    found = [Case(*pair) for pair in pairs] + [Case(*one) for one in itertools.product(UNARY, KINDS)]
    return [case for case in found if case[:2] not in KNOWN]


def check(case: Case, function: Any) -> tuple[str, str]:
    """("equal", ""), ("refused", code), ("wrong", what), or ("fails", "") where eager always fails."""
    given = [torch.tensor(values) for values in INPUTS]
    expected = [_ended(function, x.clone()) for x in given]
    if all(end[0] == "error" for end in expected):
        return "fails", ""
    try:
        recorded = specialize(function, (given[0].clone(),))
    except CompileError as error:
        return "refused", error.diagnostics[0].code
    interpreter = Interpreter(recorded.program, recorded.weights, step_limit=3000)
    for x, want in zip(given, expected, strict=True):
        interpreter.reset()
        have = _ended(lambda x: interpreter.run(function.__name__, x), x.clone())
        if have != want and not (have[0] == want[0] == "error"):
            return "wrong", f"{case}: for {x.tolist()} {want} in eager, {have} compiled"
    return "equal", ""


def _ended(function: Any, x: torch.Tensor) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _plain(function(x))
        except Exception as error:
            return "error", type(error).__name__


def _plain(value: Any) -> Any:
    """A value with its type, as text: floats to four digits, nan equal to nan."""
    if isinstance(value, torch.Tensor):
        return (
            "tensor",
            str(value.dtype),
            tuple(value.shape),
            [_plain(v) for v in value.reshape(-1).tolist()],
        )
    if isinstance(value, (np.ndarray, np.generic)):
        return "array", str(value.dtype), value.shape, [_plain(v) for v in np.ravel(value).tolist()]
    if isinstance(value, dict):
        return "dict", [(_plain(key), _plain(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [_plain(item) for item in value]
    if isinstance(value, float):
        return "float", f"{value:.4g}"
    return type(value).__name__, getattr(value, "n", str(value))


@contextmanager
def functions(chosen: list[Case]) -> Iterator[types.ModuleType]:
    """A module, from a file, with a function ``f0``, ``f1``, … for each case."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "operations_case.py"
        texts = (case.source(f"f{number}") for number, case in enumerate(chosen))
        path.write_text("\n".join([_HEAD, *texts]), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("operations_case", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chosen = random.Random(options.seed).sample(cases(), options.count)
    counts: collections.Counter[str] = collections.Counter()
    with functions(chosen) as module:
        for number, case in enumerate(chosen):
            verdict, what = check(case, getattr(module, f"f{number}"))
            counts[verdict] += 1
            if verdict == "wrong":
                print(what, flush=True)
    print(dict(counts))
    return int(counts["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
