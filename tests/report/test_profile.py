"""``--profile FILE.npz``: how calls are written in it, and what the command line shows of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.report.nets import Exits

from dyncc.compiler import CompileError, compile
from dyncc.compiler.cli.discover import Target, discover
from dyncc.compiler.cli.exits import CliError
from dyncc.compiler.cli.prepare import Call
from dyncc.compiler.cli.profile import profile_calls

MODEL = """
import torch
from torch import nn

class Net(nn.Module):
    def forward(self, x, n=2, extra=None):
        if x.sum() > 0:
            return x * n
        return x if extra is None else x + extra["bias"]

def example_inputs():
    return (torch.zeros(1, 4),)
"""
EXAMPLE = Call((torch.zeros(1, 4),), {"n": 2, "extra": {"bias": torch.zeros(4)}}, "a test")
Profile = Callable[..., list[Any]]


@pytest.fixture
def target(tmp_path: Path) -> Target:
    (tmp_path / "net.py").write_text(MODEL)
    return discover(str(tmp_path / "net.py"))


@pytest.fixture
def profile(target: Target, tmp_path: Path) -> Profile:
    def read(**arrays: Any) -> list[Any]:
        np.savez(tmp_path / "profile.npz", **arrays)
        return profile_calls(target, EXAMPLE, tmp_path / "profile.npz")

    return read


def test_calls_along_the_first_axis(profile: Profile) -> None:
    calls = profile(x=np.arange(12, dtype="float32").reshape(3, 1, 4), n=np.array([5, 6, 7]))
    assert len(calls) == 3
    assert [call.args[1] for call in calls] == [5, 6, 7] and type(calls[0].args[1]) is int
    assert torch.equal(calls[2].args[0], torch.tensor([[8.0, 9, 10, 11]]))


def test_a_value_that_all_calls_share(profile: Profile) -> None:
    calls = profile(
        x=np.zeros((2, 1, 4), "float32"), **{"extra.bias": np.ones(4, "float32")}, n=np.array(3)
    )
    assert len(calls) == 2
    assert [call.args[1] for call in calls] == [3, 3]
    assert torch.equal(calls[1].args[2]["bias"], torch.ones(4))


def test_one_call(profile: Profile) -> None:
    (call,) = profile(x=np.ones((1, 4), "float32"))
    assert call.args[0].shape == (1, 4)


def test_calls_by_number_may_differ_in_size(profile: Profile) -> None:
    arrays = {"10/x": np.zeros((5, 4), "float32"), "9/x": np.zeros((2, 4), "float32"), "n": np.array(4)}
    calls = profile(**arrays)
    assert [tuple(call.args[0].shape) for call in calls] == [(2, 4), (5, 4)]
    assert [call.args[1] for call in calls] == [4, 4]


def test_without_a_name(profile: Profile) -> None:
    calls = profile(arr_0=np.zeros((2, 1, 4), "float32"))
    assert [tuple(call.args[0].shape) for call in calls] == [(1, 4), (1, 4)]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 1, 4)), "n": np.zeros(3)}, "different numbers of calls"),
        ({"0/x": np.zeros((1, 4)), "n": np.zeros(3)}, "both along a first axis and by number"),
        ({"forward/a/x": np.zeros((1, 4))}, "cannot read the name"),
        ({"y": np.zeros(4)}, "does not fit the program"),
    ],
)
def test_what_is_no_profile(profile: Profile, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(CliError) as caught:
        profile(**arrays)
    assert message in caught.value.diagnostics[0].message


def test_a_call_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="call 2 of the profile does not fit"):
        compile(
            Exits().eval(),
            (torch.zeros(1, 4),),
            output=tmp_path / "net.dyncc",
            profile=[(torch.zeros(1, 4),), (torch.zeros(1, 5),)],
        )
    assert not (tmp_path / "net.dyncc").exists()


def test_from_the_command_line(target: Target, tmp_path: Path) -> None:
    values = np.array([1, 1, 1, -1], "float32").reshape(4, 1, 1) * np.ones((1, 4), "float32")
    np.savez(tmp_path / "calls.npz", x=values)
    command = [sys.executable, "-m", "dyncc.compiler"]
    subprocess.run([*command, "net.py", "--profile", "calls.npz", "-q"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [*command, "inspect", "net.dyncc"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "taken by 4 calls of the profile" in done.stdout
    assert "true 3 (75 %), false 1 (25 %)" in done.stdout
    data = json.loads((tmp_path / "net.dyncc" / "report.json").read_text())
    shown = subprocess.run(
        [*command, "inspect", "net.dyncc", "--json"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(shown.stdout)["report"] == data


def test_an_axis_of_calls_is_missing(target: Target, tmp_path: Path) -> None:
    file = tmp_path / "profile.npz"
    np.savez(file, x=np.zeros((3, 4), np.float32))
    with pytest.raises(CliError) as caught:
        profile_calls(target, EXAMPLE, file, dynamic=False)
    assert "has the shape [3, 4], a call takes [1, 4]" in str(caught.value.diagnostics[0])
    assert len(profile_calls(target, EXAMPLE, file)) == 1


def test_calls_that_fail_alike_are_told_once(tmp_path: Path) -> None:
    calls = [(torch.zeros(1, 4, dtype=torch.float64),)] * 5
    with pytest.raises(CompileError) as caught:
        compile(torch.nn.Linear(4, 2), (torch.zeros(1, 4),), output=tmp_path / "n.dyncc", profile=calls)
    (found,) = caught.value.diagnostics
    assert found.notes == ("5 calls fail alike",) and not found.helps
