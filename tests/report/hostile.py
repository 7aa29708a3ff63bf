"""A network whose source is full of markup."""

from __future__ import annotations

import torch
from torch import nn


class Hostile(nn.Module):
    """Its names and texts would be markup: </title><script>alert(1)</script>"""

    def forward(
        self, x: torch.Tensor, mode: str = "<img src=x onerror=alert(2)>"
    ) -> dict[str, torch.Tensor]:
        if x.sum() > 0:  # "</code></td></table><script>alert(3)</script>"
            raise ValueError("<script>alert(4)</script> & 'so on'")
        return {f"<b>{mode}</b>": x}
