"""``compile`` from end to end: what it takes, what it gives, what it leaves alone."""

from __future__ import annotations

import dataclasses
import gc
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dyncc.compiler import CompileError, Example, compile
from dyncc.compiler import verification as checks
from dyncc.compiler.bundle import NotABundleError
from dyncc.compiler.lower import Lowered
from dyncc.compiler.request import make_request
from dyncc.passes.pipeline import DEFAULT_PIPELINE, PipelineError
from dyncc.runtime import InputError, Net, load, replay
from dyncc.runtime.program import (
    Block,
    Branch,
    Const,
    HostOp,
    Leaf,
    Node,
    Program,
    Ref,
    Return,
    Value,
)

X = torch.linspace(-1.0, 1.2, 8).reshape(2, 4)


class Exits(nn.Module):
    """Leaves at the first head that is sure; says which."""

    def __init__(self, layers: int = 2, threshold: float = 0.5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(layers)])
        self.threshold = threshold

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if x.max() > self.threshold:
                return x, index
        return x, len(self.layers)

    def scaled(self, x: torch.Tensor, by: float = 2.0) -> torch.Tensor:
        return x * by if x.sum() > 0 else x


class Memory(nn.Module):
    """Methods that share a state and a weight."""

    hidden: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell = nn.Linear(4, 4)
        self.register_buffer("hidden", torch.zeros(4))

    def step(self, x: torch.Tensor) -> torch.Tensor:
        self.hidden = torch.tanh(self.cell(x) + self.hidden)
        return self.hidden if self.hidden.sum() > 0 else -self.hidden

    def peek(self) -> torch.Tensor:
        return self.cell(self.hidden)

    def reset(self) -> None:
        self.hidden = torch.ones(4)


def halve_or_double(x: torch.Tensor, n: int) -> torch.Tensor:
    while n > 0 and x.abs().max() > 1:
        x, n = x / 2, n - 1
    return x * 2


def agree(expected: Any, actual: Any) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4)


# ------------------------------------------------------------------------------- what it takes


def test_a_module(tmp_path: Path) -> None:
    model = Exits().eval()
    net = compile(model, (X,), output=tmp_path / "net.dyncc")
    for scale in (-3.0, 0.1, 1.0, 5.0):
        expected, index = model(X * scale)
        actual, taken = net(X * scale)
        agree(expected, actual)
        assert taken == index and type(taken) is int


