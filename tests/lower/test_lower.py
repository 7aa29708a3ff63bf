"""Lowering of whole programs: names, weights, unused inputs, passed-through outputs, failures."""

from __future__ import annotations

import logging
import random
import warnings

import numpy as np
import onnx_ir
import pytest
import torch
import torch.nn.functional as F
from tests.lower.harness import assert_same, check, lower, record, run_lowered
from torch import fx

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.graph import run_graph
from dyncc.runtime.program import Compute, Ref, Span, TensorType

SPAN = Span("net.py", 3, 5, 3, 9)


def test_a_weight_is_one_initializer_of_its_name_in_every_graph() -> None:
    weights = {"fc.weight": torch.randn(5, 4), "fc.bias": torch.randn(5)}
    x = torch.randn(3, 4)
    plain = record(lambda x: F.linear(x, weights["fc.weight"], weights["fc.bias"]), (x,), weights=weights)
    bent = record(lambda x: F.relu(x) @ weights["fc.weight"].T, (x,), weights=weights)
    lowered = lower({"plain": plain, "bent": bent}, weights)
    models = lowered.program.graphs
    assert set(models["plain"].graph.initializers) == {"fc.weight", "fc.bias"}
    assert "fc.weight" in models["bent"].graph.initializers
    for model in models.values():
        tensor = model.graph.initializers["fc.weight"].const_value
        assert tensor is not None
        assert np.shares_memory(tensor.numpy(), weights["fc.weight"].numpy())
    for name, graph in (("plain", plain), ("bent", bent)):
        assert_same(run_lowered(lowered, name, [x]), run_graph(graph, [x], weights), 1e-5, 1e-6)


def test_graphs_that_differ_in_weights_alone_are_exported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exports = []
    original = torch.export.export
    monkeypatch.setattr(torch.export, "export", lambda *a, **k: exports.append(a) or original(*a, **k))
    weights = {f"{i}.w": torch.randn(4, 4) for i in range(3)}
    x = torch.randn(2, 4)
    graphs = {}
    for i in range(3):
        w = weights[f"{i}.w"]
        graphs[f"g{i}"] = record(lambda x, w=w: F.linear(x, w), (x,), weights={f"{i}.w": w})
    lowered = lower(graphs, weights)
    assert [len(args[0].graphs) for args in exports] == [1]
    for name, graph in graphs.items():
        assert_same(run_lowered(lowered, name, [x]), run_graph(graph, [x], weights), 1e-5, 1e-6)


def test_passed_through_repeated_and_constant_outputs() -> None:
    weights = {"w": torch.randn(4)}
    x = torch.randn(3, 4)
    graph = record(lambda x: (x, weights["w"], y := x + 1, y, torch.ones(2)), (x,), weights=weights)
    lowered = lower({"g": graph}, weights)
    names = [value.name for value in lowered.program.graphs["g"].graph.outputs]
    assert len(set(names)) == 5
    assert_same(run_lowered(lowered, "g", [x]), run_graph(graph, [x], weights), 0, 0)


def test_unused_inputs_are_dropped_from_model_and_step() -> None:
    graph = record(lambda x, y, z: y * 2 + z, (torch.randn(2), torch.randn(3), torch.randn(3)))
    lowered = lower({"g": graph})
    (step,) = lowered.program.blocks["g"].steps
    assert isinstance(step, Compute)
    assert step.inputs == (Ref("x1"), Ref("x2"))
    assert [value.name for value in lowered.program.graphs["g"].graph.inputs] == ["x1", "x2"]


def test_a_graph_without_outputs_disappears() -> None:
    graph = fx.Graph()
    graph.placeholder("x").meta["type"] = TensorType("float32", (2,))
    graph.output(())
    lowered = lower({"g": graph})
    assert lowered.program.graphs == {}
    assert lowered.program.blocks["g"].steps == ()


def test_symbols_and_spans_are_those_of_the_program() -> None:
    graph = record(
        lambda x: F.relu(x.flatten(1)), (torch.randn(3, 4, 5),), [TensorType("float32", ("batch", 4, 5))]
    )
    model = lower({"g": graph}).program.graphs["g"]
    assert model.graph.inputs[0].shape == onnx_ir.Shape(["batch", 4, 5])
    assert all(node.metadata_props["dyncc.span"].startswith("net.py:") for node in model.graph)
    assert "stack_trace" not in onnx_ir.to_proto(model).SerializeToString().decode(errors="ignore")


def test_every_failing_call_is_reported_and_good_graphs_do_not_hide_it() -> None:
    x = torch.randn(3)
    good = record(lambda x: x * 2, (x,))
    bad = record(lambda x: (torch.fft.fft(x).abs(), torch.special.i0e(x)), (x,))
    with pytest.raises(CompileError) as caught:
        lower({"good": good, "bad": bad, "good2": record(lambda x: x * 3, (x,))})
    assert {d.code for d in caught.value.diagnostics} == {"DY401"}
    assert all(d.span is not None for d in caught.value.diagnostics)


def test_sizes_that_become_equal_are_refused() -> None:
    graph = fx.Graph()
    nodes = [graph.placeholder(name) for name in "ab"]
    for node, symbol in zip(nodes, ("s0", "s1"), strict=True):
        node.meta = {"type": TensorType("float32", (symbol,)), "span": SPAN}
    call = graph.call_function(torch.add, tuple(nodes))
    call.meta["span"] = SPAN
    graph.output((call,))
    with pytest.raises(CompileError) as caught:
        lower({"g": graph})
    assert caught.value.diagnostics[0].span == SPAN


def test_the_process_is_left_as_it_was() -> None:
    torch.manual_seed(1)
    random.seed(1)
    before = (torch.get_rng_state().clone(), random.getstate(), torch.is_grad_enabled())
    filters, disabled = list(warnings.filters), logging.root.manager.disable
    check(lambda x: F.dropout(x, 0.5, training=False) + 1, torch.ones(3))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), torch.is_grad_enabled()) == before[1:]
    assert (list(warnings.filters), logging.root.manager.disable) == (filters, disabled)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    check(lambda x: F.softmax(x, 1), torch.randn(2, 3))
    assert capfd.readouterr() == ("", "")
