"""Compiles every sample, compares it with eager on 100 inputs, and writes the tables of the READMEs.

python -m samples.tables
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from samples.evaluation import HERE, KINDS, SUBJECTS, Result, load_sample, measure

from dyncc.compiler import compile

BEGIN, END = "<!-- made by samples/tables.py -->", "<!-- end -->"
MOST_PATHS = 12
"""Rows of a sample's table; what is rarer is summed up."""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column is to the left, the others to the right."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


COLUMNS: dict[str, Callable[[Result], object]] = {
    "sample": lambda r: f"[{r.name}]({r.name}/)",
    "blocks": lambda r: r.blocks,
    "inputs": lambda r: r.inputs,
    "paths": lambda r: len(r.decisions),
    "wrong": lambda r: len(r.wrong),
    "inconsistent": lambda r: len(r.inconsistent),
    "wrong in threads": lambda r: len(r.in_threads),
    "near ties": lambda r: len(r.near_ties),
    "largest error": lambda r: f"{r.largest_error:.1e}",
    "eager ms": lambda r: f"{r.eager_ms:.2f}",
    "bundle ms": lambda r: f"{r.bundle_ms:.2f}",
}
THRESHOLDS = ("inconsistent",)
"""Columns for samples whose threshold is watched."""


def summary(results: Sequence[Result], without: Sequence[str] = ()) -> str:
    """The table of samples, but for the columns ``without``."""
    columns = {name: value for name, value in COLUMNS.items() if name not in without}
    return table(tuple(columns), [[value(result) for value in columns.values()] for result in results])


def paths(result: Result) -> str:
    """The table of one sample: its paths by what the output says, the most frequent first."""
    ranked = sorted(result.paths.items(), key=lambda item: (-item[1], item[0]))
    rows: list[tuple[str, int]] = ranked if len(ranked) <= MOST_PATHS + 1 else ranked[:MOST_PATHS]
    if len(rows) < len(ranked):
        rest = ranked[MOST_PATHS:]
        rows = [*rows, (f"{len(rest)} others", sum(count for _, count in rest))]
    return table(("path", "inputs of 100"), rows)


def details(result: Result) -> str:
    """What a sample's README shows: its paths, and where it was trained how often it is right."""
    text = paths(result)
    if result.hits is not None:
        eager, bundle = (f"{hits} of {result.inputs}" for hits in result.hits)
        text += "\n\n" + table(("right answers", "eager", "compiled"), [("held-out digits", eager, bundle)])
    return text


def fill(readme: Path, text: str, part: int = 0, begin: str = BEGIN) -> None:
    """Replace what is between the markers of ``readme``; ``part`` says which pair of them."""
    pieces = readme.read_text(encoding="utf-8").split(begin)
    _, after = pieces[part + 1].split(END, 1)
    pieces[part + 1] = f"\n\n{text}\n\n{END}{after}"
    readme.write_text(begin.join(pieces), encoding="utf-8")


def measured(names: Sequence[str], folder: Path) -> list[Result]:
    """Compile and measure samples, and fill in their READMEs."""
    results: list[Result] = []
    for name in names:
        sample = load_sample(name)
        output = folder / f"{name}.dyncc"
        net = compile(sample.model.get_model(), sample.model.example_inputs(), output=output, threads=1)
        results.append(measure(sample, net, timed=True))
        print(summary(results[-1:]).splitlines()[-1], *results[-1].wrong[:3], flush=True)
        fill(HERE / name / "README.md", details(results[-1]))
    return results


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        fill(HERE / "README.md", summary(measured(SUBJECTS, Path(folder))))
        fill(HERE / "README.md", summary(measured(KINDS, Path(folder)), THRESHOLDS), part=1)


if __name__ == "__main__":
    main()
