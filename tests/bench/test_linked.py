"""The oracle: one graph of what a call ran."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import onnxruntime
import pytest
import torch
from tests.bench.networks import Collects, Counts, EarlyExit, Tokens, bundle

from dyncc.compiler.bench.calls import Call, leaves, pack
from dyncc.compiler.bench.exported import ExportFailed, export_trace
from dyncc.compiler.bench.linked import Linker, NotLinkable
from dyncc.compiler.bench.oracle import find_ways


def call(*args: torch.Tensor) -> Call:
    return Call(pack(args), {})


def run(model: onnx_ir.Model, x: torch.Tensor) -> list[Any]:
    session = onnxruntime.InferenceSession(onnx_ir.to_proto(model).SerializeToString())
    return session.run(None, {meta.name: x.numpy() for meta in session.get_inputs()})


@pytest.mark.parametrize("sign", [1, -1])
def test_a_linked_path_gives_what_eager_gives(sign: int, tmp_path: Path) -> None:
    net = EarlyExit()
    linker = Linker(bundle(net, torch.ones(2, 4), tmp_path), 1)
    x, other = sign * torch.rand(2, 4), sign * torch.rand(2, 4)
    model = linker.link(linker.record(call(x)))
    for each in (x, other):
        np.testing.assert_allclose(run(model, each)[0], net(each).detach(), atol=1e-6)


def test_a_linked_path_has_nothing_left_of_decisions(tmp_path: Path) -> None:
    linker = Linker(bundle(EarlyExit(), torch.ones(2, 4), tmp_path), 1)
    recording = linker.record(call(-torch.ones(2, 4)))
    operators = {node.op_type for node in linker.link(recording).graph}
    assert recording.engine_calls == 2
    assert not operators & {"ReduceSum", "Greater"}


def test_calls_of_one_path_share_a_graph_and_others_do_not(tmp_path: Path) -> None:
    linker = Linker(bundle(EarlyExit(), torch.ones(2, 4), tmp_path), 1)
    one, same, other = (
        linker.record(call(x)) for x in (torch.ones(2, 4), torch.rand(2, 4), -torch.ones(2, 4))
    )
    assert one.key() == same.key() != other.key()
    assert one.decisions == same.decisions != other.decisions


def test_what_the_host_stacks_is_part_of_the_graph(tmp_path: Path) -> None:
    net = Collects()
    linker = Linker(bundle(net, torch.ones(2, 3), tmp_path), 1)
    x = torch.full((2, 3), 0.3)
    found, expected = run(linker.link(linker.record(call(x))), x), net(x)
    for one, other in zip(found, leaves(expected), strict=True):
        np.testing.assert_allclose(one, other)


def test_an_array_that_the_host_makes_of_numbers_is_refused(tmp_path: Path) -> None:
    linker = Linker(bundle(Counts(), torch.ones(2, 3), tmp_path), 1)
    with pytest.raises(NotLinkable, match="no graph gave it"):
        linker.link(linker.record(call(torch.ones(2, 3))))


def test_ways_are_counted_and_files_made(tmp_path: Path) -> None:
    net = EarlyExit()
    path = bundle(net, torch.ones(2, 4), tmp_path)
    calls = [call(sign * torch.ones(2, 4)) for sign in (1, -1, 1, -1, -1)]
    ways = find_ways(path, calls, net, tmp_path, 1)
    assert ways.engine_calls == (1, 2, 1, 2, 2)
    assert ways.served == (0, 1, 2, 3, 4) and ways.chosen == (0, 1, 0, 1, 1)
    assert [len(files) for files in ways.files] == [2, 2]  # linked and traced
    assert len(set(ways.paths)) == 2


def test_a_failed_export_writes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Refused(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvals(x).real

    capfd.readouterr()
    with pytest.raises(ExportFailed):
        export_trace(Refused(), call(torch.eye(2)), tmp_path / "x.onnx")
    print("after")
    captured = capfd.readouterr()
    assert captured.out == "after\n"


def test_what_made_a_number_that_is_returned_or_used_stays(tmp_path: Path) -> None:
    linker = Linker(bundle(Tokens(), torch.ones(1, 4), tmp_path), 1)
    recording = linker.record(call(torch.ones(1, 4)))
    model = linker.link(recording)
    # each with another one, for the place of a nan
    assert sum(node.op_type == "ArgMax" for node in model.graph) == 4
    assert [str(value.name)[:6] for value in model.graph.outputs] == ["output", "extra_"]
