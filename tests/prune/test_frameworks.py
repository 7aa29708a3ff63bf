"""The same network from several frameworks (``tests/prune/frameworks``), pruned by the same call, no hints.

What the command says of its own check is not taken for granted: which channels went is read off the weights
of the two files, and the original with these channels zeroed in the weights that consume them must give
what the pruned file gives. Only onnx, ONNX Runtime and NumPy are used for that.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from tests.prune.frameworks.network import BLOCKS, CLASSES, FOLDER, SIZE, WIDTHS, blocks

from dyncc.compiler.cli.app import run_app
from dyncc.compiler.pruning.onnx_torch import run_torch, tensors
from dyncc.passes.prune.prepare import load, prepared

FILES = sorted(FOLDER.glob("resnet_*.onnx"))
Arrays = dict[str, np.ndarray]

frameworks = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem.removeprefix("resnet_"))


def dyncc(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """What a command prints with ``--json``, where it ends well."""
    with pytest.raises(SystemExit) as ended:
        run_app([*map(str, arguments), "--json"])
        raise SystemExit(0)
    printed = capsys.readouterr()
    assert not ended.value.code, printed.err
    return json.loads(printed.out)


def weights(model: onnx.ModelProto) -> Arrays:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def size_of(array: Arrays) -> int:
    """The numbers in floating-point weights."""
    return sum(weight.size for weight in array.values() if weight.dtype == np.float32)


def digests(file: Path) -> dict[str, str]:
    """Of a file and of the weights beside it."""
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest()
        for each in file.parent.glob(f"{file.name}*")
    }


def test_there_are_four_frameworks() -> None:
    assert {file.stem for file in FILES} >= {
        "resnet_pytorch",
        "resnet_keras",
        "resnet_jax",
        "resnet_paddle",
    }


@frameworks
def test_is_the_same_network(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The kernels and the classifier of each file have the shapes that ``network.py`` says."""
    expected = Counter({(WIDTHS[0], 3, 3, 3): 1, (CLASSES, WIDTHS[-1]): 1})
    for before, width, stride in blocks():
        expected.update([(width, before, 3, 3), (width, width, 3, 3)])
        expected.update([(width, before, 1, 1)] * (stride > 1))
    model = onnx.load(file)
    found = (
        weights(model)[consumer.weight].transpose(consumer.outputs_first).shape
        for consumer in consumers(model)
    )
    assert Counter(found) == expected
    groups = dyncc(capsys, "groups", file)["groups"]
    # of each stage one for the residual stream, and one within each block
    assert Counter(group["channels"] for group in groups) == dict.fromkeys(WIDTHS, 1 + BLOCKS)


