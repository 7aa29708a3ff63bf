"""Trains blocks and gates together, with hard decisions and straight-through gradients.

python -m samples.skipnet_rnn.train
"""

import torch
from samples.skipnet_rnn.model import HERE, RecurrentGatedResNet
from samples.training import fit, gate_loss, report_accuracy, save


def main():
    torch.manual_seed(0)
    model = RecurrentGatedResNet()

    def outputs_of(images):
        logits, _, gates = model(images)
        return logits, torch.stack(gates)

    # an untrained recurrent gate hardly looks at its input, and would stay undecided
    with torch.no_grad():
        model.control.proj.weight.mul_(10)
        model.control.rnn.weight_ih_l0.mul_(3)
    fit(model, gate_loss(outputs_of, sure=0.7), steps=400)
    report_accuracy(lambda image: model(image)[0])
    save(model, HERE, {"layers": [3, 3, 3]})


if __name__ == "__main__":
    main()
