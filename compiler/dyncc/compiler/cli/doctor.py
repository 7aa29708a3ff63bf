"""``dyncc doctor``: what is installed, which engines really load, and what is in conflict.

Every engine runs a tiny model in a process of its own, so that one that hangs or crashes is a finding and
not the end of the doctor.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

from dyncc.compiler.cli.tiny_model import DOUBLE

PACKAGES = ("dyncc", "numpy", "torch", "onnx", "onnxscript", "onnx-ir", "typer", "rich", "safetensors")
COMPILER = ("torch", "onnx", "onnxscript", "onnx-ir")
ORT_PACKAGES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-migraphx",
)
TIMEOUT = 120

_ORT_PROBE = f"""
import sys, numpy, onnxruntime as ort
provider = sys.argv[1]
if provider != "CPUExecutionProvider" and hasattr(ort, "preload_dlls"):
    ort.preload_dlls()
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession({DOUBLE!r}, options, providers=[provider])
if session.get_providers()[0] != provider:
    sys.exit("the provider did not load")
(result,) = session.run(None, {{"x": numpy.ones((2,), "float32")}})
assert result.tolist() == [2.0, 2.0], result
"""
_PROVIDERS_PROBE = "import onnxruntime; print(' '.join(onnxruntime.get_available_providers()))"
_CUDA_LIBRARY_PROBE = """
import ctypes, pathlib, onnxruntime
capi = pathlib.Path(onnxruntime.__file__).parent / "capi"
ctypes.CDLL(str(capi / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
ctypes.CDLL(str(capi / "libonnxruntime_providers_cuda.so"))
ctypes.CDLL("libcuda.so.1")
"""
_TVM_PROBE = """
import os
os.environ.setdefault("TVM_FFI_DISABLE_TORCH_C_DLPACK", "1")
import numpy, tvm_ffi
from dyncc.runtime.engine import Graph
from dyncc.runtime.engine_tvm import _load_libraries
_load_libraries("", Graph("probe", None, (), ()))
tensor = tvm_ffi.from_dlpack(numpy.ones(2, "float32"))
assert (numpy.from_dlpack(tensor) == 1).all()
assert tvm_ffi.get_global_func("runtime.config_threadpool", allow_missing=True) is not None
"""
_INDUCTOR_PROBE = """
import torch._inductor
assert hasattr(torch._inductor, "aoti_load_package")
"""
_TORCH_PROBE = "import torch; assert torch.ones(2).add(1).tolist() == [2.0, 2.0]"

State = Literal["ok", "warning", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor. ``help`` says what to do where something is wrong."""

    group: Literal["package", "engine", "conflict"]
    name: str
    state: State
    detail: str
    help: str = ""


def examine() -> list[Finding]:
    """Everything, in the order in which it is printed."""
    return [*_packages(), *_torch(), *_onnxruntime(), *_tvm(), *_inductor()]


def has_engine(findings: list[Finding]) -> bool:
    """Whether a compiled bundle can run here."""
    engines = [f for f in findings if f.group == "engine" and f.name.startswith("onnxruntime")]
    return any(f.state == "ok" for f in engines)


def render_findings(findings: list[Finding]) -> str:
    """The table that people read."""
    marks = {"ok": "ok", "warning": "!!", "missing": "--"}
    lines = [f"Python {platform.python_version()} on {platform.platform()}"]
    for group, title in (("package", "Packages"), ("engine", "Engines"), ("conflict", "Conflicts")):
        rows = [finding for finding in findings if finding.group == group]
        lines += ["", title] if rows else []
        width = max((len(finding.name) for finding in rows), default=0)
        for finding in rows:
            lines.append(f"  {marks[finding.state]}  {finding.name:<{width}}  {finding.detail}".rstrip())
            lines += [f"      {line}" for line in finding.help.splitlines()]
    return "\n".join(lines)


def version_of(package: str) -> str | None:
    """The installed version, read from its metadata without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages() -> list[Finding]:
    findings: list[Finding] = []
    for package in PACKAGES:
        version = version_of(package)
        if version:
            findings.append(Finding("package", package, "ok", version))
            continue
        needed = "needed to compile" if package in COMPILER else "not installed"
        help_text = "pip install 'dyncc[compiler,cpu]'" if package in COMPILER else ""
        findings.append(Finding("package", package, "missing", needed, help_text))
    return findings


def _torch() -> list[Finding]:
    if version_of("torch") is None:
        return []
    failure = _probe(_TORCH_PROBE)
    if failure is None:
        return []
    return [Finding("conflict", "torch", "warning", f"does not work: {failure}", "install it anew")]


def _onnxruntime() -> list[Finding]:
    installed = {name: version for name in ORT_PACKAGES if (version := version_of(name))}
    findings: list[Finding] = []
    if len(installed) > 1:
        names = " and ".join(f"{name} {version}" for name, version in installed.items())
        wanted = "onnxruntime-gpu" if "onnxruntime-gpu" in installed else next(iter(installed))
        remedy = f"pip uninstall -y {' '.join(installed)}\npip install {wanted}"
        detail = "are both installed and overwrite each other's files"
        findings.append(Finding("conflict", names, "warning", detail, remedy))
    if not installed:
        remedy = "pip install 'dyncc[cpu]'   (or 'dyncc[gpu]' for CUDA)"
        return [*findings, Finding("engine", "onnxruntime", "missing", "not installed", remedy)]
    providers = _output(_PROVIDERS_PROBE)
    if isinstance(providers, Failure):
        remedy = "install it anew: pip install --force-reinstall " + next(iter(installed))
        return [*findings, Finding("engine", "onnxruntime", "warning", providers.reason, remedy)]
    version = next(iter(installed.values()))
    names = [
        name for name in providers.split() if name in ("CUDAExecutionProvider", "CPUExecutionProvider")
    ]
    return [*findings, *(_provider(name, version) for name in sorted(names))]


def _provider(provider: str, version: str) -> Finding:
    name = f"onnxruntime {provider.removesuffix('ExecutionProvider')}"
    failure = _probe(_ORT_PROBE, provider)
    if failure is None:
        return Finding("engine", name, "ok", f"{version}, runs")
    if provider == "CUDAExecutionProvider":
        reason = _probe(_CUDA_LIBRARY_PROBE) or failure
        remedy = "it needs an NVIDIA driver, CUDA and cuDNN of the versions that onnxruntime-gpu names"
        if needed := re.search(r"lib(?:cudart|cublas\w*|cufft)\.so\.(\d+)", reason):
            remedy = (
                f"onnxruntime-gpu {version} is built for the CUDA whose libraries end in .so.{needed[1]}, "
                "which is not here\n1.27 and newer are for CUDA 13, earlier ones for CUDA 12: install that "
                "CUDA, or pip install 'onnxruntime-gpu<1.27'"
            )
        return Finding("engine", name, "warning", f"{version}, does not load: {reason}", remedy)
    return Finding("engine", name, "warning", f"{version}, does not run: {failure}")


def _tvm() -> list[Finding]:
    version, ffi = version_of("apache-tvm"), version_of("apache-tvm-ffi")
    if version is None:
        if ffi is not None:
            detail = f"apache-tvm-ffi {ffi}: runs bundles that bring TVM's libraries, compiles none"
            return [Finding("engine", "tvm", "ok", detail)]
        return [Finding("engine", "tvm", "missing", "not installed (optional)", "pip install 'dyncc[tvm]'")]
    detail = f"{version} with apache-tvm-ffi {ffi or 'missing'}"
    failure = _probe(_TVM_PROBE)
    findings = [Finding("engine", "tvm", "warning", f"{detail}, does not load: {failure}")]
    if failure is None:
        findings = [Finding("engine", "tvm", "ok", f"{detail}, loads")]
    if ffi and _numbers(ffi) >= (0, 1, 15) and _numbers(version) < (0, 28):
        text = f"tuning crashes with apache-tvm {version} and apache-tvm-ffi {ffi}"
        findings.append(Finding("conflict", "tvm", "warning", text, "pip install 'apache-tvm-ffi<0.1.15'"))
    return findings


def _inductor() -> list[Finding]:
    version = version_of("torch")
    if version is None:
        return [Finding("engine", "inductor", "missing", "needs torch (optional)")]
    failure = _probe(_INDUCTOR_PROBE)
    if failure is not None:
        return [Finding("engine", "inductor", "warning", f"torch {version}, does not load: {failure}")]
    if not any(map(shutil.which, os.environ.get("CXX", "g++ clang++ c++").split())):
        detail = f"torch {version}, runs packages; making them needs a C++ compiler"
        return [Finding("engine", "inductor", "warning", detail, "apt-get install g++")]
    return [Finding("engine", "inductor", "ok", f"torch {version}, loads")]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())


@dataclass(frozen=True, slots=True)
class Failure:
    reason: str


def _probe(code: str, *args: str) -> str | None:
    """Why ``code`` fails in a fresh interpreter, or None."""
    result = _output(code, *args)
    return result.reason if isinstance(result, Failure) else None


def _output(code: str, *args: str) -> str | Failure:
    command = [sys.executable, "-P", "-c", code, *args]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return Failure(f"no answer within {TIMEOUT} seconds")
    if done.returncode == 0:
        return done.stdout.strip()
    if done.returncode < 0:
        return Failure(f"the process died of signal {-done.returncode}")
    lines = done.stderr.strip().splitlines()
    return Failure(lines[-1] if lines else f"exit code {done.returncode}")
