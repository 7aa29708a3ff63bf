"""Pictures of up to four digits with their captions, made of scikit-learn's digits."""

import torch
import torch.nn.functional as F
from samples.captioner.model import DIGITS, VOCAB
from samples.digit_images import TRAINING, digits


def caption(values):
    """The words of a picture that shows ``values`` in reading order."""
    if not values:
        return ["no", "digit", "<end>"]
    noun = "digit" if len(values) == 1 else "digits"
    return [DIGITS[len(values)], noun, ":", *(DIGITS[v] for v in values), "<end>"]


def scenes(n, generator, first, last):
    """``n`` pictures (n, 3, 32, 32) of digits ``first`` to ``last`` of the data set, and their captions."""
    images, labels = digits()
    canvas = torch.zeros(n, 1, 32, 32)
    captions = []
    for i in range(n):
        count = int(torch.randint(0, 5, (), generator=generator))
        places = sorted(torch.randperm(4, generator=generator)[:count].tolist())
        chosen = torch.randint(first, last, (count,), generator=generator)
        for place, k in zip(places, chosen.tolist(), strict=True):
            row, column = 16 * (place // 2), 16 * (place % 2)
            large = F.interpolate(images[k : k + 1], size=(16, 16), mode="bilinear", align_corners=False)
            canvas[i, :, row : row + 16, column : column + 16] = large[0]
        captions.append(caption([int(labels[k]) for k in chosen]))
    noise = 0.3 * torch.rand(n, 1, 1, 1, generator=generator)
    return canvas.expand(-1, 3, -1, -1) + noise * torch.randn(n, 3, 32, 32, generator=generator), captions


def as_ids(captions):
    """Padded word numbers (N, longest)."""
    longest = max(map(len, captions))
    return torch.tensor([[VOCAB(w) for w in c] + [VOCAB("<pad>")] * (longest - len(c)) for c in captions])


def evaluation_inputs(n=100):
    """``n`` argument tuples made of held-out digits, always the same."""
    pictures, _ = scenes(n, torch.Generator().manual_seed(1), TRAINING, 1797)
    return [(picture[None],) for picture in pictures]


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"{len(output[0])} words"
