"""Networks that leave PyTorch for NumPy in the middle, as inference scripts do: compiled, and deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.check.compare import END_TO_END, compare
from dyncc.compiler.diagnostics import CompileError
from dyncc.runtime import load


class MostConfident(nn.Module):
    """Exits where it is sure; where it never is, gives the exit that was surest."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.heads = nn.ModuleList([nn.Linear(8, 3) for _ in range(3)])

    def forward(self, x: torch.Tensor) -> Any:
        x = self.first(x)
        outputs: list[torch.Tensor] = []
        confidences: list[torch.Tensor] = []
        for layer, head in zip(self.layers, self.heads, strict=True):
            x = torch.relu(layer(x))
            outputs.append(head(x))
            confidences.append(torch.max(torch.softmax(outputs[-1], 1)))
            if confidences[-1] > 0.5:
                return outputs[-1], len(outputs), True
        best = np.argmax(confidences)
        return outputs[best], best, False


class Greedy(nn.Module):
    """Decodes until the last token, its probabilities in NumPy."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, 8)
        self.cell = nn.GRUCell(8, 8)
        self.output = nn.Linear(8, 6)

    def forward(self, h: torch.Tensor) -> tuple[list[int], float]:
        token, out, score = torch.zeros(1, dtype=torch.long), [], 0.0
        for _ in range(12):
            h = self.cell(self.embedding(token), h)
            likely = torch.log_softmax(self.output(h), -1).data.cpu().numpy()
            chosen = likely[0].argmax()
            score += likely[0, chosen]
            if chosen == 4:
                break
            out.append(int(chosen))
            token = torch.tensor([chosen])
        return out, float(score)


class NonMaximumSuppression(nn.Module):
    def forward(self, boxes: torch.Tensor, scores: torch.Tensor) -> tuple[torch.Tensor, int]:
        box, score = boxes.numpy(), scores.numpy()
        area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
        order, keep = score.argsort()[::-1], []
        while order.size > 0:
            i, rest = order[0], order[1:]
            keep.append(i)
            wide = np.maximum(
                0.0, np.minimum(box[i, 2], box[rest, 2]) - np.maximum(box[i, 0], box[rest, 0])
            )
            high = np.maximum(
                0.0, np.minimum(box[i, 3], box[rest, 3]) - np.maximum(box[i, 1], box[rest, 1])
            )
            overlap = wide * high / (area[i] + area[rest] - wide * high)
            order = order[np.where(overlap <= 0.4)[0] + 1]
        return torch.tensor(keep), len(keep)


def _boxes(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    corner = torch.rand(5, 2, generator=drawn) * 2
    size = torch.rand(5, 2, generator=drawn) + 0.5
    return torch.cat([corner, corner + size], 1), torch.rand(5, generator=drawn)


CASES: dict[str, tuple[type[nn.Module], list[tuple[torch.Tensor, ...]]]] = {
    "confidence": (MostConfident, [(torch.full((1, 4), scale),) for scale in (0.1, 1.0, 8.0, -40.0)]),
    "greedy": (Greedy, [(torch.full((1, 8), scale),) for scale in (0.0, 0.5, -0.5, 2.0)]),
    "suppression": (NonMaximumSuppression, [_boxes(seed) for seed in range(4)]),
}


@pytest.mark.parametrize("name", CASES)
def test_arrays_are_compiled(name: str, tmp_path: Path) -> None:
    make, calls = CASES[name]
    torch.manual_seed(0)
    model = make().eval()
    bundle = tmp_path / "net.dyncc"
    net = compile(model, calls[0], output=str(bundle))
    deployed = load(str(bundle))
    for call in calls:
        with torch.no_grad():
            expected = model(*call)
            assert not compare(expected, net(*call), END_TO_END).differences
        arrays = deployed(*[tensor.numpy() for tensor in call])
        assert not compare(expected, arrays, END_TO_END).differences


def test_results_are_of_numpy(tmp_path: Path) -> None:
    """Arrays, numbers and tensors stay what they are."""

    def results(x: torch.Tensor) -> Any:
        a = x.numpy()
        return (a * 2, a.max(), x * 2) if a.sum() > 0 else (np.zeros(2), np.float32(1), -x)

    net = compile(results, (torch.ones(3),), output=str(tmp_path / "net.dyncc"))
    for x in (torch.ones(3), -torch.ones(3)):
        array, number, tensor = net(x)
        assert (type(array), type(number), type(tensor)) == (np.ndarray, np.float32, torch.Tensor)


def test_what_numpy_gives_is_compared_at_compile_time(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="PyTorch's own NumPy differs"):
        compile(_median, (torch.ones(3),), output=str(tmp_path / "net.dyncc"))


def _median(x: torch.Tensor) -> Any:
    return np.median(x.numpy())
