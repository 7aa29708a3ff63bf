"""Writing bundles: what load reads back, weights once, and never half a bundle."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from tests.lower.harness import lower, program_of, record

from dyncc.compiler import atomic, bundle
from dyncc.compiler.bundle import Examples, NotABundleError, write_bundle
from dyncc.compiler.lower import Lowered
from dyncc.runtime import program as p
from dyncc.runtime.bundle import load
from dyncc.runtime.replay import replay

X = p.TensorType("float32", ("batch", 4))


def lowered() -> tuple[Lowered, dict[str, torch.Tensor]]:
    """``forward(x)``: ``h = relu(x @ w); return h @ w + memory if h.sum() > limit else h``."""
    torch.manual_seed(0)
    weights = {"net.w": torch.randn(4, 4), "memory": torch.tensor(3.5)}
    w = weights["net.w"]
    x = torch.randn(3, 4)
    graphs = {
        "first": record(lambda x: (h := F.relu(F.linear(x, w)), h.sum() > 1), (x,), [X], weights),
        "second": record(
            lambda h, m: F.linear(h, w) + m,
            (x, torch.tensor(1.0)),
            [X, p.TensorType("float32", ())],
            weights,
        ),
    }
    h, y = p.Value("h", X), p.Value("y", X)
    memory = p.Value("m", p.TensorType("float32", ()))
    span = p.Span("net.py", 2, 5, 2, 9, "forward")
    first = p.Block(
        "first",
        (p.Value("x", X), memory),
        (
            p.Compute("first", (p.Ref("x"),), (h, p.Value("big", p.TensorType("bool", ()))), span),
            p.HostOp("item", (p.Ref("big"),), p.Value("go", p.ScalarType("bool")), span),
        ),
        p.Branch(
            p.Ref("go"),
            p.Edge("second", (p.Ref("h"), p.Ref("m"))),
            p.Edge("done", (p.Ref("h"), p.Ref("m"))),
        ),
    )
    second = p.Block(
        "second",
        (h, memory),
        (p.Compute("second", (p.Ref("h"), p.Ref("m")), (y,), span),),
        p.Jump(p.Edge("done", (p.Ref("y"), p.Ref("m")))),
    )
    done = p.Block("done", (h, memory), (), p.Return(p.Leaf(p.Ref("h")), cells=(p.Ref("m"),)))
    method = p.Method(
        "forward",
        (p.Parameter("x", "positional", p.Input("x", X)),),
        (p.Entry("first", ("x",)),),
        span=span,
    )
    program = dataclasses.replace(
        program_of(graphs),
        methods={"forward": method},
        states=(p.State((p.Cell("m", memory.type, "self.memory", "memory"),)),),
        blocks={block.name: block for block in (first, second, done)},
    )
    return lower_it(program, weights), weights


def lower_it(program: p.Program, weights: dict[str, torch.Tensor]) -> Lowered:
    from dyncc.compiler.lower import lower_program

    return lower_program(program, weights)


@pytest.fixture(scope="module")
def net() -> tuple[Lowered, dict[str, torch.Tensor]]:
    return lowered()


def eager(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    h = F.relu(F.linear(x, weights["net.w"]))
    return F.linear(h, weights["net.w"]) + weights["memory"] if h.sum() > 1 else h


def test_what_is_written_is_loaded_and_runs(
    net: tuple[Lowered, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    program, weights = net
    examples = Examples()
    for x in (torch.ones(3, 4), -torch.ones(2, 4), torch.zeros(1, 4)):
        examples.add("forward", {"x": x}, expected=eager(weights, x))
    digest = write_bundle(
        program,
        tmp_path / "net.dyncc",
        command="dyncc net.py",
        sources={"net.py": "a\nb\n"},
        examples=examples,
        report=lambda folder: (folder / "report.html").write_text("<p>"),
    )
    loaded = load(tmp_path / "net.dyncc", sha256=digest, threads=1)
    x = np.ones((5, 4), np.float32)
    np.testing.assert_allclose(loaded(x), eager(weights, torch.from_numpy(x)), rtol=1e-5)
    outcomes = replay(loaded)
    assert [outcome.passed for outcome in outcomes] == [True, True, True]
    manifest = loaded.manifest
    assert manifest.sources[0].lines == {2: "b"}
    assert set(manifest.digests) == {
        "host.py",
        "blocks/first.onnx",
        "blocks/second.onnx",
        "blocks/weights.bin",
        "examples.npz",
    }, "the report is for people, and not among what a digest pins"
    assert (tmp_path / "net.dyncc" / "report.html").read_text() == "<p>"


def test_a_weight_is_stored_once_and_aligned(
    net: tuple[Lowered, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    program, _ = net
    write_bundle(program, tmp_path / "b")
    data = json.loads((tmp_path / "b" / "program.json").read_text())["weights"]
    assert set(data) == {"net.w", "memory"}
    assert all(entry["offset"] % 64 == 0 for entry in data.values())
    assert (tmp_path / "b" / "blocks" / "weights.bin").stat().st_size == 68
    for name in ("first", "second"):
        model = onnx.load(tmp_path / "b" / "blocks" / f"{name}.onnx", load_external_data=False)
        (tensor,) = [t for t in model.graph.initializer if t.name == "net.w"]
        assert tensor.data_location == onnx.TensorProto.EXTERNAL
        assert not tensor.raw_data


def test_a_weight_that_a_pass_changed_gets_a_name_of_its_own(tmp_path: Path) -> None:
    weights = {"w": torch.randn(20, 20)}
    x = torch.randn(2, 20)
    double = lambda x: F.linear(x, weights["w"])  # noqa: E731
    result = lower(
        {"a": record(double, (x,), weights=weights), "b": record(double, (x,), weights=weights)}, weights
    )
    import onnx_ir

    changed = result.weights["w"] * 2
    result.program.graphs["b"].graph.initializers["w"].const_value = onnx_ir.tensor(changed)
    program = dataclasses.replace(result.program, methods={"forward": _plain_method()})
    write_bundle(dataclasses.replace(result, program=program), tmp_path / "b")
    table = json.loads((tmp_path / "b" / "program.json").read_text())["weights"]
    assert set(table) == {"w", "w_2"}
    blob = (tmp_path / "b" / "blocks" / "weights.bin").read_bytes()
    offset = table["w_2"]["offset"]
    assert blob[offset : offset + 1600] == changed.tobytes()


def _plain_method() -> p.Method:
    type_ = p.TensorType("float32", (2, 20))
    return p.Method(
        "forward", (p.Parameter("x", "positional", p.Input("x0", type_)),), (p.Entry("a", ("x0",)),)
    )


def test_bundles_are_the_same_byte_for_byte(
    net: tuple[Lowered, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    examples = Examples()
    examples.add("forward", {"x": torch.ones(1, 4)}, expected=torch.ones(1, 4))
    digests = {write_bundle(net[0], tmp_path / name, examples=examples) for name in ("a", "b")}
    assert len(digests) == 1


@pytest.mark.parametrize("what", ["file", "other directory", "bundle with another file"])
def test_what_is_no_bundle_is_not_replaced(
    net: tuple[Lowered, dict[str, torch.Tensor]], tmp_path: Path, what: str
) -> None:
    target = tmp_path / "net"
    if what == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine.txt").write_text("mine")
        if what.startswith("bundle"):
            (target / "program.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NotABundleError):
        write_bundle(net[0], target)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("exchange", [True, False])
def test_an_old_bundle_is_replaced(
    net: tuple[Lowered, dict[str, torch.Tensor]],
    tmp_path: Path,
    exchange: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    target = tmp_path / "net"
    target.mkdir()
    (target / "program.json").write_text("damaged")
    write_bundle(net[0], target)
    assert load(target).methods == ("forward",)
    assert [entry.name for entry in tmp_path.iterdir()] == ["net"]


@pytest.mark.parametrize("step", ["host_text", "_digests", "_write_arrays"])
def test_a_failure_leaves_the_old_bundle(
    net: tuple[Lowered, dict[str, torch.Tensor]], tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "net"
    write_bundle(net[0], target, command="old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(net[0], target, command="new")
    assert load(target).manifest.command == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["net"]


def test_an_interrupt_between_the_renames_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    target = tmp_path / "net"
    target.mkdir()
    (target / "old").touch()
    rename = Path.rename

    def interrupted(self: Path, to: Path) -> Path:
        if to == target.resolve() and ".new-" in self.name:
            raise KeyboardInterrupt
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic.replaced_directory(target) as folder:
        (folder / "new").touch()
    assert [entry.name for entry in target.iterdir()] == ["old"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["net"]


def _die_while_writing(target: Path, swapping: bool) -> None:
    if swapping:
        atomic._exchange = lambda one, other: False
        rename = Path.rename
        Path.rename = lambda self, to: (
            rename(self, to) if ".new-" not in self.name else os.kill(os.getpid(), signal.SIGKILL)
        )
    with atomic.replaced_directory(target) as folder:
        (folder / "new").touch()
        if not swapping:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("swapping", [False, True])
def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path, swapping: bool) -> None:
    target = tmp_path / "net"
    target.mkdir()
    (target / "old").touch()
    child = multiprocessing.get_context("fork").Process(target=_die_while_writing, args=(target, swapping))
    child.start()
    child.join()
    assert target.exists() is not swapping
    with pytest.raises(RuntimeError, match="enough"), atomic.replaced_directory(target):
        raise RuntimeError("enough")
    assert [entry.name for entry in target.iterdir()] == ["old"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["net"]


def test_two_writers_do_not_clear_each_other_away(tmp_path: Path) -> None:
    target = tmp_path / "net"
    with atomic.replaced_directory(target) as one:
        (one / "a").touch()
        with atomic.replaced_directory(target) as other:
            (other / "b").touch()
        assert (one / "a").exists()
    assert [entry.name for entry in target.iterdir()] == ["a"]
