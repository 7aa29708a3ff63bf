"""What the training scripts share: a seeded loop, and the files that it leaves."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from samples.digit_images import training_batch
from torch import nn

Loss = Callable[[int, torch.Generator], torch.Tensor]


def fit(model: nn.Module, loss_of: Loss, steps: int, lr: float = 6e-3, seed: int = 0) -> None:
    """Minimize ``loss_of(step, generator)`` by Adam with one cycle of the learning rate."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    model.train()
    started = time.perf_counter()
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_of(step, generator)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(
                f"step {step:4d}  loss {loss.item():.4f}  {time.perf_counter() - started:.0f} s", flush=True
            )
    model.eval()


def save(model: nn.Module, folder: Path, config: dict[str, Any]) -> None:
    """Write ``weights.safetensors`` and ``config.json`` (what was calibrated on the data)."""
    weights = {k: v.contiguous() for k, v in model.state_dict().items() if "num_batches_tracked" not in k}
    save_file(weights, folder / "weights.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def exit_threshold(confidences: torch.Tensor) -> float:
    """One confidence threshold for all exits, such that every exit is used as evenly as it can be.

    ``confidences`` (N, E) are those of the internal classifiers; the last column of the counts is
    for what never gets there.
    """
    best, choice = -1, 0.5
    for threshold in torch.linspace(0.3, 0.99, 139).tolist():
        over = confidences > threshold
        taken = torch.where(over.any(1), over.int().argmax(1), confidences.shape[1])
        fewest = int(torch.bincount(taken, minlength=confidences.shape[1] + 1).min())
        if fewest >= best:
            best, choice = fewest, threshold
    return round(choice, 4)


def exit_loss(model: nn.Module, batch: int = 48) -> Loss:
    """The sum of the cross-entropies of all exits, earlier ones weighted less, on digit images."""

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        images, labels = training_batch(batch, generator)
        outputs = model(images)
        weights = torch.linspace(0.3, 1.0, len(outputs)).tolist()
        return sum(w * F.cross_entropy(y, labels) for w, y in zip(weights, outputs, strict=True))

    return loss


def every_exit(model: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """The outputs of all exits of a model whose ``forward`` gives them only in training mode.

    Normalization and dropout stay as in evaluation.
    """
    model.training = True
    try:
        return model(images)
    finally:
        model.training = False


@torch.no_grad()
def internal_confidences(all_outputs: Callable[[torch.Tensor], list[torch.Tensor]]) -> torch.Tensor:
    """Confidences (N, E) of the internal classifiers on training images; says how often each is right."""
    images, labels = training_batch(400, torch.Generator().manual_seed(7))
    outputs = [y.softmax(-1) for y in all_outputs(images)]
    print("accuracy of the exits:", [f"{(y.argmax(-1) == labels).float().mean():.3f}" for y in outputs])
    return torch.stack([y.max(-1).values for y in outputs[:-1]], dim=1)


def gate_loss(outputs_of: Callable[[torch.Tensor], Any], sure: float = 0.5, batch: int = 64) -> Loss:
    """Cross-entropy, and a price on gates that do not tell pictures apart.

    ``outputs_of(images)`` gives the logits (N, C) and the probabilities (G, N) of the gates. Each gate
    is to be open for about half of the pictures, and to be sure in each of them (``sure`` weighs that).
    """

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        images, labels = training_batch(batch, generator)
        logits, gates = outputs_of(images)
        usage = (gates.mean(1) - 0.5).square().mean()
        unsure = (gates * (1 - gates)).mean()
        return F.cross_entropy(logits, labels) + 4.0 * usage + sure * unsure

    return loss


@torch.no_grad()
def report_accuracy(logits_of: Callable[[torch.Tensor], torch.Tensor], n: int = 200) -> None:
    """Print the accuracy on training images, one at a time as in inference."""
    images, labels = training_batch(n, torch.Generator().manual_seed(7))
    hits = [
        bool(logits_of(image[None]).argmax() == label) for image, label in zip(images, labels, strict=True)
    ]
    print(f"accuracy, one picture at a time: {sum(hits) / n:.3f}")
