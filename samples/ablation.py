"""What each pass is worth: the samples compiled without it, timed in turns with the whole pipeline.

    python -m samples.ablation [--threads 1] [--rounds 15] [NAME ...]

Keeps the figures of each sample in ``build/bench/``, and ``python -m samples.benchmarks write`` makes the
table of them. A number over 1.00 is how many times longer a call takes (how many more sub-networks there
are, how much larger they are on disk) without the pass.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from samples.benchmarks import RESULTS, names
from samples.evaluation import Sample, load_sample
from samples.tables import table

from dyncc.compiler import compile
from dyncc.compiler.bench.calls import Call, pack, write_calls
from dyncc.compiler.bench.contenders import DYNCC, Job
from dyncc.compiler.bench.figures import geometric_mean, ratio
from dyncc.compiler.bench.process import Worker
from dyncc.passes.pipeline import DEFAULT_PIPELINE
from dyncc.runtime import read_bundle

PASSES = tuple(dict.fromkeys(DEFAULT_PIPELINE.split(",")))
WHOLE = "all"
HEAD = ("without", "time", "largest effect", "samples changed", "sub-networks", "on disk")


def without(name: str) -> str:
    """The default pipeline without a pass, wherever it stands in it."""
    return ",".join(each for each in DEFAULT_PIPELINE.split(",") if each != name)


def measure(name: str, threads: int, rounds: int) -> dict[str, Any]:
    """A sample's figures: of each pass that changes it how the program is without it."""
    sample = load_sample(name)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        calls = [Call(pack(args), {}) for args in sample.data.evaluation_inputs()]
        write_calls(folder / "calls", calls)
        whole = _bundle(sample, folder, WHOLE, DEFAULT_PIPELINE)
        bundles = {each: _bundle(sample, folder, each, without(each)) for each in PASSES}
        changed = {each: path for each, path in bundles.items() if _graphs(path) != _graphs(whole)}
        served = tuple(range(len(calls)))
        workers = {
            each: Worker(Job(DYNCC, threads, folder / "calls", bundle=path, served=served), folder, 300)
            for each, path in {WHOLE: whole, **changed}.items()
        }
        times = _times(workers, rounds)
        return {
            each: {
                "time": ratio(times[each], times[WHOLE]).value,
                "graphs": _count(path) / max(1, _count(whole)),
                "disk": _disk(path) / _disk(whole),
            }
            for each, path in changed.items()
        }


def _bundle(sample: Sample, folder: Path, name: str, passes: str) -> Path:
    path = folder / f"{name}.dyncc"
    inputs = sample.model.example_inputs()
    compile(sample.model.get_model(), inputs, output=path, passes=passes, verify=False, report=False)
    return path


def _times(workers: Mapping[str, Worker], rounds: int) -> dict[str, np.ndarray[Any, Any]]:
    """Rows are rounds, in which all take turns, columns calls."""
    for worker in workers.values():
        worker.answer()
        worker.ask("turn")
    found: dict[str, list[Any]] = {each: [] for each in workers}
    for _ in range(rounds):
        for each, worker in workers.items():
            found[each].append(worker.ask("turn")["times"])
    for worker in workers.values():
        worker.close()
    return {each: np.array(rows) for each, rows in found.items()}


def _graphs(path: Path) -> Any:
    """What tells two bundles of a program apart: its blocks, and the files of its graphs."""
    manifest = read_bundle(path).manifest
    files = {name: digest for name, digest in manifest.digests.items() if name.endswith(".onnx")}
    return manifest.program.blocks, files


def _count(path: Path) -> int:
    return len(read_bundle(path).manifest.graphs)


def _disk(path: Path) -> int:
    return sum(file.stat().st_size for file in (path / "blocks").iterdir())


def summary(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """The table of ``measure``'s figures by sample: a line a pass, geometric means over all samples."""
    rows: list[Sequence[object]] = []
    for each in PASSES:
        changed = {name: found[each] for name, found in results.items() if each in found}
        unchanged = [1.0] * (len(results) - len(changed))
        worst = max(changed, key=lambda name: changed[name]["time"], default="")
        means = [
            geometric_mean([*(figures[what] for figures in changed.values()), *unchanged])
            for what in ("time", "graphs", "disk")
        ]
        largest = f"{changed[worst]['time']:.2f} `{worst}`" if worst else "–"
        rows.append(
            [f"`{each}`", f"{means[0]:.3f}", largest, len(changed), *(f"{m:.2f}" for m in means[1:])]
        )
    return table(HEAD, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_intermixed_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    for name in options.names or names():
        try:
            results[name] = measure(name, options.threads, options.rounds)
        except Exception as error:  # a sample that cannot be timed must not lose the others
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            continue
        (RESULTS / f"{name}.ablation").write_text(json.dumps(results[name], indent=1))
        shown = {each: f"{figures['time']:.2f}" for each, figures in results[name].items()}
        print(name, shown, flush=True)
    print(summary(results))


if __name__ == "__main__":
    main()
