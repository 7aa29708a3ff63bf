"""Small networks on scikit-learn's digits (8x8 scans) for the tables of pruning, and their training."""

import torch
from samples.digit_images import TRAINING, digits
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two convolutions beside the stream; it is halved in size where the width grows."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        stride = 1 if before == width else 2
        self.one = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.two = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.shortcut = nn.Conv2d(before, width, 1, stride, bias=False) if stride == 2 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norms[1](self.two(F.relu(self.norms[0](self.one(x)))))
        return F.relu(y + self.shortcut(x))


class CNN(nn.Module):
    """A residual network of 13 convolutions beside its shortcuts."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        widths = [width * times for times in (1, 1, 2, 2, 4, 4)]
        self.blocks = nn.Sequential(*(Block(a, b) for a, b in zip((width, *widths), widths, strict=False)))
        self.head = nn.Linear(4 * width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Layer(nn.Module):
    """A layer of a transformer, norms first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norms[0](x)
        q, k, v = (layer(y).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in self.qkv)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.out(y)
        return x + self.mlp(self.norms[1](x))


class ViT(nn.Module):
    """A transformer over patches of 2x2."""

    def __init__(self, width: int = 48, heads: int = 6, depth: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 2, 2)
        self.positions = nn.Parameter(0.5 * torch.randn(16, width))
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.norm(self.layers(x).mean(1)))


class EarlyExit(nn.Module):
    """A picture leaves at the first of three heads that is sure of it; in training all heads answer."""

    def __init__(self, sure: float = 0.9) -> None:
        super().__init__()
        widths = (24, 32, 48)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
                nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
            )
            for a, b, stride in zip((1, *widths), widths, (1, 2, 2), strict=False)
        )  # fmt: skip
        self.heads = nn.ModuleList(nn.Linear(width, 10) for width in widths)
        self.sure = sure

    def forward(self, x: torch.Tensor):
        answers = []
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            answers.append(head(x.mean((2, 3))))
            if not self.training and answers[-1].softmax(1).max() > self.sure:
                break
        return answers if self.training else answers[-1]


def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy, of every head that answers."""
    answers = model(batch[0])
    answers = answers if isinstance(answers, list) else [answers]
    return torch.stack([F.cross_entropy(answer, batch[1]) for answer in answers]).mean()


def train(model: nn.Module, epochs: int, rate: float = 2e-3, seed: int = 0) -> None:
    """Adam on shifted training images with a falling rate; leaves the model in eval mode."""
    images, labels = (part[:TRAINING] for part in digits())
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    batches = TRAINING // 50
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * batches)
    model.train()
    for _ in range(epochs):
        for index in torch.randperm(TRAINING, generator=generator).split(50):
            shift = torch.randint(-1, 2, (2,), generator=generator).tolist()
            optimizer.zero_grad()
            loss(model, (images[index].roll(shift, (2, 3)), labels[index])).backward()
            optimizer.step()
            schedule.step()
    model.eval()


@torch.no_grad()
def accuracy(model: nn.Module) -> float:
    """Percent of the held-out images that are right, one at a time where the network decides."""
    images, labels = (part[TRAINING:] for part in digits())
    if isinstance(model, EarlyExit):
        answers = torch.cat([model(image[None]) for image in images])
    else:
        answers = model(images)
    return 100 * (answers.argmax(1) == labels).float().mean().item()


def scoring_batches(count: int, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The first ``count`` training images, in batches."""
    images, labels = (part[:count] for part in digits())
    return list(zip(images.split(size), labels.split(size), strict=True))
