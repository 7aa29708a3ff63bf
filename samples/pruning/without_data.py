"""What refitting is worth with data and without, for a residual network that is not trained again.

python -m samples.pruning.without_data        (some minutes)
"""

from collections.abc import Callable, Mapping

import torch
from samples.evaluation import HERE
from samples.pruning.networks import CNN, accuracy, scoring_batches, train
from samples.tables import fill, table

from dyncc.compiler import prune
from dyncc.compiler.pruning.module import lowered
from dyncc.compiler.pruning.synthesize import synthesized
from dyncc.passes.prune.prepare import prepared

BEGIN = "<!-- made by samples/pruning/without_data.py -->"
RATIOS = (0.3, 0.5)
EPOCHS = 40
EXAMPLE = (torch.zeros(1, 1, 8, 8),)

Data = list[torch.Tensor]


def matched(model: CNN, count: int) -> Data:
    """Inputs for which the batch norms see the statistics that they have kept."""
    ((_, graph),) = lowered(model, EXAMPLE, None).program.graphs.items()
    batches, _ = synthesized(prepared(graph), count)
    return [torch.cat([torch.from_numpy(array) for batch in batches for array in batch.values()])]


SOURCES: Mapping[str, Callable[[CNN], Data | None]] = {
    "nothing": lambda model: None,
    "Gaussian noise": lambda model: [torch.randn(768, 1, 8, 8)],
    "inputs matched to the batch norms, 256": lambda model: matched(model, 256),
    "inputs matched to the batch norms, 768": lambda model: matched(model, 768),
    "inputs matched to the batch norms, 2304": lambda model: matched(model, 2304),
    "500 images of the training set": lambda model: [images for images, _ in scoring_batches(500, 50)],
}


def main() -> None:
    """Train, prune with every source of data, and fill in the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = CNN()
    train(model, EPOCHS)
    dense = accuracy(model)
    print(f"dense: {dense:.1f}", flush=True)
    rows: list[tuple[object, ...]] = []
    shares: list[float] = []
    for name, source in SOURCES.items():
        cells: list[str] = []
        shares = []
        data = source(model)
        for ratio in RATIOS:
            by = "l1" if data is None else "obspa"
            result = prune(model, EXAMPLE, ratio=ratio, criterion=by, data=data)
            shares.append(result.report.after.flops / result.report.before.flops)
            cells.append(f"{accuracy(result.model):.1f}")
        rows.append((name, *cells))
        print(*rows[-1], flush=True)
    heads = [
        f"{ratio:.0%} of channels ({share:.0%} of FLOPs left)"
        for ratio, share in zip(RATIOS, shares, strict=True)
    ]
    text = table((f"refit on (dense: {dense:.1f})", *heads), rows)
    fill(HERE.parent / "docs" / "pruning.md", text, begin=BEGIN)


if __name__ == "__main__":
    main()
