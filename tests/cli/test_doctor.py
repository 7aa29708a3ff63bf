"""The doctor, on this machine and on ones that are made up."""

from __future__ import annotations

import pytest

from dyncc.compiler.cli import doctor
from dyncc.compiler.cli.doctor import Failure, Finding, examine, has_engine, render_findings


def installed(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    monkeypatch.setattr(doctor, "version_of", versions.get)


def test_this_machine_has_an_engine_that_runs() -> None:
    findings = examine()
    assert has_engine(findings)
    assert "onnxruntime CPU" in render_findings(findings)


def test_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"numpy": "2.0"})
    findings = examine()
    assert not has_engine(findings)
    text = render_findings(findings)
    assert "--  onnxruntime" in text and "pip install 'dyncc[cpu]'" in text


def test_two_packages_of_onnxruntime_are_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.32.0"})
    conflicts = [finding for finding in examine() if finding.group == "conflict"]
    assert [finding.name for finding in conflicts] == ["onnxruntime 1.32.0 and onnxruntime-gpu 1.32.0"]
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in conflicts[0].help


def test_a_cuda_provider_that_does_not_load_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"onnxruntime-gpu": "1.32.0"})
    reason = "OSError: libcublasLt.so.13: cannot open shared object file"

    def output(code: str, *args: str) -> str | Failure:
        if code is doctor._PROVIDERS_PROBE:
            return "CUDAExecutionProvider CPUExecutionProvider"
        if code is doctor._CUDA_LIBRARY_PROBE:
            return Failure(reason)
        return Failure("the provider did not load") if "CUDAExecutionProvider" in args else ""

    monkeypatch.setattr(doctor, "_output", output)
    engines = {finding.name: finding for finding in examine() if finding.group == "engine"}
    assert engines["onnxruntime CPU"].state == "ok"
    assert engines["onnxruntime CUDA"].state == "warning"
    assert reason in engines["onnxruntime CUDA"].detail


def test_a_cuda_of_another_major_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"onnxruntime-gpu": "1.32.0"})

    def output(code: str, *args: str) -> str | Failure:
        if code is doctor._PROVIDERS_PROBE:
            return "CUDAExecutionProvider CPUExecutionProvider"
        if code is doctor._CUDA_LIBRARY_PROBE:
            return Failure("OSError: libcublasLt.so.13: cannot open shared object file")
        return Failure("the provider did not load") if "CUDAExecutionProvider" in args else ""

    monkeypatch.setattr(doctor, "_output", output)
    (found,) = [finding for finding in examine() if finding.name == "onnxruntime CUDA"]
    assert "end in .so.13, which is not here" in found.help and "onnxruntime-gpu<1.27" in found.help


def test_tvm_alone_runs_what_brings_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"apache-tvm-ffi": "0.1.14.post1"})
    (found,) = [finding for finding in examine() if finding.name == "tvm"]
    assert found.state == "ok" and "compiles none" in found.detail


def test_inductor_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"torch": "2.13.0"})
    monkeypatch.setattr(doctor, "_output", lambda code, *args: "")
    monkeypatch.setattr("shutil.which", lambda name: None)
    (found,) = [finding for finding in examine() if finding.name == "inductor"]
    assert found.state == "warning" and found.help == "apt-get install g++"


def test_tvm_with_an_ffi_that_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"apache-tvm": "0.27.0.post1", "apache-tvm-ffi": "0.1.15.post2"})
    monkeypatch.setattr(doctor, "_output", lambda code, *args: "")
    findings = examine()
    assert any("tuning crashes" in finding.detail for finding in findings)
    assert not has_engine([finding for finding in findings if finding.name == "tvm"])


def test_a_probe_that_dies_is_a_finding() -> None:
    assert doctor._output("print('fine')") == "fine"
    assert doctor._output("raise OSError('lib.so: no')") == Failure("OSError: lib.so: no")
    assert doctor._output("import os; os.abort()") == Failure("the process died of signal 6")


def test_the_table() -> None:
    findings = [
        Finding("package", "numpy", "ok", "2.0"),
        Finding("engine", "onnxruntime CUDA", "warning", "does not load", "do this\nand that"),
    ]
    assert render_findings(findings).splitlines()[1:] == [
        "",
        "Packages",
        "  ok  numpy  2.0",
        "",
        "Engines",
        "  !!  onnxruntime CUDA  does not load",
        "      do this",
        "      and that",
    ]
