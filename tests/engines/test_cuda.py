"""Programs whose values stay on a device: on CUDA, and with the host's memory in its place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engines.conftest import Gated, X
from tests.runtime.host_memory import HostMemory, host_engine
from torch import nn

from dyncc.compiler import CompileError, compile
from dyncc.compiler.engines import EngineOptions, require_engine
from dyncc.runtime import EngineMissing, IncompatibleArtifact, InputError, load, replay
from dyncc.runtime.cuda_blocks import SLOTS
from dyncc.runtime.device import DeviceTensor, joined
from dyncc.runtime.engine import Setup
from dyncc.runtime.engine_cuda import SHAPES, OnnxRuntimeCuda
from dyncc.runtime.engines import make_engine


def cuda_missing() -> str:
    """Why there is no CUDA here; empty where there is."""
    try:
        make_engine("onnxruntime", device="cuda")
    except EngineMissing as error:
        return str(error).partition(":")[0]
    return "" if torch.cuda.is_available() else "torch has no CUDA device"


MISSING = cuda_missing()
needs_cuda = [pytest.mark.gpu, pytest.mark.skipif(bool(MISSING), reason=MISSING)]
PLACES = ["host", pytest.param("cuda", marks=needs_cuda)]


@pytest.fixture(params=PLACES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Any]:
    """Compiles for a device, and loads the bundle there."""

    def made(model: Any, args: tuple[Any, ...], capture: bool = True, **options: Any) -> Any:
        path = tmp_path / f"{type(model).__name__}.dyncc"
        if isinstance(model, nn.Module):
            model.eval()
        compile(model, args, output=path, engine=EngineOptions(device="cuda", threads=1), **options)
        if request.param == "host":
            return load(path, engine=host_engine())
        return load(path, engine=OnnxRuntimeCuda(Setup(device="cuda"), capture=capture))

    return made


class Loop(nn.Module):
    """Keeps what every turn gives: more than a block has slots."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        h, kept = x, []
        while h.abs().max() > 0.05 and len(kept) < 40:
            h = torch.tanh(self.cell(h)) * 0.9
            kept.append(h)
        return kept, torch.stack(kept, 1) if kept else h


def same(actual: Any, expected: Any) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_a_branch(make: Callable[..., Any]) -> None:
    model = Gated()
    net = make(model, (X,))
    for x in (X, -X, X * 30, -X * 30):
        same(net(x), model(x))
        np.testing.assert_allclose(net(x.numpy()), model(x).detach().numpy(), 1e-4, 1e-5)
    assert all(outcome.passed for outcome in replay(net))
    assert not net.engine.describe()["not_captured"]


@torch.no_grad()
def test_more_values_than_slots(make: Callable[..., Any]) -> None:
    model = Loop()
    net = make(model, (torch.ones(2, 6),))
    results = [(x, net(x)) for x in (torch.ones(2, 6) * scale for scale in (1, 5, -2, 0.01))]
    for x, result in results:
        same(result, model(x))
    assert len(net(torch.ones(2, 6))[0]) > SLOTS


@torch.no_grad()
def test_results_outlive_the_next_calls(make: Callable[..., Any]) -> None:
    model = Gated()
    net = make(model, (X,))
    inputs = [X * scale for scale in np.linspace(-30, 30, 25)]
    results = [net(x) for x in inputs]
    for x, result in zip(inputs, results, strict=True):
        same(result, model(x))


@torch.no_grad()
def test_threads(make: Callable[..., Any]) -> None:
    model = Loop()
    net = make(model, (torch.ones(2, 6),))
    inputs = [torch.full((2, 6), scale) for scale in np.linspace(-3, 3, 24).tolist()]
    with ThreadPoolExecutor(6) as pool:
        for x, result in zip(inputs, pool.map(net, inputs), strict=True):
            same(result, model(x))


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))
        self.last: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total += x
        if self.last is not None and self.last.sum() > x.sum():
            self.total.mul_(0.5)
        self.last = x * 2
        return self.total


