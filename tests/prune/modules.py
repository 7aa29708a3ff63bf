"""Small networks in the styles that matter for pruning."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(width, 2 * width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2 * width)
        self.two = nn.Conv2d(2 * width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.two(F.relu(self.norm(self.one(x)))))


class EarlyExit(nn.Module):
    """A residual stream through blocks, each with an exit."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.blocks = nn.ModuleList(Residual(width) for _ in range(3))
        self.heads = nn.ModuleList(nn.Linear(width, 10) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        logits = x
        for block, head in zip(self.blocks, self.heads, strict=True):
            x = block(x)
            logits = head(x.mean((2, 3)))
            if logits.softmax(1).max() > 0.3:
                return logits
        return logits


class SkipNet(nn.Module):
    """Blocks that a gate may leave out."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.blocks = nn.ModuleList(Residual(width) for _ in range(3))
        self.gates = nn.ModuleList(nn.Linear(width, 1) for _ in range(3))
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block, gate in zip(self.blocks, self.gates, strict=True):
            if gate(x.mean((2, 3))).sum() > 0:
                x = block(x)
        return self.head(x.mean((2, 3)))


class Decoder(nn.Module):
    """A recurrent cell in a loop that stops when its output says so."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.start = nn.Linear(6, width)
        self.cell = nn.Linear(width, width)
        self.out = nn.Linear(width, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(self.start(x))
        y = self.out(h)
        steps = 0
        while y.max() < 2.0 and steps < 20:
            h = torch.tanh(self.cell(h) + h)
            y = self.out(h)
            steps += 1
        return y


class Attention(nn.Module):
    """Grouped queries from one fused projection."""

    def __init__(self, width: int = 32, heads: int = 4, kv_heads: int = 2) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_width = heads, kv_heads, width // heads
        self.qkv = nn.Linear(width, (heads + 2 * kv_heads) * self.head_width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        sizes = [n * self.head_width for n in (self.heads, self.kv_heads, self.kv_heads)]
        q, k, v = (
            part.view(batch, length, -1, self.head_width).transpose(1, 2)
            for part in self.qkv(x).split(sizes, -1)
        )
        repeat = self.heads // self.kv_heads
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, length, self.heads * self.head_width))


class Transformer(nn.Module):
    def __init__(self, width: int = 32, layers: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, width)
        self.positions = nn.Parameter(torch.randn(1, 8, width))
        self.attention = nn.ModuleList(Attention(width) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * layers))
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
            for _ in range(layers)
        )
        self.head = nn.Linear(width, 50)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embedding(ids) + self.positions
        for number, (attention, mlp) in enumerate(zip(self.attention, self.mlps, strict=True)):
            x = x + attention(self.norms[2 * number](x))
            x = x + mlp(self.norms[2 * number + 1](x))
        return self.head(x)


class Rotary(nn.Module):
    """One attention with rotary positions over halves, and a gated MLP."""

    def __init__(self, width: int = 32, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.embedding = nn.Embedding(50, width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.up = nn.Linear(width, 48, bias=False), nn.Linear(width, 48, bias=False)
        self.down, self.head = nn.Linear(48, width, bias=False), nn.Linear(width, 50, bias=False)
        half = self.head_width // 2
        self.register_buffer("frequencies", 1.0 / 100 ** (torch.arange(half) / half))

    def rotate(self, x: torch.Tensor) -> torch.Tensor:
        angle = torch.arange(x.shape[2])[:, None] * self.frequencies
        cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
        one, other = x.chunk(2, -1)
        return x * cos + torch.cat([-other, one], -1) * sin

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embedding(ids)
        batch, length, _ = x.shape
        q, k, v = (
            f(x).view(batch, length, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v)
        )
        score = self.rotate(q) @ self.rotate(k).transpose(2, 3) / self.head_width**0.5
        x = x + self.o((score.softmax(-1) @ v).transpose(1, 2).flatten(2))
        return self.head(x + self.down(F.silu(self.gate(x)) * self.up(x)))


class Squeeze(nn.Module):
    """An inverted residual with squeeze and excitation."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        wide = 4 * width
        self.stem = nn.Conv2d(3, width, 3)
        self.expand, self.project = nn.Conv2d(width, wide, 1), nn.Conv2d(wide, width, 1)
        self.depthwise = nn.Conv2d(wide, wide, 3, padding=1, groups=wide)
        self.squeeze, self.excite = nn.Conv2d(wide, width // 2, 1), nn.Conv2d(width // 2, wide, 1)
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        h = F.hardswish(self.depthwise(F.relu6(self.expand(x))))
        gate = F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(h, 1)))))
        return self.head((x + self.project(h * gate)).mean((2, 3)))


class Shuffle(nn.Module):
    """Two branches, concatenated and shuffled, twice."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width // 2, width, 1), nn.ReLU(), nn.Conv2d(width, width // 2, 1))
            for _ in range(2)
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for branch in self.branches:
            one, other = x.chunk(2, 1)
            x = torch.cat([one, branch(other)], 1)
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(x.mean((2, 3)))


class Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(8 + 4 * n, 4, 3, padding=1) for n in range(3))
        self.stem, self.head = nn.Conv2d(3, 8, 3), nn.Linear(20 * 4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = torch.cat([x, F.relu(layer(x))], 1)
        return self.head(F.adaptive_max_pool2d(x, 2).flatten(1))


class Windows(nn.Module):
    """Attention in shifted windows with a table of relative positions, and a merging of patches."""

    def __init__(self, width: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.patches = nn.Conv2d(3, width, 2, 2)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.table = nn.Parameter(torch.randn(49, heads))
        place = torch.stack(torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")).flatten(1)
        apart = place[:, :, None] - place[:, None] + 3
        self.register_buffer("places", (apart[0] * 7 + apart[1]).flatten())
        self.norm, self.merge = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width)
        self.head = nn.Linear(2 * width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.roll(self.patches(x).permute(0, 2, 3, 1), (-2, -2), (1, 2))
        n, height, wide, c = x.shape
        w = x.view(n, height // 4, 4, wide // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        q, k, v = self.qkv(w).reshape(-1, 16, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.table[self.places].view(16, 16, -1).permute(2, 0, 1)
        w = ((q @ k.transpose(-2, -1) * 0.25 + bias).softmax(-1) @ v).transpose(1, 2).reshape(-1, 16, c)
        y = self.out(w).view(n, height // 4, wide // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5)
        x = x + y.reshape(n, height, wide, c)
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return self.head(self.merge(self.norm(x)).mean((1, 2)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(32, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][:, -1])


IMAGE = torch.zeros(1, 3, 18, 18)
IDS = torch.zeros(1, 8, dtype=torch.int64)
NETWORKS: dict[str, tuple[type[nn.Module], torch.Tensor, float]] = {
    "transformer": (Transformer, IDS, 0.36),
    "rotary": (Rotary, IDS, 0.45),
    "squeeze": (Squeeze, IMAGE, 0.4),
    "shuffle": (Shuffle, IMAGE, 0.45),
    "dense": (Dense, IMAGE, 0.37),
    "windows": (Windows, torch.zeros(1, 3, 16, 16), 0.36),
    "lstm": (Recurrent, torch.zeros(1, 5, 8), 0.36),
}
"""By name: the class, an input, and the share of parameters that may be left at half of the channels."""
