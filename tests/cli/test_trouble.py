"""Trouble outside of the program: files that cannot be written, a full disk, an interruption, weights."""

from __future__ import annotations

import errno
import io
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from dyncc.compiler import compile
from dyncc.compiler.cli import compile_command
from dyncc.compiler.diagnostics import CompileError

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Linear(2, 2)

    def forward(self, x):
        return self.f(x) if x.sum() > 0 else x


def example_inputs():
    return (torch.ones(1, 2),)
"""


def fail_with(error: BaseException) -> Any:
    def compiler(*args: object, **options: object) -> None:
        raise error

    return lambda: compiler


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on device\nhelp: make room"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "permission denied: /x\nhelp: -o names"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "read-only file system: /x\nhelp: -o names"),
        (OSError("4 requested and 0 written"), "4 requested and 0 written\n"),
    ],
)
def test_what_cannot_be_written(
    write: Any, dyncc: Any, monkeypatch: pytest.MonkeyPatch, error: OSError, says: str
) -> None:
    write(NET)
    monkeypatch.setattr(compile_command, "compiler", fail_with(error))
    result = dyncc("net.py")
    assert result.code == 2 and f"error: {says}" in result.err and "DY901" not in result.err


def test_a_disk_that_fills_up_leaves_the_old_bundle(
    write: Any, dyncc: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(NET)
    (tmp_path / "net.dyncc").mkdir()
    (tmp_path / "net.dyncc" / "program.json").write_text("old")
    monkeypatch.setattr(
        "dyncc.compiler.bundle.manifest_text",
        lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")),
    )
    result = dyncc("net.py", "--no-verify")
    assert result.code == 2 and "error: full" in result.err
    assert (tmp_path / "net.dyncc" / "program.json").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == [
        "net.dyncc",
        "net.py",
    ]


@pytest.mark.parametrize("output", ["net.py", ".", ".."])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_the_bundle_never_takes_the_place_of_the_model(
    write: Any, dyncc: Any, tmp_path: Path, output: str, force: list[str]
) -> None:
    write(NET)
    result = dyncc("net.py", "-o", output, *force)
    assert result.code == 2 and "the bundle cannot take the place of" in result.err
    assert (tmp_path / "net.py").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("early", [True, False])
def test_an_interruption(write: Any, tmp_path: Path, early: bool) -> None:
    """While modules are imported, and while the program is compiled."""
    write(NET + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    (tmp_path / "net.dyncc").mkdir()
    (tmp_path / "net.dyncc" / "program.json").write_text("old")
    code = "import os, signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    if early:
        code += (
            "class Stop:\n    def find_spec(self, name, path=None, target=None):\n"
            "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
            "sys.meta_path.insert(0, Stop())\n"
        )
    code += "from dyncc.compiler.cli import main\nmain(['net.py'])\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode in (130, -signal.SIGINT)
    assert done.stderr.endswith("interrupted; nothing was written\n") and "Traceback" not in done.stderr
    assert (tmp_path / "net.dyncc" / "program.json").read_text() == "old"


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"f.weight": torch.zeros(3, 2)}, "note: `f.weight`: the file has [3, 2], the model [2, 2]"),
        ({"f.weight": torch.zeros(3, 2)}, "note: missing in the file: `f.bias`"),
        ({"f.weight": torch.zeros(2, 2)}, "note: missing in the file: `f.bias`"),
        (
            {"module.f.weight": torch.zeros(2, 2), "module.f.bias": torch.zeros(2)},
            "help: the names in the file begin with `module.`",
        ),
    ],
)
def test_weights_that_do_not_fit(write: Any, dyncc: Any, tmp_path: Path, state: Any, says: str) -> None:
    write(NET)
    torch.save(state, tmp_path / "w.pt")
    result = dyncc("net.py", "--weights", "w.pt")
    assert result.code == 1 and says in result.err, result.err
    assert "weights_only" not in result.err


def saved(value: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"hello\n", "it is no file of `torch.save`"),
        (bytes(range(255, 0, -1)), "it is no file of `torch.save`"),
        (saved({"f.weight": torch.zeros(2, 2)})[:700], "the file is damaged: its end is missing"),
        (saved({"f.weight": torch.zeros(2, 2)}, _use_new_zipfile_serialization=False)[:99], "is damaged"),
        (pickle.dumps({"f.weight": [1.0]}), "it is a pickle of other objects, no file of `torch.save`"),
        (saved(torch.nn.ReLU()), "it holds Python objects, not just tensors"),
        (saved([1]), "it holds an object of type `list`"),
        (saved(torch.zeros(2)), "it holds an object of type `Tensor`"),
        (saved({"state_dict": {"f.weight": 1}}), "`f.weight` is of type `int`, no tensor"),
        (saved({1: torch.zeros(2)}), "its key 1 is no name"),
    ],
)
def test_a_file_that_holds_no_weights(
    write: Any, dyncc: Any, tmp_path: Path, content: bytes, says: str
) -> None:
    write(NET)
    (tmp_path / "w.pt").write_bytes(content)
    result = dyncc("net.py", "--weights", "w.pt")
    assert result.code == 2 and "w.pt" in result.err and f"{says}\nhelp: only a state dict" in result.err
    assert "weights_only" not in result.err and "Warning" not in result.err


def test_a_damaged_safetensors_file(write: Any, dyncc: Any, tmp_path: Path) -> None:
    write(NET)
    (tmp_path / "w.safetensors").write_bytes(b"garbage" * 9)
    result = dyncc("net.py", "--weights", "w.safetensors")
    assert result.code == 2 and "header too large" in result.err


def test_a_folder_in_place_of_weights(write: Any, dyncc: Any, tmp_path: Path) -> None:
    write(NET)
    (tmp_path / "w.pt").mkdir()
    result = dyncc("net.py", "--weights", "w.pt")
    assert result.code == 2 and "error: w.pt is a folder" in result.err


def test_sizes_of_an_input_that_there_is_not() -> None:
    """They would be left without effect."""
    shapes = {"y": {0: torch.export.Dim("n")}}
    with pytest.raises(CompileError, match="`dynamic_shapes` names `y`, which `forward` does not take"):
        compile(torch.nn.ReLU(), (torch.ones(2),), dynamic_shapes=shapes)


def test_a_class_in_the_place_of_a_model() -> None:
    with pytest.raises(TypeError, match=r"`ReLU` is a class: give an object of it, `ReLU\(…\)`"):
        compile(torch.nn.ReLU, (torch.ones(2),))