@torch.no_grad()
def test_state_stays_on_the_device(make: Callable[..., Any]) -> None:
    model = Counter()
    x = torch.tensor([1.0, 2.0, 3.0])
    net = make(model, (x,))
    same(net(x), torch.tensor([1.0, 2.0, 3.0]))
    saved = net.save()
    first = net(-x)
    same(first, torch.tensor([0.0, 0.0, 0.0]))
    same(net(x * 4), torch.tensor([4.0, 8.0, 12.0]))
    same(first, torch.tensor([0.0, 0.0, 0.0]))
    assert any(isinstance(value, DeviceTensor) for value in vars(net._session._host).values())
    net.restore(saved)
    same(net(-x), torch.tensor([0.0, 0.0, 0.0]))
    net.reset()
    same(net(x), torch.tensor([1.0, 2.0, 3.0]))


def scale_in_place(x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    if by > 1:
        x.mul_(by)
    else:
        x.add_(1)
    return x.sum()


@torch.no_grad()
def test_arguments_that_are_written_to(make: Callable[..., Any]) -> None:
    net = make(scale_in_place, (torch.ones(4), torch.tensor(2.0)))
    for by in (2.0, 0.5):
        x, expected = torch.arange(4.0), torch.arange(4.0)
        total = net(x, torch.tensor(by))
        same(total, scale_in_place(expected, torch.tensor(by)))
        same(x, expected)


def chosen(table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    if table.sum() > 100:
        return table
    return table[index] * 2


@torch.no_grad()
def test_indices_out_of_range(make: Callable[..., Any]) -> None:
    table = torch.arange(12.0).reshape(4, 3)
    net = make(chosen, (table, torch.tensor([1, -1, 3])))
    for index in ([0, 1, 2], [-4, 3, -1]):
        same(net(table, torch.tensor(index)), chosen(table, torch.tensor(index)))
    for index in ([0, 4, 0], [0, 0, -5]):
        with pytest.raises(IndexError, match="out of range") as caught:
            net(table, torch.tensor(index))
        lines = {span.line for span in caught.value.spans}  # type: ignore[attr-defined]
        assert lines == {chosen.__code__.co_firstlineno + 3}


def sized(x: torch.Tensor, more: float) -> torch.Tensor:
    kept = x[x > 0]
    if kept.shape[0] == 0:
        return kept
    return torch.cat([kept, kept * more])


@torch.no_grad()
def test_sizes_that_data_decide(make: Callable[..., Any]) -> None:
    net = make(sized, (torch.linspace(-1, 1, 8), 2.0))
    for x in (torch.linspace(-1, 1, 8), torch.ones(8), -torch.ones(8), torch.eye(8)[2]):
        same(net(x, 2.0), sized(x, 2.0))
    assert net.engine.describe()["not_captured"]


def test_bfloat16(make: Callable[..., Any]) -> None:
    def double(x: torch.Tensor) -> torch.Tensor:
        return x + x if x.sum() > 0 else x

    net = make(double, (torch.ones(3, dtype=torch.bfloat16),))
    x = torch.tensor([1.5, -2.25, 7.0], dtype=torch.bfloat16)
    same(net(x), x + x)
    same(net(-x), -x)


def halved(x: torch.Tensor) -> tuple[torch.Tensor, int]:
    turns = 0
    while x.abs().max() > 0.01:
        x, turns = x / 2, turns + 1
    return x, turns


@torch.no_grad()
def test_a_loop_copies_nothing(tmp_path: Path) -> None:
    """Each turn reads what the last one wrote where it is, and writes to a slot that nobody holds."""
    path = tmp_path / "h.dyncc"
    compile(halved, (torch.ones(3),), output=path, engine=EngineOptions(device="cuda"))
    memory = HostMemory()
    net = load(path, engine=host_engine(memory))
    for _ in range(2):
        memory.log.clear()
        x, turns = net(np.ones(3, np.float32))
        np.testing.assert_array_equal(x, np.ones(3, np.float32) / 2**turns)
        assert memory.log.count("copy") == 0 and memory.log.count("in") == 1
        assert memory.log.count("out") == turns + 2  # the decisions, and the result
    before = memory.allocated
    net(np.ones(3, np.float32))
    assert memory.allocated == before


@torch.no_grad()
def test_many_sizes(tmp_path: Path) -> None:
    """Memory for arguments is kept for a limited number of shapes."""
    n = torch.export.Dim("n")
    path = tmp_path / "s.dyncc"
    options = EngineOptions(device="cuda")
    compile(sized, (torch.ones(5), 2.0), dynamic_shapes=({0: n}, None), output=path, engine=options)
    memory = HostMemory()
    net = load(path, engine=host_engine(memory))
    for size in range(2, 2 * SHAPES):
        x = torch.linspace(-1, 1, size)
        same(net(x, 2.0), sized(x, 2.0))
    assert memory.allocated <= SHAPES + 8


@torch.no_grad()
def test_what_others_still_read(tmp_path: Path) -> None:
    """A tensor that another library was given is not moved, and its memory is written to again only after
    what that library does with it."""
    path = tmp_path / "g.dyncc"
    compile(Gated().eval(), (X,), output=path, engine=EngineOptions(device="cuda"))
    memory = HostMemory()
    net = load(path, engine=host_engine(memory), lazy=False)
    block = next(run for name, run in net._machine.blocks.items() if len(run.__self__.graph.inputs) == 1)
    inputs = [np.full((2, *port.shape[1:]), 1.0, np.float32) for port in block.__self__.graph.inputs]
    results = [block(*inputs) for _ in range(SLOTS)]
    given = [result if isinstance(result, DeviceTensor) else result[0] for result in results]
    given[0].export()
    address, kept = given[0].address, np.asarray(given[0])
    del results
    for _ in range(3 * SLOTS):
        block(*inputs)
    assert given[0].address == address and given[1].address != address
    np.testing.assert_array_equal(np.asarray(given[0]), kept)
    memory.log.clear()
    given.clear()
    for _ in range(SLOTS):
        block(*inputs)
    assert memory.log.count("after readers") == 1


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
@pytest.mark.parametrize("new", [True, False])
def test_joining(axis: int, new: bool) -> None:
    memory = HostMemory()

    def on_device(array: np.ndarray) -> DeviceTensor:
        allocation = memory.allocate(array.nbytes)
        memory.copy_in(allocation.address, array)
        return DeviceTensor(memory, allocation.address, array.dtype.name, array.shape, allocation)

    arrays = [np.arange(24, dtype=np.int64).reshape(2, 3, 4) + 100 * i for i in range(3)]
    result = joined([*map(on_device, arrays)], axis, new=new)
    assert result is not None
    np.testing.assert_array_equal(np.asarray(result), (np.stack if new else np.concatenate)(arrays, axis))
    assert joined([on_device(arrays[0]), arrays[1]], axis, new=new) is None
    other = on_device(arrays[0].astype(np.int32))
    assert joined([on_device(arrays[0]), other], axis, new=new) is None


# ------------------------------------------------------------------------------------------- the user


def test_a_bundle_for_the_cpu_is_none_for_cuda(tmp_path: Path) -> None:
    compile(Gated().eval(), (X,), output=tmp_path / "g.dyncc", threads=1)
    with pytest.raises(IncompatibleArtifact, match=r"compiled for cpu, .* compile with --device cuda"):
        load(tmp_path / "g.dyncc", device="cuda")
    with pytest.warns(UserWarning, match="fell back to onnxruntime on the CPU: .* compiled for cpu"):
        same(load(tmp_path / "g.dyncc", device="cuda", fallback=True)(X), Gated()(X))


@pytest.mark.skipif(not MISSING, reason="there is CUDA here")
def test_compiled_where_the_device_is_not(tmp_path: Path) -> None:
    net = compile(Gated().eval(), (X,), output=tmp_path / "g.dyncc", engine=EngineOptions(device="cuda"))
    (warning,) = [item.message for item in net.report.warnings]
    assert "the blocks are for cuda and were not run there" in warning
    same(net(X), Gated()(X))
    with pytest.raises(EngineMissing, match="CUDA"):
        load(tmp_path / "g.dyncc")
    assert all(outcome.passed for outcome in replay(tmp_path / "g.dyncc", device="cpu"))
    with pytest.warns(UserWarning, match="fell back to onnxruntime on the CPU"):
        assert all(outcome.passed for outcome in replay(tmp_path / "g.dyncc", fallback=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (EngineOptions(device="abacus"), "no device `abacus`: cpu, cuda or cuda:1"),
        (EngineOptions("tvm", device="cuda"), "tvm runs blocks on the CPU"),
    ],
)
def test_devices_that_there_are_not(options: EngineOptions, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        require_engine(options)


# --------------------------------------------------------------------------------------------- on CUDA

on_cuda = pytest.mark.usefixtures("_cuda")


@pytest.fixture
def _cuda() -> None:
    if MISSING:
        pytest.skip(MISSING)


@pytest.mark.gpu
@on_cuda
@torch.no_grad()
def test_tensors_of_torch_on_the_device(tmp_path: Path) -> None:
    model = Gated().eval()
    net = compile(model, (X,), output=tmp_path / "g.dyncc", engine=EngineOptions(device="cuda"))
    for x in (X, -X * 30, X[:, :].t().contiguous().t()):
        result = net(x.cuda())
        assert result.device == torch.device("cuda", 0)
        same(result.cpu(), model(x))
    many = [net(X.cuda() * scale) for scale in range(20)]
    for scale, result in enumerate(many):
        same(result.cpu(), model(X * scale))
    x = torch.arange(4.0, device="cuda")
    written = compile(
        scale_in_place,
        (torch.ones(4), torch.tensor(2.0)),
        output=tmp_path / "w.dyncc",
        engine=EngineOptions(device="cuda"),
    )
    written(x, torch.tensor(3.0).cuda())
    same(x.cpu(), torch.arange(4.0) * 3)
    with pytest.raises(InputError, match=r"pass x\.contiguous\(\)"):
        written(torch.zeros(8, device="cuda")[::2], torch.tensor(3.0).cuda())


@pytest.mark.gpu
@on_cuda
@torch.no_grad()
def test_another_stream_of_torch(tmp_path: Path) -> None:
    """Each library waits for the other: long work of torch's before the call, and after it."""
    model = Gated().eval()
    net = compile(model, (X,), output=tmp_path / "g.dyncc", engine=EngineOptions(device="cuda"))
    big = torch.randn(4096, 4096, device="cuda")
    for stream in (torch.cuda.default_stream(), torch.cuda.Stream()):
        with torch.cuda.stream(stream):
            for scale in (1.0, -30.0, 7.0):
                late = (big @ big @ big)[:2, :4] * 0 + X.cuda() * scale
                same(net(late).clone().cpu(), model(X * scale))


@pytest.mark.gpu
@on_cuda
@torch.no_grad()
def test_one_wait_a_decision(tmp_path: Path) -> None:
    model = Loop().eval()
    net = compile(
        model, (torch.ones(2, 6),), output=tmp_path / "l.dyncc", engine=EngineOptions(device="cuda")
    )
    memory: Any = net.engine.memory  # type: ignore[attr-defined]
    x = torch.ones(2, 6, device="cuda")
    turns = len(net(x)[0])
    waits, real = [0], memory._wait

    def counted(stream: int) -> int:
        waits[0] += 1
        return real(stream)

    memory._wait = counted
    net(x)
    assert waits[0] <= turns + 1


@pytest.mark.gpu
@on_cuda
def test_memory_that_there_is_not() -> None:
    from dyncc.runtime import EngineError

    engine: Any = make_engine("onnxruntime", device="cuda")
    with pytest.raises(EngineError, match="out of memory"):
        engine.memory.allocate(1 << 50)
    with pytest.raises(EngineMissing, match="no device cuda:99 here"):
        make_engine("onnxruntime", device="cuda:99")


@pytest.mark.gpu
@on_cuda
@pytest.mark.parametrize(("precision", "error"), [("float16", 1e-2), ("bfloat16", 5e-2)])
@torch.no_grad()
def test_precision(tmp_path: Path, precision: str, error: float) -> None:
    model = Gated().eval()
    options = EngineOptions(device="cuda")
    path = tmp_path / "g.dyncc"
    net = compile(model, (X,), output=path, engine=options, precision=precision, examples=[(-X,)])
    for x in (X, -X, X * 30, -X * 30):
        torch.testing.assert_close(net(x), model(x), rtol=error, atol=error)
    assert all(outcome.passed for outcome in replay(path))
    assert not net.engine.describe()["not_captured"]


class Overflows(nn.Module):
    """A sum of products that float16 cannot hold."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 4)
        nn.init.constant_(self.fc.weight, 200.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.fc(x)
        return h / 100 if h.sum() > 0 else -h


@pytest.mark.gpu
@on_cuda
def test_what_the_precision_cannot_hold_is_right_or_refused(tmp_path: Path) -> None:
    model, x = Overflows().eval(), torch.full((2, 64), 8.0)
    options, path = EngineOptions(device="cuda"), tmp_path / "o.dyncc"
    try:
        net = compile(model, (x,), output=path, precision="float16", engine=options)
    except CompileError as error:
        assert "DY301" in str(error)
        assert not path.exists()
    else:
        torch.testing.assert_close(net(x), model(x), rtol=1e-2, atol=1e-2)
