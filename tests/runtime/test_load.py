"""Bundles from disk: run by ONNX Runtime, refused when they are not what was written, replayed."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tests.runtime.bundles import LINES, seal, write_walk
from tests.runtime.host_memory import host_engine

from dyncc.runtime import (
    BundleError,
    DamagedBundle,
    DigestMismatch,
    EngineError,
    EngineMissing,
    InputError,
    NewerBundle,
    load,
    read_bundle,
    replay,
)
from dyncc.runtime.bundle import Late
from dyncc.runtime.engines import make_engine
from dyncc.runtime.examples import Raises
from dyncc.runtime.manifest import manifest_text, read_manifest, source_lines
from dyncc.runtime.values import narrow_to_bfloat16, widen_bfloat16

X = np.full((2, 4), 9, np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_walk(tmp_path / "walk.dyncc")


def one(folder: Path, **options: Any) -> Any:
    return load(folder, threads=1, **options)


def test_runs(folder: Path) -> None:
    net = one(folder)
    out = net(X)
    assert out["steps"] == 4
    np.testing.assert_array_equal(out["y"], X / 16)
    np.testing.assert_array_equal(net.total(X), np.arange(4) + 18)
    np.testing.assert_array_equal(net.total(X[:1]), np.arange(4) + 27)
    assert net.host_source == (folder / "host.py").read_text(encoding="utf-8")


def test_lazy_blocks(folder: Path) -> None:
    (folder / "blocks" / "half.onnx").write_bytes(b"broken")
    with pytest.raises(EngineError, match=r"refuses .*half\.onnx"):
        one(folder, verify_digests=False, lazy=False)
    net = one(folder, verify_digests=False)
    assert net(X / 16)["steps"] == 0
    with pytest.raises(EngineError, match=r"refuses .*half\.onnx"):
        net(X)


def test_a_late_block_is_called_directly_from_then_on(folder: Path) -> None:
    net = one(folder)
    before = net.session()
    hosts = [net._session._host, before._host]
    assert all(isinstance(run, Late) for host in hosts for run in vars(host).values() if callable(run))
    net(X)
    assert before(X)["steps"] == net.session()(X)["steps"] == 4
    for host in (*hosts, net.session()._host):
        assert not isinstance(host.half, Late) and host.half is hosts[0].half


def test_the_source_is_shown_where_it_is_not(folder: Path) -> None:
    with pytest.raises(ValueError, match="too many: 014") as caught:
        one(folder)(X * 1000)
    text = "".join(traceback.format_exception(caught.value))
    assert 'File "walk.py", line 8, in forward' in text
    assert LINES[8].strip() in text


def test_failures_of_the_engine_name_block_and_line(folder: Path) -> None:
    net = one(folder)
    with pytest.raises(EngineError, match="failed in the block 'above'") as caught:
        net._session.run_inputs("forward", {"x": np.zeros((2, 0, 3), np.float32)})
    assert ("walk.py", 4) in [
        (e.filename, e.lineno) for e in traceback.extract_tb(caught.value.__traceback__)
    ]


def test_threads_of_the_caller(folder: Path) -> None:
    net = one(folder)

    def call(power: int) -> bool:
        session = net.session()
        x = np.full((1, 4), 2.0**power, np.float32)
        return session(x)["steps"] == power and (session.total(x) == np.arange(4) + 2.0**power).all()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, list(range(10)) * 4))


# ------------------------------------------------------------------------------------------- damage

FILES = ["host.py", "blocks/above.onnx", "blocks/weights.bin", "examples.npz"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["edited", "cut", "missing"])
def test_other_files_are_noticed(folder: Path, name: str, how: str) -> None:
    path = folder / name
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if how == "cut" else data[:-1] + b"#")
    with pytest.raises(DamagedBundle if how == "missing" else DigestMismatch, match=re.escape(path.name)):
        one(folder)


def test_an_edited_host_is_not_run(folder: Path) -> None:
    """Not even when its digest was changed with it."""
    (folder / "host.py").write_text("raise SystemExit('ran')\n", encoding="utf-8")
    seal(folder, read_bundle(folder).manifest)
    with pytest.raises(DigestMismatch, match=r"host\.py is not the host of"):
        one(folder)
    assert one(folder, verify_digests=False)(X)["steps"] == 4


@pytest.mark.parametrize("size", [0, 1, 100, 1000])
def test_a_program_that_is_cut_short(folder: Path, size: int) -> None:
    path = folder / "program.json"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DamagedBundle, match=r"program\.json is no JSON .*damaged or cut short"):
        one(folder)


def test_what_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(DamagedBundle, match="no such bundle"):
        one(tmp_path / "nothing.dyncc")
    with pytest.raises(DamagedBundle, match="no bundle: the file is missing"):
        one(tmp_path)


def edited(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "program.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("schema", 3, NewerBundle, "schema 3, this runtime reads up to 2: install a newer dyncc"),
        ("schema", None, DamagedBundle, "'schema' is missing or no version"),
        ("graphs", {}, DamagedBundle, "the graph 'above' of the program is missing"),
        ("weights", {}, DamagedBundle, "'sum', which a cell starts with, is missing"),
        ("program", [], DamagedBundle, "program.json.program: expected an object"),
        ("digests", {"../../etc/passwd": "0"}, BundleError, "outside of the bundle"),
        ("engine", {"name": "abacus"}, EngineMissing, "engine 'abacus'"),
        ("sources", [{"path": "a.py", "sha256": "0", "lines": {"x": ""}}], DamagedBundle, "line numbers"),
        (
            "weights",
            {"sum": {"dtype": "float32", "shape": [4], "offset": 72, "nbytes": 16}},
            DamagedBundle,
            "cut short",
        ),
        (
            "weights",
            {"sum": {"dtype": "float33", "shape": [4], "offset": 64, "nbytes": 16}},
            DamagedBundle,
            "not what program.json says",
        ),
    ],
)
def test_wrong_fields(folder: Path, field: str, value: Any, error: type[Exception], message: str) -> None:
    edited(folder, lambda data: data.update({field: value}))
    with pytest.raises(error, match=re.escape(message)):
        one(folder)


def test_a_later_writer_may_add_fields(folder: Path) -> None:
    edited(folder, lambda data: data.update(colour="blue"))
    assert one(folder)(X)["steps"] == 4


def test_a_path_out_of_the_bundle(folder: Path) -> None:
    edited(folder, lambda data: data["graphs"]["half"].update(file="../half.onnx"))
    with pytest.raises(BundleError, match="outside of the bundle"):
        one(folder)


def test_nesting_that_is_too_deep() -> None:
    with pytest.raises(DamagedBundle):
        read_manifest("[" * 100_000)


def test_a_wrong_port(folder: Path) -> None:
    edited(folder, lambda data: data["graphs"]["half"]["outputs"][0].update(name="z"))
    with pytest.raises(EngineError, match=r"has no output 'z', which program\.json names"):
        one(folder, lazy=False)


def test_pinned(folder: Path) -> None:
    digest = hashlib.sha256((folder / "program.json").read_bytes()).hexdigest()
    assert read_bundle(folder).sha256 == digest
    one(folder, sha256=digest.upper())
    with pytest.raises(DigestMismatch, match="not the pinned"):
        one(folder, sha256="0" * 64)


def test_manifests_survive(folder: Path) -> None:
    manifest = read_bundle(folder).manifest
    again = read_manifest(manifest_text(manifest))
    assert manifest_text(again) == manifest_text(manifest)
    assert again.examples == manifest.examples
    assert again.sources[0].lines == LINES


def test_lines_that_a_bundle_should_hold(folder: Path) -> None:
    assert source_lines(read_bundle(folder).manifest.program) == {"walk.py": set(LINES) - {3, 6} | {3, 6}}


# ------------------------------------------------------------------------------------------- replay


def test_replay(folder: Path) -> None:
    outcomes = replay(folder, threads=1)
    assert [outcome.passed for outcome in outcomes] == [True] * 4
    assert [outcome.method for outcome in outcomes] == ["forward", "forward", "total", "total"]


def test_replay_finds_differences(folder: Path) -> None:
    manifest = read_bundle(folder).manifest
    with np.load(folder / "examples.npz") as stored:
        arrays = dict(stored)
    arrays["0.y.0"] = arrays["0.y.0"] + 0.5
    arrays["2.y"] = arrays["2.y"][:3]
    np.savez(folder / "examples.npz", **arrays)
    wrong = replace(manifest.examples[1], raises=Raises("ValueError", "other"))
    seal(folder, replace(manifest, examples=(manifest.examples[0], wrong, *manifest.examples[2:])))
    first, second, third, fourth = replay(one(folder))
    assert first.messages == ("output['y']: 8 of 8 elements differ, by up to 0.5",)
    assert first.error == 0.5
    assert second.messages == ("raised ValueError: too many: 014",)
    assert third.messages == ("output: expected float32[3], got float32[4]",)
    assert fourth.passed


def test_replay_of_damaged_examples(folder: Path) -> None:
    np.savez(folder / "examples.npz", nothing=X)
    with pytest.raises(DamagedBundle, match=r"examples\.npz: the array '0\.x' is missing"):
        replay(folder, threads=1, verify_digests=False)
    (folder / "examples.npz").write_bytes(b"PK")
    with pytest.raises(DamagedBundle, match=r"examples\.npz is missing or damaged"):
        replay(folder, threads=1, verify_digests=False)


# ------------------------------------------------------------------------------------- the process


def run_alone(code: str, *args: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_neither_torch_nor_onnx_is_imported(folder: Path) -> None:
    code = """
