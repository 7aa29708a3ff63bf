"""The commands from outside: routing, streams, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dyncc.compiler.cli import compile_command, doctor
from dyncc.compiler.cli.app import app
from dyncc.compiler.cli.command_line import route
from dyncc.compiler.cli.console import json_text
from dyncc.compiler.cli.doctor import Finding
from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.engines import EngineOptions, EnginePlan
from dyncc.compiler.errors import CODES
from dyncc.runtime.manifest import UncheckedEdge
from dyncc.runtime.program import Frozen, Span

NET = """
class Net(nn.Module):
    def forward(self, x):
        print("printed by the model")
        return x
print("printed by the import")
def example_inputs():
    return (torch.zeros(2),)
"""


@dataclass(frozen=True)
class FakeReport:
    """What the compiler reports of a compile."""

    path: Path
    blocks: int
    graphs: int
    seconds: dict[str, float]
    paths: int
    edges: int
    unchecked: tuple[UncheckedEdge, ...]
    sha256: str
    largest_error: float
    frozen: tuple[Frozen, ...]
    warnings: tuple[Diagnostic, ...]
    pruning: None = None
    passes: tuple[()] = ()
    engines: EnginePlan = field(default_factory=lambda: EnginePlan(EngineOptions()))


class FakeCompiler:
    """Records its call; writes a bundle or raises what it is told to."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.model: Any = None
        self.args: Any = None
        self.arguments: dict[str, Any] = {}

    def __call__(self, model: Any, args: Any, **arguments: Any) -> Any:
        self.model, self.args, self.arguments = model, args, arguments
        model(*args)
        if self.error is not None:
            raise self.error
        output: Path = arguments["output"]
        output.mkdir(exist_ok=True)
        (output / "program.json").write_text("{}")
        report = FakeReport(
            path=output,
            blocks=3,
            graphs=1,
            seconds={"specialize": 0.5, "lower": 1.25},
            paths=4,
            edges=6,
            unchecked=(
                UncheckedEdge(
                    "first", "when it is true, to line 9", "no reason", True, Span("net.py", 7, 1, 7, 2)
                ),
            ),
            sha256="0" * 64,
            largest_error=2.5e-6,
            frozen=(Frozen("mode", "'mean'", Span("net.py", 7, 1, 7, 2)),),
            warnings=(Diagnostic("", "a warning", None, severity="warning"),),
        )
        return SimpleNamespace(report=report)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> FakeCompiler:
    fake = FakeCompiler()
    monkeypatch.setattr(compile_command, "compiler", lambda: fake)
    return fake


def test_compile_says_what_it_did_and_prints_the_path(
    write: Any, dyncc: Any, compiler: FakeCompiler
) -> None:
    write(NET)
    result = dyncc("net.py")
    assert result.code == 0
    assert result.out == "net.dyncc\n"
    assert "printed by the import" in result.err and "printed by the model" in result.err
    assert "found     the only model class `Net`, inputs from `example_inputs()`" in result.err
    assert "3 blocks, 1 graph" in result.err and "specialize 0.5, lower 1.2" in result.err
    assert "4 paths, 5 of 6 edges between blocks, largest error 2.5e-06" in result.err
    assert "warning: a warning" in result.err


def test_what_the_model_prints_in_every_call_is_shown_once(
    write: Any, dyncc: Any, compiler: FakeCompiler
) -> None:
    write(NET.replace('print("printed by the model")', 'print("one\\ntwo\\none\\nthree", end="")'))
    result = dyncc("net.py")
    assert result.out == "net.dyncc\n"
    assert result.err.count("one\n") == 1 and "two\n" in result.err
    assert "the model printed a line more that it had printed before (-v shows them)" in result.err
    assert dyncc("net.py", "-v").err.count("one\n") == 2


def test_quiet_and_json(write: Any, dyncc: Any, compiler: FakeCompiler) -> None:
    write(NET.replace("print(", "str("))
    assert dyncc("-q", "net.py").err == ""
    data = json.loads(dyncc("net.py", "--json").out)
    assert (data["bundle"], data["blocks"], data["paths"]) == ("net.dyncc", 3, 4)
    assert data["frozen"][0]["what"] == "mode"


def test_the_options_reach_the_compiler(write: Any, dyncc: Any, compiler: FakeCompiler) -> None:
    write(NET)
    options = "--threads 2 --no-verify --passes drop-dead,merge-blocks --verify-each"
    options += " --dump-ir ir -o out.dyncc --dynamic x=0"
    assert dyncc("--input", "x=4:f32", "net.py:Net", *options.split()).code == 0
    arguments = compiler.arguments
    assert (arguments["threads"], arguments["verify"], arguments["passes"]) == (
        2,
        False,
        "drop-dead,merge-blocks",
    )
    assert (arguments["verify_each"], arguments["dump_ir"]) == (True, Path("ir"))
    assert arguments["output"] == Path("out.dyncc")
    assert list(arguments["dynamic_shapes"]["x"]) == [0]
    assert compiler.args[0].shape == (4,)
    assert arguments["engine"] == EngineOptions(threads=2)


