"""Trains the network and all its internal classifiers together, then calibrates the threshold.

python -m samples.sdn_vgg.train
"""

import torch
from samples.sdn_vgg.model import HERE, VGG_SDN
from samples.training import exit_loss, exit_threshold, fit, internal_confidences, save


def main():
    torch.manual_seed(0)
    model = VGG_SDN()
    fit(model, exit_loss(model), steps=350)
    threshold = exit_threshold(internal_confidences(model.all_outputs))
    save(model, HERE, {"confidence_threshold": threshold})


if __name__ == "__main__":
    main()