def test_the_bundle_runs_in_a_process_without_torch(tmp_path: Path) -> None:
    model = Exits().eval()
    compile(model, (X,), output=tmp_path / "net.dyncc")
    np.save(tmp_path / "x.npy", X.numpy())
    code = (
        "import sys, numpy as np; from dyncc.runtime import load, replay; net = load('net.dyncc');"
        "y, index = net(np.load('x.npy')); np.save('y.npy', y); assert all(o.passed for o in replay(net));"
        "assert not {'torch', 'onnx'} & set(sys.modules); print(index)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    expected, index = model(X)
    agree(expected.detach().numpy(), np.load(tmp_path / "y.npy"))
    assert done.stdout.strip() == str(index)


def test_a_bound_method_and_a_number(tmp_path: Path) -> None:
    model = Exits().eval()
    net = compile(model.scaled, (X,), {"by": 3.0}, output=tmp_path / "net.dyncc")
    assert net.methods == ("scaled",)
    agree(model.scaled(X, by=0.5), net(X, by=0.5))
    agree(model.scaled(-X, by=0.5), net(-X, by=0.5))


def test_a_function_with_a_dynamic_size(tmp_path: Path) -> None:
    shapes = {"x": {0: torch.export.Dim("rows")}, "n": None}
    net = compile(halve_or_double, (X, 3), None, shapes, tmp_path / "net.dyncc", threads=1)
    for rows, n in ((1, 0), (2, 5), (7, 2)):
        x = torch.full((rows, 4), 9.0)
        agree(halve_or_double(x, n), net(x, n))


@pytest.mark.parametrize("form", ["tuples", "dicts"])
def test_several_methods_share_state_and_weights(form: str, tmp_path: Path) -> None:
    model, output = Memory().eval(), tmp_path / "net.dyncc"
    x = torch.linspace(-1, 2, 4)
    if form == "tuples":
        net = compile({"step": (model.step, (x,)), "peek": (model.peek, ())}, output=output)
    else:
        methods = {"step": model.step, "peek": model.peek}
        net = compile(methods, {"step": ()}, {"step": {"x": x}}, output=output)
    agree(torch.zeros(4), model.hidden)
    for scale in (1.0, -2.0, 0.3):
        agree(model.step(x * scale), net.step(x * scale))
        agree(model.peek(), net.peek())
    # folded, so small a weight is in the files of its graphs
    passes = DEFAULT_PIPELINE.replace("fold-weights,", "")
    methods = {"step": (model.step, (x,)), "peek": (model.peek, ())}
    weights = compile(methods, output=output, passes=passes).manifest.weights
    assert [name for name in weights if name.endswith("weight")] == ["cell.weight"]
    assert all(outcome.passed for outcome in replay(output))


def test_a_method_may_be_called_as_a_function_of_the_runtime(tmp_path: Path) -> None:
    model = Memory().eval()
    net = compile({"peek": (model.peek, ()), "reset": (model.reset, ())}, output=tmp_path / "net.dyncc")
    assert net.reset() is None is model.reset()
    agree(model.peek(), net.peek())
    session = net.session()
    agree(model.cell(torch.zeros(4)), session.peek())
    session.reset()
    agree(model.peek(), session.peek())
    Net.reset(net)
    agree(model.cell(torch.zeros(4)), net.peek())


def test_requests_that_make_no_sense() -> None:
    model = Exits()
    for wrong in (
        {},
        {"not a name": (model.scaled, (X,))},
        {"scaled": (model.scaled,)},
        Exits,
        "model",
    ):
        with pytest.raises((TypeError, ValueError)):
            make_request(wrong, (X,) if not isinstance(wrong, Mapping) else ())
    with pytest.raises(TypeError, match="a tuple"):
        make_request(model, 3)
    with pytest.raises(ValueError, match="none of the methods"):
        make_request({"scaled": model.scaled}, {"other": (X,)})
    with pytest.raises(ValueError, match="not compiled"):
        make_request(model, (X,), examples=[Example("other")])


def test_examples_that_do_not_fit_are_refused_at_the_definition(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as refused:
        compile(Exits(), (X, X), output=tmp_path / "net.dyncc")
    (problem,) = refused.value.diagnostics
    assert problem.code == "DY201" and problem.span is not None
    assert problem.span.path == __file__


# -------------------------------------------------------------------------------- what it says


def test_the_report(tmp_path: Path) -> None:
    net = compile(Exits(), (X,), output=tmp_path / "net.dyncc", examples=[(X * 9,), ((-X,), {})])
    report = net.report
    assert report.path == tmp_path / "net.dyncc"
    assert (report.blocks, report.graphs) == (len(net.program.blocks), len(net.program.graphs))
    assert list(report.seconds) == ["specialize", "check", "passes", "lower", "report", "bundle"]
    assert min(report.seconds.values()) >= 0
    assert report.paths >= 3 and report.unchecked == () and report.edges > 0
    assert report.warnings == ()
    assert load(report.path, sha256=report.sha256).program == net.program
    assert len(net.manifest.examples) == 3


def test_without_checks_nothing_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(checks, "check_forced")
    report = compile(Exits(), (X,), output=tmp_path / "net.dyncc", verify=False).report
    assert (report.paths, report.largest_error) == (0, 0.0)


def test_dumps_and_passes(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"passes": "drop-dead,merge-blocks", "verify_each": True}
    compile(Exits(), (X,), output=tmp_path / "net.dyncc", dump_ir=tmp_path / "ir", **arguments)
    names = [file.name for file in sorted((tmp_path / "ir").iterdir())]
    assert names == ["00-specialize.txt", "01-drop-dead.txt", "02-merge-blocks.txt"]
    assert (tmp_path / "ir" / names[0]).read_text().startswith("program Exits")
    with pytest.raises(PipelineError, match="did you mean"):
        compile(Exits(), (X,), output=tmp_path / "net.dyncc", passes="drop-daed")


def test_a_decision_on_its_threshold_is_a_warning(tmp_path: Path) -> None:
    def undecided(x: torch.Tensor) -> torch.Tensor:
        # torch and the engine add up in other orders
        return x * 2 if x.sum() > TOTAL else x

    x = torch.rand(1000, generator=torch.Generator().manual_seed(1))
    TOTAL = x.double().sum().item()
    net = compile(undecided, (x,), output=tmp_path / "net.dyncc")
    assert all(outcome.passed for outcome in replay(net))
    agree(x.mul(20), net(x * 10))


# ------------------------------------------------------------------------- what it leaves alone


@pytest.fixture
def unfrozen() -> Iterator[None]:
    """Nothing is kept from the garbage collector, as in a process of a user."""
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.usefixtures("unfrozen")
def test_model_and_process_are_left_as_they_were(tmp_path: Path) -> None:
    model = Memory().train()
    model.cell.weight.grad = torch.ones(4, 4)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def surroundings() -> tuple[Any, ...]:
        return (
            *(torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())),
            *(torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype()),
            *(model.training, model.cell.weight.requires_grad, sorted(vars(model)), sys.path[:]),
            *(gc.get_freeze_count(), gc.isenabled(), gc.get_threshold()),
        )

    before = surroundings()
    compile(model.step, (torch.ones(4),), output=tmp_path / "net.dyncc")
    assert surroundings() == before
    agree(torch.ones(4, 4), model.cell.weight.grad)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_what_the_process_keeps_from_the_collector_stays_kept(tmp_path: Path) -> None:
    gc.freeze()
    before = gc.get_freeze_count()
    compile(Memory().step, (torch.ones(4),), output=tmp_path / "net.dyncc")
    assert 0 < gc.get_freeze_count() <= before


def test_arguments_are_left_as_they_were(tmp_path: Path) -> None:
    def fill(x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            x.fill_(3)
        return x + 1

    x = torch.ones(3)
    net = compile(fill, (x,), output=tmp_path / "net.dyncc")
    agree(torch.ones(3), x)
    agree(torch.full((3,), 4.0), net(x))
    agree(torch.full((3,), 3.0), x)


def test_what_is_no_bundle_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(NotABundleError):
        compile(Exits(), (X,), output=tmp_path / "notes")
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"


# ------------------------------------------------------------------------- what it does not let by


def _wrong_constant(program: Program[Any]) -> Program[Any]:
    """The program with another number returned by its first Return of one."""
    for block in program.blocks.values():
        match block.terminator:
            case Return(output=Node(children=(first, Leaf(Const())))) as left:
                output = Node("tuple", (first, Leaf(Const(77))))
                return _with(program, block, terminator=dataclasses.replace(left, output=output))
    raise AssertionError("no block returns a number")


def _swapped_branch(program: Program[Any]) -> Program[Any]:
    block, branch, _ = _first_branch(program)
    swapped = dataclasses.replace(branch, then=branch.orelse, orelse=branch.then)
    return _with(program, block, terminator=swapped)


def _constant_decision(program: Program[Any]) -> Program[Any]:
    block, _, pred = _first_branch(program)
    steps = tuple(
        HostOp("not", (Const(True),), pred) if isinstance(step, HostOp) and step.result == pred else step
        for step in block.steps
    )
    assert steps != block.steps
    return _with(program, block, steps=steps)


def _first_branch(program: Program[Any]) -> tuple[Block, Branch, Value]:
    """A block that ends in a decision, its terminator, and what that decides on."""
    for block in program.blocks.values():
        for step in block.steps:
            match block.terminator, step:
                case Branch(pred=Ref(name)) as branch, HostOp(result=result) if result.name == name:
                    return block, branch, result
    raise AssertionError("no block decides")


def _with(program: Program[Any], block: Block, **changes: Any) -> Program[Any]:
    blocks = {**program.blocks, block.name: dataclasses.replace(block, **changes)}
    return dataclasses.replace(program, blocks=blocks)


@pytest.mark.parametrize("fault", [_wrong_constant, _swapped_branch, _constant_decision])
@pytest.mark.parametrize("stage", ["specialize_methods", "run_pipeline"])
def test_a_wrong_program_is_noticed_and_the_old_bundle_stays(
    fault: Callable[[Program[Any]], Program[Any]],
    stage: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dyncc.compiler import api

    old = compile(Exits(threshold=0.7), (X,), output=tmp_path / "net.dyncc", verify=False)
    right = getattr(api, stage)

    def wrong(*args: Any, **kwargs: Any) -> Any:
        made = right(*args, **kwargs)
        return dataclasses.replace(made, program=fault(made.program))

    monkeypatch.setattr(api, stage, wrong)
    with pytest.raises(CompileError) as refused:
        compile(Exits(), (X,), output=tmp_path / "net.dyncc")
    assert {problem.code for problem in refused.value.diagnostics} == {"DY301"}
    assert all(problem.span is not None and problem.label for problem in refused.value.diagnostics)
    assert load(tmp_path / "net.dyncc", sha256=old.report.sha256).program == old.program
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.dyncc"]


def test_a_wrong_lowering_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dyncc.compiler import api

    right = api.lower_program

    def wrong(*args: Any, **kwargs: Any) -> Lowered:
        lowered = right(*args, **kwargs)
        for model in lowered.program.graphs.values():
            for node in model.graph:
                if node.op_type == "Greater":
                    node.op_type = "Less"
        return lowered

    monkeypatch.setattr(api, "lower_program", wrong)
    with pytest.raises(CompileError) as refused:
        compile(Exits(), (X,), output=tmp_path / "net.dyncc")
    assert {problem.code for problem in refused.value.diagnostics} == {"DY301"}
    assert list(tmp_path.iterdir()) == []


def test_calls_that_do_not_fit_are_refused_by_the_net(tmp_path: Path) -> None:
    net = compile(Exits(), (X,), output=tmp_path / "net.dyncc")
    with pytest.raises(InputError):
        net(X.double())
    with pytest.raises(InputError):
        net(X[:1])
    with pytest.raises(InputError):
        net(X.clone().requires_grad_())


def test_the_command_line_does_not_import_torch() -> None:
    code = "import sys, dyncc.compiler, dyncc.compiler.cli; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(ImportError):
        from dyncc.compiler import nothing_like_that  # type: ignore[attr-defined]  # noqa: F401


class _Remembering(torch.nn.Module):
    """Has a state that is called as ``save`` might call its own."""

    def __init__(self) -> None:
        super().__init__()
        self.state: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.state = x.sum() if self.state is None else self.state * 0.5 + x.sum()
        return self.state


def test_a_state_of_any_name_is_saved_and_restored(tmp_path: Path) -> None:
    x = torch.ones(3)
    compile(_Remembering(), (x,), output=tmp_path / "net.dyncc", threads=1, verify=False)
    net = load(tmp_path / "net.dyncc")
    expected = [float(net(x.numpy())) for _ in range(3)]
    one, other = net.session(), net.session()
    one(x.numpy())
    other.restore(one.save())
    assert [float(other(x.numpy())) for _ in range(2)] == expected[1:]


class _Counting(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = _helper(x)
        return y if y.sum() > 0 else -y


def _helper(x: torch.Tensor) -> torch.Tensor:
    return torch.poisson(x)


def test_a_refusal_is_at_the_expression_in_a_function_that_does_not_decide(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile(_Counting(), (torch.ones(3),), output=tmp_path / "net.dyncc")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "DY120" and diagnostic.span is not None
    assert diagnostic.span.line == _helper.__code__.co_firstlineno + 1


class _Misfit(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = torch.nn.Linear(4, 8), torch.nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.one(x)
        return self.other(h) if h.mean() > -100 else h


def test_examples_on_which_an_operator_fails_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile(_Misfit(), (torch.ones(2, 4),), output=tmp_path / "net.dyncc")
    (problem,) = caught.value.diagnostics
    assert problem.code == "DY201" and problem.span is not None
    assert problem.span.path == __file__ and problem.span.line > _Misfit.forward.__code__.co_firstlineno
    assert problem.label == "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x8 and 6x2)"
    assert problem.notes == ("the inputs were `x`: f32[2, 4]",)
    assert not (tmp_path / "net.dyncc").exists()


class _Lookup(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = torch.nn.Embedding(5, 4), torch.nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x) if x.dim() == 2 else self.table(x)
        return y if y.sum() > 0 else -y


@pytest.mark.parametrize(
    ("x", "raised"),
    [
        (torch.ones(2, 4, dtype=torch.int64), "RuntimeError: mat1 and mat2 must have the same dtype"),
        (torch.tensor([1, 9]), "IndexError: index out of range"),
    ],
)
def test_a_wrong_dtype_or_value_is_told_as_the_examples_fault(
    x: torch.Tensor, raised: str, tmp_path: Path
) -> None:
    with pytest.raises(CompileError) as caught:
        compile(_Lookup(), (x,), output=tmp_path / "net.dyncc")
    (problem,) = caught.value.diagnostics
    assert problem.code == "DY201" and problem.label.startswith(raised)


def test_the_examples_fault_is_told_beside_a_refusal(tmp_path: Path) -> None:
    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            # (no call comes so far as what is refused)
            return torch.poisson(torch.nn.functional.embedding(x, torch.ones(5, 4)))

    with pytest.raises(CompileError) as caught:
        compile(Net(), (torch.tensor([9]),), output=tmp_path / "net.dyncc")
    assert [problem.code for problem in caught.value.diagnostics] == ["DY120", "DY201"]


def test_what_the_program_itself_raises_is_no_fault_of_the_examples(tmp_path: Path) -> None:
    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.sum() > 3:
                raise ValueError("too large")
            return x + 1

    net = compile(Net(), (torch.ones(2, 4),), output=tmp_path / "net.dyncc", threads=1)
    (warning,) = [w for w in net.report.warnings if "the example call raises" in w.message]
    assert "ValueError: too large" in warning.message
    with pytest.raises(ValueError, match="too large"):
        net(torch.ones(2, 4))
    agree(torch.zeros(2, 4) + 1, net(torch.zeros(2, 4)))


def test_one_example_that_pytorch_accepts_is_enough(tmp_path: Path) -> None:
    net = compile(
        _Lookup(), (torch.tensor([9]),), examples=[(torch.tensor([1]),)], output=tmp_path / "net.dyncc",
        verify=False,
    )  # fmt: skip
    assert net.report.blocks


def test_a_call_that_needs_the_one_before_it_is_accepted(tmp_path: Path) -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kept = torch.zeros(1, 1)

        def put(self, x: torch.Tensor) -> torch.Tensor:
            self.kept = x
            return x + 1

        def multiplied(self, x: torch.Tensor) -> torch.Tensor:
            return self.kept @ x

    net, x = Net(), torch.ones(2, 2)
    made = compile({"put": (net.put, (x,)), "multiplied": (net.multiplied, (x,))},
                   output=tmp_path / "net.dyncc")  # fmt: skip
    made.put(x)
    agree(x @ x, made.multiplied(x))


def test_a_program_that_always_raises_names_its_inputs(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile(torch.nn.Linear(4, 4), (torch.ones(2, 5),), output=tmp_path / "net.dyncc")
    (problem,) = caught.value.diagnostics
    assert problem.code == "DY150" and problem.notes == ("the inputs were `input`: f32[2, 5]",)
