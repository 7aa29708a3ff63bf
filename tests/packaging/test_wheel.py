"""The wheel that users get: what is in it, and that a deployed app needs NumPy and ONNX Runtime alone."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        if x.sum() > 0:
            return self.layer(x), "positive"
        return -x, "negative"


def example_inputs():
    return (torch.ones(1, 4),)
"""

APP = """
import sys
import numpy as np
from dyncc.runtime import load

net = load(sys.argv[1])
kept = np.load(sys.argv[2])
y, side = net(kept["x"])
assert side == "positive", side
np.testing.assert_allclose(y, kept["y"], 1e-4, 1e-5)
z, side = net(-kept["x"])
assert side == "negative" and (z == kept["x"]).all()
loaded = {"torch", "onnx", "typer", "rich"} & set(sys.modules)
assert not loaded, loaded
print("ran without torch")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def deployed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel and its extra ``cpu``."""
    environment = tmp_path_factory.mktemp("app") / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-qq", f"{wheel}[cpu]"], check=True)
    return python


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_what_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for part in ("compiler", "ir", "passes", "runtime"):
        assert f"dyncc/{part}/py.typed" in names
    assert "dyncc/compiler/errors/pages/DY104.md" in names
    assert "dyncc/__init__.py" not in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(name.startswith(("dyncc/", "dyncc-")) for name in names)


def test_what_the_wheel_requires(wheel: Path) -> None:
    requires = metadata(wheel).get_all("Requires-Dist") or []
    always = [line for line in requires if "extra ==" not in line]
    assert [line.partition(">")[0] for line in always] == ["numpy"]
    extras = metadata(wheel).get_all("Provides-Extra") or []
    assert {"cli", "compiler", "cpu", "gpu", "libraries", "tvm"} == set(extras)


def test_a_deployed_app_runs_a_bundle(deployed: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("dyncc.compiler.api") is None:
        pytest.skip("the compiler is not there yet")
    bundle = compiled(tmp_path)
    app = tmp_path / "app.py"
    app.write_text(APP)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [deployed, app, bundle, tmp_path / "kept.npz"]
    done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
    assert done.stdout == "ran without torch\n", done.stderr


def test_a_deployed_app_has_neither_torch_nor_onnx(deployed: Path) -> None:
    listed = subprocess.run(
        [deployed, "-m", "pip", "list"], capture_output=True, text=True, check=True
    ).stdout
    installed = {line.split()[0].lower() for line in listed.splitlines()[2:] if line.strip()}
    assert {"dyncc", "numpy", "onnxruntime"} <= installed
    assert not {"torch", "onnx", "onnxscript", "typer", "rich"} & installed


def test_the_command_of_a_deployed_app_says_what_it_needs(deployed: Path) -> None:
    done = subprocess.run(
        [deployed.parent / "dyncc", "doctor"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "pip install 'dyncc[cli]'" in done.stderr


def compiled(folder: Path) -> Path:
    """A bundle of a small network that decides, and beside it what PyTorch answers."""
    script = (
        "import numpy, torch\n"
        "from dyncc.compiler import compile\n"
        "from net import Net, example_inputs\n"
        "model = Net().eval()\n"
        "(x,) = example_inputs()\n"
        "compile(model, (x,), output='net.dyncc')\n"
        "numpy.savez('kept.npz', x=x.numpy(), y=model(x)[0].detach().numpy())\n"
    )
    (folder / "net.py").write_text(MODEL)
    (folder / "make.py").write_text(script)
    subprocess.run([sys.executable, "make.py"], cwd=folder, check=True)
    return folder / "net.dyncc"
