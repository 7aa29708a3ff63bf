"""Float64 tensors and Python's floats keep all their digits in the engine."""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from dyncc.compiler import compile

OPERATIONS: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
    lambda x: 0.1 - x,
    lambda x: x / 0.3,
    lambda x: 0.3**x,
    lambda x: x % 0.3,
    lambda x: x // 0.3,
    lambda x: torch.fmod(x, 0.3),
    lambda x: x + torch.full((3,), 0.1, dtype=torch.float64),
    lambda x: torch.full_like(x, 0.1) + x,
    lambda x: x.clamp(-0.1, 0.3),
    lambda x: torch.where(x > 0, x, 0.1),
    lambda x: x.masked_fill(x > 0, 0.1),
    lambda x: torch.add(x, x, alpha=0.1),
    lambda x: torch.addcmul(x, x, x, value=0.1),
    lambda x: torch.lerp(x, x * x, 0.1),
    lambda x: torch.linspace(0.1, 0.7, 3, dtype=torch.float64) * x,
    lambda x: F.leaky_relu(x, 0.1),
    lambda x: F.elu(x, 0.7),
    lambda x: F.celu(x, 0.7),
    lambda x: F.selu(x),
    lambda x: F.hardtanh(x, -0.1, 0.1),
    lambda x: F.hardsigmoid(x),
    lambda x: F.hardswish(x),
    lambda x: F.softplus(x, 0.7, 3.3),
    lambda x: x * (x[0].item() * 0.1),
    lambda x: x + (x[0].item() / 3 + 0.1),
)


class Doubles(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(operation(x) for operation in OPERATIONS)


class Boundary(torch.nn.Module):
    """A number that was read, and computed with as in Python, beside the tensor itself."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        number = x[0].item()
        return x[0] + 0.1 == number + 0.1, x[0] * 3.3 - number * 3.3


def test_float64_is_not_rounded_to_float32(tmp_path: Path) -> None:
    x = torch.tensor([0.7, -1.3, 2.1], dtype=torch.float64)
    net = compile(Doubles(), (x,), output=tmp_path / "net.dyncc", threads=1, verify=False)
    for position, (actual, expected) in enumerate(zip(net(x), Doubles()(x), strict=True)):
        torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12, msg=f"operation {position}")


def test_numbers_beside_tensors_are_exact(tmp_path: Path) -> None:
    net = compile(Boundary(), (torch.ones(2),), output=tmp_path / "net.dyncc", threads=1, verify=False)
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        x = torch.randn(2, generator=generator)
        for actual, expected in zip(net(x), Boundary()(x), strict=True):
            assert torch.equal(actual, expected)
