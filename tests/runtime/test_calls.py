"""Loaded programs: results, state, writes, limits, paths, tracebacks, threads; over a fake engine."""

from __future__ import annotations

import dataclasses
import re
import sys
import threading
import traceback
import types
from collections import OrderedDict, namedtuple
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.runtime.cases import FOLDER, read_case
from tests.runtime.fake_engine import FakeEngine, fake_net

from dyncc.ir.parser import parse_program
from dyncc.runtime import InputError, Net, Path, Step, StepLimit, Timeout
from dyncc.runtime import program as p

F32 = np.float32


def net_of(text: str, weights: dict[str, Any] | None = None, **functions: Any) -> Net:
    """A net of a program in the text form; functions that are not given do nothing."""
    program = parse_program(text)
    graphs = {
        step.graph: step.graph
        for block in program.blocks.values()
        for step in block.steps
        if isinstance(step, p.Compute)
    }
    program = dataclasses.replace(program, graphs=graphs)
    return fake_net(program, functions, weights)


def array(*values: float) -> np.ndarray:
    return np.array(values, F32)


COUNTER = read_case(FOLDER / "recurrent.program")


def counter() -> Net:
    return fake_net(
        COUNTER,
        {
            "start": lambda x: x * 0,
            "cell": lambda x, hidden: (x + hidden, x + hidden, np.abs(x + hidden).max()),
        },
    )


# -------------------------------------------------------------------------------------------- state


def test_state_is_kept_between_calls() -> None:
    net = counter()
    x = np.ones((1, 8), F32)
    assert net.clear() is None
    for expected in (1, 2, 3):
        np.testing.assert_array_equal(net.step(x), x * expected)
    assert net.clear() == 3


def test_sessions_have_their_own_state() -> None:
    net = counter()
    x = np.ones((1, 8), F32)
    one, other = net.session(), net.session()
    one.step(x)
    one.step(x)
    other.step(x)
    assert one.save()["calls"] == 2
    assert other.save()["calls"] == 1
    assert net.clear() is None
    one.reset()
    np.testing.assert_array_equal(one.step(x), x)


def test_a_state_is_saved_and_restored() -> None:
    net = counter()
    x = np.ones((1, 8), F32)
    net.step(x)
    saved = net.save()
    assert sorted(saved) == [".state", "calls", "hidden"]
    net.step(x)
    saved["hidden"] += 1
    session = net.session()
    session.restore(saved)
    np.testing.assert_array_equal(session.step(x), x * 3)
    assert session.save()["calls"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({".state": np.array(5)}, "state 5 is none of this program"),
        ({"hidden": np.ones((1, 7), F32)}, "float32[1, 7]"),
        ({"hidden": np.ones((1, 8))}, "float64[1, 8]"),
        ({"calls": None}, "has no 'calls'"),
    ],
)
def test_a_wrong_state_is_refused(change: dict[str, Any], message: str) -> None:
    net = counter()
    net.step(np.ones((1, 8), F32))
    saved = {**net.save(), **change}
    saved = {name: value for name, value in saved.items() if value is not None}
    with pytest.raises(InputError, match=re.escape(message)):
        net.restore(saved)
    assert net.save()["calls"] == 1


def test_the_caller_cannot_change_the_state() -> None:
    net = counter()
    x = np.ones((1, 8), F32)
    net.step(x)
    y = net.step(x)
    assert not np.shares_memory(y, net._session._host.hidden)
    y += 100
    np.testing.assert_array_equal(net.step(x), x * 3)


def test_an_exception_of_the_program_keeps_what_it_changed() -> None:
    net = counter()
    net.step(np.ones((1, 8), F32))
    with pytest.raises(ArithmeticError, match=re.escape("norm 501.00 after 2 calls")) as raised:
        net.step(np.full((1, 8), 500, F32))
    assert type(raised.value).__name__ == "Exploded"
    assert net.save()["calls"] == 2


def test_a_failure_leaves_the_state() -> None:
    net = counter()
    x = np.ones((1, 8), F32)
    net.step(x)
    with pytest.raises(StepLimit):
        net.step(x, max_steps=1)
    assert net.save()["calls"] == 1


def test_cells_start_with_weights() -> None:
    text = """program Net

method forward(x: f32[2])
    entry b(x)

state
    cell total: f32[2] at "self.total" = weight total

b(x: f32[2], total: f32[2]):
    y: f32[2] = compute add(x, total)
    return total state 0 (y)
"""
    start = array(1, 2)
    start.flags.writeable = False
    net = net_of(text, {"total": start}, add=np.add)
    first = net(array(1, 1))
    np.testing.assert_array_equal(first, start)
    assert first.flags.writeable
    first += 7
    np.testing.assert_array_equal(net(array(1, 1)), [2, 3])
    net.reset()
    np.testing.assert_array_equal(net(array(1, 1)), [1, 2])


# ------------------------------------------------------------------------------------------- writes


