"""Times every sample against the other ways to run it, and writes ``docs/benchmarks.md``.

    python -m samples.benchmarks run [--threads 1] [--seconds 2] [--without CONTENDER] [NAME ...]
    python -m samples.benchmarks write [--note TEXT]

``run`` keeps the figures of each sample in ``build/bench/``; ``write`` makes the page of what is there.
A sample is a folder with ``model.py`` and ``data.py``, whose ``evaluation_inputs()`` are the calls.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from samples.tables import table

from dyncc.compiler.bench.figures import geometric_mean
from dyncc.compiler.cli.bench_command import BenchOptions, benchmark
from dyncc.compiler.cli.console import Console

HERE = Path(__file__).parent
RESULTS = HERE.parent / "build" / "bench"
PAGE = HERE.parent / "docs" / "benchmarks.md"
LONG = 1e-3
"""Paths whose oracle takes longer than so many seconds are compared with it."""
Result = Mapping[str, Any]

INTRODUCTION = """\
# Benchmarks

Made by `make bench`; do not edit. Each sample is called with its 100 evaluation inputs, on the CPU, with
the same number of threads for all contenders, each in a process of its own, in turns (see
`compiler/dyncc/compiler/bench/`). Times are means over the inputs of medians over rounds. All columns with
a × are ratios within a run: how many times longer another takes, so more is better for dyncc. *Oracle*,
*start* and *memory* are dyncc's over those of one static ONNX graph of the path that the input takes, which
is what a compiler could reach if it knew the path and had nothing to decide: less is better.

| column | |
|---|---|
| paths | ways through the program that the inputs take |
| dyncc | time of a call |
| eager, compile, script, script-onnx × | PyTorch; `torch.compile`; TorchScript; the same as ONNX |
| slowest × | lower end of the 95 % interval of the path that gains least over eager |
| oracle | dyncc over the oracle (all paths) |
| > 1 ms | the worst such path, of those whose oracle takes over 1 ms |
| start | process start to first answer, over that of one static ONNX graph; bytecode and host kept |
| start × | that of eager over that of dyncc |
| memory, memory × | likewise, resident memory |
| compiled in | all of dyncc's compile, with its checks |
| first call × | `torch.compile`'s first call (cold caches) over that |
"""

ABLATION = """\
One thread; geometric means over the samples of how many times longer a call takes without the pass, how
many more sub-networks there are and how much larger they are on disk (`python -m samples.ablation`).
"""


def names() -> list[str]:
    """All samples that can be timed."""
    return sorted(
        folder.name
        for folder in HERE.iterdir()
        if (folder / "model.py").is_file() and (folder / "data.py").is_file()
    )


def run(chosen: Sequence[str], threads: int, seconds: float, without: Sequence[str] = ()) -> None:
    """Time samples, and keep the figures."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    search_path = list(sys.path)
    for name in chosen or names():
        sys.path[:] = search_path  # not that of the samples before
        folder = HERE / name
        options = BenchOptions(
            target=str(folder / "model.py"),
            inputs_from=f"{folder / 'data.py'}:evaluation_inputs",
            threads=threads,
            seconds=seconds,
            without=tuple(without),
        )
        try:
            result = {**benchmark(options, Console(-1)).json(), "name": name}
        except Exception as error:  # a sample that cannot be timed must not lose the others
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        (RESULTS / f"{name}.{threads}.json").write_text(json.dumps(result, indent=1))
        print(" | ".join(map(str, row(result))), flush=True)


