"""``dyncc prune`` and ``dyncc groups`` from outside."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnx_ir
import pytest
import torch
from tests.prune.nets import net

from dyncc.compiler.cli.app import run_app
from dyncc.runtime import load


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    text = "(float[1, 3, 4, 4] x) => (float[1, 2, 4, 4] y) { h = Conv(x, a)  i = Relu(h)  y = Conv(i, b) }"
    onnx_ir.save(net(text, {"a": (8, 3, 1, 1), "b": (2, 8, 1, 1)}), path)
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        run_app([str(argument) for argument in arguments])
        raise SystemExit(0)
    return int(stopped.value.code or 0)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_prune(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(network)
    assert run("prune", network, "--ratio", "0.5", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    small = network.with_suffix(".pruned.onnx")
    assert report["output"] == str(small) and report["groups"][0]["kept"] == 4
    onnx.checker.check_model(str(small), full_check=True)
    assert {i.name: list(i.dims) for i in onnx.load(small).graph.initializer} == {
        "a": [4, 3, 1, 1],
        "b": [2, 4, 1, 1],
    }
    assert digest(network) == before


def test_branches_and_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.onnx"
    text = (
        "(float[1, 3, 4, 4] x) => (float[1, 2, 4, 4] y) { h = Conv(x, a) i = Conv(h, c) j = Relu(i) "
        "s = Add(h, j) t = Conv(s, d) u = Relu(t) v = Add(u, s) y = Conv(v, b) }"
    )
    sizes = {"a": (8, 3, 1, 1), "b": (2, 8, 1, 1), "c": (8, 8, 1, 1), "d": (8, 8, 1, 1)}
    onnx_ir.save(net(text, sizes), path)
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(0).random((6, 3, 4, 4), np.float32))
    data = ("--data", tmp_path / "data.npz")
    assert run("prune", path, "--depth", "0.5", *data) == 0
    told = capsys.readouterr().err
    assert "removed   1 residual branch\n" in told and "% of the sum" in told
    assert run("prune", path, "--depth", "0.5", "--ratio", "0.5", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["branches"]) == 1 and report["groups"][0]["kept"] == 4
    assert run("prune", path, "--depth", "1") == 2
    assert "the depth 1.0 is not in [0, 1)" in capsys.readouterr().err
    assert run("prune", path, "--ratio", "0.5", *data) == 2
    assert "takes no --data" in capsys.readouterr().err
    assert run("prune", path, "--latency", "0.0001") == 1
    assert "the budget cannot be met" in capsys.readouterr().err


def test_groups(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("groups", network) == 0
    text = capsys.readouterr().out
    assert "8 channels  a: a[0], b[1]" in text and "`y` is an output of the network: b[0]" in text
    assert run("groups", network, "--json") == 0
    assert json.loads(capsys.readouterr().out)["groups"][0]["channels"] == 8


def test_obspa_without_batch_norms_warns(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prune", network, "--ratio", "0.5", "--criterion", "obspa") == 0
    assert "refitted on random numbers (there is no batch norm)" in " ".join(
        capsys.readouterr().err.split()
    )


def test_obspa_with_data(network: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, x=np.zeros((1, 3, 4, 4), np.float32))
    assert run("prune", network, "--ratio", "0.5", "--criterion", "obspa", "--data", data) == 0
    np.savez(data, x=np.zeros((1, 5, 4, 4), np.float32))
    assert run("prune", network, "--ratio", "0.5", "--criterion", "obspa", "--data", data) == 2


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--ratio", "1.5"], 2, "the ratio 1.5 is not in [0, 1)"),
        ([], 2, "how much to prune is not said"),
        (["--ratio", "0.5", "--criterion", "l9"], 2, "there is no criterion `l9`"),
        (["--ratio", "0.5", "--criterion", "snip"], 2, "needs gradients"),
        (["--ratio", "0.5", "--keep", "zz"], 1, "`zz` matches no weight of a group"),
        (["--flops", "0.0001"], 1, "the budget cannot be met"),
        (["--ratio", "0.5", "--inputs", "no.npz"], 2, "no such file: no.npz"),
        (["--ratio", "0.5", "-o", "net.onnx"], 2, "the output is the input"),
        (["--ratio", "0.5", "-o", "no/where.onnx"], 2, "no such folder"),
        (["--ratio", "0.5", "--weights", "w.pt"], 2, "this is an ONNX file"),
        (["--ratio", "0.5", "--profile", "p.npz"], 2, "--profile is for a model in Python"),
        (["--ratio", "0.5", "--force"], 2, "--force is for a model in Python"),
        (["--ratio", "0.5", "--data", "d.npz"], 2, "`l1` is of the weights alone, and takes no --data"),
    ],
)
def test_bad_options(
    network: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(network.parent)
    before = sorted(network.parent.iterdir()), digest(network)
    assert run("prune", network, *options) == code
    assert message in " ".join(capsys.readouterr().err.split())
    assert (sorted(network.parent.iterdir()), digest(network)) == before


def test_bad_files(network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prune", tmp_path / "no.onnx", "--ratio", "0.5") == 2
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(network.read_bytes()[:100])
    assert run("prune", broken, "--ratio", "0.5") == 1
    assert "is no valid ONNX file" in capsys.readouterr().err
    outside = tmp_path / "outside.onnx"
    onnx.save(
        onnx.load(network), outside, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    assert run("prune", outside, "--ratio", "0.5") == 0
    (tmp_path / "weights.bin").unlink()
    capsys.readouterr()
    assert run("prune", outside, "--ratio", "0.5") == 1
    assert "keep the file with the weights beside" in " ".join(capsys.readouterr().err.split())


def test_nothing_to_prune(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.onnx"
    onnx_ir.save(net("(float[1, 3] x) => (float[1, 2] y) { y = MatMul(x, a) }", {"a": (3, 2)}), path)
    assert run("prune", path, "--ratio", "0.5") == 1
    assert "there is nothing to prune" in capsys.readouterr().err
    assert not path.with_suffix(".pruned.onnx").exists()


def test_gradients_of_a_file(network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data.npz"
    x = np.random.default_rng(0).standard_normal((6, 3, 4, 4)).astype(np.float32)
    options = ["prune", network, "--ratio", "0.5", "--criterion", "taylor", "--data", data, "--json"]
    np.savez(data, x=x[:1], y=np.zeros((1, 2, 4, 4), np.float32))
    assert run(*options) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["criterion"] == "taylor" and report["groups"][0]["kept"] == 4
    np.savez(data, x=x[:1])
    assert run(*options) == 2
    assert "need one array of labels beside the inputs" in capsys.readouterr().err
    np.savez(data, y=np.zeros((1, 2, 4, 4), np.float32))
    assert run(*options) == 2
    assert "the data have no `x`" in capsys.readouterr().err


MODEL = """
import torch
from torch import nn


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.often = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
        self.rarely = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, x):
        if x.sum() > 0:
            return self.often(x)
        return self.rarely(x)


