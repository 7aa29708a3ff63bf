"""Numbers that are attributes of operators: known, or kept static, or refused by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.specialize import Method, specialize_methods
from dyncc.runtime.program import Fixed, Program

IMAGE = torch.ones(1, 2, 8, 8)
KERNEL = torch.ones(2, 2, 2, 2)
Call = Callable[[torch.Tensor, int], Any]


def program(function: Callable[..., Any], *args: Any, **options: Any) -> Program[Any]:
    method = Method("f", function, args, {}, options.get("shapes"))
    return specialize_methods([method], "Net").program


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("padding", lambda x, n: F.conv2d(x, KERNEL, padding=n)),
        ("padding", lambda x, n: torch.conv2d(x, KERNEL, None, 1, (0, n))),
        ("stride", lambda x, n: F.conv2d(x, KERNEL, None, n)),
        ("dilation", lambda x, n: F.conv2d(x, KERNEL, dilation=(n, 1))),
        ("groups", lambda x, n: F.conv2d(x, KERNEL, groups=n)),
        ("output_padding", lambda x, n: F.conv_transpose2d(x, KERNEL, stride=3, output_padding=n)),
        ("groups", lambda x, n: F.conv_transpose2d(x, KERNEL, None, 1, 0, 0, n)),
        ("kernel_size", lambda x, n: F.max_pool2d(x, n)),
        ("dilation", lambda x, n: F.max_pool2d(x, 2, 1, 0, n)),
        ("stride", lambda x, n: F.max_pool2d(x, 2, n, return_indices=True)),
        ("padding", lambda x, n: F.avg_pool2d(x, 2, padding=n)),
        ("stride", lambda x, n: F.lp_pool2d(x, 2.0, 2, n)),
        ("dilation", lambda x, n: F.unfold(x, 2, n)),
    ],
)
def test_those_that_nobody_knows_are_refused_by_name(name: str, call: Call) -> None:
    free = {"x": {2: torch.export.Dim("h", min=8, max=64)}}
    for function, shapes in (
        (lambda x: call(x, int(x.max())), None),
        (lambda x: call(x, x.shape[2] // 8), free),
    ):
        with pytest.raises(CompileError) as error:
            program(function, IMAGE, shapes=shapes)
        (found,) = error.value.diagnostics
        assert found.code == "DY130" and found.message.startswith(f"`{name}` of `")
        assert any("F.pad" in text for text in found.helps) == (name == "padding")


def test_those_that_a_decision_tells_are_known() -> None:
    def looked_up(x: torch.Tensor) -> torch.Tensor:
        size = (1, 3)[int(x.sum() > 0)]
        return F.conv2d(x, torch.ones(2, 2, size, size), padding=size // 2)

    def counted(x: torch.Tensor) -> torch.Tensor:
        i = 0
        while i < 3 and x.sum() > 0:
            x = F.avg_pool2d(x, 3, 1, padding=i % 2) - 0.1
            i += 1
        return x

    for function in (looked_up, counted):
        graphs = program(function, IMAGE).graphs.values()
        given = [
            node.kwargs["padding"] for graph in graphs for node in graph.nodes if "padding" in node.kwargs
        ]
        assert set(given) == {0, 1}


def test_an_argument_is_fixed() -> None:
    made = program(lambda x, n: F.conv2d(x, KERNEL, padding=n), IMAGE, 1)
    assert made.methods["f"].parameters[1].tree == Fixed(1)


def test_the_power_of_a_pooling_may_be_any() -> None:
    program(lambda x: F.lp_pool2d(x, x.max().item(), 2), IMAGE)


def test_a_flag_is_decided() -> None:
    made = program(lambda x: F.max_pool2d(x, 3, ceil_mode=bool(x.sum() > 0)), IMAGE)
    given = [node.kwargs.get("ceil_mode") for graph in made.graphs.values() for node in graph.nodes]
    assert {True, False} <= set(given)
