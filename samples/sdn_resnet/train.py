"""Trains the network and all its internal classifiers together, then calibrates the threshold.

python -m samples.sdn_resnet.train
"""

import torch
from samples.sdn_resnet.model import HERE, ResNetSDN
from samples.training import every_exit, exit_loss, exit_threshold, fit, internal_confidences, save


def main():
    torch.manual_seed(0)
    model = ResNetSDN()
    fit(model, exit_loss(model), steps=250)
    threshold = exit_threshold(internal_confidences(lambda x: every_exit(model, x)))
    save(model, HERE, {"confidence_threshold": threshold})


if __name__ == "__main__":
    main()
