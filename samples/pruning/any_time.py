"""Accuracy against what is pruned: before training, after it, and after it with fine-tuning.

python -m samples.pruning.any_time        (needs matplotlib for the plots; about half an hour)

Writes tables and plots into docs/. Channels are scored on 500 training images by the criteria that need
data. Before training, a network is pruned as it is initialized and trained as long as the whole one.
"""

import copy
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from samples.evaluation import HERE
from samples.pruning.networks import CNN, EarlyExit, ViT, accuracy, loss, scoring_batches, train
from samples.tables import fill, table
from torch import nn

from dyncc.compiler import prune
from dyncc.passes.prune.importance import GRADIENT

BEGIN = "<!-- made by samples/pruning/any_time.py -->"
DOCS = HERE.parent / "docs"
NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, float]] = {
    "CNN": (CNN, 20, 2e-3),
    "ViT": (ViT, 40, 3e-3),
    "early-exit CNN": (EarlyExit, 20, 2e-3),
}
"""For how many epochs each is trained, and at which rate."""
RATIOS = (0.3, 0.5, 0.7)
BEFORE = ("random", "snip", "grasp")
AFTER = ("random", "l1", "taylor", "obspa")
TUNED = 5

Curves = dict[tuple[str, str], list[float]]
"""Accuracies in the order of the ratios, by when it was pruned and by what criterion."""


def pruned(model: nn.Module, ratio: float, criterion: str) -> nn.Module:
    """A smaller copy of ``model``."""
    options: dict[str, Any] = {}
    if criterion in GRADIENT:
        options = {"data": scoring_batches(500, 50), "loss": all_heads}
    if criterion == "obspa":
        options = {"data": [images for images, _ in scoring_batches(500, 50)]}
    example = (torch.zeros(1, 1, 8, 8),)
    return prune(model, example, ratio=ratio, criterion=criterion, **options).model


def all_heads(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The loss of every head, with the statistics that the batch norms have."""
    if not isinstance(model, EarlyExit):
        return loss(model, batch)
    model.training = True  # of itself alone, not of its layers
    try:
        return loss(model, batch)
    finally:
        model.training = False


def curves(make: Callable[[], nn.Module], epochs: int, rate: float) -> tuple[float, Curves]:
    """The accuracy of the whole network, and of smaller ones."""
    torch.manual_seed(0)
    start = make()
    whole = copy.deepcopy(start)
    train(whole, epochs, rate)
    found: Curves = {}
    for ratio in RATIOS:
        for criterion in BEFORE:
            small = pruned(start, ratio, criterion)
            train(small, epochs, rate)
            found.setdefault(("before", criterion), []).append(accuracy(small))
        for criterion in AFTER:
            small = pruned(whole, ratio, criterion).eval()
            found.setdefault(("after", criterion), []).append(accuracy(small))
            train(small, TUNED, rate / 2)
            found.setdefault(("tuned", criterion), []).append(accuracy(small))
    return accuracy(whole), found


WHEN: Mapping[str, str] = {
    "before": "before training",
    "after": "after, no training",
    "tuned": f"after, {TUNED} epochs",
}


def rows(name: str, whole: float, found: Curves) -> list[Sequence[object]]:
    """The lines of a network's table."""
    first = (name, "not", "", *([f"{whole:.1f}"] + [""] * (len(RATIOS) - 1)))
    return [first] + [
        ("", WHEN[when], criterion, *(f"{value:.1f}" for value in values))
        for (when, criterion), values in sorted(
            found.items(), key=lambda item: list(WHEN).index(item[0][0])
        )
    ]


def plot(name: str, whole: float, found: Curves) -> None:
    """``docs/any-time-NAME.svg``: a panel for each time of pruning."""
    pyplot = importlib.import_module("matplotlib.pyplot")
    importlib.import_module("matplotlib").rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none"})
    figure, panels = pyplot.subplots(1, len(WHEN), figsize=(10, 3.2), sharey=True, layout="constrained")
    for panel, (when, title) in zip(panels, WHEN.items(), strict=True):
        panel.axhline(whole, color="0.7", linewidth=1, label="whole")
        for (time, criterion), values in found.items():
            if time == when:
                panel.plot([100 * ratio for ratio in RATIOS], values, marker="o", label=criterion)
        ticks = [100 * ratio for ratio in RATIOS]
        panel.set(title=f"{name}: {title}", xlabel="channels removed, %", ylim=(0, 102), xticks=ticks)
        panel.legend(loc="best", fontsize="small")
    panels[0].set_ylabel("held-out digits right, %")
    file = DOCS / f"any-time-{name.lower().replace(' ', '-')}.svg"
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    """Train, prune, tabulate and draw all networks."""
    torch.set_num_threads(1)
    lines: list[Sequence[object]] = []
    for name, how in NETWORKS.items():
        whole, found = curves(*how)
        lines += rows(name, whole, found)
        print(table(("network", "pruned", "by", *RATIOS), rows(name, whole, found)), flush=True)
        plot(name, whole, found)
    head = ("network", "pruned", "by", *(f"{ratio:.0%} removed" for ratio in RATIOS))
    fill(DOCS / "pruning.md", table(head, lines), begin=BEGIN)


if __name__ == "__main__":
    main()
