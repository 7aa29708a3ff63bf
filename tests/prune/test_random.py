"""Random networks: whatever is pruned is exact, in any mixture of operators."""

from __future__ import annotations

import numpy as np
import onnx_ir
import pytest
from tests.prune.nets import net

from dyncc.passes.prune.errors import PruneError
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.model import Pruning
from dyncc.passes.prune.selection import Selection


class Maker:
    """Makes a network of ``[1, C, 4, 4]`` values by random steps on values made before."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[str] = []
        self.weights: dict[str, object] = {}
        self.values: list[tuple[str, int]] = [("x", 3)]
        self.conv("x", 3, 12)

    def weight(self, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = tuple(shape)
        return name

    def constant(self, *numbers: int) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = np.array(numbers, np.int64)
        return name

    def add(self, text: str, channels: int) -> None:
        name = f"v{len(self.nodes)}"
        self.nodes.append(f"{name} = {text}")
        self.values.append((name, channels))

    def conv(self, value: str, channels: int, out: int, group: int = 1) -> None:
        self.add(f"Conv<group = {group}>({value}, {self.weight(out, channels // group, 1, 1)})", out)

    def pick(self) -> tuple[str, int]:
        recent = self.values[max(1, len(self.values) - 4) :]
        return recent[self.random.integers(len(recent))]

    def step(self) -> None:
        value, channels = self.pick()
        same = [name for name, size in self.values if size == channels and name != value]
        kind = self.random.integers(12)
        if kind == 0:
            self.conv(value, channels, int(self.random.choice([6, 8, 12])))
        elif kind == 1 and channels % 2 == 0:
            self.conv(value, channels, channels, int(self.random.choice([2, channels])))
        elif kind == 2:
            self.add(f"Tanh({value})", channels)
        elif kind == 3 and same:
            self.add(f"Add({value}, {same[self.random.integers(len(same))]})", channels)
        elif kind == 4:
            self.add(f"Mul({value}, {self.weight(1, channels, 1, 1)})", channels)
        elif kind == 5:
            other, more = self.pick()
            self.add(f"Concat<axis = 1>({value}, {other})", channels + more)
        elif kind == 6 and channels > 3:
            start = int(self.random.integers(channels // 2))
            end = int(self.random.integers(start + 2, channels + 1))
            cuts = [self.constant(number) for number in (start, end, 1)]
            self.add(f"Slice({value}, {', '.join(cuts)})", end - start)
        elif kind == 7:
            order = self.random.permutation(channels)
            self.add(f"Gather<axis = 1>({value}, {self.constant(*order)})", channels)
        elif kind == 8 and channels % 2 == 0:
            split = self.constant(1, 2, channels // 2, 16)
            self.nodes.append(f"s{len(self.nodes)} = Reshape({value}, {split})")
            self.nodes.append(
                f"s{len(self.nodes)} = Transpose<perm = [0, 2, 1, 3]>(s{len(self.nodes) - 1})"
            )
            self.add(f"Reshape(s{len(self.nodes) - 1}, {self.constant(1, channels, 4, 4)})", channels)
        elif kind == 9:
            mean = f"s{len(self.nodes)}"
            self.nodes.append(f"{mean} = ReduceMean<keepdims = 1>({value}, {self.constant(1)})")
            self.add(f"Add({value}, {mean})", channels)
        elif kind == 10:
            self.nodes.append(f"s{len(self.nodes)} = Transpose<perm = [0, 2, 3, 1]>({value})")
            w = self.weight(channels, 8)
            self.nodes.append(f"s{len(self.nodes)} = MatMul(s{len(self.nodes) - 1}, {w})")
            self.add(f"Transpose<perm = [0, 3, 1, 2]>(s{len(self.nodes) - 1})", 8)
        else:
            pads = self.constant(0, 1, 0, 0, 0, 0, 0, 0)
            self.add(f"Pad({value}, {pads})", channels + 1)

    def model(self) -> onnx_ir.Model:
        while len(self.nodes) < 14:
            self.step()
        ends = self.values[-3:]
        heads = []
        for number, (value, channels) in enumerate(ends):
            self.nodes.append(f"y{number} = Conv({value}, {self.weight(2, channels, 1, 1)})")
            heads.append(f"float[1, 2, 4, 4] y{number}")
        return net(
            f"(float[1, 3, 4, 4] x) => ({', '.join(heads)}) {{ {' '.join(self.nodes)} }}", self.weights
        )  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(60))
def test_random_network(seed: int) -> None:
    model = Maker(seed).model()
    for ratio in (0.3, 0.7):
        try:
            result = Pruning(Selection(ratio=ratio), Importance("random", seed=seed)).run(model)
        except PruneError as error:
            assert "nothing to prune" in str(error)
            return
        assert result.report.error is not None and result.report.error < 1e-5