@pytest.mark.parametrize(("option", "training"), [([], False), (["--keep-mode"], True)])
def test_eval_mode(
    write: Any, dyncc: Any, compiler: FakeCompiler, option: list[str], training: bool
) -> None:
    write(NET)
    dyncc("net.py", *option)
    assert compiler.model.training is training


@pytest.mark.parametrize(
    ("codes", "exit_code"), [(["DY104"], 1), (["DY301"], 3), (["DY301", "DY104"], 1), (["DY201"], 1)]
)
def test_refusals(
    write: Any, dyncc: Any, compiler: FakeCompiler, codes: Sequence[str], exit_code: int
) -> None:
    write(NET)
    compiler.error = CompileError([Diagnostic(code, f"message of {code}", None) for code in codes])
    result = dyncc("net.py")
    assert result.code == exit_code
    assert result.out == ""
    assert all(f"error[{code}]: message of {code}" in result.err for code in codes)
    assert not Path("net.dyncc").exists()
    data = json.loads(dyncc("net.py", "--json").out)
    assert data["exit"] == exit_code and [d["code"] for d in data["diagnostics"]] == codes


def test_a_fault_of_our_own_is_no_bare_traceback(write: Any, dyncc: Any, compiler: FakeCompiler) -> None:
    write(NET)
    compiler.error = ZeroDivisionError("oops")
    result = dyncc("net.py")
    assert result.code == 1
    assert "error[DY901]: internal error" in result.err and "ZeroDivisionError: oops" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in dyncc("net.py", "-v").err


def test_a_missing_package(write: Any, dyncc: Any, compiler: FakeCompiler) -> None:
    write(NET)
    compiler.error = ModuleNotFoundError("No module named 'onnx'", name="onnx")
    result = dyncc("net.py")
    assert result.code == 4
    assert "pip install" in result.err


def test_a_missing_engine(write: Any, dyncc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write(NET)
    monkeypatch.setattr(
        compile_command, "find_spec", lambda name: None if name == "onnxruntime" else object()
    )
    result = dyncc("net.py")
    assert result.code == 4
    assert "no engine is installed" in result.err and "pip install 'dyncc[cpu]'" in result.err


def test_what_is_no_bundle_is_not_replaced(write: Any, dyncc: Any, compiler: FakeCompiler) -> None:
    write(NET)
    write("", "mine/notes.txt", imports=False)
    result = dyncc("net.py", "-o", "mine")
    assert result.code == 2 and "--force" in result.err
    assert compiler.model is None
    assert dyncc("net.py", "-o", "mine", "--force").code == 0
    assert [file.name for file in Path("mine").iterdir()] == ["program.json"]
    assert dyncc("net.py", "-o", "mine").code == 0  # it is a bundle now
    assert dyncc("net.py", "-o", "no/such/out.dyncc").code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["absent.py"], 2, "no such file"),
        (["net.py", "--nonsense"], 2, "`dyncc compile` has no option `--nonsense`"),
        (["net.py", "--no-verfy"], 2, "did you mean `--no-verify`?"),
        (["nte.py"], 2, "did you mean `net.py`?"),
        (["net"], 2, "did you mean `net.py`?"),
        (["inpsect", "net.dyncc"], 2, "there is no command `inpsect`\nhelp: did you mean `dyncc inspect`?"),
        (["nowhere"], 2, "no such file or command: nowhere"),
        (["no/where.py"], 2, "there is no folder no"),
        (["run"], 2, "`dyncc run` needs BUNDLE\nhelp: write dyncc run BUNDLE"),
        (["run", "net.py"], 2, "help: compile it first: dyncc net.py\n"),
        (["run", "net.py:Net"], 2, "help: compile it first: dyncc net.py:Net\n"),
        (["run", "a", "b"], 2, "`dyncc run`: got unexpected extra argument"),
        (["net.py", "--threads", "0"], 2, "--threads"),
        (["net.py", "-q", "-v"], 2, "contradict"),
        (["net.py:Nothing"], 2, "has no `Nothing`"),
        (["broken.py"], 1, "syntax error"),
        (["raises.py"], 1, "RuntimeError: no"),
        (["explain", "DY000"], 2, "no code"),
    ],
)
def test_bad_usage(
    write: Any, dyncc: Any, compiler: FakeCompiler, arguments: list[str], code: int, says: str
) -> None:
    write(NET)
    write("class Net(:\n", "broken.py")
    write("class Net(nn.Module):\n    def __init__(self):\n        raise RuntimeError('no')\n", "raises.py")
    result = dyncc(*arguments)
    assert result.code == code
    assert says in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["compile", "--help"]])
