"""Apache TVM: blocks to machine code, through Relax and its ONNX importer.

TVM runs in processes of its own (:mod:`dyncc.compiler.engines.tvm_worker`): one that crashes, as some do,
costs the block that it worked on, which is then left to ONNX Runtime, and nothing else. Large weights stay
in the bundle's one file and are given to a block at each call; small ones are part of its code.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import onnx_ir

from dyncc.compiler.engines.base import BlockSource, Built, EngineOptions, Unable, requirements
from dyncc.runtime import processor
from dyncc.runtime.engine_tvm import LIBRARIES, installed_libraries
from dyncc.runtime.errors import EngineMissing

INSTALL = "pip install 'dyncc[tvm]'   (apache-tvm 0.27 with apache-tvm-ffi 0.1.14)"
LIMIT = 300.0
"""Seconds that one block may take, without tuning."""
TUNING_LIMIT = 30.0
"""Seconds more for each trial of a search."""
LARGE = 256
"""Bytes from which on a weight is an input; smaller ones are not in the bundle's file of weights."""

_CROSS = {
    "aarch64": ("aarch64-linux-gnu", "aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu"),
    "x86_64": ("x86_64-linux-gnu", "x86_64-linux-gnu-g++", "g++-x86-64-linux-gnu"),
}
"""For each kind of processor: LLVM's triple, the linker, and Debian's package of it."""


@dataclass(frozen=True)
class Target:
    """A processor: LLVM's ``mcpu`` (empty: the one here), its kind, and extra features as ``+avx2,…``."""

    machine: str
    mcpu: str = ""
    mattr: str = ""

    @property
    def native(self) -> bool:
        """Whether it is the very processor here."""
        return not self.mcpu and not self.mattr and self.machine == processor.machine()

    @property
    def foreign(self) -> bool:
        """Whether what is made for it cannot run here."""
        return self.machine != processor.machine()

    def linker(self) -> str | None:
        """The compiler that links; None for the usual one."""
        return _CROSS[self.machine][1] if self.foreign else None

    def tvm(self) -> dict[str, Any]:
        """The target as TVM takes it; without ``mcpu`` the worker fills in that of this machine."""
        made: dict[str, Any] = {"kind": "llvm"}
        if self.foreign:
            made["mtriple"] = _CROSS[self.machine][0]
        if not self.native:
            made["mcpu"] = self.mcpu or "generic"
        if self.mattr:
            made["mattr"] = self.mattr.split(",")
        return made


def parse_target(text: str | None) -> Target:
    """``native`` (the default), or ``x86_64`` or ``aarch64``, then perhaps ``:mcpu`` and ``:+feature,…``.

    ``x86_64:skylake-avx512``, ``aarch64:cortex-a72``. Raises ValueError.
    """
    if text in (None, "", "native"):
        return Target(processor.machine())
    machine, _, rest = str(text).partition(":")
    mcpu, _, mattr = rest.partition(":")
    if machine not in _CROSS:
        known = ", ".join(sorted(_CROSS))
        raise ValueError(f"unknown target `{text}`: native, or one of {known}, as in aarch64:cortex-a72")
    if mattr and not all(part[:1] in "+-" and part[1:] for part in mattr.split(",")):
        raise ValueError(f"cannot read the features of `{text}`: write them as +avx2,+fma")
    return Target(machine, mcpu or ("x86-64" if machine == "x86_64" else "generic"), mattr)


