"""Removes whole residual branches from trained networks and writes what that costs into docs/pruning.md.

python -m samples.pruning.depth

Nothing is trained after. Branches are measured, and layers refitted, on the first images of scikit-learn's
digits; the networks are tried on the others.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from samples.evaluation import HERE, load_sample
from samples.pruning.dynamic import TRAINING, images, right
from samples.pruning.networks import CNN, ViT, train
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


def networks() -> Iterator[tuple[str, nn.Module]]:
    """Trained networks by what the table calls them."""
    for name, kind in (("CNN", CNN), ("ViT", ViT)):
        torch.manual_seed(0)
        model = kind()
        train(model, EPOCHS)
        yield name, model
    for name in SAMPLES:
        yield f"[{name}](../samples/{name}/)", load_sample(name).model.get_model()


def rows(name: str, model: nn.Module, folder: Path) -> list[Sequence[object]]:
    """A row for each share of branches: how often the network is right without them, and refitted."""
    calls = [(picture,) for picture, _ in images(TRAINING)]
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
        found.append((name, removed, *(f"{each:.3f}" for each in left), f"{right(model):.1f}", *cells))
        print(*found[-1], flush=True)
    return found


def main() -> None:
    """Remove branches of every network and fill in the table."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = [row for name, model in networks() for row in rows(name, model, Path(folder))]
    heads = ("network", "branches removed, by what they add", "parameters left", "FLOPs a call", "whole")
    fill(
        HERE.parent / "docs" / "pruning.md",
        table((*heads, "without them", "and refitted"), found),
        begin=BEGIN,
    )


if __name__ == "__main__":
    main()
