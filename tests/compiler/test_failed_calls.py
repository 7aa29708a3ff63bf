"""A call that an operation ends, and that nobody catches, has changed neither state nor arguments.

Eager keeps what it had changed by then. So the calls after it are not compared with eager's; an exception
that the program raises itself leaves what eager leaves.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from dyncc.compiler import compile


class Counted(nn.Module):
    """Adds to its state and to its argument before it fails, or raises."""

    def __init__(self, raises: bool) -> None:
        super().__init__()
        self.total = torch.zeros(2)
        self.raises = raises

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total = self.total + x
        x.add_(1)
        if self.raises and x[0] != x[0]:
            raise ValueError("not a number")
        return self.total * int(x[0] * 2)


def values(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float32)


@pytest.mark.parametrize("raises", [False, True])
def test_the_calls_after_it(raises: bool, tmp_path: Path) -> None:
    nan = (values(float("nan"), 1.0),)
    net = compile(
        Counted(raises), (values(1, 2),), examples=[nan, (values(3, 4),)], output=tmp_path / "n.dyncc"
    )
    model = Counted(raises)
    session = net.session()
    torch.testing.assert_close(session(values(1, 2)), model(values(1, 2)))
    given, eager = nan[0].clone(), nan[0].clone()
    with pytest.raises(ValueError, match="not a number" if raises else "cannot convert float NaN"):
        session(given)
    with pytest.raises(ValueError, match="not a number" if raises else "cannot convert float NaN"):
        model(eager)
    assert eager[1] == 2 and given[1] == (2 if raises else 1)
    if not raises:
        model.total = values(1, 2)  # as it was before
    torch.testing.assert_close(session(values(3, 4)), model(values(3, 4)), equal_nan=True)
