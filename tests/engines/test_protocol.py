"""Engines of others, blocks in several engines, and artifacts that do not fit the place."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engines.conftest import Gated, X

from dyncc.compiler import compile
from dyncc.compiler.cli.bundles import runtime_failure
from dyncc.compiler.engines import EngineOptions, require_engine
from dyncc.compiler.engines.base import requirements
from dyncc.runtime import DamagedBundle, EngineMissing, IncompatibleArtifact, load, processor, replay


@pytest.fixture
def bundle(plugins: None, tmp_path: Path) -> Path:
    compile(Gated().eval(), (X,), output=tmp_path / "g.dyncc", threads=1, engine="toy")
    return tmp_path / "g.dyncc"


def manifest(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / "program.json").read_text())


def change(bundle: Path, **fields: Any) -> None:
    (bundle / "program.json").write_text(json.dumps(manifest(bundle) | fields))


def requiring(bundle: Path, **requires: Any) -> None:
    """Make every artifact of the bundle require something else."""
    artifacts = manifest(bundle)["artifacts"]
    for artifact in artifacts.values():
        artifact["requires"] |= requires
    change(bundle, artifacts=artifacts)


def test_an_engine_of_others_runs_the_blocks_that_it_takes(plugins: None, tmp_path: Path) -> None:
    model = Gated().eval()
    net = compile(model, (X,), output=tmp_path / "g.dyncc", threads=1, engine="toy", examples=[(-X,)])
    engines = {name: choice.engine for name, choice in net.report.engines.choices.items()}
    assert sorted(engines.values()) == ["onnxruntime", "toy", "toy"]
    (left_out,) = [name for name, engine in engines.items() if engine == "onnxruntime"]
    text = f"the block `{left_out}` runs in onnxruntime, not in toy: toy has no Tanh"
    assert text in [warning.message for warning in net.report.warnings]
    for x in (X, -X, X * 30, -X * 30):
        torch.testing.assert_close(net(x), model(x), rtol=1e-5, atol=1e-6)
    assert set(net.engine.engine("toy").calls) == {name for name, e in engines.items() if e == "toy"}  # type: ignore[attr-defined]
    loaded = load(tmp_path / "g.dyncc", threads=1)
    assert loaded.engine.name == "onnxruntime and toy"
    assert all(outcome.passed for outcome in replay(loaded))
    assert manifest(tmp_path / "g.dyncc")["schema"] == 2


def test_the_onnx_files_run_any_bundle(bundle: Path) -> None:
    net = load(bundle, threads=1, engine="onnxruntime")
    assert net.engine.name == "onnxruntime"
    assert all(outcome.passed for outcome in replay(net))


def test_a_bundle_for_onnxruntime_alone_stays_as_it_was(tmp_path: Path) -> None:
    compile(Gated().eval(), (X,), output=tmp_path / "g.dyncc", threads=1)
    data = manifest(tmp_path / "g.dyncc")
    assert data["schema"] == 1 and not {"artifacts", "choices"} & set(data)


def test_what_differs_from_onnxruntime_is_not_taken(plugins: None, tmp_path: Path) -> None:
    net = compile(Gated().eval(), (X,), output=tmp_path / "g.dyncc", threads=1, engine="lying")
    first = next(choice for choice in net.report.engines.choices.values() if choice.refused)
    assert first.engine == "onnxruntime"
    assert first.refused["lying"].startswith("gives something else than onnxruntime: output[")
    torch.testing.assert_close(net(X), Gated()(X), rtol=1e-5, atol=1e-6)


def test_auto_times_every_block_and_the_whole(
    plugins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dyncc.compiler.engines.base.BUILT_IN", {})  # they have tests of their own
    net = compile(Gated().eval(), (X,), output=tmp_path / "g.dyncc", threads=1, engine="auto")
    for choice in net.report.engines.choices.values():
        assert {"onnxruntime"} <= set(choice.seconds)
        assert choice.seconds["onnxruntime"] > 0
        assert "toy" in choice.seconds or "toy" in choice.refused
    kept = manifest(tmp_path / "g.dyncc")["choices"]
    assert {name: choice["engine"] for name, choice in kept.items()} == {
        name: choice.engine for name, choice in net.report.engines.choices.items()
    }
    torch.testing.assert_close(net(X), Gated()(X), rtol=1e-5, atol=1e-6)


def test_unknown_and_missing_engines(plugins: None, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no engine `abacus`: one of auto, onnxruntime, tvm, inductor"):
        require_engine(EngineOptions("abacus"))
    with pytest.raises(
        EngineMissing, match=r"'broken' of tests.engines.nowhere:Compiler cannot be imported"
    ):
        require_engine(EngineOptions("broken"))
    monkeypatch.undo()  # the package with the toy is no longer installed
    net = load(bundle, threads=1)
    with pytest.raises(EngineMissing, match=r"the bundle is for the engine 'toy', .* pip install"):
        net(X.numpy())
    with pytest.warns(UserWarning, match="fell back to onnxruntime on the CPU: the bundle is for the"):
        assert all(outcome.passed for outcome in replay(bundle, threads=1, fallback=True))


def test_an_artifact_of_another_version(bundle: Path) -> None:
    requiring(bundle, version=2)
    net = load(bundle, threads=1)
    with pytest.raises(IncompatibleArtifact, match="was compiled by another toy") as caught:
        net(X.numpy())
    failure = runtime_failure(caught.value)
    assert failure is not None and failure[0] == 5
    with pytest.warns(UserWarning, match="compiled by another toy"):
        assert all(outcome.passed for outcome in replay(bundle, threads=1, fallback=True))


@pytest.mark.parametrize(
    ("requires", "text"),
    [
        ({"machine": "riscv64"}, "for the machine riscv64, and this is "),
        ({"system": "amiga"}, "for the system amiga, and this is linux"),
        ({"features": "avx2048 sse2"}, "a processor with avx2048.*, which this one lacks"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="the processor's features are read from /proc")
def test_the_place_where_an_artifact_runs(requires: dict[str, str], text: str) -> None:
    processor.check(requirements(), "stem", "toy")
    with pytest.raises(IncompatibleArtifact, match=text + ".*compile again for this machine"):
        processor.check(requires, "stem", "toy")


def test_artifacts_are_pinned_and_checked(bundle: Path) -> None:
    file = bundle / next(iter(manifest(bundle)["artifacts"].values()))["file"]
    assert manifest(bundle)["digests"][file.relative_to(bundle).as_posix()] == _digest(file)
    file.write_bytes(b"other")
    with pytest.raises(Exception, match="is not the file that was compiled"):
        load(bundle)
    artifacts = manifest(bundle)["artifacts"]
    change(bundle, artifacts={"no such graph": next(iter(artifacts.values()))})
    with pytest.raises(DamagedBundle, match="'no such graph' is no graph of the program"):
        load(bundle)
    name, artifact = next(iter(artifacts.items()))
    change(bundle, artifacts={name: artifact | {"weights": ["nothing"]}})
    with pytest.raises(DamagedBundle, match="the weight 'nothing' is missing"):
        load(bundle)
    change(bundle, artifacts={name: artifact | {"file": "../outside"}})
    with pytest.raises(Exception, match="outside of the bundle"):
        load(bundle, verify_digests=False)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_missing_device_falls_back(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is a CUDA device here")
    options = EngineOptions(device="cuda", threads=1)
    compile(Gated().eval(), (X,), output=tmp_path / "g.dyncc", engine=options)
    with pytest.raises(EngineMissing, match="no CUDA provider"):
        load(tmp_path / "g.dyncc")
    with pytest.warns(UserWarning, match="fell back to onnxruntime on the CPU: the installed onnxruntime"):
        net = load(tmp_path / "g.dyncc", device="cuda", fallback=True, threads=1)
        out = net(X.numpy())
    np.testing.assert_allclose(out, Gated()(X).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_the_command_line(plugins: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from dyncc.compiler.cli import main

    file = tmp_path / "net.py"
    file.write_text(
        "import torch\nfrom tests.engines.conftest import Gated, X\n\n\n"
        "class Net(Gated):\n    pass\n\n\ndef example_inputs():\n    return (X,)\n"
    )

    def dyncc(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        read = capfd.readouterr()
        return int(ended.value.code or 0), read.out, read.err

    code, _, err = dyncc(f"{file}:Net", "--engine", "toy", "-o", str(tmp_path / "n.dyncc"))
    assert code == 0 and "engines   toy 2 blocks, onnxruntime 1 block (--engine toy)" in err, err
    code, out, _ = dyncc("inspect", str(tmp_path / "n.dyncc"))
    assert code == 0 and "for toy (2 blocks) and onnxruntime (1 block)" in out
    assert "in onnxruntime: toy: toy has no Tanh" in out
    requiring(tmp_path / "n.dyncc", version=3)
    code, _, err = dyncc("verify", str(tmp_path / "n.dyncc"))
    assert code == 5 and "compiled by another toy" in err
    code, _, err = dyncc("run", str(tmp_path / "n.dyncc"), "--input", "x=2x4:f32")
    assert code == 5 and "compiled by another toy" in err
    with pytest.warns(UserWarning, match="compiled by another toy"):
        assert dyncc("run", str(tmp_path / "n.dyncc"), "--input", "x=2x4:f32", "--fallback")[0] == 0
    code, _, err = dyncc(f"{file}:Net", "--engine", "abacus")
    assert code == 2 and "no engine `abacus`" in err
    code, _, err = dyncc(f"{file}:Net", "--engine", "broken")
    assert code == 4 and "cannot be imported" in err
    code, _, err = dyncc(f"{file}:Net", "--target", "aarch64")
    assert code == 2 and "--target and --tune are for --engine tvm" in err