import sys, numpy as np
from dyncc.runtime import load, replay
early = "onnxruntime" in sys.modules
assert all(outcome.passed for outcome in replay(sys.argv[1]))
print(early, sorted({"torch", "onnx", "dyncc.compiler", "dyncc.ir"} & set(sys.modules)))
"""
    assert run_alone(code, str(folder)) == "False []"


def test_one_pool_of_threads(folder: Path) -> None:
    """Two programs of three sessions share it; another number of threads for the second is warned of."""
    code = """
import sys, os, warnings
import onnxruntime
from dyncc.runtime import load
before = len(os.listdir("/proc/self/task"))
nets = [load(sys.argv[1], threads=3)]
threads = len(os.listdir("/proc/self/task")) - before
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    nets.append(load(sys.argv[1], threads=2))
    nets.append(load(sys.argv[1], threads=1))
    nets.append(load(sys.argv[1]))
same = len(os.listdir("/proc/self/task")) - before == threads
print(threads < 2 * 3, same, len(caught), nets[1].engine.describe()["threads"], caught[0].message)
"""
    out = run_alone(code, str(folder))
    assert out.startswith(
        "True True 2 3 threads=2 is not honoured: onnxruntime's pool for this process has 3"
    )


def test_pools_of_their_own(folder: Path) -> None:
    """Other sessions of the process are not touched; once there is a pool for all, it is the only way."""
    code = """
