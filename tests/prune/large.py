"""Seconds and memory of the groups of large networks: ``python -m tests.prune.large``.

It takes half a minute, on Linux. The networks have random weights; files are as ``torch.onnx.export``
writes them, with the weights beside.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn


class Bottleneck(nn.Module):
    """Three convolutions beside the stream (He et al. 2015, section 4.1)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        sizes = ((before, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False) for a, b, kernel, step in sizes
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(size[1]) for size in sizes)
        self.shortcut = nn.Identity()
        if stride > 1 or before != 4 * width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            y = norm(convolution(y))
            y = y if number == 2 else y.relu()
        return (y + self.shortcut(x)).relu()


def resnet() -> tuple[nn.Module, torch.Tensor]:
    """ResNet-152."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    before = 64
    for number, count in enumerate((3, 8, 36, 3)):
        for block in range(count):
            width = 64 << number
            layers.append(Bottleneck(before, width, 2 if number and not block else 1))
            before = 4 * width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1000)]
    return nn.Sequential(*layers), torch.zeros(1, 3, 224, 224)


def transformer() -> tuple[nn.Module, torch.Tensor]:
    """24 layers of width 1024 with 16 heads."""
    layer = nn.TransformerEncoderLayer(1024, 16, 4096, activation="gelu", batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, 24, enable_nested_tensor=False), torch.zeros(1, 16, 1024)


NETWORKS: Mapping[str, Callable[[], tuple[nn.Module, torch.Tensor]]] = {
    "ResNet-152": resnet,
    "transformer, 24 layers": transformer,
}
ONE = r"""
import json, re, sys, time
from pathlib import Path
from dyncc.passes.prune.groups import groups_of_model
from dyncc.passes.prune.prepare import load, prepared
begun = time.perf_counter()
model = prepared(load(Path(sys.argv[1])))
ready = time.perf_counter()
network = groups_of_model(model)
done = time.perf_counter()
# not `ru_maxrss`, which begins with that of the process that this one was forked from
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1e6
atoms = int(network.components.labels.size)
print(json.dumps([len(network.groups), atoms, ready - begun, done - ready, peak]))
"""


def main() -> None:
    """Export each network and look at its groups in a process of its own."""
    print("network, MB of weights, groups, atoms, seconds to prepare and to group, peak GB of the process")
    for name, make in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.onnx"
            _export(make, path)
            done = subprocess.run(
                [sys.executable, "-c", ONE, str(path)], capture_output=True, text=True, check=True
            )
            size = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
            groups, atoms, prepare, group, peak = json.loads(done.stdout)
            print(f"{name}, {size:.0f}, {groups}, {atoms:,}, {prepare:.1f}, {group:.1f}, {peak:.2f}")


def _export(make: Callable[[], tuple[nn.Module, torch.Tensor]], path: Path) -> None:
    torch.manual_seed(0)
    model, example = make()
    torch.onnx.export(
        model.eval(), (example,), str(path), dynamo=True, external_data=True, optimize=False, verbose=False
    )


if __name__ == "__main__":
    main()