def test_writes_come_back_at_once() -> None:
    """Both arguments are swapped, and the results are what they were before."""
    net = fake_net(read_case(FOLDER / "swap.program"), {})
    a, b = array(1, 2, 3, 4), array(5, 6, 7, 8)
    strided = np.zeros(8, F32)[::2]
    strided[:] = a
    out = net(strided, b, 0)
    np.testing.assert_array_equal(strided, [5, 6, 7, 8])
    np.testing.assert_array_equal(b, [1, 2, 3, 4])
    np.testing.assert_array_equal(out[0], [1, 2, 3, 4])
    np.testing.assert_array_equal(out[1], [5, 6, 7, 8])


def test_only_declared_writes_reach_the_caller() -> None:
    net = fake_net(read_case(FOLDER / "skip_gates.program"), SKIP)
    x = np.ones((2, 3, 8, 8), F32)
    before = x.copy()
    net(x)
    np.testing.assert_array_equal(x, before)


SKIP = {
    "stem": lambda x: (x.mean((1, 2, 3))[:, None] * np.ones((1, 8), F32), np.array(1.0, F32)),
    "block0": lambda h: h + 1,
    "gate1": lambda h: np.array(0.0, F32),
    "block1": lambda h: h + 10,
    "head": lambda h: h * 2,
}

# ------------------------------------------------------------------------------------------- results


Exit = namedtuple("Exit", ["logits", "index"])


EARLY = {
    "stage0": lambda h: (h, np.ones((1, 10), F32), np.array(0.3, F32)),
    "stage1": lambda h: (h, np.ones((1, 10), F32) * 2, np.array(0.6, F32)),
    "last": lambda h: np.ones((1, 10), F32) * 3,
}
IMAGE = np.zeros((1, 3, 8, 8), F32)


def test_named_tuples_without_the_users_code() -> None:
    net = fake_net(read_case(FOLDER / "early_exit.program"), EARLY)
    for threshold, index in ((0.1, 0), (0.5, 1), (0.9, 2)):
        out = net(IMAGE, threshold)
        assert type(out).__name__ == "Exit"
        assert type(out).__module__ == "nets"
        assert out._fields == ("logits", "index")
        assert out.index == index
        assert isinstance(out, tuple)


def test_the_users_class_where_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("nets")
    module.Exit = Exit  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nets", module)
    net = fake_net(read_case(FOLDER / "early_exit.program"), EARLY)
    assert type(net(IMAGE, 0.5)) is Exit


def test_a_class_that_is_not_what_it_claims_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle cannot have any function of the process called by naming it as a class."""
    called: list[Any] = []

    class Trap(tuple[Any, ...]):
        def __new__(cls, *args: Any) -> Trap:
            called.append(args)
            return super().__new__(cls)

    module = types.ModuleType("nets")
    module.Exit = Trap  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nets", module)
    net = fake_net(read_case(FOLDER / "early_exit.program"), EARLY)
    assert type(net(IMAGE, 0.5)) is not Trap
    assert not called


RESULTS = """program Net

method forward(n: int)
    entry b(n)

state

b(n: int):
    xs: list<int> = list(n, 2)
    nested: list<list<int>> = list(xs, xs)
    return tuple(list(n, "a"), set(1, 2), dict("k": xs, 3: None), nested, {0}, True, 1.5)
"""


def test_containers() -> None:
    tree = """dataclass["Pair", "net"]("a": n, "b": 2)"""
    out = net_of(RESULTS.replace("{0}", tree))(5)
    assert out[:4] == ([5, "a"], {1, 2}, {"k": [5, 2], 3: None}, [[5, 2], [5, 2]])
    assert dataclasses.asdict(out[4]) == {"a": 5, "b": 2}
    assert type(out[4]).__name__ == "Pair"
    assert out[5:] == (True, 1.5)
    assert isinstance(out[2]["k"], list)


def test_records_and_ordered_dicts() -> None:
    tree = """record["ModelOutput", "hf"]("logits": n, "loss": 2)"""
    out = net_of(RESULTS.replace("{0}", tree))(5)[4]
    assert out["logits"] == out.logits == out[0] == 5
    assert isinstance(out, dict)
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        getattr(out, "scores")  # noqa: B009
    ordered = net_of(RESULTS.replace("{0}", """dict["OrderedDict", "collections"]("z": n, "a": 2)"""))(5)[4]
    assert ordered == OrderedDict(z=5, a=2)
    assert isinstance(ordered, OrderedDict)


def test_attributes_and_methods() -> None:
    net = counter()
    assert net.methods == ("step", "clear")
    assert net.method("clear")() is None
    with pytest.raises(AttributeError, match="no forward: call one of step, clear"):
        net()
    with pytest.raises(AttributeError, match="no method 'encode': it has step, clear"):
        net.encode()
    assert "Counter" in repr(net)


# ---------------------------------------------------------------------------------- limits and paths

SEARCH = {
    "score": lambda x, i, j: np.array(2.0 if (i, j) == (1, 2) else -1.0 if j == i + 3 else 0.5, F32),
    "mark": lambda x, i, j: x + 1,
    "clear": lambda x: x * 0,
}


def test_paths_are_recorded() -> None:
    net = fake_net(read_case(FOLDER / "skip_gates.program"), SKIP)
    x = np.ones((2, 3, 8, 8), F32)
    path = Path()
    steps: list[Step] = []
    plain = net(x)
    for trace in (path, steps):
        traced = net(x, trace=trace)
        assert traced["used"] == plain["used"] == 1
    assert path.blocks == ["start", "first", "run_first", "second", "end"]
    assert path.decisions(net.program) == [("first", 0), ("second", 1)]
    assert steps == path.steps
    assert steps[0] == Step("", 0, "start")


def test_limits() -> None:
    net = fake_net(read_case(FOLDER / "search.program"), SEARCH)
    x = array(1, 2, 3, 4)
    path = Path()
    net(x, 5, trace=path)
    assert net(x, 5, max_steps=len(path.steps))[1:] == (1, 2)
    with pytest.raises(StepLimit, match=r"took more than 4 steps; the next would have been cell \(Search"):
        net(x, 5, max_steps=4)
    with pytest.raises(Timeout, match="took longer than 0 s"):
        net(x, 5, timeout=0)
    assert net(x, 5, timeout=60)[1:] == (1, 2)
    with pytest.raises(InputError, match="max_steps must be a number"):
        net(x, 5, max_steps=-1)


def test_an_endless_loop_is_ended() -> None:
    text = """program Net

