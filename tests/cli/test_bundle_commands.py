"""``run``, ``inspect`` and ``verify`` on a bundle made by hand, and what they say of damaged ones."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dyncc.compiler.cli.run_command import describe, flatten, save_leaves, to_json

_SPEC = importlib.util.spec_from_file_location("handmade", Path(__file__).with_name("handmade.py"))
assert _SPEC is not None and _SPEC.loader is not None
handmade = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(handmade)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return handmade.write_bundle(tmp_path)


@pytest.fixture
def up(tmp_path: Path) -> Path:
    np.save(tmp_path / "up.npy", np.array([1, 2], "float32"))
    np.save(tmp_path / "far.npy", np.array([-10, -2], "float32"))
    return tmp_path / "up.npy"


def test_run_prints_the_outputs(bundle: Path, up: Path, dyncc: Any) -> None:
    result = dyncc("run", bundle, "--input", f"x={up}", "-o", "out.npz", "-v")
    assert result.code == 0, result.err
    assert result.out == "['y']: float32[2]  2 4\n['side']: 'up'\n"
    assert "1 decision" in result.err and "path: first → up" in result.err
    with np.load(up.parent / "out.npz") as kept:
        assert kept["['y']"].tolist() == [2.0, 4.0]


def test_run_as_json(bundle: Path, up: Path, dyncc: Any) -> None:
    data = json.loads(dyncc("run", bundle, "--input", up, "--json", "-q").out)
    assert data["blocks"] == ["first", "up"]
    assert data["outputs"]["['y']"] == {"dtype": "float32", "shape": [2], "data": [2.0, 4.0]}
    assert data["outputs"]["['side']"] == "up"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "--input x=2:f32"),
        (["--input", "x=3:f32"], 2, "3"),
        (["--input", "x=2:i64"], 2, "int64"),
        (["--input", "x=2:f32", "--input", "z=1"], 2, "z"),
        (["--input", "x=absent.npy"], 2, "no such file"),
        (["--input", "x=2:f32", "--method", "step"], 2, "no method `step`"),
        (["--input", "x=2:f32", "--input", "mode=max:str"], 2, "mode"),
        (["--input", "x=far.npy"], 1, "the program raised ValueError: no"),
    ],
)
def test_calls_that_do_not_fit(
    bundle: Path, up: Path, dyncc: Any, arguments: list[str], code: int, says: str
) -> None:
    result = dyncc("run", bundle, *arguments)
    assert result.code == code, result.err
    assert says in result.err and "Traceback" not in result.err
    assert result.out == ""


def test_verify(bundle: Path, dyncc: Any) -> None:
    result = dyncc("verify", bundle)
    assert result.code == 0
    assert result.out == "2 examples as expected, largest difference 0.0e+00\n"
    assert [outcome["passed"] for outcome in json.loads(dyncc("verify", bundle, "--json").out)] == [
        True,
        True,
    ]


def test_verify_notices_a_difference(bundle: Path, dyncc: Any) -> None:
    from dyncc.runtime.bundle import read_bundle

    with np.load(bundle / "examples.npz") as kept:
        arrays = {name: array + (name == "b.0") for name, array in kept.items()}
    np.savez(bundle / "examples.npz", **arrays)
    handmade.seal(bundle, read_bundle(bundle).manifest)
    result = dyncc("verify", bundle)
    assert result.code == 3
    assert "example 0 of `forward` differs" in result.err and "by up to 1" in result.err


def test_inspect(bundle: Path, dyncc: Any) -> None:
    result = dyncc("inspect", bundle)
    assert result.code == 0
    for text in ("Net, for onnxruntime", "2 examples", "from      net.py", "5 blocks, 1 graph", "mode"):
        assert text in result.out
    assert "changed since" not in result.out
    (bundle.parent / "net.py").write_text("# another\n")
    result = dyncc("inspect", bundle)
    assert "net.py (changed since)" in result.out
    assert "if x.sum() > 0:" in result.out  # the lines that were compiled, not those of today
    data = json.loads(dyncc("inspect", bundle, "--json").out)
    assert list(data["program"]["blocks"]) == ["first", "up", "low", "fail", "down"]
    assert data["program"]["blocks"]["low"]["edges"] == ["fail()", "down(x)"]


@pytest.mark.parametrize("command", ["run", "inspect", "verify"])
def test_no_bundle(dyncc: Any, tmp_path: Path, command: str) -> None:
    assert dyncc(command, "absent.dyncc").code == 2
    (tmp_path / "file").write_text("")
    assert dyncc(command, "file").code == 2
    (tmp_path / "folder").mkdir()
    result = dyncc(command, "folder")
    assert result.code == 2 and "folder is a folder, but no bundle: there is no program.json" in result.err
    (tmp_path / "folder" / "net.dyncc").mkdir()
    (tmp_path / "folder" / "net.dyncc" / "program.json").write_text("{}")
    assert f"it holds a bundle: {Path('folder/net.dyncc')}" in dyncc(command, "folder").err
    (tmp_path / "folder" / "net.dyncc" / "program.json").rename(
        tmp_path / "folder" / "net.dyncc" / "host.py"
    )
    result = dyncc(command, "folder/net.dyncc", *(["--input", "2:f32"] if command == "run" else []))
    assert result.code == 5 and "program.json" in result.err  # what is left of a bundle
    near = dyncc(command, "floder")
    assert near.code == 2 and "did you mean `folder`?" in near.err


def test_damaged_bundles(bundle: Path, up: Path, dyncc: Any) -> None:
    graph = bundle / "blocks" / "stem.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-7])
    result = dyncc("run", bundle, "--input", f"x={up}")
    assert result.code == 5 and "stem.onnx" in result.err
    graph.unlink()
    assert dyncc("verify", bundle).code == 5
    graph.write_bytes(whole)
    manifest = (bundle / "program.json").read_text()
    (bundle / "program.json").write_text(manifest.replace('"schema": 1', '"schema": 99'))
    for command in ("inspect", "verify"):
        result = dyncc(command, bundle)
        assert result.code == 5 and "schema 99" in result.err
    (bundle / "program.json").write_text(manifest[: len(manifest) // 2])
    assert dyncc("inspect", bundle).code == 5


def test_an_engine_that_is_missing(
    bundle: Path, up: Path, dyncc: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "dyncc.runtime.engine_onnxruntime", raising=False)
    result = dyncc("run", bundle, "--input", f"x={up}")
    assert result.code == 4 and "pip install" in result.err


def test_the_commands_import_no_torch(bundle: Path, up: Path) -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom dyncc.compiler.cli import main\nmain(sys.argv[1:])\n"
    )
    for arguments in (["run", bundle, "--input", f"x={up}"], ["inspect", bundle], ["verify", bundle]):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


def test_flatten_names_the_places() -> None:
    output = {"a": (np.zeros(1), [1, 2]), "b": None}
    assert [path for path, _ in flatten(output)] == ["['a'][0]", "['a'][1][0]", "['a'][1][1]", "['b']"]


def test_a_container_without_items_is_shown() -> None:
    output = {"a": [], "b": ({}, ()), "c": set[int](), "d": {3, 1}, "e": [[]]}
    shown = {path: (describe(value), to_json(value)) for path, value in flatten(output)}
    assert shown == {
        "['a']": ("[]", []),
        "['b'][0]": ("{}", {}),
        "['b'][1]": ("()", ()),
        "['c']": ("set()", []),
        "['d']": ("{1, 3}", [1, 3]),
        "['e'][0]": ("[]", []),
    }
    assert dict(flatten([])) == {"": []}


def test_what_is_no_array_is_left_out_of_the_file(tmp_path: Path) -> None:
    leaves = dict(flatten({"a": [], "b": {}, "c": None, "d": {3, 1}, "e": "text", "f": np.ones(2)}))
    save_leaves(tmp_path / "out.npz", leaves)
    with np.load(tmp_path / "out.npz") as kept:
        assert {name: array.tolist() for name, array in kept.items()} == {
            "['a']": [],
            "['d']": [1, 3],
            "['e']": "text",
            "['f']": [1.0, 1.0],
        }


def test_describe_and_json_of_odd_values() -> None:
    assert describe(np.arange(9.0)) == "float64[9]  0 1 2 3 4 5 …"
    assert describe(True) == "True"
    assert to_json(np.array([np.nan, 1.0]))["data"] == ["nan", 1.0]
    assert to_json(float("inf")) == "inf"
