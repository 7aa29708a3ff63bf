"""Trains blocks and gates together, with hard decisions and straight-through gradients.

python -m samples.skipnet_ff.train
"""

import torch
from samples.skipnet_ff.model import HERE, ResNetFeedForwardSP
from samples.training import fit, gate_loss, report_accuracy, save


def main():
    torch.manual_seed(0)
    model = ResNetFeedForwardSP()

    def outputs_of(images):
        logits, _, gates = model(images)
        return logits, gates

    fit(model, gate_loss(outputs_of), steps=400)
    report_accuracy(lambda image: model(image)[0])
    save(model, HERE, {"layers": list(model.num_layers)})


if __name__ == "__main__":
    main()
