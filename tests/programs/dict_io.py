"""Nested dictionaries, lists and tuples in and out."""

import torch
from torch import nn


class MultiModal(nn.Module):
    def __init__(self):
        super().__init__()
        self.image = nn.Linear(6, 4)
        self.text = nn.Linear(3, 4)

    def forward(self, batch):
        features = {}
        image, (a, b) = batch["image"], batch["text"]
        features["image"] = self.image(image.flatten(1))
        if a.abs().sum() > 0.5:
            features["text"] = self.text(a) + self.text(b)
        else:
            features.setdefault("text", torch.zeros(1, 4))
        for key, value in list(features.items()):
            if value.max() > 1:
                features[key + "_peak"] = value.max()
        fused = sum(features[k] for k in ("image", "text"))
        if "image_peak" in features:
            fused = fused / features.pop("image_peak")
        return {"fused": fused, "features": features, "extra": [features["text"], (fused.sum(),)]}


def get_model():
    torch.manual_seed(0)
    return MultiModal().eval()


def _batch(si, st):
    g = torch.Generator().manual_seed(int(10 * si + 100 * st))
    text = (torch.randn(1, 3, generator=g) * st, torch.randn(1, 3, generator=g) * st)
    return ({"image": torch.randn(1, 2, 3, generator=g) * si, "text": text},)


def example_inputs():
    return _batch(1.0, 1.0)


def more_inputs():
    return [_batch(si, st) for si in (0.1, 1.0, 4.0) for st in (0.0, 0.5, 4.0)]
