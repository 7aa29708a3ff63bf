"""Compiles every sample, compares it with eager on 100 inputs, and writes the tables of the READMEs.

python -m samples.tables
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from samples.evaluation import HERE, SUBJECTS, Result, load_sample, measure

from dyncc.compiler import compile

BEGIN, END = "<!-- made by samples/tables.py -->", "<!-- end -->"
MOST_PATHS = 12
"""Rows of a sample's table; what is rarer is summed up."""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column is to the left, the others to the right."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def summary(results: Sequence[Result]) -> str:
    """The table of all samples."""
    head = (
        "sample",
        "blocks",
        "inputs",
        "paths",
        "wrong",
        "inconsistent",
        "near ties",
        "largest error",
        "eager ms",
        "bundle ms",
    )
    rows = [
        (
            f"[{r.name}]({r.name}/)",
            r.blocks,
            r.inputs,
            len(r.decisions),
            len(r.wrong),
            len(r.inconsistent),
            len(r.near_ties),
            f"{r.largest_error:.1e}",
            f"{r.eager_ms:.2f}",
            f"{r.bundle_ms:.2f}",
        )
        for r in results
    ]
    return table(head, rows)


def paths(result: Result) -> str:
    """The table of one sample: its paths by what the output says, the most frequent first."""
    ranked = sorted(result.paths.items(), key=lambda item: (-item[1], item[0]))
    rows: list[tuple[str, int]] = ranked if len(ranked) <= MOST_PATHS + 1 else ranked[:MOST_PATHS]
    if len(rows) < len(ranked):
        rest = ranked[MOST_PATHS:]
        rows = [*rows, (f"{len(rest)} others", sum(count for _, count in rest))]
    return table(("path", "inputs of 100"), rows)


def fill(readme: Path, text: str) -> None:
    """Replace what is between the markers of ``readme``."""
    old = readme.read_text(encoding="utf-8")
    before, rest = old.split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    torch.set_num_threads(1)
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in SUBJECTS:
            sample = load_sample(name)
            output = Path(folder) / f"{name}.dyncc"
            net = compile(sample.model.get_model(), sample.model.example_inputs(), output=output, threads=1)
            results.append(measure(sample, net, timed=True))
            print(summary(results[-1:]).splitlines()[-1], *results[-1].wrong[:3], flush=True)
            fill(HERE / name / "README.md", paths(results[-1]))
    fill(HERE / "README.md", summary(results))


if __name__ == "__main__":
    main()
