"""The check of a pruned network: against the original with the same channels zeroed, in ONNX Runtime."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.errors import InexactError, PruneError
from dyncc.passes.prune.groups import is_floating, weights_of

TOLERANCE = 1e-4
"""Of the largest number of an output, for float32."""
SIZES = (2, 8, 32, 64, 224)
"""What is tried for a size that is not known, until the original runs."""
LARGE = 1_500_000_000


@dataclass(frozen=True)
class Checked:
    """``error`` is the largest difference, relative to the largest number of its output."""

    error: float
    outputs: int


def check(
    pruned: onnx_ir.Model,
    reference: onnx_ir.Model,
    inputs: Mapping[str, np.ndarray] | None = None,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> Checked:
    """Run both on the same inputs (random ones unless given). Raises :class:`InexactError`."""
    wanted = [value.name or "" for value in reference.graph.outputs]
    expected, feeds = run_reference(reference, inputs, seed)
    try:
        got = session(pruned).run(wanted, feeds)
    except Exception as error:
        # onnxruntime's own classes; sizes that do not fit any more
        raise InexactError(f"the pruned network does not run: {_first_line(error)}") from error
    largest = 0.0
    for value, one, other in zip(reference.graph.outputs, got, expected, strict=True):
        error = difference(one, other)
        bound = tolerance if _precise(value) else 2e-2
        if not error <= bound:
            raise InexactError(
                f"the pruned network is not the original with its channels zeroed: output `{value.name}` "
                f"differs by {error:.1e} of its largest number"
            )
        largest = max(largest, error)
    return Checked(largest, len(wanted))


@contextlib.contextmanager
def generic_weights(model: onnx_ir.Model, seed: int = 0) -> Iterator[bool]:
    """For a while, let weights that are all zeros or all ones be random: nothing then cancels out.

    A fresh network ends in zeros as often as not, and shows nothing of what comes before. Gives whether
    there are such weights.
    """
    random = np.random.default_rng(seed)
    saved: list[tuple[onnx_ir.Value, onnx_ir.TensorProtocol]] = []
    for value in weights_of([model.graph]):
        tensor = value.const_value
        if tensor is None or not is_floating(value) or tensor.size < 2:
            continue
        array = tensor.numpy()
        if array.ravel()[0] in (0, 1) and (array == array.ravel()[0]).all():
            noise = 0.1 * random.standard_normal(array.shape)
            saved.append((value, tensor))
            changed = np.asarray(array + noise).astype(array.dtype)
            value.const_value = onnx_ir.tensor(changed, dtype=tensor.dtype, name=value.name)
    try:
        yield bool(saved)
    finally:
        for value, tensor in saved:
            value.const_value = tensor


def run_reference(
    model: onnx_ir.Model, inputs: Mapping[str, np.ndarray] | None, seed: int
) -> tuple[Sequence[Any], dict[str, np.ndarray]]:
    """The outputs of a model, and what it was given; tries sizes where they are not known."""
    runner = session(model)
    names = [value.name or "" for value in model.graph.outputs]
    if inputs is not None:
        return runner.run(names, dict(inputs)), dict(inputs)
    failure: Exception | None = None
    for feeds in candidates(model, seed):
        try:
            return runner.run(names, feeds), feeds
        except Exception as error:
            # onnxruntime's own classes: another size may do
            failure = error
    reason = _first_line(failure) if failure else "no inputs"
    raise PruneError(
        f"the original network does not run on random inputs: {reason}",
        "give inputs (--inputs FILE.npz), or leave the check out (--no-verify)",
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def difference(one: Any, other: Any) -> float:
    """The largest difference, relative to the largest number; of whole numbers the share that differs."""
    if isinstance(other, list):
        if len(one) != len(other):
            return float("inf")
        return max((difference(a, b) for a, b in zip(one, other, strict=True)), default=0.0)
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape:
        return float("inf")
    if other.dtype.kind not in "fc" and other.dtype.name != "bfloat16":
        return float((one != other).mean()) if other.size else 0.0
    one, other = one.astype(np.float64), other.astype(np.float64)
    if not np.array_equal(np.isnan(one), np.isnan(other)):
        return float("inf")
    finite = np.isfinite(other)
    if not np.array_equal(one[~finite & ~np.isnan(other)], other[~finite & ~np.isnan(other)]):
        return float("inf")
    scale = float(np.abs(other[finite]).max(initial=0.0))
    error = float(np.abs(one - other, where=finite, out=np.zeros_like(other)).max(initial=0.0))
    return error / scale if scale else error


def _precise(value: onnx_ir.Value) -> bool:
    return value.dtype not in (onnx_ir.DataType.FLOAT16, onnx_ir.DataType.BFLOAT16)


def candidates(model: onnx_ir.Model, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """Random inputs, for one choice of unknown sizes after the other."""
    shapes = [dims(value) for value in model.graph.inputs]
    unknown = any(not isinstance(size, int) for shape in shapes for size in shape or ())
    for size in SIZES if unknown else SIZES[:1]:
        random = np.random.default_rng(seed)
        yield {value.name or "": _random(value, size, random) for value in model.graph.inputs}


def _random(value: onnx_ir.Value, unknown: int, random: np.random.Generator) -> np.ndarray:
    shape = [size if isinstance(size, int) else unknown for size in dims(value) or ()]
    dtype = np.dtype((value.dtype or onnx_ir.DataType.FLOAT).numpy())
    if dtype.kind == "b":
        return np.asarray(random.random(shape) < 0.5)
    if dtype.kind in "iu":
        return np.asarray(random.integers(0, _limit(value), shape), dtype)
    return np.asarray(random.standard_normal(shape)).astype(dtype)


def _limit(value: onnx_ir.Value) -> int:
    """Whole numbers are indices more often than not: below the size of the table that they look up."""
    sizes = [
        (dims(use.node.inputs[0]) or (2,))[0]
        for use in value.uses()
        if use.node.op_type == "Gather" and use.idx == 1 and use.node.inputs[0] is not None
    ]
    return min((size for size in sizes if isinstance(size, int)), default=2)


def session(model: onnx_ir.Model) -> Any:
    """A session of ONNX Runtime, on the CPU. Raises :class:`PruneError` where the model does not load."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    size = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value)
    providers = ["CPUExecutionProvider"]
    if size < LARGE:
        data = onnx_ir.to_proto(model).SerializeToString()
        return onnxruntime.InferenceSession(data, options, providers=providers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx_ir.save(model, path, external_data="model.data")
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
