"""Compiles samples for CUDA, compares them with eager PyTorch, and times both on the device.

    python -m samples.on_device build [--jobs N] [NAME ...]                  compile (needs no device)
    python -m samples.on_device check [--jobs N] [--inputs N] [NAME ...]     compare with eager
    python -m samples.on_device time [--inputs N] [NAME ...]                 time
    python -m samples.on_device write [--note TEXT]                          the table, from what these left

Compiling where the device is checks the blocks there, too. Results are kept in ``build/cuda/``. Times are
of calls with tensors on the device and results on it, each until the device has finished, in turns;
``kernel by kernel`` is the same bundle without captured CUDA graphs.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from samples.evaluation import HERE, KINDS, SUBJECTS, load_sample, measure
from samples.tables import table

BUILD = HERE.parent / "build" / "cuda"
NAMES = (*SUBJECTS, *KINDS)
LIMIT = 400.0
"""Seconds for compiling and comparing one sample."""


def build(name: str, inputs: int) -> dict[str, Any]:
    """Compile the sample."""
    from dyncc.compiler import compile
    from dyncc.compiler.engines import EngineOptions

    sample = load_sample(name)
    model, example = sample.model.get_model().eval(), sample.model.example_inputs()
    started = time.perf_counter()
    net = compile(model, example, output=BUILD / f"{name}.dyncc", engine=EngineOptions(device="cuda"))
    return {
        "name": name,
        "compiled in": time.perf_counter() - started,
        "warnings": [warning.message for warning in net.report.warnings],
    }


def check(name: str, inputs: int) -> dict[str, Any]:
    """Compare ``inputs`` calls with eager's, also from eight threads at once."""
    from dyncc.runtime import load, replay

    net = load(BUILD / f"{name}.dyncc")
    replayed = replay(net)
    result = measure(load_sample(name), net, inputs)
    about = net.engine.describe()
    return {
        "name": name,
        "replayed": [outcome.passed for outcome in replayed],
        "inputs": result.inputs,
        "paths": len(result.decisions),
        "wrong": len(result.wrong) + len(result.in_threads),
        "first": [*result.wrong, *result.in_threads][:3],
        "ties": len(result.near_ties),
        "error": result.largest_error,
        "captured": len(about["captured"]),
        "not captured": about["not_captured"],
    }


def timed(name: str, inputs: int) -> dict[str, Any]:
    """Median times of a call in milliseconds."""
    from dyncc.runtime import load
    from dyncc.runtime.engine import Setup
    from dyncc.runtime.engine_cuda import OnnxRuntimeCuda

    sample = load_sample(name)
    calls: list[tuple[Any, ...]] = sample.data.evaluation_inputs(inputs)
    on_device = [_moved(args) for args in calls]
    path = BUILD / f"{name}.dyncc"
    net = load(path)
    slow = load(path, engine=OnnxRuntimeCuda(Setup(device="cuda"), capture=False))
    contenders: dict[str, Callable[..., Any]] = {"dyncc": net, "kernel by kernel": slow}
    model = sample.model.get_model().eval().to("cuda")
    found: dict[str, Any] = {"name": name}
    with torch.inference_mode(), torch.device("cuda"):
        try:
            model(*on_device[0])
            contenders["eager"] = model
        except Exception as error:  # networks make tensors on the CPU
            found["eager fails"] = f"{type(error).__name__}: {error}".partition("\n")[0]
        times: dict[str, list[float]] = {key: [] for key in contenders}
        for turn in range(4):
            for args in on_device:
                for key, call in contenders.items():
                    torch.cuda.synchronize()
                    started = time.perf_counter()
                    call(*args)
                    torch.cuda.synchronize()
                    if turn:
                        times[key].append(time.perf_counter() - started)
    return found | {key: 1e3 * statistics.median(taken) for key, taken in times.items()}


def _moved(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to("cuda")
    if isinstance(value, tuple | list):
        return type(value)(map(_moved, value))
    return value


# ------------------------------------------------------------------------------------------ processes


def _process(function: Callable[..., Any], name: str, inputs: int, file: Path) -> None:
    try:
        found = function(name, inputs)
    except Exception as error:  # is a result
        found = {"name": name, "failed": f"{type(error).__name__}: {error}"}
    file.write_text(json.dumps(found))


def run(function: Callable[..., Any], names: Sequence[str], inputs: int, jobs: int) -> None:
    """Each sample in a process of its own, ``jobs`` at a time."""
    BUILD.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    waiting, running = list(names), dict[str, tuple[Any, float]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            file = BUILD / f"{name}.{function.__name__}.json"
            process = context.Process(target=_process, args=(function, name, inputs, file))
            process.start()
            running[name] = process, time.monotonic()
        for name, (process, since) in list(running.items()):
            if process.is_alive() and time.monotonic() - since < LIMIT:
                continue
            process.kill()
            process.join()
            del running[name]
            file = BUILD / f"{name}.{function.__name__}.json"
            text = file.read_text() if file.exists() else f"died or took longer than {LIMIT:.0f} s"
            print(f"{name}: {text}", flush=True)
        time.sleep(0.05)


def write(note: str) -> str:
    """The table of what was measured."""
    rows = []
    for name in NAMES:
        files = [BUILD / f"{name}.{kind}.json" for kind in ("check", "timed")]
        checked, times = (json.loads(file.read_text()) if file.exists() else {} for file in files)
        if not checked or "failed" in checked:
            continue
        blocks = checked["captured"] + len(checked["not captured"])
        ms = {key: times.get(key) for key in ("eager", "kernel by kernel", "dyncc")}
        rows.append(
            [
                name,
                f"{checked['captured']} of {blocks}",
                checked["paths"],
                checked["wrong"],
                f"{checked['error']:.0e}",
                *(f"{value:.2f}" if value else "—" for value in ms.values()),
                f"{ms['eager'] / ms['dyncc']:.1f}" if ms["eager"] and ms["dyncc"] else "—",
            ]
        )
    head = "sample|captured|paths|wrong|largest error|eager ms|kernel by kernel ms|dyncc ms|eager / dyncc"
    return f"{note}\n\n{table(head.split('|'), rows)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("build", "check", "time", "write"))
    parser.add_argument("names", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=40)
    parser.add_argument("--note", default="")
    options = parser.parse_intermixed_args()
    if options.what == "write":
        sys.stdout.write(write(options.note) + "\n")
        return
    function = {"build": build, "check": check, "time": timed}[options.what]
    run(function, options.names or NAMES, options.inputs, options.jobs)


if __name__ == "__main__":
    main()