def write(note: str = "") -> None:
    """Make the page of all figures; ``note`` says what else to know of the run."""
    results: dict[int, list[Result]] = {}
    for file in sorted(RESULTS.glob("*.json")):
        result = json.loads(file.read_text())
        results.setdefault(result["threads"], []).append(result)
    parts = [INTRODUCTION.rstrip(), note]
    for threads, found in sorted(results.items()):
        parts += [
            f"## {threads} thread{'s' if threads > 1 else ''}",
            summary(found),
            *map(absent, found),
            doubted(found),
        ]
    if ablated := {file.stem: json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.ablation"))}:
        from samples.ablation import summary as ablation

        parts += ["## Each pass left out", ABLATION, ablation(ablated)]
    environments = {json.dumps(result["environment"]) for found in results.values() for result in found}
    for environment in sorted(environments):
        rows = json.loads(environment).items()
        parts += ["## Environment", table(("", ""), rows)]
    PAGE.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


HEAD = (
    *("sample", "paths", "dyncc", "eager ×", "compile ×", "script ×", "script-onnx ×", "slowest ×"),
    *("oracle", "> 1 ms", "start", "start ×", "memory", "memory ×", "compiled in", "first call ×"),
)


def summary(found: Sequence[Result]) -> str:
    """The table of all samples, with geometric means."""
    rows = [row(result) for result in found]
    means = ["geometric mean", "", ""]
    for column in range(3, len(HEAD)):
        numbers = [float(line[column]) for line in rows if _is_number(line[column])]
        least = HEAD[column] in ("slowest ×", "> 1 ms")
        text = (
            ""
            if least or not numbers or HEAD[column] == "compiled in"
            else f"{geometric_mean(numbers):.2f}"
        )
        means.append(text)
    return table(HEAD, [*rows, means])


def row(result: Result) -> list[str]:
    """A sample's line."""
    mix, costs = result["mix"], {standing["name"]: standing for standing in result["standings"]}
    gains = {name: ratio["value"] for name, ratio in mix["gains"].items()}
    own = mix["spreads"].get("dyncc")
    eager = [path["gains"]["eager"]["low"] for path in result["paths"] if "eager" in path["gains"]]
    return [
        result["name"],
        str(len(result["paths"])),
        f"{1e3 * own['mean']:.3f} ms" if own else "–",
        *(
            _number(gains.get(name))
            for name in ("eager", "torch.compile", "torchscript", "torchscript-onnx")
        ),
        _number(min(eager, default=None)),
        _number(1 / gains["oracle"] if "oracle" in gains else None),
        _number(max(_long_paths(result), default=None)),
        _number(_quotient(costs, "start", "dyncc", "oracle")),
        _number(_quotient(costs, "start", "eager", "dyncc")),
        _number(_quotient(costs, "resident", "dyncc", "oracle")),
        _number(_quotient(costs, "resident", "eager", "dyncc")),
        f"{costs['dyncc']['compile_first']:.1f} s" if own else "–",
        _number(_quotient(costs, "compile_first", "torch.compile", "dyncc")),
    ]


def absent(result: Result) -> str:
    """Who did not take part, and why."""
    lines = [
        f"- `{result['name']}`, {standing['name']}: {standing['failed'].replace(f'{HERE.parent}/', '')}"
        for standing in result["standings"]
        if standing["failed"]
    ]
    return "\n".join(lines)


def doubted(found: Sequence[Result]) -> str:
    """Whose ratios are not to be relied on, and why."""
    return "\n".join(
        f"- `{result['name']}`, {text}" for result in found for text in result.get("warnings", ())
    )


def _long_paths(result: Result) -> Iterator[float]:
    for path in result["paths"]:
        oracle = path["spreads"].get("oracle")
        if oracle is not None and oracle["mean"] > LONG and "oracle" in path["gains"]:
            yield 1 / path["gains"]["oracle"]["value"]


def _quotient(costs: Mapping[str, Any], what: str, one: str, other: str) -> float | None:
    values = [
        costs[name][what] if name in costs and not costs[name]["failed"] else None for name in (one, other)
    ]
    return values[0] / values[1] if all(value is not None for value in values) else None


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.2f}"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "write"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--without", action="append", default=[], metavar="CONTENDER")
    parser.add_argument("--note", default="", help="of `write`: what else to know of the run")
    options = parser.parse_intermixed_args()
    if options.what == "run":
        run(options.names, options.threads, options.seconds, options.without)
    else:
        write(options.note)


if __name__ == "__main__":
    main()
