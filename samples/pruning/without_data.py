"""What refitting is worth with data and without, for residual networks that are not trained again.

python -m samples.pruning.without_data        (some minutes)
"""

from collections.abc import Callable, Mapping, Sequence

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
WIDTHS = (16, 32)
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


def trained(width: int) -> CNN:
    """A network whose first stage has so many channels."""
    torch.manual_seed(0)
    model = CNN(width)
    train(model, EPOCHS)
    return model


def row(name: str, models: Sequence[CNN]) -> list[str]:
    """How often each network is right, whole and by each ratio, refitted on the data of that name."""
    cells = [name]
    for model in models:
        data = SOURCES[name](model)
        cells.append(f"{accuracy(model):.1f}")
        for ratio in RATIOS:
            by = "l1" if data is None else "obspa"
            result = prune(model, EXAMPLE, ratio=ratio, criterion=by, data=data)
            cells.append(f"{accuracy(result.model):.1f}")
    print(*cells, flush=True)
    return cells


def main() -> None:
    """Train, prune with every source of data, and fill in the table."""
    torch.set_num_threads(1)
    models = [trained(width) for width in WIDTHS]
    rows = [row(name, models) for name in SOURCES]
    heads = [
        head
        for width in WIDTHS
        for head in (f"{width} channels and more", *(f"{ratio:.0%} removed" for ratio in RATIOS))
    ]
    text = table(("refit on", *heads), rows)
    fill(HERE.parent / "docs" / "pruning.md", text, begin=BEGIN)


if __name__ == "__main__":
    main()
