"""Trains all branches jointly, then sets each branch's entropy threshold on training images.

python -m samples.branchynet.train
"""

import torch
import torch.nn.functional as F
from samples.branchynet.model import HERE, BranchyNet, entropy
from samples.digit_images import training_batch
from samples.training import every_exit, exit_loss, fit, report_accuracy, save


def thresholds(model):
    """At each branch the entropy below which a third of the pictures that get there leave."""
    images, labels = training_batch(400, torch.Generator().manual_seed(7))
    with torch.no_grad():
        outputs = every_exit(model, images)
    print("accuracy of the branches:", [f"{(y.argmax(-1) == labels).float().mean():.3f}" for y in outputs])
    chosen, here = [], torch.ones(len(images), dtype=torch.bool)
    for y in outputs[:-1]:
        entropies = entropy(F.softmax(y, dim=1))
        chosen.append(round(float(entropies[here].quantile(0.33)), 4))
        here &= entropies >= chosen[-1]
    return chosen


def main():
    torch.manual_seed(0)
    model = BranchyNet()
    fit(model, exit_loss(model, batch=64), steps=400)
    model.thresholds = thresholds(model)
    report_accuracy(lambda image: model(image)[0])
    save(model, HERE, {"thresholds": model.thresholds})


if __name__ == "__main__":
    main()
