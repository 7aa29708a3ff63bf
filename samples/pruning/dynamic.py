"""Prunes trained dynamic samples and writes how often they are right into docs/pruning.md.

python -m samples.pruning.dynamic

No training follows. The first images of scikit-learn's digits are what channels are scored by, what layers
are refitted on and what FLOPs are counted over; the networks are tried on the others.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from samples.digit_images import held_out, training_batch
from samples.evaluation import HERE, Sample, load_sample
from samples.tables import fill, table

from dyncc.compiler import compile
from dyncc.compiler.pruning.bundle import Prune
from dyncc.compiler.pruning.gradients import of_module, tensors_in, usual_loss
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.selection import Selection

BEGIN = "<!-- made by samples/pruning/dynamic.py -->"
NETWORKS = ("branchynet", "jei_dnn", "sdn_resnet", "skipnet_ff")
CRITERIA = ("random", "l1", "taylor", "obspa")
RATIOS = (0.3, 0.5)
TRAINING, HELD_OUT = 400, 397


def images(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Training images, one a batch, and their labels."""
    pictures, labels = training_batch(count, torch.Generator().manual_seed(5))
    return [(pictures[i : i + 1], labels[i : i + 1]) for i in range(count)]


def logits(output: Any) -> torch.Tensor:
    """The first tensor of a result."""
    return next(tensors_in(output))


def right(net: Any) -> float:
    """The share of held-out images that ``net`` has right, in percent."""
    pictures, labels = held_out(HELD_OUT)
    hits = [
        logits(net(picture[None])).argmax() == label
        for picture, label in zip(pictures, labels, strict=True)
    ]
    return 100 * float(torch.stack(hits).float().mean())


def scores(model: torch.nn.Module, criterion: str) -> Any:
    """Those of single weights by gradients; None for criteria of the weights alone."""
    if criterion != "taylor":
        return None

    def loss(net: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return usual_loss([logits(net(batch[0]))], {"label": batch[1]})

    return of_module(model.requires_grad_(), images(TRAINING), loss, criterion)


def rows(sample: Sample, folder: Path) -> list[Sequence[object]]:
    """A row for each ratio: what is left of the network, and how often it is right by each criterion."""
    model = sample.model.get_model()
    calls = [(picture,) for picture, _ in images(TRAINING)]
    found: list[Sequence[object]] = []
    for ratio in RATIOS:
        cells: list[object] = []
        for criterion in CRITERIA:
            importance = Importance(criterion, elementwise=scores(model, criterion))
            prune = Prune(Selection(ratio=ratio), importance, calls)
            output = folder / f"{sample.name}-{criterion}-{ratio}.dyncc"
            net = compile(
                model, calls[0], output=output, prune=prune, profile=calls, report=False, threads=1
            )
            report = net.report.pruning
            assert report is not None
            cells.append(f"{right(net):.1f}")
        shares = (
            report.after.parameters / report.before.parameters,
            report.after.flops / report.before.flops,
        )
        name = f"[{sample.name}](../samples/{sample.name}/)"
        found.append((name, f"{ratio:.0%}", *(f"{s:.3f}" for s in shares), f"{right(model):.1f}", *cells))
        print(*found[-1], flush=True)
    return found


def main() -> None:
    """Prune every network and fill in the table."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = [row for name in NETWORKS for row in rows(load_sample(name), Path(folder))]
    head = ("network", "removed", "parameters left", "FLOPs a call", "whole", *CRITERIA)
    fill(HERE.parent / "docs" / "pruning.md", table(head, found), begin=BEGIN)


if __name__ == "__main__":
    main()