class TvmCompiler:
    """Compiles blocks by worker processes, one block after the other."""

    name = "tvm"
    suffix = ".tvm.so"

    def __init__(self, options: EngineOptions) -> None:
        self.target = parse_target(options.target)
        self.tune = options.tune
        self.threads = options.threads

    def require(self) -> None:
        for package in ("apache-tvm", "apache-tvm-ffi"):
            if installed_version(package) is None:
                raise EngineMissing(f"the engine tvm needs {package}: {INSTALL}")
        linker = self.target.linker()
        if linker is not None and shutil.which(linker) is None:
            package = _CROSS[self.target.machine][2]
            raise EngineMissing(
                f"compiling for {self.target.machine} needs {linker}: apt-get install {package}"
            )
        usual = os.environ.get("CXX", "g++ clang++ c++").split()  # as TVM looks for it
        if linker is None and not any(map(shutil.which, usual)):
            raise EngineMissing("the engine tvm links with a C++ compiler: apt-get install g++")
        if self.tune:
            self._require_tuning()

    def _require_tuning(self) -> None:
        for package in ("xgboost", "psutil", "cloudpickle", "tornado"):
            if installed_version(package) is None:
                raise EngineMissing(f"tuning needs {package}: pip install 'dyncc[tvm]' {package}")
        ffi = installed_version("apache-tvm-ffi") or ""
        if numbers(ffi) >= (0, 1, 15) and numbers(installed_version("apache-tvm") or "") < (0, 28):
            raise EngineMissing(
                f"tuning crashes with apache-tvm-ffi {ffi}: pip install 'apache-tvm-ffi>=0.1.14,<0.1.15'"
            )

    def runs_here(self) -> bool:
        return not self.target.foreign

    def support(self) -> Mapping[str, Path]:
        found = installed_libraries()
        if found is None or self.target.foreign:
            return {}
        return {name: Path(found[1], name) for name in LIBRARIES}

    def compile(self, blocks: Sequence[BlockSource], folder: Path) -> Mapping[str, Built | Unable]:
        parameters = {block.name: _write(block, folder / f"{n}.onnx") for n, block in enumerate(blocks)}
        results: dict[str, Built | Unable] = {
            block.name: Unable("the size of an input is an expression of others, which tvm would insist on")
            for block in blocks
            if any(
                isinstance(size, str) and not size.isidentifier()
                for port in block.inputs
                for size in port.shape
            )
        }
        while len(results) < len(blocks):
            waiting = [n for n, block in enumerate(blocks) if block.name not in results]
            for number, answer in self._work(waiting, blocks, parameters, folder).items():
                name = blocks[number].name
                results[name] = self._result(folder / f"{number}.so", parameters[name], *answer)
        return results

    def _result(
        self, path: Path, parameters: tuple[str, ...], failed: str | None, checked: bool
    ) -> Built | Unable:
        if failed is not None:
            return Unable(failed)
        kept = {
            "checked": checked,
            "tvm": installed_version("apache-tvm"),
            "ffi": installed_version("apache-tvm-ffi"),
            "target": f"{self.target.machine}:{self.target.mcpu or 'native'}",
        }
        made = requirements(**kept)
        if not self.target.native:
            features = [part[1:] for part in self.target.mattr.split(",") if part.startswith("+")]
            made = {"system": "linux", "machine": self.target.machine, "features": " ".join(features)}
            made |= kept
        return Built(path, parameters, made)

    def _work(
        self,
        waiting: Sequence[int],
        blocks: Sequence[BlockSource],
        parameters: Mapping[str, tuple[str, ...]],
        folder: Path,
    ) -> dict[int, tuple[str | None, bool]]:
        """What a worker says of each block that it came to: None or why it cannot be compiled, and whether
        its indices are checked.

        The block at which it died is among them; the blocks after it are not.
        """
        job = {
            "blocks": [[number, len(parameters[blocks[number].name])] for number in waiting],
            "target": self.target.tvm(),
            "native": self.target.native,
            "linker": self.target.linker(),
            "tune": self.tune,
            "threads": self.threads,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        answers = folder / "answers.jsonl"
        answers.write_text("", encoding="utf-8")
        limit = (LIMIT + TUNING_LIMIT * self.tune) * len(waiting)
        command = [sys.executable, "-m", "dyncc.compiler.engines.tvm_worker", str(folder)]
        with (folder / "log.txt").open("ab") as log:
            try:
                code = subprocess.run(
                    command, stdout=log, stderr=log, timeout=limit, check=False
                ).returncode
                death = f"tvm's compiler died (exit code {code})" if code else "tvm's compiler said nothing"
            except subprocess.TimeoutExpired:
                death = f"tvm's compiler took longer than {limit:.0f} s"
        lines = map(json.loads, answers.read_text(encoding="utf-8").splitlines())
        said: dict[int, tuple[str | None, bool]] = {
            line["block"]: (line["failed"], line["checked"]) for line in lines
        }
        rest = [number for number in waiting if number not in said]
        if rest:
            said[rest[0]] = (death, False)
        return said


def _write(block: BlockSource, path: Path) -> tuple[str, ...]:
    """Write the model for the worker: its large weights first, then the others; returns the large ones."""
    model = block.model.clone()
    graph = model.graph
    large = tuple(
        name
        for name, value in graph.initializers.items()
        if value.const_value is not None and value.const_value.nbytes > LARGE
    )
    for number, name in enumerate(large):
        value = graph.initializers.pop(name)
        value.name = f"weight_{number}"
        graph.initializers[value.name] = value
    path.write_bytes(onnx_ir.to_proto(model).SerializeToString())
    return large


def installed_version(package: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def numbers(text: str) -> tuple[int, ...]:
    """The first three numbers of a version."""
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