import sys, warnings
import onnxruntime
from dyncc.runtime import load, replay
print(all(outcome.passed for outcome in replay(sys.argv[1], threads=2, shared_pool=False)))
net = load(sys.argv[1], threads=2, shared_pool=False)
print(net.engine.describe()["shared_pool"], net.engine.describe()["threads"])
path = sys.argv[1] + "/blocks/half.onnx"
onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
shared = load(sys.argv[1], threads=2, lazy=False)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    late = load(sys.argv[1], threads=2, shared_pool=False, lazy=False)
print(shared.engine.describe()["shared_pool"], "shared_pool=False" in str(caught[0].message))
"""
    assert run_alone(code, str(folder)).split() == ["True", "False", "2", "True", "True"]


def test_one_thread_needs_no_pool(folder: Path) -> None:
    """And other sessions of the process may still have their own."""
    code = """
import sys, os
import onnxruntime
from dyncc.runtime import load
net = load(sys.argv[1], threads=1)
print(net.engine.describe()["shared_pool"])
onnxruntime.InferenceSession(sys.argv[1] + "/blocks/half.onnx", providers=["CPUExecutionProvider"])
"""
    assert run_alone(code, str(folder)) == "False"


def test_a_pool_that_somebody_else_made(folder: Path) -> None:
    code = """
