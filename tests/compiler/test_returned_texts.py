"""Texts with numbers from data that a program returns: to the letter those of Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.functions import FIRST, Net, inputs
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize
from dyncc.runtime import load
from dyncc.runtime import program as p
from dyncc.runtime.errors import DamagedBundle
from dyncc.runtime.host.expressions import Read, apply_op, constant, render
from dyncc.runtime.hostops import HOST_OPS
from dyncc.runtime.replay import replay
from dyncc.runtime.texts import agree, pieces, template_of
from dyncc.runtime.wellformed import check_program

# -------------------------------------------------------------------------------------- programs


@dataclass
class Report:
    y: torch.Tensor
    note: str


class Named(NamedTuple):
    y: torch.Tensor
    note: str


class Holder:
    def __init__(self, note: str) -> None:
        self.note = note + "!"
        self.is_text = isinstance(note, str)


def beside_a_tensor(x: torch.Tensor) -> Any:
    n = int(x.sum())
    return x, f"exit at {n}"


def formats(x: torch.Tensor) -> str:
    a, n = x[0].item(), int(x[1])
    return f"{a!r:>8}|{x.max():.2f}|{n:03d}|{n:+d}|{n:x}|{a:e}|{a:%}|{a > 1}|{n:,}|{a!s}|{a:{8}.{2}f}|{{}}"


def in_containers(x: torch.Tensor) -> Any:
    n = int(x.sum())
    found = {"y": x, "note": f"n={n}", "all": [str(n), "%d of %.1f" % (n, x[0].item())]}  # noqa: UP031
    found["late"] = f"{n}, {x[1].item()!r}"
    found.update(more=(f"{n}",))
    found["all"].append(repr(x[1].item()))
    return found


def in_records(x: torch.Tensor) -> Any:
    note = f"n={int(x.sum())}"
    return Report(x, note), Named(x, note=note)


def of_a_loop(x: torch.Tensor) -> Any:
    n, note = 0, "none"
    while x.sum() > 1:
        x = x * 0.5
        n += 1
        note = f"step {n} at {x[0].item()}"
    return x, note


def of_one_way(x: torch.Tensor) -> Any:
    n = int(x.sum())
    return f"{n} is large" if n > 4 else "small"


def grown(x: torch.Tensor) -> Any:
    log, n = "", 0
    while x.sum() > 0.01:
        log += f"{n}: {x[0].item()}, "
        x = x * 0.25
        n += 1
    return log + "end"


def put_together(x: torch.Tensor) -> Any:
    text = "a"
    for value in x[:2]:
        text += f" {value.item()}"
    return text + "!", ", ".join([f"{value.item()}" for value in x[:3]]), f"<{text}>"


def labelled(note: str, y: torch.Tensor, *, end: str) -> Any:
    return y, note + end


def given_to_functions(x: torch.Tensor) -> Any:
    holder = Holder(f"{x[0].item()}")
    return labelled(f"{x[1].item()}", x, end=f"({int(x[0])})"), holder.note, holder.is_text


def of_containers(x: torch.Tensor) -> Any:
    y = x[x > 1]
    return repr([x[0].item(), 1]), str((int(x[0]),)), f"{[int(x[1]), 'a']} {y.shape} {len(y)} {{'a': 1}}"


def of_exceptions(x: torch.Tensor) -> Any:
    try:
        if x[0] > 1:
            raise ValueError(f"bad {x[0].item()}")
        return [1, 2, 3][int(x[1]) + 2]
    except ValueError as error:
        return f"failed: {error}"
    except IndexError as error:
        return f"{int(x[1])}: {error}"


def with_all_kinds_of_characters(x: torch.Tensor) -> Any:
    n = int(x[0])
    return f"""'q' "d" \\ \n {{{n}}} é \u2028 %s {n}""", f"'{n}'", f'"{n}"', f"\\'{n}\\", f"{{{n!r:>4}"


def inline(x: torch.Tensor) -> Any:
    return f"{int(x[0]) + 1} {x[1].item() != 1.0} {max(int(x[0]), 2)} {-int(x[1])} {int(x[0]) % 2 == 0}"


PROGRAMS = [
    beside_a_tensor, formats, in_containers, in_records, of_a_loop, of_one_way, grown, put_together,
    given_to_functions, of_containers, of_exceptions, with_all_kinds_of_characters, inline,
]  # fmt: skip


@pytest.mark.parametrize("function", PROGRAMS)
def test_they_are_those_of_eager(function: Callable[[torch.Tensor], Any], tmp_path: Path) -> None:
    recorded = specialize(Net(function), (FIRST,))
    net = compile(function, (FIRST,), output=tmp_path / "net.dyncc")
    for x in inputs():
        expected = repr(function(x))
        assert repr(Interpreter(recorded.program, recorded.weights).run("forward", x)) == expected
        assert repr(net(x)) == expected
    assert all(outcome.passed for outcome in replay(tmp_path / "net.dyncc"))


class Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = "none"

    def forward(self, x: torch.Tensor) -> str:
        before = self.last
        self.last = f"step {int(x[0])}"
        return before


def test_they_are_kept_between_calls(tmp_path: Path) -> None:
    model = Remembering()
    net = compile(model, (torch.ones(4),), output=tmp_path / "net.dyncc")
    for x in inputs()[:4]:
        assert net(x) == model(x)
    deployed = load(tmp_path / "net.dyncc")
    assert deployed(torch.ones(4).numpy()) == "none"
    assert deployed(torch.ones(4).numpy()) == "step 1"


class Growing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.log = ""

    def forward(self, x: torch.Tensor) -> str:
        self.log += f"step {int(x[0])} "
        return self.log


def of_a_tensor(x: torch.Tensor) -> str:
    return f"{x}"


def in_capitals(x: torch.Tensor) -> str:
    return f"e{x[0].item()}".upper()


def of_native_code(x: torch.Tensor) -> str:
    return json.dumps({"a": f"{x[0].item()}"})


def sorted_texts(x: torch.Tensor) -> Any:
    return sorted([f"{int(value)}" for value in x])


def in_a_format_of_data(x: torch.Tensor) -> str:
    return f"{x[0].item():.{int(x[1])}f}"


def filled_with_braces(x: torch.Tensor) -> str:
    return f"{int(x[0]):{'{'}>5}"


@pytest.mark.parametrize(
    "model",
    [
        Growing(), Net(of_a_tensor), Net(in_capitals), Net(of_native_code), Net(sorted_texts),
        Net(in_a_format_of_data), Net(filled_with_braces),
    ],
)  # fmt: skip
def test_what_is_refused(model: nn.Module) -> None:
    with pytest.raises(CompileError) as refused:
        specialize(model, (torch.ones(4),))
    assert [diagnostic.code for diagnostic in refused.value.diagnostics] == ["DY104"]


def test_a_format_that_is_none_raises_where_it_is_used(tmp_path: Path) -> None:
    def program(x: torch.Tensor) -> Any:
        try:
            return f"{x[0].item():d}"
        except ValueError as error:
            return str(error)

    net = compile(program, (torch.ones(4),), output=tmp_path / "net.dyncc")
    assert net(torch.ones(4)) == program(torch.ones(4))


# ------------------------------------------------------------------------------------ the instruction

_TEXTS = st.text(alphabet="ab'\"\\{}\n é\u2028%!:", max_size=6)
_FIELDS = st.tuples(st.sampled_from(["", "r", "s", "a"]), st.sampled_from(["", ">5", "<3", "^9"]))


@settings(deadline=None)
@given(st.lists(st.one_of(_TEXTS.filter(bool), _FIELDS), max_size=5), st.integers(-3, 3), st.booleans())
def test_the_host_writes_what_the_instruction_means(parts: list[Any], number: int, inlined: bool) -> None:
    template = template_of(iter(parts))
    joined = "".join("".join(piece) if isinstance(piece, str) else "\0" for piece in pieces(template))
    assert joined == "".join(part if isinstance(part, str) else "\0" for part in parts)
    count = sum(not isinstance(part, str) for part in parts)
    value = apply_op("select", (Read("c"), Read("n"), constant("'")), (None,) * 3) if inlined else Read("n")
    written = render(apply_op("text", (constant(template), *[value] * count), ()), lambda name: name)
    expected = HOST_OPS["text"].evaluate(template, *[number] * count)
    assert eval(written, {"n": number, "c": True}) == expected  # ours


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("n = 3", "n = 3", True),
        ("n = 3", "n = 4", False),
        ("at 0.30000001192", "at 0.30000003", True),
        ("at 0.3", "at 0.4", False),
        ("at 0.25", "at 0.26", True),
        ("at -0.00", "at 0.00", True),
        ("1e-07, 2", "1.5e-07, 2", True),
        ("1e-07, 2", "1.5e-07, 3", False),
        ("0.5 of x", "0.5 of y", False),
        ("nan", "inf", False),
        ("   1.00", "  1.001", True),
    ],
)
def test_when_two_texts_agree(expected: str, actual: str, same: bool) -> None:
    assert agree(expected, actual, 1e-4, 1e-3) is same


@pytest.mark.parametrize("template", ["{0}", "{n}", "{.real}", "{[0]}", "{!x}", "{:{}}", "{", "{} {}"])
def test_a_template_that_is_none_is_not_loaded(template: str) -> None:
    number, text = p.ScalarType("int"), p.ScalarType("str")
    step = p.HostOp("text", (p.Const(template), p.Ref("n")), p.Value("t", text))
    block = p.Block("b", (p.Value("n", number),), (step,), p.Return(p.Leaf(p.Ref("t"))))
    method = p.Method(
        "forward", (p.Parameter("n", "positional", p.Input("n", number)),), (p.Entry("b", ("n",)),)
    )
    with pytest.raises(DamagedBundle):
        check_program(p.Program("Net", {"forward": method}, (p.State(()),), {"b": block}, {}))
