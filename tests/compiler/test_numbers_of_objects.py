"""``len``, ``bool``, ``int`` and ``float`` of objects of one's own whose number is known when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from dyncc.compiler import compile


class Cache:
    """Keys of the past, as decoders keep them."""

    def __init__(self) -> None:
        self.keys: torch.Tensor | None = None

    def __len__(self) -> int:
        return 0 if self.keys is None else self.keys.shape[0]

    def append(self, row: torch.Tensor) -> None:
        self.keys = row[None] if self.keys is None else torch.cat([self.keys, row[None]])


class Score:
    def __init__(self, value: torch.Tensor) -> None:
        self.value = value

    def __bool__(self) -> bool:
        return bool(self.value > 0.2)

    def __int__(self) -> int:
        return int(self.value * 10)

    def __float__(self) -> float:
        return float(self.value) + 0.5


class Decoder(nn.Module):
    def forward(self, x: torch.Tensor, steps: int) -> Any:
        cache, lengths, scores = Cache(), [], []
        while len(lengths) < steps:
            past = len(cache)
            cache.append(x)
            x = torch.tanh(x + past * 0.1)
            score = Score(x.mean())
            lengths.append(len(cache))
            scores.append(float(score) + int(score))
            if not score and past > 1:
                break
        return x, len(cache), bool(cache), lengths, scores


def test_numbers_of_objects(tmp_path: Path) -> None:
    model = Decoder().eval()
    net = compile(model, (torch.zeros(3), 6), output=tmp_path / "n.dyncc")
    generator = torch.Generator().manual_seed(0)
    seen: set[int] = set()
    for number in range(20):
        call = (torch.randn(3, generator=generator) - 0.2, 1 + number % 7)
        got, expected = net(*call), model(*call)
        torch.testing.assert_close(got[0], expected[0])
        assert got[1:4] == expected[1:4]
        torch.testing.assert_close(got[4], expected[4])
        seen.add(expected[1])
    assert len(seen) > 3
