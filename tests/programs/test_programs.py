"""Every program of this folder, in the reference interpreter and on ONNX Runtime, against eager.

A program is a file with ``get_model()`` (a module, a bound method or a function), ``example_inputs()``
(one tuple of arguments) and ``more_inputs()`` (a list of such tuples, which take different paths);
optionally ``example_kwargs()``, ``dynamic_shapes()``, and ``STATEFUL = True`` where the calls are a
sequence on one instance.
"""

import copy
import dataclasses
import functools
import importlib.util
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from dyncc.compiler import CompileError, compile, drawing
from dyncc.compiler.graph import FxGraphOps
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize
from dyncc.passes.pipeline import DEFAULT_PIPELINE, parse_pipeline, run_pipeline
from dyncc.runtime.noise import Noise
from dyncc.runtime.session import Session

HERE = Path(__file__).parent
PROGRAMS = sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith(("test_", "conftest")))
RTOL, ATOL = 1e-3, 1e-4
SEED = 3
"""Of the random numbers, which eager and the compiled program draw alike."""

REFUSED: dict[str, tuple[str, str]] = {}
"""Programs that the compiler refuses, by the code of the diagnostic, and why.

One that starts to compile fails its test: take it out of here.
"""

SLOW = frozenset(name for name, (code, _) in REFUSED.items() if code == "DY106") | {
    "beam_search",
    "sorted_records",
    "speculative",
}
"""Programs that take more than a few seconds to specialize: DY106 comes after the last block."""

ENGINE = frozenset(
    {
        "argument_writes",
        "container_defaults",
        "asserts",
        "branchy_outputs",
        "dict_io",
        "methods_entry",
        "state_none",
        "torch_results",
        "try_finally",
    }
)
"""Programs that the quick suite runs on ONNX Runtime too: few blocks, many kinds of arguments."""


def marked(slow: frozenset[str]) -> list[object]:
    """All programs as parameters, those in ``slow`` marked so."""
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else ()) for name in PROGRAMS]


def load_program(name: str) -> ModuleType:
    """Import a program of this folder under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"dyncc_program_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a call did: its value or its exception, and what is in its arguments afterwards."""

    value: Any
    error: tuple[str, str] | None
    arguments: tuple[Any, ...]


