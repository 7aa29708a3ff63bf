"""The process that TVM runs in: ``python -m dyncc.compiler.engines.tvm_worker FOLDER``.

``FOLDER`` holds ``job.json`` and the blocks ``N.onnx``; each becomes ``N.so``, and a line of
``answers.jsonl`` says so, ``{"block": N, "failed": null or the reason, "checked": …}``, before the next is
begun. The module ``tvm`` is imported nowhere else, so that it meets neither torch nor the user's model in
one process.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TVM_FFI_DISABLE_TORCH_C_DLPACK", "1")

REASON_LENGTH = 200


def main(folder: Path) -> None:
    """Do the job in ``folder``."""
    _die_with_parent()
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    import tvm  # pyright: ignore[reportMissingImports]

    options = dict(job["target"])
    if job["native"]:
        options["mcpu"] = tvm.get_global_func("target.llvm_get_system_cpu")()
    if job["tune"]:
        options["num-cores"] = job["threads"] or os.cpu_count() or 1
    target = tvm.target.Target(options)
    with (folder / "answers.jsonl").open("a", encoding="utf-8") as answers:
        for number, parameters in job["blocks"]:
            failed, checked = None, False
            try:
                checked = build(folder / f"{number}.onnx", folder / f"{number}.so", parameters, target, job)
            except Exception as error:  # whatever TVM raises, of its own classes and Python's
                failed = reason(error)
            answers.write(json.dumps({"block": number, "failed": failed, "checked": checked}) + "\n")
            answers.flush()


def _die_with_parent() -> None:
    """End with the process that started this one: a search would go on for hours."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, 15)  # PR_SET_PDEATHSIG, SIGTERM


def build(source: Path, output: Path, parameters: int, target: Any, job: dict[str, Any]) -> bool:
    """Compile one block; its ``main`` takes the model's inputs, then ``weight_0``, ``weight_1``, …

    Returns whether ``main`` gives one result more, which says that all indices were in range.
    """
    import onnx
    import tvm  # pyright: ignore[reportMissingImports]
    from tvm import relax  # pyright: ignore[reportMissingImports]
    from tvm.relax.frontend.onnx import from_onnx  # pyright: ignore[reportMissingImports]

    from dyncc.compiler.engines.checked_indices import with_checked_indices
    from dyncc.compiler.engines.tvm_models import decomposed

    model: Any = decomposed(onnx.load(source))
    checked = with_checked_indices(model)
    names = [entry.name for entry in model.graph.initializer]
    module = from_onnx(model, keep_params_in_input=True)
    module, found = relax.frontend.detach_params(module)
    values = dict(zip(names, found.get("main", []), strict=True))
    given = [value for name, value in values.items() if not is_weight(name)]
    module = with_constants(module, len(model.graph.input), [is_weight(name) for name in names], given)
    if sum(is_weight(name) for name in names) != parameters:
        raise ValueError("the importer dropped a weight")
    if job["tune"]:
        module = tuned(module, target, job, output.with_suffix(".tuning"))
    executable: Any = tvm.compile(module, target)
    if found := sorted(set(re.findall(r"relax\.run\.\w+", executable.as_text()))):
        raise NotImplementedError(f"{', '.join(found)} would need TVM's Python package at run time")
    if job["linker"]:
        from tvm.support import cc  # pyright: ignore[reportMissingImports]  # the place of the module is that of 0.27

        executable.export_library(str(output), fcompile=cc.cross_compiler(job["linker"]))
    else:
        executable.export_library(str(output))
    return checked


def is_weight(name: str) -> bool:
    """Whether an initializer of a block is one of its inputs."""
    return name.startswith("weight_") and name.removeprefix("weight_").isdigit()


def with_constants(module: Any, inputs: int, weights: list[bool], values: list[Any]) -> Any:
    """``module`` whose parameters after the inputs, where they are no weights, are constants."""
    from tvm import relax  # pyright: ignore[reportMissingImports]

    parameters = list(module["main"].params)[inputs:]
    fixed = [parameter for parameter, weight in zip(parameters, weights, strict=True) if not weight]
    bound = dict(zip(fixed, values, strict=True))
    return relax.transform.BindParams("main", bound)(module)


def tuned(module: Any, target: Any, job: dict[str, Any], folder: Path) -> Any:
    """``module`` with the best schedules of a search (MetaSchedule) of so many trials."""
    import tvm  # pyright: ignore[reportMissingImports]
    from tvm import relax  # pyright: ignore[reportMissingImports]
    from tvm.s_tir import meta_schedule  # pyright: ignore[reportMissingImports]

    with target:
        module = relax.get_pipeline("zero")(module)
        database = meta_schedule.relax_integration.tune_relax(
            module, {}, target, str(folder), max_trials_global=job["tune"], num_trials_per_iter=16
        )
        del database
        with tvm.transform.PassContext(opt_level=3):
            return relax.transform.MetaScheduleApplyDatabase(str(folder))(module)


def reason(error: BaseException) -> str:
    """One line on why a block cannot be compiled."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines and type(error).__module__.startswith("tvm") else (lines or [""])[0]
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= REASON_LENGTH else text[: REASON_LENGTH - 1] + "…"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