@frameworks
def test_half(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, small = digests(file), tmp_path / "small.onnx"
    report = dyncc(capsys, "prune", file, "--ratio", 0.5, "-o", small)
    assert digests(file) == before
    assert report["error"] < 1e-4 and not report["lossy"]
    assert all(group["kept"] == group["channels"] / 2 for group in report["groups"])
    onnx.checker.check_model(str(small), full_check=True)
    original, pruned = loaded(file), onnx.load(small)
    assert size_of(weights(pruned)) <= 0.36 * size_of(weights(original))
    assert size_of(weights(pruned)) == report["after"]["parameters"]
    assert interface(pruned) == interface(original)

    masked = onnx.ModelProto()
    masked.CopyFrom(original)
    zero_what_went(masked, weights(pruned))
    for x in images(original):
        expected, got = run(masked, x), run(pruned, x)
        assert got.shape == (len(x), CLASSES)
        assert np.abs(got - expected).max() < 1e-4 * np.abs(expected).max()
        # the channels that went do matter
        assert np.abs(got - run(original, x)).max() > 1e-2 * np.abs(expected).max()


@frameworks
def test_nothing(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a channel removed the file still is prepared and written anew."""
    same = tmp_path / "same.onnx"
    report = dyncc(capsys, "prune", file, "--ratio", 0, "-o", same)
    assert report["after"] == report["before"]
    original, written = loaded(file), onnx.load(same)
    for x in images(original):
        np.testing.assert_allclose(run(written, x), run(original, x), rtol=1e-5, atol=1e-5)


@frameworks
def test_torch_computes_the_same(file: Path) -> None:
    """What the refit without data takes gradients through."""
    model = prepared(load(file))
    name = model.graph.outputs[0].name or ""
    for x in images(onnx.load(file)):
        feeds = {model.graph.inputs[0].name or "": torch.from_numpy(x)}
        got = run_torch(model, feeds, tensors(model))[name].numpy()
        np.testing.assert_allclose(got, run(loaded(file), x), rtol=1e-4, atol=1e-4)


def loaded(file: Path) -> onnx.ModelProto:
    """A file without what it says of the shapes between its inputs and outputs.

    The operators tell these, and what jax2onnx wrote is wrong: ONNX Runtime does not load that file.
    """
    model = onnx.load(file)
    del model.graph.value_info[:]
    return model


def interface(model: onnx.ModelProto) -> list[tuple[str, list[int | str]]]:
    """Names and shapes of the inputs and outputs."""
    return [
        (value.name, [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim])
        for value in (*model.graph.input, *model.graph.output)
    ]


def images(model: onnx.ModelProto) -> Iterator[np.ndarray]:
    """Random images, of every batch size where the file leaves it free."""
    (_, (batch, *shape)), _ = interface(model)
    assert sorted(shape, key=str) == sorted([3, SIZE, SIZE], key=str)
    random = np.random.default_rng(1)
    for count in (batch,) if isinstance(batch, int) else (1, 2, 5):
        yield random.standard_normal((count, *map(int, shape))).astype(np.float32)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {session.get_inputs()[0].name: x})
    return np.asarray(result)


@dataclass(frozen=True)
class Consumer:
    """A weight, and in which order its axes are those of ``[outputs, inputs, …]``."""

    weight: str
    outputs_first: tuple[int, ...]


def consumers(model: onnx.ModelProto) -> Iterator[Consumer]:
    """The weights of convolutions and matrix products, also behind transposes."""
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        name = node.input[1]
        order = (0, 1, 2, 3)
        if node.op_type != "Conv":
            order = (0, 1) if attribute(node, "transB") else (1, 0)
        while name in makers and makers[name].op_type == "Transpose":
            order = tuple(attribute(makers[name], "perm")[axis] for axis in order)
            name = makers[name].input[0]
        yield Consumer(name, order)


def attribute(node: onnx.NodeProto, name: str) -> Any:
    found = [onnx.helper.get_attribute_value(each) for each in node.attribute if each.name == name]
    return found[0] if found else None


def zero_what_went(model: onnx.ModelProto, left: Arrays) -> None:
    """Set to zero what the weights of ``model`` have of input channels that those of ``left`` lack."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    changed = 0
    for consumer in consumers(model):
        array = numpy_helper.to_array(tensors[consumer.weight]).copy()
        kept = kept_of(array, left[consumer.weight])
        along = consumer.outputs_first[1]
        gone = np.setdiff1d(np.arange(array.shape[along]), kept[along])
        changed += gone.size
        np.moveaxis(array, along, 0)[gone] = 0
        tensors[consumer.weight].CopyFrom(numpy_helper.from_array(array, consumer.weight))
    assert changed


def kept_of(whole: np.ndarray, part: np.ndarray) -> list[np.ndarray]:
    """The indices along each axis of ``whole`` that make ``part``, by the numbers that occur once."""
    numbers, places, counts = np.unique(whole, return_index=True, return_counts=True)
    numbers, places = numbers[counts == 1], places[counts == 1]
    found = places[np.isin(numbers, part)]
    kept = [np.unique(indices) for indices in np.unravel_index(found, whole.shape)]
    np.testing.assert_array_equal(whole[np.ix_(*kept)], part)
    return kept
