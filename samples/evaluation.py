"""Compares a sample's bundle with eager PyTorch: outputs, paths, near ties, time."""

import importlib
import json
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

HERE = Path(__file__).parent
SUBJECTS = (
    "sdn_mobilenet",
    "sdn_vgg",
    "sdn_resnet",
    "sdn_wideresnet",
    "skipnet_ff",
    "skipnet_rnn",
    "blockdrop",
    "captioner",
    "translator",
)
KINDS = (
    "branchynet",
    "jei_dnn",
    "pabee",
    "calm",
    "batch_exit",
    "act",
    "pondernet",
    "mixture_of_depths",
    "mixtral_moe",
    "expert_flow",
    "ftwt",
    "ranet",
    "dynamicvit",
    "beam_search",
    "tree_lstm",
    "mamba",
    "streaming",
    "ode_solver",
    "deq",
    "flow_sampler",
    "detector",
    "stitchable",
    "cascade",
    "speculative",
    "ctc_asr",
)
"""Further kinds of dynamic networks, each in the words of its authors' public code."""
RTOL, ATOL = 1e-3, 1e-4
THREADS = 8
TIE = 1e-5
"""A decision nearer to its threshold than this may fall either way."""


@dataclass(frozen=True)
class Sample:
    """A sample's modules: ``model.py`` and ``data.py``, and what was calibrated."""

    name: str
    model: ModuleType
    data: ModuleType
    config: Mapping[str, Any]


def load_sample(name: str) -> Sample:
    """The sample in the folder ``name``; the repository's root must be importable."""
    model = importlib.import_module(f"samples.{name}.model")
    data = importlib.import_module(f"samples.{name}.data")
    config = HERE / name / "config.json"
    return Sample(name, model, data, json.loads(config.read_text()) if config.exists() else {})


class Margins(TorchFunctionMode):
    """Watches an eager call: what it decided, and how near the nearest decision was to its threshold.

    ``reads`` are the values that left tensors for Python. ``margin`` is the least distance between the
    two sides of a comparison of few numbers, between the two largest of an argmax and, where there is a
    ``threshold``, between a float that was read and it or another such float.
    """

    COMPARISONS = frozenset({"gt", "lt", "ge", "le", "__gt__", "__lt__", "__ge__", "__le__"})
    READS = frozenset({"__bool__", "item", "__int__", "__float__", "__index__", "tolist"})

    def __init__(self, threshold: float | None) -> None:
        super().__init__()
        self.threshold = threshold
        self.reads: list[Any] = []
        self.margin = math.inf

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        with torch._C.DisableTorchFunction():
            if name in self.READS:
                self._read(result)
            elif name in self.COMPARISONS and args[0].is_floating_point() and args[0].numel() <= 64:
                self._near((args[0] - args[1]).abs().min().item())
            elif self._chooses(name, result) and args[0].is_floating_point() and args[0].shape[-1] > 1:
                top = args[0].topk(2, dim=-1).values
                self._near((top[..., 0] - top[..., 1]).min().item())
        return result

    def _chooses(self, name: str, result: Any) -> bool:
        """Whether the call says where a largest value is (``max`` does so only along a dimension)."""
        return name == "argmax" or (name in {"max", "topk"} and not isinstance(result, torch.Tensor))

    def _near(self, distance: float) -> None:
        self.margin = min(self.margin, distance)

    def _read(self, value: Any) -> None:
        if isinstance(value, float) and self.threshold is not None:
            for other in (self.threshold, *(v for v in self.reads if isinstance(v, float))):
                self._near(abs(value - other))
        self.reads.append(value)


@dataclass
class Result:
    """What ``measure`` found. Times are medians in milliseconds."""

    name: str
    inputs: int
    blocks: int
    paths: Counter[str] = field(default_factory=Counter[str])
    decisions: set[tuple[Any, ...]] = field(default_factory=set[tuple[Any, ...]])
    near_ties: list[int] = field(default_factory=list[int])
    wrong: list[str] = field(default_factory=list[str])
    inconsistent: list[int] = field(default_factory=list[int])
    in_threads: list[str] = field(default_factory=list[str])
    """What was wrong when eight threads called the bundle at once."""
    largest_error: float = 0.0
    hits: tuple[int, int] | None = None
    """How many answers of eager and of the bundle are right, where the data has labels."""
    eager_ms: float = math.nan
    bundle_ms: float = math.nan


def differences(actual: Any, expected: Any, where: str, result: Result) -> Iterator[str]:
    """Where outputs differ: floats beyond ``ATOL + RTOL * |expected|``, anything else at all.

    Notes the largest error of all floats in ``result``.
    """
    if isinstance(expected, torch.Tensor):
        yield from _tensor_differences(actual, expected, where, result)
    elif type(actual).__name__ != type(expected).__name__:
        yield f"{where}: a {type(actual).__name__}, not a {type(expected).__name__}"
    elif isinstance(expected, float):
        result.largest_error = max(result.largest_error, abs(actual - expected))
        if abs(actual - expected) > ATOL + RTOL * abs(expected):
            yield f"{where}: {actual}, not {expected}"
    elif isinstance(expected, dict):
        if list(actual) != list(expected):
            yield f"{where}: keys {list(actual)}, not {list(expected)}"
        for key in actual.keys() & expected.keys():
            yield from differences(actual[key], expected[key], f"{where}[{key!r}]", result)
    elif is_dataclass(expected):
        for name in (f.name for f in fields(expected)):
            yield from differences(
                getattr(actual, name), getattr(expected, name), f"{where}.{name}", result
            )
    elif isinstance(expected, (tuple, list)):
        if len(actual) != len(expected):
            yield f"{where}: {len(actual)} items, not {len(expected)}"
        for i, (a, e) in enumerate(zip(actual, expected, strict=False)):
            yield from differences(a, e, f"{where}[{i}]", result)
    elif actual != expected:
        yield f"{where}: {actual!r}, not {expected!r}"


