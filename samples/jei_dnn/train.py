"""Warm-up of the backbone and its inference modules, then gates and inference modules jointly.

The joint loss is the paper's equation 6: the expectation, over the exits that the gates choose, of the
cross entropy and of the cost. Then the gates' temperature is fitted, so that their exit probabilities are
calibrated.

python -m samples.jei_dnn.train
"""

import torch
import torch.nn.functional as F
from samples.digit_images import training_batch
from samples.jei_dnn.model import HERE, JEIDNN
from samples.training import exit_loss, fit, report_accuracy, save

COSTS = (0.1, 0.4, 0.7, 1.0)
"""What it costs to leave at each exit, as a part of the whole network."""
LAMBDA = 1.0


def exit_distribution(gate_logits):
    """P(leave at l) = g_l * prod of (1 - g_k) over the earlier gates; (N, L)."""
    g = torch.sigmoid(torch.cat(gate_logits, dim=1))
    stays = torch.cumprod(1 - g, dim=1)
    before = torch.cat([torch.ones_like(g[:, :1]), stays], dim=1)
    return before * torch.cat([g, torch.ones_like(g[:, :1])], dim=1)


def joint_loss(model, batch=96):
    costs = torch.tensor(COSTS)

    def loss(step, generator):
        images, labels = training_batch(batch, generator)
        logits, gates = model.all_exits(images)
        p = exit_distribution(gates)
        errors = torch.stack([F.cross_entropy(y, labels, reduction="none") for y in logits], dim=1)
        return (p * (errors + LAMBDA * costs)).sum(1).mean()

    return loss


@torch.no_grad()
def calibrate(model):
    """One temperature a gate: the exit probability is to be the frequency with which leaving costs
    least.
    """
    images, labels = training_batch(800, torch.Generator().manual_seed(7))
    logits, gates = model.all_exits(images)
    price = torch.stack([F.cross_entropy(y, labels, reduction="none") for y in logits], 1)
    price = price + LAMBDA * torch.tensor(COSTS)
    for level, (gate, g) in enumerate(zip(model.gates, gates)):
        right = (price[:, level] <= price[:, level + 1 :].min(1).values).float()[:, None]
        raw = g * gate.temperature
        candidates = torch.linspace(0.25, 4.0, 76)
        fits = torch.stack([F.binary_cross_entropy_with_logits(raw / t, right) for t in candidates])
        gate.temperature.fill_(float(candidates[fits.argmin()]))
        p = torch.sigmoid(raw / gate.temperature)
        print(f"exit {level}: says {p.mean():.3f}, right to leave {right.mean():.3f}")


def main():
    torch.manual_seed(0)
    model = JEIDNN()
    fit(model, exit_loss_of_heads(model), steps=300)
    for p in model.backbone.parameters():
        p.requires_grad_(False)
    model.are_all_classifiers_frozen = False
    fit(model, joint_loss(model), steps=350)
    calibrate(model)
    report_accuracy(lambda image: model(image).logits)
    save(model, HERE, {"threshold": 0.5})


def exit_loss_of_heads(model):
    """``samples.training.exit_loss`` wants a model whose output is the list of logits."""

    class Heads(torch.nn.Module):
        def forward(self, images):
            return model.all_exits(images)[0]

    return exit_loss(Heads(), batch=64)


if __name__ == "__main__":
    main()
