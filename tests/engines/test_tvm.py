"""Apache TVM: blocks through Relax, and what its code must be protected from."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import pytest
import torch
from onnx import helper as oh
from tests.engines.conftest import Gated, X
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.engines import BlockSource, EngineOptions
from dyncc.compiler.engines.checked_indices import with_checked_indices
from dyncc.compiler.engines.tvm import TvmCompiler, parse_target
from dyncc.compiler.engines.tvm_models import decomposed
from dyncc.runtime import EngineError, EngineMissing, IncompatibleArtifact, load, replay
from dyncc.runtime.engine import IN_RANGE
from dyncc.runtime.engine_tvm import aligned, release

needs_tvm = [
    pytest.mark.tvm,
    pytest.mark.skipif(
        importlib.util.find_spec("tvm") is None,
        reason="apache-tvm is not installed: pip install 'dyncc[tvm]'",
    ),
]
FLOAT, INT = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


class TestTvm:
    pytestmark = needs_tvm

    def test_a_network(self, tmp_path: Path) -> None:
        model = Gated().eval()
        net = compile(model, (X,), output=tmp_path / "g.dyncc", threads=1, engine="tvm", examples=[(-X,)])
        assert {choice.engine for choice in net.report.engines.choices.values()} == {"tvm"}
        for x in (X, -X, X * 30, -X * 30):
            torch.testing.assert_close(net(x), model(x), rtol=1e-4, atol=1e-5)
        files = {path.name for path in (tmp_path / "g.dyncc" / "engines" / "tvm").iterdir()}
        assert files == {"libtvm_runtime.so", "libtvm_runtime_extra.so"}
        assert all(outcome.passed for outcome in replay(tmp_path / "g.dyncc", threads=1))

    def test_memory_that_is_not_aligned_or_read_only(self, tmp_path: Path) -> None:
        """TVM's code crashes on it."""
        net = compile(Gated().eval(), (X,), output=tmp_path / "g.dyncc", threads=1, engine="tvm")
        raw = np.zeros(64, np.float32)
        expected = net(X.numpy())
        for offset in range(8):
            x = raw[offset : offset + 8].reshape(2, 4)
            x[...] = X.numpy()
            np.testing.assert_array_equal(net(x), expected)
        x = X.numpy().copy()
        x.flags.writeable = False
        np.testing.assert_array_equal(net(x), expected)

    def test_an_index_that_is_out_of_range(self, tmp_path: Path) -> None:
        class Looks(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                torch.manual_seed(0)
                self.table = nn.Embedding(50, 8)

            def forward(self, index: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
                h = self.table(index)
                return h + 1 if h.sum() > 0 else x.gather(1, index[None])

        x = torch.arange(5.0)[None]
        model = Looks().eval()
        net = compile(
            model, (torch.tensor([1, 2]), x), output=tmp_path / "l.dyncc", engine="tvm", threads=1
        )
        assert {choice.engine for choice in net.report.engines.choices.values()} == {"tvm"}
        torch.testing.assert_close(net(torch.tensor([4, 0]), x), model(torch.tensor([4, 0]), x))
        for bad in ([50, 0], [-1, 0], [0, 10**9]):
            with pytest.raises(EngineError, match="an index is out of range"):
                net(torch.tensor(bad), x)

    def test_results_are_memory_of_their_own(self, tmp_path: Path) -> None:
        """A block may compute nothing: TVM then gives back its input."""
        model = oh.make_model(
            oh.make_graph(
                [oh.make_node("Identity", ["x"], ["y"]), oh.make_node("Identity", ["x"], ["z"])],
                "g",
                [oh.make_tensor_value_info("x", FLOAT, [16])],
                [oh.make_tensor_value_info(name, FLOAT, [16]) for name in "yz"],
            ),
            opset_imports=[oh.make_opsetid("", 18)],
            ir_version=9,
        )
        run = self._run(model, tmp_path)
        x = aligned(np.ones(16, np.float32))
        y, z = run(x)
        assert not np.shares_memory(x, y) and not np.shares_memory(x, z) and not np.shares_memory(y, z)

    def _run(self, model: onnx.ModelProto, folder: Path) -> Any:
        import onnx_ir

        from dyncc.compiler.lower.ports import ports_of
        from dyncc.runtime.engine import Graph, Setup
        from dyncc.runtime.engine_tvm import Tvm

        source = BlockSource("g", onnx_ir.from_proto(model), *ports_of(onnx_ir.from_proto(model)))
        built: Any = TvmCompiler(EngineOptions("tvm")).compile([source], folder)["g"]
        graph = Graph("g", str(built.path), source.inputs, source.outputs, {}, "tvm", built.requires)
        return Tvm(Setup(threads=1)).load(graph)

    def test_another_version(self, tmp_path: Path) -> None:
        from tests.engines.test_protocol import requiring

        bundle = tmp_path / "g.dyncc"
        net = compile(Gated().eval(), (X,), output=bundle, threads=1, engine="tvm")
        net(X)
        requiring(bundle, tvm="0.9.1")
        with pytest.raises(
            IncompatibleArtifact, match=r"by apache-tvm 0\.9\.1, .* pip install 'apache-tvm==0\.9"
        ):
            load(bundle, threads=1)(X.numpy())


def test_targets() -> None:
    assert parse_target(None).native
    board = parse_target("aarch64:cortex-a72:+dotprod")
    assert board.tvm() == {
        "kind": "llvm",
        "mtriple": "aarch64-linux-gnu",
        "mcpu": "cortex-a72",
        "mattr": ["+dotprod"],
    }
    with pytest.raises(ValueError, match="unknown target `sparc`: native, or one of aarch64, x86_64"):
        parse_target("sparc")
    with pytest.raises(ValueError, match="cannot read the features"):
        parse_target("x86_64::avx2")


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from dyncc.compiler.engines import tvm

    monkeypatch.setattr(tvm, "installed_version", lambda _: None)
    with pytest.raises(EngineMissing, match=r"needs apache-tvm: pip install 'dyncc\[tvm\]'"):
        TvmCompiler(EngineOptions("tvm")).require()
    versions = {"apache-tvm": "0.27.0.post1", "apache-tvm-ffi": "0.1.15.post2"}
    monkeypatch.setattr(tvm, "installed_version", lambda name: versions.get(name, "1.0"))
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/g++")
    TvmCompiler(EngineOptions("tvm")).require()
    with pytest.raises(EngineMissing, match=r"tuning crashes with apache-tvm-ffi 0\.1\.15"):
        TvmCompiler(EngineOptions("tvm", tune=8)).require()
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(EngineMissing, match="compiling for aarch64 needs aarch64-linux-gnu-g"):
        TvmCompiler(EngineOptions("tvm", "aarch64")).require()
    assert release("0.27.0.post1") == "0.27"


def test_operators_are_written_out() -> None:
    """By the definitions that ONNX has of them, one within another."""
    nodes = [
        oh.make_node("Swish", ["x"], ["a"], alpha=1.5),
        oh.make_node("Celu", ["a"], ["b"], alpha=0.5),
        oh.make_node("CenterCropPad", ["b", "s"], ["y"]),
    ]
    size = onnx.numpy_helper.from_array(np.array([2, 4]), "s")
    ports = [oh.make_tensor_value_info("x", FLOAT, [3, 5])], [oh.make_tensor_value_info("y", FLOAT, [2, 4])]
    model = oh.make_model(
        oh.make_graph(nodes, "g", *ports, [size]), opset_imports=[oh.make_opsetid("", 24)]
    )
    x = np.linspace(-2, 2, 15, dtype=np.float32).reshape(3, 5)
    (expected,) = onnx.reference.ReferenceEvaluator(model).run(None, {"x": x})
    known = frozenset(schema.name for schema in onnx.defs.get_all_schemas())
    changed = decomposed(model, known - {"Swish", "Celu", "CenterCropPad"})
    assert not {"Swish", "Celu", "CenterCropPad"} & {node.op_type for node in changed.graph.node}
    (actual,) = onnx.reference.ReferenceEvaluator(changed).run(None, {"x": x})
    np.testing.assert_allclose(actual, expected, rtol=1e-6)
    with pytest.raises(NotImplementedError, match="importer has no Abs"):
        decomposed(
            oh.make_model(oh.make_graph([oh.make_node("Abs", ["x"], ["y"])], "g", *ports)), known - {"Abs"}
        )


@pytest.mark.parametrize(
    ("kind", "indices", "attributes", "fine"),
    [
        ("Gather", [2, -3], {"axis": 0}, True),
        ("Gather", [3], {"axis": 0}, False),
        ("Gather", [-4], {"axis": 0}, False),
        ("Gather", [3], {"axis": 1}, True),
        ("Gather", [], {"axis": 0}, True),
        ("GatherElements", [[0, 1, 2, 3]] * 3, {"axis": 1}, True),
        ("GatherElements", [[0, 1, 2, 4]] * 3, {"axis": 1}, False),
        ("GatherND", [[2, 3], [-3, -4]], {}, True),
        ("GatherND", [[3, 0]], {}, False),
        ("GatherND", [[0, 4]], {}, False),
    ],
)
def test_indices_are_checked(kind: str, indices: Any, attributes: dict[str, int], fine: bool) -> None:
    given = np.array(indices, np.int64)
    ports = [
        oh.make_tensor_value_info("x", FLOAT, [3, 4]),
        oh.make_tensor_value_info("i", INT, list(given.shape)),
    ]
    y = oh.make_tensor_value_info("y", FLOAT, None)
    node = oh.make_node(kind, ["x", "i"], ["y"], **attributes)  # type: ignore[arg-type]
    model = oh.make_model(oh.make_graph([node], "g", ports, [y]), opset_imports=[oh.make_opsetid("", 18)])
    feeds = {"x": np.arange(12, dtype=np.float32).reshape(3, 4), "i": given}
    expected = onnx.reference.ReferenceEvaluator(model).run(None, feeds)[0] if fine else None
    assert with_checked_indices(model)
    actual, in_range = onnx.reference.ReferenceEvaluator(model).run(["y", IN_RANGE], feeds)
    assert bool(in_range) is fine
    if expected is not None:
        np.testing.assert_array_equal(actual, expected)
