"""Pipelines: their text, the registry, checks between passes, and the default one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import pytest
from tests.passes.test_drop_dead import LOOP
from tests.passes.toys import OPS, read

from dyncc.ir import Program
from dyncc.ir.verifier import VerifyError
from dyncc.passes import pipeline, registry
from dyncc.passes.base import GraphOps, Result
from dyncc.passes.drop_dead import DropDead
from dyncc.passes.merge_blocks import MergeBlocks
from dyncc.passes.pipeline import DEFAULT_PIPELINE, PipelineError, parse_pipeline, run_pipeline

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class Probe:
    """A pass of this test with an option of each kind, which breaks the program on request."""

    name: ClassVar[str] = "probe"
    ratio: float = 0.5
    max_size: int = 3
    loud: bool = False
    label: str = ""

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        if not self.loud:
            return Result(program, False)
        return Result(replace(program, name=""), True, ("broken",))


@pytest.fixture(autouse=True)
def _probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "PASSES", {**registry.PASSES, "probe": lambda: Probe})


@pytest.mark.parametrize("name", registry.PASSES)
def test_every_registered_pass_has_its_name_and_no_needed_options(name: str) -> None:
    assert registry.PASSES[name]().name == name
    assert registry.PASSES[name]()() == registry.PASSES[name]()()


def test_listing_the_passes_imports_none() -> None:
    program = (
        "import sys, dyncc.passes.pipeline as p; print(len(p.PASSES) > 3,"
        " 'torch' in sys.modules, 'dyncc.passes.drop_dead' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == "True False False\n", run.stderr


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", ()),
        ("  ", ()),
        ("drop-dead", (DropDead(),)),
        (" drop-dead , merge-blocks ", (DropDead(), MergeBlocks())),
        ("probe{}", (Probe(),)),
        ("probe{ratio=1, max-size=-2}", (Probe(1.0, -2),)),
        (
            'probe{ loud = true , label = "a,}\\n" }, drop-dead',
            (Probe(loud=True, label="a,}\n"), DropDead()),
        ),
        ("probe{label=word, loud=false}", (Probe(label="word"),)),
    ],
)
def test_parse(text: str, passes: tuple[object, ...]) -> None:
    assert parse_pipeline(text) == passes


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("drop-dead,", 10, "expected the name of a pass"),
        ("drop-dead merge-blocks", 10, "expected `,` or the end"),
        ("merge-block", 0, "there is no pass `merge-block`; did you mean `merge-blocks`?"),
        ("drop-dead,zzz", 10, "there is no pass `zzz`; there are: dedupe-blocks, dedupe-graphs,"),
        ("drop-dead{x=1}", 10, "`drop-dead` has no option `x`; it has `reads`"),
        ("probe{x=1}", 6, "`probe` has no option `x`; it has `ratio`, `max-size`, `loud`, `label`"),
        ("probe{ratio=much}", 12, "expected a number"),
        ("probe{max-size=1.5}", 15, "expected a whole number"),
        ("probe{loud=1}", 11, "expected `true` or `false`"),
        ('probe{ratio="1"}', 12, "expected a number"),
        ("probe{ratio}", 11, "expected `=`"),
        ("probe{ratio=}", 12, "expected a value"),
        ("probe{ratio=1,ratio=2}", 14, "option `ratio` is given twice"),
        ("probe{ratio=1", 13, "expected `,` or `}`"),
        ("probe{=1}", 6, "expected the name of an option"),
    ],
)
def test_errors_have_a_position(text: str, position: int, message: str) -> None:
    with pytest.raises(PipelineError) as caught:
        parse_pipeline(text)
    assert caught.value.position == position
    assert caught.value.message.startswith(message)
    assert str(caught.value).splitlines()[1:] == [f"  {text}", f"  {' ' * position}^"]


def test_run_reports_what_each_pass_did() -> None:
    seen: list[str] = []
    result = run_pipeline(
        read(LOOP),
        parse_pipeline("drop-dead,drop-dead,merge-blocks"),
        OPS,
        verify_each=True,
        observe=lambda each, result: seen.append(f"{each.name} {len(result.program.blocks)}"),
    )
    assert [(ran.name, ran.modified) for ran in result.ran] == [
        ("drop-dead", True),
        ("drop-dead", False),
        ("merge-blocks", False),
    ]
    assert result.ran[0].notes[0] == "block `lost` cannot be reached"
    assert seen == ["drop-dead 3", "drop-dead 3", "merge-blocks 3"]


def test_a_broken_program_is_found_after_the_pass_that_broke_it() -> None:
    passes = (DropDead(), Probe(loud=True), MergeBlocks())
    with pytest.raises(VerifyError, match="the program has no name") as caught:
        run_pipeline(read(LOOP), passes, OPS, verify_each=True)
    assert caught.value.__notes__ == ["found after `probe`"]
    assert run_pipeline(read(LOOP), passes, OPS).program.name == ""


def test_the_default_pipeline_reaches_a_fixed_point() -> None:
    passes = parse_pipeline(DEFAULT_PIPELINE)
    first = run_pipeline(read(LOOP), passes, OPS, verify_each=True)
    again = run_pipeline(first.program, passes, OPS, verify_each=True)
    assert not any(ran.modified for ran in again.ran)