def outcome(call: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Outcome:
    """Call with copies of the arguments, so that writes to them can be compared."""
    own = copy.deepcopy(args)
    try:
        with torch.no_grad():
            value = call(*own, **kwargs)
    except Exception as error:
        return Outcome(None, (type(error).__name__, str(error)), own)
    return Outcome(value, None, own)


class Decisions(TorchFunctionMode):
    """Records every value that leaves a tensor for Python and is not a float."""

    NAMES = ("__bool__", "item", "__int__", "__index__", "tolist")

    def __init__(self) -> None:
        self.taken: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in self.NAMES and "." not in repr(result):
            self.taken.append(repr(result))
        return result


def eager_path(call: Callable[[], Any], file: str) -> tuple[int, Any]:
    """A hash of the instructions of ``file`` that ran and of the decisions, and the call's result."""
    trail: list[tuple[str, int]] = []

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode":
            trail.append((frame.f_code.co_qualname, frame.f_lasti))
        return local

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != file:
            return None
        frame.f_trace_opcodes = True
        return local

    decisions = Decisions()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with decisions:
            result = call()
    finally:
        sys.settrace(before)
    return hash((tuple(trail), tuple(decisions.taken))), result


def differences(actual: Any, expected: Any, where: str = "output") -> Iterator[str]:
    """Where two results differ: structure and Python types exactly, floating point within the tolerance.

    A NamedTuple or dataclass may come back as an equivalent class of the same name and fields.
    """
    if isinstance(expected, torch.Tensor):
        yield from _tensor_differences(actual, expected, where)
    elif type(actual).__name__ != type(expected).__name__:
        yield f"{where}: a {type(actual).__name__}, not a {type(expected).__name__}"
    elif isinstance(expected, float):
        near = math.isclose(actual, expected, rel_tol=RTOL, abs_tol=ATOL)
        if not near and not (math.isnan(actual) and math.isnan(expected)):
            yield f"{where}: {actual}, not {expected}"
    elif dataclasses.is_dataclass(expected):
        for f in dataclasses.fields(expected):
            yield from differences(getattr(actual, f.name), getattr(expected, f.name), f"{where}.{f.name}")
    elif isinstance(expected, Mapping):
        if list(actual) != list(expected):
            yield f"{where}: keys {list(actual)}, not {list(expected)}"
            return
        for key in expected:
            yield from differences(actual[key], expected[key], f"{where}[{key!r}]")
    elif isinstance(expected, (tuple, list)):
        if len(actual) != len(expected):
            yield f"{where}: {len(actual)} items, not {len(expected)}"
            return
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            yield from differences(a, e, f"{where}[{i}]")
    elif actual != expected:
        yield f"{where}: {actual!r}, not {expected!r}"


def _tensor_differences(actual: Any, expected: torch.Tensor, where: str) -> Iterator[str]:
    if not isinstance(actual, torch.Tensor):
        yield f"{where}: a {type(actual).__name__}, not a tensor"
    elif (actual.dtype, actual.shape) != (expected.dtype, expected.shape):
        yield f"{where}: {actual.dtype}{list(actual.shape)}, not {expected.dtype}{list(expected.shape)}"
    elif expected.is_floating_point():
        if not torch.allclose(actual, expected, rtol=RTOL, atol=ATOL, equal_nan=True):
            yield f"{where}: off by {(actual - expected).abs().max().item():.3g}"
    elif not torch.equal(actual, expected):
        yield f"{where}: {actual.tolist()}, not {expected.tolist()}"


def check(name: str, program: ModuleType, compiled: Callable[[], Callable[..., Any]]) -> None:
    """Run all inputs through eager and through ``compiled()``, a fresh session at each call of it."""
    stateful = getattr(program, "STATEFUL", False)
    kwargs = getattr(program, "example_kwargs", dict)()
    model, session = program.get_model(), compiled()
    noise = drawing(SEED)
    problems: list[str] = []
    for i, args in enumerate([program.example_inputs(), *program.more_inputs()]):
        if i and not stateful:
            model, session = program.get_model(), compiled()
            noise = drawing(SEED)
        with noise:
            expected = outcome(model, args, kwargs)
        actual = outcome(session, args, kwargs)
        label = f"input {i}"
        if actual.error != expected.error:
            problems.append(
                f"{label}: {actual.error or actual.value}, not {expected.error or expected.value}"
            )
            continue
        problems += differences(actual.value, expected.value, label)
        problems += differences(actual.arguments, expected.arguments, f"{label}, its arguments")
    assert not problems, "\n".join([f"{name} differs from eager", *problems])


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_inputs_of_a_program_take_different_paths(name: str) -> None:
    program = load_program(name)
    kwargs = getattr(program, "example_kwargs", dict)()
    model = program.get_model()
    paths = set()
    for args in program.more_inputs():
        if not getattr(program, "STATEFUL", False):
            model = program.get_model()
        path, _ = eager_path(lambda m=model, a=args: outcome(m, a, kwargs), str(HERE / f"{name}.py"))
        paths.add(path)
    assert len(paths) >= 2


def reference(program: ModuleType) -> Callable[[], Callable[..., Any]]:
    """A maker of sessions of the specialized program, after the passes, in the reference interpreter."""
    dynamic = getattr(program, "dynamic_shapes", lambda: None)()
    kwargs = getattr(program, "example_kwargs", dict)()
    recorded = specialize(program.get_model(), program.example_inputs(), kwargs, dynamic)
    passes = parse_pipeline(DEFAULT_PIPELINE)
    compiled = run_pipeline(recorded.program, passes, FxGraphOps()).program
    (method,) = compiled.methods
    return lambda: functools.partial(Interpreter(compiled, recorded.weights, noise=Noise(SEED)).run, method)


def bundle(program: ModuleType, target: Path) -> Callable[[], Callable[..., Any]]:
    """A maker of sessions of the bundle that the program is compiled to, on ONNX Runtime."""
    dynamic = getattr(program, "dynamic_shapes", lambda: None)()
    kwargs = getattr(program, "example_kwargs", dict)()
    model, example = program.get_model(), program.example_inputs()
    net = compile(model, example, kwargs, dynamic, target, threads=1, verify=False)

    def session() -> Callable[..., Any]:
        made = net.session()
        Session.seed(made, SEED)
        return made

    return session


def agrees_or_is_refused(name: str, make: Callable[[ModuleType], Callable[[], Callable[..., Any]]]) -> None:
    program = load_program(name)
    try:
        compiled = make(program)
    except CompileError as error:
        if name not in REFUSED:
            raise
        assert {diagnostic.code for diagnostic in error.diagnostics} == {REFUSED[name][0]}
        return
    assert name not in REFUSED, f"{name} compiles now: take it out of REFUSED"
    check(name, program, compiled)


@pytest.mark.parametrize("name", marked(SLOW))
def test_a_program_agrees_with_eager_in_the_reference_interpreter(name: str) -> None:
    agrees_or_is_refused(name, reference)


@pytest.mark.parametrize("name", marked(frozenset(PROGRAMS) - ENGINE))
def test_a_program_agrees_with_eager_on_onnx_runtime(name: str, tmp_path: Path) -> None:
    agrees_or_is_refused(name, lambda program: bundle(program, tmp_path / f"{name}.dyncc"))
