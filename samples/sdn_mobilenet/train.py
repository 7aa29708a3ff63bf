"""Trains the network and all its internal classifiers together, then calibrates the threshold.

python -m samples.sdn_mobilenet.train
"""

import torch
from samples.sdn_mobilenet.model import HERE, MobileNetSDN
from samples.training import exit_loss, exit_threshold, fit, internal_confidences, save


def main():
    torch.manual_seed(0)
    model = MobileNetSDN()
    fit(model, exit_loss(model), steps=600)
    threshold = exit_threshold(internal_confidences(model.forward_train))
    save(model, HERE, {"confidence_threshold": threshold})


if __name__ == "__main__":
    main()
