"""An if/elif/else chain on a statistic of the image, with an early guard."""

import torch
from torch import nn


class ExposureRouter(nn.Module):
    """Picks the correction by the brightness of the picture."""

    LOW, HIGH = 0.25, 0.75

    def __init__(self):
        super().__init__()
        self.brighten = nn.Conv2d(3, 3, 1)
        self.darken = nn.Conv2d(3, 3, 1)
        self.sharpen = nn.Conv2d(3, 3, 3, padding=1, groups=3)

    def forward(self, image):
        level = image.mean()
        kind = 0
        if level == 0:
            return image, -1
        if level < self.LOW:
            image = self.brighten(image)
            kind = 1
        elif level > self.HIGH:
            image = self.darken(image)
            kind = 2
        elif image.std() < 0.1:
            kind = 3
            image = self.sharpen(image)
        else:
            pass
        return image.clamp(0, 1), kind


def get_model():
    torch.manual_seed(0)
    return ExposureRouter().eval()


def example_inputs():
    return (torch.full((1, 3, 6, 6), 0.5),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 6, 6, generator=g)
    return [
        (torch.zeros(1, 3, 6, 6),),
        (noise * 0.2,),
        (noise * 0.2 + 0.8,),
        (noise,),
        (noise * 0.01 + 0.5,),
    ]