def test_help_documents_the_exit_codes(dyncc: Any, arguments: list[str]) -> None:
    result = dyncc(*arguments)
    assert result.code == 0
    for code in range(6):
        assert f"\n    {code}  " in result.out


def test_every_command_has_examples_that_can_be_read(dyncc: Any) -> None:
    """Each example under a command's help names the command, and has options that there are."""
    import typer.main

    dyncc("--version")  # registers all commands
    group: Any = typer.main.get_command(app)
    assert {"compile", "run", "bench", "prune", "groups"} <= set(group.commands)
    for name, command in group.commands.items():
        text = dyncc(name, "-h").out
        assert "\n  Examples:\n" in text, name
        shown = [
            line.split("#")[0].split() for line in (command.epilog or "").splitlines() if "  dyncc" in line
        ]
        options = {option for parameter in command.params for option in parameter.opts}
        assert shown
        for words in shown:
            assert route(words[1:], group.commands)[0] == name
            assert {word for word in words if word.startswith("-")} <= options


@pytest.mark.parametrize(
    ("arguments", "routed"),
    [
        (["m.py"], ["compile", "m.py"]),
        (["-o", "x", "m.py"], ["compile", "-o", "x", "m.py"]),
        (["run", "x"], ["run", "x"]),
        (["-v", "--json", "run", "x"], ["run", "-v", "--json", "x"]),
        (["-v", "m.py"], ["compile", "-v", "m.py"]),
        (["./run"], ["compile", "./run"]),
        (["--version"], ["--version"]),
        ([], []),
    ],
)
def test_the_word_compile_may_be_left_out(arguments: list[str], routed: list[str]) -> None:
    import typer.main

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert route(arguments, commands) == routed


def test_a_command_line_that_cannot_be_read_as_json(dyncc: Any) -> None:
    result = dyncc("run", "--nonsense", "--json")
    data = json.loads(result.out)
    assert (result.code, data["exit"]) == (2, 2)
    assert data["diagnostics"][0]["message"] == "`dyncc run` has no option `--nonsense`"
    assert result.err.startswith("error: ") and "Usage:" not in result.err


def test_json_keeps_a_list_on_one_line() -> None:
    data = {"a": [1, 2.5, None], "b": {}, "c": [[1, 2], [3]], "d": {"e": "x"}, "f": [], 7: [{"g": (1,)}]}
    text = json_text(data)
    assert json.loads(text) == json.loads(json.dumps(data))
    assert '  "a": [1, 2.5, null],\n  "b": {},\n  "c": [\n    [1, 2],\n' in text
    with pytest.raises(ValueError, match="JSON"):
        json_text({"a": [float("nan")]})


def test_an_output_that_is_no_utf_8(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dyncc.compiler", "explain"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_explain(dyncc: Any) -> None:
    listing = dyncc("explain")
    assert listing.code == 0 and all(code in listing.out for code in CODES)
    shown = dyncc("explain", "dy104")
    assert shown.code == 0 and shown.out.startswith("# DY104: ")
    assert json.loads(dyncc("explain", "DY104", "--json").out)["code"] == "DY104"


def test_doctor_exit_codes(dyncc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    good = Finding("engine", "onnxruntime CPU", "ok", "1.0, runs")
    bad = Finding("engine", "onnxruntime", "missing", "not installed", "pip install 'dyncc[cpu]'")
    monkeypatch.setattr(doctor, "examine", lambda: [good])
    assert dyncc("doctor").code == 0
    monkeypatch.setattr(doctor, "examine", lambda: [bad])
    result = dyncc("doctor")
    assert result.code == 4
    assert "pip install 'dyncc[cpu]'" in result.out and "no engine" in result.err


def test_help_and_explain_import_no_torch() -> None:
    code = (
        "import sys\n"
        "from dyncc.compiler.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'onnxscript'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    for arguments in (["--help"], ["compile", "--help"], ["explain", "DY103"], ["--version"]):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL)


def test_without_a_terminal_library_the_message_names_it(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('No module named typer', name='typer')\n")
    done = subprocess.run(
        [sys.executable, "-m", "dyncc.compiler", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "pip install 'dyncc[cli]'" in done.stderr and "Traceback" not in done.stderr
