"""Groups take time linear in the network: a ResNet-152 and a transformer of 24 layers in seconds."""

from __future__ import annotations

import time

import pytest
from tests.prune.nets import net

from dyncc.passes.prune.groups import groups_of_model
from dyncc.passes.prune.prepare import prepared


def resnet(blocks: int, width: int = 256) -> object:
    """Bottlenecks of one stream."""
    nodes, weights = ["v0 = Conv(x, stem)"], {"stem": (width, 3, 1, 1)}
    for n in range(blocks):
        weights |= {f"a{n}": (width // 4, width, 1, 1), f"b{n}": (width // 4, width // 4, 3, 3)}
        weights |= {f"c{n}": (width, width // 4, 1, 1)}
        nodes.append(
            f"p{n} = Conv(v{n}, a{n}) q{n} = Relu(p{n}) r{n} = Conv<pads = [1, 1, 1, 1]>(q{n}, b{n}) "
            f"s{n} = Relu(r{n}) t{n} = Conv(s{n}, c{n}) u{n} = Add(t{n}, v{n}) v{n + 1} = Relu(u{n})"
        )
    nodes.append(f"y = Conv(v{blocks}, head)")
    weights["head"] = (4, width, 1, 1)
    return prepared(net(f"(float[1, 3, 7, 7] x) => (float[1, 4, 7, 7] y) {{ {' '.join(nodes)} }}", weights))  # type: ignore[arg-type]


def seconds(blocks: int) -> float:
    model = resnet(blocks)
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        network = groups_of_model(model)  # type: ignore[arg-type]
        best = min(best, time.process_time() - started)
    assert len(network.groups) == 2 * blocks + 1
    return best


@pytest.mark.slow
def test_linear() -> None:
    short, long = seconds(50), seconds(200)
    assert long < 7 * short
    assert long < 10
