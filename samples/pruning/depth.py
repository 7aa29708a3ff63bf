"""Removes whole residual branches from trained networks and writes what that costs into docs/pruning.md.

python -m samples.pruning.depth

Nothing is trained after. Branches are measured, and layers refitted, on the first images of scikit-learn's
digits; the networks are tried on the others.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from samples.digit_images import TRAINING as TRAINED
from samples.digit_images import digits
from samples.evaluation import HERE, load_sample
from samples.pruning.dynamic import TRAINING, images, right
from samples.pruning.networks import CNN, ViT, scoring_batches, train
from samples.tables import fill, table
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.pruning.bundle import Prune
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.selection import Selection

BEGIN = "<!-- made by samples/pruning/depth.py -->"
EPOCHS = 40
SAMPLES = ("sdn_resnet", "skipnet_ff")
SHARES = (0.25, 0.5)


@dataclass(frozen=True)
class Network:
    """A trained network, calls of it, and what says how often it is right."""

    name: str
    model: nn.Module
    calls: list[tuple[torch.Tensor]]
    right: Callable[[Any], float]


def networks() -> Iterator[Network]:
    """What the table shows."""
    for name, kind in (("CNN", CNN), ("ViT", ViT)):
        torch.manual_seed(0)
        model = kind()
        train(model, EPOCHS)
        calls = [(batch,) for batch, _ in scoring_batches(TRAINING, 1)]
        yield Network(name, model, calls, one_by_one)
    for name in SAMPLES:
        calls = [(picture,) for picture, _ in images(TRAINING)]
        yield Network(f"[{name}](../samples/{name}/)", load_sample(name).model.get_model(), calls, right)


def one_by_one(net: Any) -> float:
    """Percent of the held-out scans that ``net`` has right, as calls of one."""
    scans, labels = (part[TRAINED:] for part in digits())
    hits = [net(scan[None]).argmax() == label for scan, label in zip(scans, labels, strict=True)]
    return 100 * float(torch.stack(hits).float().mean())


def rows(network: Network, folder: Path) -> list[Sequence[object]]:
    """A row for each share of branches: how often the network is right without them, and refitted."""
    model, calls, right = network.model, network.calls, network.right
    found: list[Sequence[object]] = []
    for share in SHARES:
        cells: list[str] = []
        for criterion in ("l1", "obspa"):
            prune = Prune(Selection(depth=share), Importance(criterion), calls)
            net = compile(
                model,
                calls[0],
                output=folder / "net.dyncc",
                prune=prune,
                profile=calls,
                report=False,
                threads=1,
            )
            cells.append(f"{right(net):.1f}")
        report = net.report.pruning
        assert report is not None
        before, after = report.before, report.after
        left = (after.parameters / before.parameters, after.flops / before.flops)
        removed = ", ".join(f"{100 * each.added:.1f} %" for each in report.branches)
        found.append(
            (network.name, removed, *(f"{each:.3f}" for each in left), f"{right(model):.1f}", *cells)
        )
        print(*found[-1], flush=True)
    return found


def main() -> None:
    """Remove branches of every network and fill in the table."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = [row for network in networks() for row in rows(network, Path(folder))]
    heads = ("network", "branches removed, by what they add", "parameters left", "FLOPs a call", "whole")
    fill(
        HERE.parent / "docs" / "pruning.md",
        table((*heads, "without them", "and refitted"), found),
        begin=BEGIN,
    )


if __name__ == "__main__":
    main()
