"""Trains blocks and gates together, with hard decisions and straight-through gradients.

python -m samples.blockdrop.train
"""

import torch
from samples.blockdrop.model import HERE, BlockDrop
from samples.training import fit, gate_loss, report_accuracy, save


def main():
    torch.manual_seed(0)
    model = BlockDrop()

    def outputs_of(images):
        logits, _, gates = model(images)
        return logits, gates.t()

    fit(model, gate_loss(outputs_of), steps=400)
    report_accuracy(lambda image: model(image)[0])
    save(model, HERE, {"layers": list(model.rnet.layer_config)})


if __name__ == "__main__":
    main()
