"""``**`` of whole numbers that are known only when the network runs."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import torch

from dyncc.compiler import compile


def powers(x: torch.Tensor) -> Any:
    base, exponent = int(x[0]), int(x[1])
    grown = base
    try:
        grown **= exponent
    except ZeroDivisionError as error:
        return str(error), 2**exponent
    return grown, 2**exponent, 0.5**exponent, exponent**2, (x[0] < 9).item() ** exponent, True**exponent


def test_they_are_whole_or_not_as_the_exponent_says(tmp_path: Path) -> None:
    net = compile(powers, (torch.tensor([3.0, 2.0]),), output=tmp_path / "net.dyncc")
    for base, exponent in product((-3, -1, 0, 1, 2, 7), (-3, -1, 0, 1, 2, 5, 70)):
        x = torch.tensor([float(base), float(exponent)])
        assert repr(net(x)) == repr(powers(x))
