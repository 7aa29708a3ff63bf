"""The commands with the real compiler: one small network all the way, and one that is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dyncc.compiler.cli import compile_command

NET = """
class Net(nn.Module):
    def __init__(self, wide=3):
        super().__init__()
        self.layer = nn.Linear(wide, 2)

    def forward(self, x, scale: float = 2.0, mode="mean"):
        if x.sum() > 0:
            return {"y": self.layer(x) * scale, "side": "up"}
        return {"y": x.mean(0), "side": "down"}
"""


def test_a_network_all_the_way(write: Any, dyncc: Any, tmp_path: Path) -> None:
    write(NET)
    compiled = dyncc(
        "net.py", "--input", "x=2x3:f32", "--dynamic", "x=0", "--dump-ir", "ir", "--verify-each"
    )
    assert (compiled.code, compiled.out) == (0, "net.dyncc\n"), compiled.err
    assert "checked" in compiled.err and list((tmp_path / "ir").glob("*-specialize.txt"))
    assert dyncc("verify", "net.dyncc").code == 0
    inspected = dyncc("inspect", "net.dyncc")
    assert inspected.code == 0
    assert "net.py:9  " not in inspected.out  # line 9 is the signature: no block comes from it
    assert "if x.sum() > 0:" in inspected.out and "mode" in inspected.out
    np.save(tmp_path / "down.npy", -np.ones((5, 3), "float32"))
    ran = json.loads(dyncc("run", "net.dyncc", "--input", "x=down.npy", "--json").out)
    assert ran["outputs"] == {
        "['y']": {"dtype": "float32", "shape": [3], "data": [-1.0, -1.0, -1.0]},
        "['side']": "down",
    }
    assert dyncc("run", "net.dyncc", "--input", "x=2x4:f32").code == 2
    assert dyncc("run", "net.dyncc", "--input", "x=2x3:f32", "--input", "mode=max:str").code == 2


CHECKED = """
class Net(nn.Module):
    def forward(self, x):
        if x.shape[0] > 4000:
            return x.mean(0)
        return x + 1


def example_inputs():
    return (torch.ones(2, 3),)
"""
CALLS = "\n\ndef check_inputs():\n    return [{}]\n"


def test_what_was_not_compared_is_said_and_can_be_given(write: Any, dyncc: Any) -> None:
    write(CHECKED)
    compiled = dyncc("net.py", "--dynamic", "x=0", "--json")
    for said in (compiled.err, dyncc("inspect", "net.dyncc").out):
        assert "unchecked 1 edge: compiled as all others, but no compared call went there" in said
        assert "\n  net.py:6  if x.shape[0] > 4000:\n      when it is true, to line 7: a size or an" in said
        assert "check_inputs()" in said
    data = json.loads(compiled.out)
    assert data["uncovered"] == 1 and data["unchecked"][0]["span"]["line"] == 6
    assert (
        json.loads(dyncc("inspect", "net.dyncc", "--json").out)["checks"]["unchecked"] == data["unchecked"]
    )

    write(CHECKED + CALLS.format("(torch.ones(5000, 3),), torch.ones(1, 3)"), "more.py")
    compiled = dyncc("more.py", "--dynamic", "x=0")
    assert compiled.code == 0 and "unchecked" not in compiled.err, compiled.err
    assert "3 examples as expected" in dyncc("verify", "more.dyncc").out


@pytest.mark.parametrize(
    ("calls", "code", "says"),
    [
        (
            "(torch.ones(50, 3),)",
            1,
            "call 1 to check with does not fit the compiled `forward`: size 0 of `x`",
        ),
        ("(torch.ones(2, 3), 1)", 1, "do not fit `forward`"),
        ("1/0", 1, "check_inputs() in net.py raised"),
    ],
)
def test_calls_to_check_with_that_do_not_fit(
    write: Any, dyncc: Any, calls: str, code: int, says: str
) -> None:
    write(CHECKED + CALLS.format(calls))
    result = dyncc("net.py")
    assert result.code == code and says in result.err
    write(CHECKED + "\n\ndef check_inputs():\n    return torch.ones(2, 3)\n")
    assert "must return a list of calls" in dyncc("net.py").err


def test_a_refused_network_keeps_the_old_bundle(write: Any, dyncc: Any, tmp_path: Path) -> None:
    write(NET.replace("x.mean(0)", "torch.poisson(x)"))
    (tmp_path / "net.dyncc").mkdir()
    (tmp_path / "net.dyncc" / "program.json").write_text("old")
    refused = dyncc("net.py", "--input", "x=2x3:f32")
    assert (refused.code, refused.out) == (1, "")
    assert "error[DY120]" in refused.err and "--> net.py:12:" in refused.err
    assert "torch.poisson(x)" in refused.err and "Traceback" not in refused.err
    assert (tmp_path / "net.dyncc" / "program.json").read_text() == "old"


@pytest.mark.parametrize("passes", ["no-such-pass", "fold{", "a,,b"])
def test_passes_that_do_not_parse(write: Any, dyncc: Any, passes: str) -> None:
    write(NET)
    result = dyncc("net.py", "--input", "x=2x3:f32", "--passes", passes)
    assert result.code == 2, result.err
    assert "Traceback" not in result.err


def test_the_real_compiler_is_the_one_that_is_called() -> None:
    from dyncc.compiler import compile

    assert compile_command.compiler() is compile


DEEP = """
import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        path = ""
        for i in range(12):
            path += "a" if x[i] > 0 else "b"
        return x, path


def example_inputs():
    return (torch.ones(12),)
"""


def test_limits_can_be_set_and_a_refusal_names_the_flag(write: Any, dyncc: Any) -> None:
    write(DEEP)
    few = dyncc("net.py", "--max-blocks", "100")
    assert few.code == 1 and "error[DY106]" in few.err and "--max-blocks 400" in few.err
    short = dyncc("net.py", "--max-seconds", "0.01")
    assert short.code == 1 and "--max-seconds 600" in short.err
    none = dyncc("net.py", "--max-blocks", "0")
    assert none.code == 2 and "--max-blocks" in none.err
