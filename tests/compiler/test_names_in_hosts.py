"""Names in the host's text: a variable of the program may be called like a class that it returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from dyncc.compiler import compile


def shadowing(x: torch.Tensor) -> Any:
    found = {"sort": x * 2, "topk": x + 1}
    while found["sort"].sum() > 0.1:
        x = torch.relu(x - 0.1)
        found = {"sort": found["sort"] * 0.3, "topk": found["topk"] + x}
    return found, x.sort(-1), x.topk(2)


def test_variables_do_not_hide_classes(tmp_path: Path) -> None:
    net = compile(shadowing, (torch.ones(3),), output=tmp_path / "n")
    for x in (torch.tensor([1.0, 2.0, -0.5]), -torch.ones(3), torch.full((3,), 4.0)):
        torch.testing.assert_close(net(x), shadowing(x))
        assert [type(value).__name__ for value in net(x)] == ["dict", "sort", "topk"]
