"""The whole command, on tiny networks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dyncc.compiler.cli import main

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x):
        h = torch.relu(self.first(x))
        if bool(x.sum() > 0):
            return h
        return self.second(h)

def get_model():
    return Net().eval()

def example_inputs():
    return (torch.ones(2, 4),)

def bench_inputs():
    return [(s * torch.ones(2, 4),) for s in (1, -1, 1, 2)]
"""


def bench(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments, "--seconds", "0", "--starts", "1", "--threads", "1"])
    captured = capfd.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXX", "no-such-compiler")
    (tmp_path / "bench_net.py").write_text(NET)
    return tmp_path / "bench_net.py"


def by_name(result: dict[str, Any]) -> dict[str, Any]:
    return {standing["name"]: standing for standing in result["standings"]}


@pytest.mark.slow
def test_a_file_is_timed_against_all_that_can_run(net: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = bench(capfd, net.name, "--json")
    assert code == 0, err
    result = json.loads(out)
    found = by_name(result)
    assert list(found) == ["eager", "torch.compile", "torchscript", "torchscript-onnx", "dyncc", "oracle"]
    assert found["torch.compile"]["failed"] == "there is no C++ compiler here"
    assert [name for name, standing in found.items() if standing["failed"]] == ["torch.compile"]
    assert [(row["calls"], row["engine_calls"]) for row in result["paths"]] == [(3, 1.0), (1, 2.0)]
    assert set(result["mix"]["gains"]) == {"eager", "torchscript", "torchscript-onnx", "oracle"}
    for ratio in result["mix"]["gains"].values():
        assert 0 < ratio["low"] <= ratio["value"] <= ratio["high"]
    assert found["eager"]["start"] > found["dyncc"]["start"]
    assert found["eager"]["resident"] > found["dyncc"]["resident"]


def test_a_bundle_is_timed_against_its_oracle(net: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([net.name, "-q", "--no-verify"])
    code, out, err = bench(capfd, "bench_net.dyncc", "--inputs", f"{net.name}:bench_inputs")
    assert code == 0, err
    assert "dyncc" in out and "oracle" in out
    assert "eager, torch.compile, torchscript, torchscript-onnx do not take part: a bundle holds no" in out
    code, out, _ = bench(capfd, "bench_net.dyncc", "--json")  # the example that the bundle keeps
    assert code == 0 and [row["calls"] for row in json.loads(out)["paths"]] == [1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bench_net.py", "--inputs", "bench_net.py:nothing"], "has no function `nothing`"),
        (["bench_net.py", "--inputs", "bench_net.py:get_model"], "must return a list of calls"),
        (["bench_net.py", "--inputs", "calls.txt"], "cannot read `--inputs calls.txt`"),
        (["missing.py"], "no such file"),
        (["bench_net.py", "--engine", "abacus"], "there is no engine `abacus`"),
        (["bench_net.py", "--without", "tea"], "there is no contender `tea`"),
    ],
)
def test_usage(net: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    code, _, err = bench(capfd, *arguments)
    assert code == 2 and words in err


def test_other_engines_are_timed_beside(net: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Those that cannot take part say why; `CXX` names no compiler here."""
    code, out, err = bench(capfd, str(net), "--engine", "inductor", "--engine", "tvm", "--json")
    assert code == 0, err
    standings = by_name(json.loads(out))
    assert standings["dyncc"]["failed"] == ""
    assert "the engine inductor needs a C++ compiler" in standings["dyncc inductor"]["failed"]
    assert re.match("the engine tvm (needs apache-tvm|links with a C)", standings["dyncc tvm"]["failed"])


def test_pruned_bundles_are_timed_beside(net: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever they answer; it is said how often that is something else."""
    Path("small.py").write_text(NET.replace("manual_seed(0)", "manual_seed(1)"))  # stands for a pruned one
    for name, file in {"small": "small.py", "same": net.name}.items():
        with pytest.raises(SystemExit):
            main([file, "-q", "-o", f"{name}.dyncc"])
    left_out = [text for name in ("torchscript", "torchscript-onnx") for text in ("--without", name)]
    also = ["--also", "small.dyncc", "--also", "same.dyncc"]
    code, out, err = bench(capfd, net.name, *also, *left_out, "--json")
    assert code == 0, err
    standings = by_name(json.loads(out))
    assert standings["dyncc small"]["notes"]["different"] == "4 of 4"
    assert standings["dyncc same"]["notes"]["different"] == "0 of 4"
    code, _, err = bench(capfd, "same.dyncc", "--also", "small.dyncc")
    assert code == 2 and "--also is beside a model" in err
    code, _, err = bench(capfd, net.name, "--also", "none.dyncc")
    assert code == 2 and "no such bundle" in err
    code, _, err = bench(capfd, net.name, "--also", "same.dyncc", "--also", "same.dyncc")
    assert code == 2 and "two contenders are called `same`" in err