def example_inputs():
    return (torch.ones(1, 6),)
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "gated.py"
    path.write_text(MODEL)
    return path


def pruned_groups(model: Path, capsys: pytest.CaptureFixture[str], *options: object) -> dict[str, int]:
    """How many channels are left, by the weight that makes them."""
    assert run("prune", model, "--json", *options) == 0
    groups = json.loads(capsys.readouterr().out)["pruning"]["groups"]
    return {group["weights"][0]: group["kept"] for group in groups}


def test_a_model_by_its_profile(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = tmp_path / "calls.npz"
    np.savez(calls, x=np.concatenate([np.ones((9, 1, 6)), -np.ones((1, 1, 6))]).astype(np.float32))
    options = ["--flops", "0.5", "--scope", "global", "--profile", calls]
    left = pruned_groups(model, capsys, *options)
    assert left["often.0.weight[0]"] > left["rarely.0.weight[0]"]
    assert run("prune", model, *options) == 0
    assert "FLOPs a call over 10 calls of the profile" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("criterion", ["taylor", "obspa"])
def test_a_model_by_data(
    criterion: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    data = tmp_path / "train.npz"
    arrays = {"x": random.standard_normal((40, 6)).astype(np.float32), "y": random.integers(0, 4, 40)}
    np.savez(data, **arrays)
    options = ["--ratio", "0.5", "--criterion", criterion, "--data", data]
    assert set(pruned_groups(model, capsys, *options).values()) == {8}
    np.savez(data, x=arrays["x"][:, :3], y=arrays["y"])
    assert run("prune", model, *options) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert "`x` in" in text and "[40, 3]" in text
    np.savez(data, z=arrays["x"])
    assert run("prune", model, *options) == 2
    assert "has no array for a parameter: it takes `x`" in " ".join(capsys.readouterr().err.split())


def test_a_models_own_loss(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It heeds the first half of the channels alone, which then are those that stay."""
    own = "def loss(model, batch):\n    return model.often[:2](batch['x'])[:, :8].square().sum()\n"
    model.write_text(MODEL + "\n\n" + own)
    data = tmp_path / "train.npz"
    np.savez(data, x=np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32))
    options = ["--ratio", "0.5", "--criterion", "snip", "--data", data, "--keep", "rarely.*"]
    left = pruned_groups(model, capsys, *options)
    assert left == {"often.0.weight[0]": 8, "rarely.0.weight[0]": 16}
    torch.manual_seed(0)
    one, two, x = torch.nn.Linear(6, 16), torch.nn.Linear(16, 4), torch.ones(1, 6)
    expected = torch.relu(one(x))[:, :8] @ two.weight[:, :8].T + two.bias
    small = load(tmp_path / "gated.dyncc")
    np.testing.assert_allclose(small(x.numpy()), expected.detach().numpy(), rtol=1e-4)


def test_a_model_without_data(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(pruned_groups(model, capsys, "--ratio", "0.5", "--criterion", "obspa").values()) == {8}
    assert run("prune", model, "--ratio", "0.5", "--criterion", "obspa") == 0
    assert "refitted on random numbers" in " ".join(capsys.readouterr().err.split())
    assert run("prune", model, "--ratio", "0.5", "--criterion", "taylor") == 2
    assert "needs gradients" in capsys.readouterr().err


def test_ways_that_no_call_takes(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = tmp_path / "calls.npz"
    np.savez(calls, x=np.ones((3, 1, 6), np.float32))
    assert run("prune", model, "--drop-rare", "0", "--profile", calls) == 0
    text = " ".join(capsys.readouterr().err.split())
    assert "dropped 1 way of decisions" in text and "gated.py:14, where it does not hold: 0 of 3" in text
    net = load(tmp_path / "gated.dyncc")
    assert len(net.program.blocks) == 1
    np.savez(calls, x=np.ones((0, 1, 6), np.float32))
    assert run("prune", model, "--drop-rare", "0", "--profile", calls) == 2
    assert "holds no calls" in capsys.readouterr().err
    assert run("prune", model, "--drop-rare", "0") == 2
    assert "--drop-rare goes by a profile" in capsys.readouterr().err
    np.savez(calls, x=np.ones((3, 1, 6), np.float32))
    assert run("prune", model, "--drop-rare", "0.7", "--profile", calls) == 2
    assert "the share 0.7 of visits is not in [0, 0.5)" in capsys.readouterr().err


@pytest.mark.parametrize("criterion", ["taylor", "obspa"])
@pytest.mark.parametrize("size", [1, 4, "N"])
def test_data_of_a_file(
    criterion: str, size: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cut into batches of the size that the file takes; what is no input is a label."""
    path, data = tmp_path / "net.onnx", tmp_path / "data.npz"
    text = (
        f"(float[{size}, 6] x) => (float[{size}, 3] y) "
        "{ h = Gemm(x, a)  n = BatchNormalization(h, s, t, m, v)  i = Relu(n)  y = Gemm(i, b) }"
    )
    norm = {"s": np.ones(8), "t": np.zeros(8), "m": np.zeros(8), "v": np.ones(8)}
    onnx_ir.save(net(text, {"a": (6, 8), "b": (8, 3), **norm}), path)
    random = np.random.default_rng(0)
    x, y = random.standard_normal((10, 6)).astype(np.float32), random.integers(0, 3, 10)
    command = ["prune", path, "--ratio", "0.5", "--criterion", criterion, "--data", data]
    np.savez(data, x=x, y=y)
    assert run(*command) == 0, capsys.readouterr().err
    capsys.readouterr()
    wrong = {
        "is float64, the network takes float32": {"x": x.astype(float), "y": y},
        "has the shape [10, 5]": {"x": x[:, :5], "y": y},
        "has no samples": {"x": x[:0], "y": y[:0]},
        "not finite": {"x": np.where(x > 1, np.nan, x), "y": y},
        "the data have no `x`": {"z": x, "y": y},
    }
    if criterion == "taylor":
        wrong["different numbers of samples: `x` 10, `y` 9"] = {"x": x, "y": y[:9]}
        wrong["have the class 7, and there are 3"] = {"x": x, "y": y * 0 + 7}
    if size == 4:
        wrong["are 3 samples, the network takes 4 at once"] = {"x": x[:3], "y": y[:3]}
    for message, arrays in wrong.items():
        np.savez(data, **arrays)
        assert run(*command) == 2, message
        assert message in " ".join(capsys.readouterr().err.split())


def test_data_of_a_model_that_does_not_fit(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.npz"
    random = np.random.default_rng(0)
    x, y = random.standard_normal((10, 6)).astype(np.float32), random.integers(0, 4, 10)
    command = ["prune", model, "--ratio", "0.5", "--criterion", "taylor", "--data", data]
    wrong = {
        "is torch.float64, the example is torch.float32": {"x": x.astype(float), "y": y},
        "not finite": {"x": np.where(x > 1, np.inf, x), "y": y},
        "different numbers of samples: `x` 10, `y` 12": {"x": x, "y": np.resize(y, 12)},
        "have the class 4, and there are 4": {"x": x, "y": y * 0 + 4},
        "holds no numbers": {"x": x, "y": np.array(["a"] * 10)},
    }
    for message, arrays in wrong.items():
        np.savez(data, **arrays)
        assert run(*command) == 2, message
        assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "gated.dyncc").exists()


def test_groups_of_a_model(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("groups", model, "--json") == 0
    groups = json.loads(capsys.readouterr().out)["groups"]
    assert {group["name"]: group["channels"] for group in groups} == {
        "often.0.weight": 16,
        "rarely.0.weight": 16,
    }
    assert run("groups", model) == 0
    assert "the program returns it or keeps it: often.2.weight[0]" in capsys.readouterr().out
    assert run("groups", model.with_name("none.py")) == 2
    assert run("groups", model.with_suffix(".onnx"), "--input", "x=1x6:f32") == 2
    assert "--weights are for a model in Python" in capsys.readouterr().err


def test_a_model_of_free_sizes(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "made"
    output.mkdir()
    (output / "else.txt").write_text("")
    options = ["--ratio", "0.5", "--dynamic", "x=0:batch", "--threads", "1", "-o", output]
    assert run("prune", model, *options) == 2
    assert "--force replaces it" in capsys.readouterr().err
    assert run("prune", model, *options, "--force") == 0
    net = load(output)
    assert net(np.ones((3, 6), np.float32)).shape == (3, 4)


def test_progress_of_a_refit(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under ``-v`` each layer is told; a bar is for terminals alone."""
    assert run("prune", model, "--ratio", "0.5", "--criterion", "obspa", "-v") == 0
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("refit ")]
    numbers = [line.split()[1] for line in told]
    assert numbers == [f"{number}/{len(told)}" for number in range(1, len(told) + 1)] and len(told) >= 2
    assert run("prune", model, "--ratio", "0.5", "--criterion", "obspa") == 0
    assert "refit " not in capsys.readouterr().err.replace("refitted", "")
