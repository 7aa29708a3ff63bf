"""Patience-based early exit (PABEE, Zhou et al., 2020): a counter that tensors change."""

import torch
from torch import nn


class PABEE(nn.Module):
    def __init__(self, dim=8, layers=6, classes=3, patience=2):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, dim) for _ in range(layers)])
        self.classifiers = nn.ModuleList([nn.Linear(dim, classes) for _ in range(layers)])
        self.patience = patience
        self.inference_layers_num = 0
        self.inference_instances_num = 0

    def forward(self, x):
        patient_counter = 0
        patient_result = None
        calculated_layer_num = 0
        for i in range(len(self.layers)):
            calculated_layer_num += 1
            x = torch.tanh(self.layers[i](x)) + x
            logits = self.classifiers[i](x)
            labels = logits.detach().argmax(dim=1)
            if patient_result is not None:
                patient_labels = patient_result.detach().argmax(dim=1)
            if (patient_result is not None) and torch.all(labels.eq(patient_labels)):
                patient_counter += 1
            else:
                patient_counter = 0
            patient_result = logits
            if patient_counter == self.patience:
                break
        self.inference_layers_num += calculated_layer_num
        self.inference_instances_num += 1
        return patient_result, self.inference_layers_num / self.inference_instances_num


STATEFUL = True


def get_model():
    torch.manual_seed(11)
    return PABEE().eval()


def example_inputs():
    return (torch.ones(1, 8),)


def more_inputs():
    g = torch.Generator().manual_seed(1)
    return [(torch.randn(1, 8, generator=g),) for _ in range(10)]
