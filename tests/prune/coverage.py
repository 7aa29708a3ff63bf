"""Prints the coverage table of ``docs/pruning.md``: every architecture of the zoo at half of the channels.

    python -m tests.prune.coverage [NAME ...]

Random weights, no hints. Needs torchvision, timm and transformers (see :mod:`tests.prune.zoo`).
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Iterator

import torch
from tests.prune import zoo
from tests.prune.test_networks import export

from dyncc.compiler.pruning.module import lowered
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.model import Pruning, Report
from dyncc.passes.prune.program import prune_program
from dyncc.passes.prune.selection import Selection


def rows(names: list[str]) -> Iterator[tuple[str, Report, float]]:
    for name, make in (*zoo.STATIC.items(), *zoo.DYNAMIC.items()):
        if names and name not in names:
            continue
        torch.manual_seed(0)
        model, args = make()
        selection = Selection(ratio=0.5)
        if name in zoo.STATIC:
            exported = export(model.eval(), *args)
            started = time.perf_counter()
            report = Pruning(selection).run(exported).report
        else:
            program = lowered(model.eval(), args, None)
            started = time.perf_counter()
            report = prune_program(program.program, program.weights, selection, Importance()).report
        yield name, report, time.perf_counter() - started


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    kept = zoo.declare_operators()
    print("| network | groups | parameters left | FLOPs left | error | lossy norms | seconds |")
    print("|---|---|---|---|---|---|---|")
    reached = count = 0
    for name, report, seconds in rows(sys.argv[1:]):
        parameters = report.after.parameters / report.before.parameters
        flops = report.after.flops / report.before.flops
        count, reached = count + 1, reached + (parameters <= 0.36)
        print(
            f"| {name} | {len(report.groups)} | {parameters:.3f} | {flops:.3f} | {report.error:.0e} "
            f"| {len(report.lossy)} | {seconds:.1f} |",
            flush=True,
        )
    print(f"\n{count} of {count} run and are exact; {reached} keep at most 0.36 of the parameters.")
    del kept


if __name__ == "__main__":
    main()