method forward(n: int, timeout: int)
    entry loop(n, timeout)

state

loop(n: int, timeout: int):
    jump loop(n, timeout)
"""
    net = net_of(text)
    with pytest.raises(StepLimit):
        net(1, timeout=3, max_steps=1000)  # ``timeout`` is the program's own argument here


# --------------------------------------------------------------------------------------- tracebacks


def user_entries(error: BaseException) -> list[traceback.FrameSummary]:
    return [entry for entry in traceback.extract_tb(error.__traceback__) if "nets/" in entry.filename]


def test_tracebacks_point_at_the_users_source() -> None:
    span = p.Span("nets/loud.py", 41, 9, 41, 25, "Loud.forward")
    raised = p.Raise(p.ExceptionType("ValueError", "builtins", "ValueError"), (p.TextPart(p.Const("no")),))
    ops = (p.HostOp("floordiv", (p.Const(1), p.Ref("n")), p.Value("m", p.ScalarType("int")), span),)
    later = dataclasses.replace(span, line=43, end_line=43)
    block = p.Block("b", (p.Value("n", p.ScalarType("int")),), ops, dataclasses.replace(raised, span=later))
    parameter = p.Parameter("n", "positional", p.Input("n", p.ScalarType("int")))
    method = p.Method("forward", (parameter,), (p.Entry("b", ("n",)),))
    net = fake_net(p.Program("Loud", {"forward": method}, (p.State(),), {"b": block}, {}), {})
    for n, kind, line in ((0, ZeroDivisionError, 41), (1, ValueError, 43)):
        with pytest.raises(kind) as caught:
            net(n)
        (entry,) = user_entries(caught.value)
        assert (entry.lineno, entry.name) == (line, "forward")
        assert (entry.colno, entry.end_colno) == (8, 24)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert not any(
            "<dyncc" in item.filename for item in traceback.extract_tb(caught.value.__traceback__)
        )


def test_exceptions_of_the_engine_keep_their_cause() -> None:
    cause = OSError("disk")

    def fail(x: Any) -> Any:
        raise RuntimeError("broken") from cause

    net = fake_net(read_case(FOLDER / "skip_gates.program"), {**SKIP, "head": fail})
    with pytest.raises(RuntimeError, match="broken") as caught:
        net(np.ones((2, 3, 8, 8), F32))
    assert caught.value.__cause__ is cause
    entries = [(item.filename, item.lineno) for item in traceback.extract_tb(caught.value.__traceback__)]
    assert ("skip_gates.py", 17) in entries


# ------------------------------------------------------------------------------------------- threads


def test_eight_threads_call_one_net() -> None:
    """All eight are inside of the engine at one time: a barrier in a block lets none pass alone."""
    barrier = threading.Barrier(8, timeout=30)

    def head(h: np.ndarray) -> np.ndarray:
        barrier.wait()
        return h * 2

    net = fake_net(read_case(FOLDER / "skip_gates.program"), {**SKIP, "head": head})

    def call(value: int) -> bool:
        results = [net(np.full((1, 3, 8, 8), value + turn, F32)) for turn in range(5)]
        return all(
            (out["logits"] == 2 * (value + turn + 1)).all() and out["used"] == 1
            for turn, out in enumerate(results)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(0, 80, 10)))
    assert isinstance(net.engine, FakeEngine)
    assert net.engine.calls.count("head") == 40


def test_calls_of_a_session_with_state_wait_for_each_other() -> None:
    net = counter()
    x = np.zeros((1, 8), F32)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: net.step(x), range(200)))
    assert net.save()["calls"] == 200