import sys
import onnxruntime
onnxruntime.set_global_thread_pool_sizes(2, 1)
options = onnxruntime.SessionOptions()
options.use_per_session_threads = False
path = sys.argv[1] + "/blocks/half.onnx"
onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
from dyncc.runtime import replay
print(*[all(outcome.passed for outcome in replay(sys.argv[1], threads=n)) for n in (1, None)])
"""
    assert run_alone(code, str(folder)).endswith("True True")


def test_the_slow_way_when_the_fast_one_has_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dyncc.runtime import engine_onnxruntime

    monkeypatch.setattr(engine_onnxruntime, "_fast_calls_work", lambda _: False)
    assert all(outcome.passed for outcome in replay(folder, threads=1))


def test_values_that_stay_with_the_engine(folder: Path) -> None:
    """What is done on a device, here in the host's memory: tensors between blocks, NumPy at the end."""
    from dyncc.runtime.device import DeviceTensor

    net = one(folder, engine=host_engine())
    out = net(X)
    assert out["steps"] == 4
    assert type(out["y"]) is np.ndarray
    np.testing.assert_array_equal(out["y"], X / 16)
    net.total(X)
    assert isinstance(net._session._host.sum, DeviceTensor)
    saved = net.save()
    np.testing.assert_array_equal(saved["sum"], np.arange(4) + 18)
    np.testing.assert_array_equal(net.total(X), np.arange(4) + 36)
    session = net.session()
    session.restore(saved)
    np.testing.assert_array_equal(session.total(X), np.arange(4) + 36)
    assert all(outcome.passed for outcome in replay(net))


def test_bfloat16_in_and_out(tmp_path: Path) -> None:
    """NumPy has no bfloat16 and ONNX Runtime's bindings give none: the bits travel as uint16."""
    from dyncc.runtime.engine import Graph, Port
    from dyncc.runtime.engine_onnxruntime import OnnxRuntime

    info, node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    nodes = [
        node("Cast", ["x"], ["wide"], to=onnx.TensorProto.FLOAT),
        node("Add", ["wide", "wide"], ["sum"]),
        node("Cast", ["sum"], ["y"], to=onnx.TensorProto.BFLOAT16),
    ]
    kind = onnx.TensorProto.BFLOAT16
    graph = onnx.helper.make_graph(nodes, "g", [info("x", kind, ["n"])], [info("y", kind, ["n"])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "g.onnx")
    port = (Port("x", "bfloat16", ("n",)),), (Port("y", "bfloat16", ("n",)),)
    for engine in (OnnxRuntime(threads=1), host_engine()):
        run = engine.load(Graph("g", str(tmp_path / "g.onnx"), *port))
        x = np.array([1.5, -2.25, 0.0], np.float32)
        bits = narrow_to_bfloat16(x)
        y = np.asarray(run(bits))
        assert y.dtype == np.uint16
        np.testing.assert_array_equal(widen_bfloat16(y), x * 2)
        assert np.asarray(run(bits[:0])).shape == (0,)


def test_missing_devices() -> None:
    with pytest.raises(EngineMissing, match="no device 'abacus'"):
        make_engine("onnxruntime", device="abacus")
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(EngineMissing, match=r"no CUDA provider .* pip install 'dyncc\[gpu\]'"):
            make_engine("onnxruntime", device="cuda")


def test_a_missing_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineMissing, match=r"pip install 'dyncc\[cpu\]'"):
        one(folder)


def test_input_errors_come_before_the_engine(folder: Path) -> None:
    with pytest.raises(InputError, match=r"forward\(\) argument 'x': expected float32\[s0, 4\]"):
        one(folder)(X[:, :3])