def _tensor_differences(actual: Any, expected: torch.Tensor, where: str, result: Result) -> Iterator[str]:
    if not isinstance(actual, torch.Tensor):
        yield f"{where}: a {type(actual).__name__}, not a tensor"
    elif (actual.dtype, actual.shape) != (expected.dtype, expected.shape):
        yield f"{where}: {actual.dtype}{list(actual.shape)}, not {expected.dtype}{list(expected.shape)}"
    elif expected.is_floating_point():
        error = (actual - expected).abs()
        if error.numel():
            result.largest_error = max(result.largest_error, error.max().item())
        if not bool((error <= ATOL + RTOL * expected.abs()).all()):
            yield f"{where}: off by {error.max().item():.3g}"
    elif not torch.equal(actual, expected):
        yield f"{where}: {actual.tolist()}, not {expected.tolist()}"


@torch.no_grad()
def measure(sample: Sample, net: Any, n: int = 100, timed: bool = False) -> Result:
    """Run ``n`` inputs through eager and through ``net``, a loaded bundle of the sample.

    An input is inconsistent when the bundle takes another way than it did for an earlier input on which
    eager read the same values at all its decisions.
    """
    from dyncc.runtime import Path as Trace

    model = sample.model.get_model()
    inputs = sample.data.evaluation_inputs(n)
    result = Result(sample.name, len(inputs), len(net.program.blocks))
    ways: dict[str, tuple[Any, ...]] = {}
    outputs: list[Any] = []
    for i, args in enumerate(inputs):
        with Margins(sample.config.get("confidence_threshold")) as eager:
            expected = model(*args)
        trace = Trace()
        actual = net(*args, trace=trace)
        outputs.append(actual)
        largest = result.largest_error
        wrong = list(differences(actual, expected, f"input {i}", result))
        if wrong and eager.margin < TIE:
            result.near_ties.append(i)
            result.largest_error = largest
            continue
        result.wrong += wrong
        result.paths[sample.data.path_name(expected)] += 1
        _score(sample, i, (expected, actual), result)
        way = (*trace.decisions(net.program), *ways_apart(sample, expected))
        result.decisions.add(way)
        read = repr([v for v in eager.reads if not isinstance(v, float)])
        if not any(isinstance(v, float) for v in eager.reads) and ways.setdefault(read, way) != way:
            result.inconsistent.append(i)
    result.in_threads = together(net, inputs, outputs)
    if timed:
        result.eager_ms, result.bundle_ms = _median_ms((model, net), inputs)
    return result


def together(net: Any, inputs: list[tuple[Any, ...]], outputs: list[Any]) -> list[str]:
    """What differs from ``outputs`` when eight threads call ``net`` at once, each with all ``inputs``.

    Each begins with another input; where the program keeps a state, each has a session of its own and
    keeps to their order.
    """
    states = net.program.states
    stateful = len(states) > 1 or any(state.cells for state in states)
    result = Result("", 0, 0)

    def calls(start: int) -> list[str]:
        call = net.session() if stateful else net
        order = [(i if stateful else (start + i) % len(inputs)) for i in range(len(inputs))]
        return [
            text
            for i in order
            for text in differences(call(*inputs[i]), outputs[i], f"thread {start}, input {i}", result)
        ]

    with ThreadPoolExecutor(THREADS) as pool:
        starts = [i * len(inputs) // THREADS for i in range(THREADS)]
        return [text for found in pool.map(calls, starts) for text in found]


def _score(sample: Sample, i: int, outputs: tuple[Any, Any], result: Result) -> None:
    """Count the right answers of eager and of the bundle to input ``i``."""
    label = getattr(sample.data, "label", None)
    if label is None:
        return
    right = [int(sample.data.answer(output) == label(i)) for output in outputs]
    before = result.hits or (0, 0)
    result.hits = (before[0] + right[0], before[1] + right[1])


def ways_apart(sample: Sample, output: Any) -> tuple[str, ...]:
    """Where a network decides on sizes instead of blocks, the ways are told apart by its output."""
    return (sample.data.path_name(output),) if getattr(sample.data, "DECIDES_ON_SIZES", False) else ()


def _median_ms(calls: tuple[Callable[..., Any], ...], inputs: list[tuple[Any, ...]]) -> tuple[float, ...]:
    """The median time of each of ``calls``, which take turns, so that a busy machine slows all alike."""
    times: list[list[float]] = [[] for _ in calls]
    for args in [*inputs[:10], *inputs]:
        for call, taken in zip(calls, times, strict=True):
            started = time.perf_counter()
            call(*args)
            taken.append(time.perf_counter() - started)
    return tuple(1e3 * statistics.median(taken[10:]) for taken in times)
