"""Writing the report of a compile into its bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dyncc.compiler.check.report import Example
from dyncc.compiler.diagnostics import Diagnostic
from dyncc.compiler.report import FACTS, REPORT
from dyncc.compiler.report.collect import Seen, collect
from dyncc.compiler.report.facts import facts_text
from dyncc.compiler.report.observe import observe
from dyncc.compiler.report.page import page
from dyncc.passes.pipeline import Ran
from dyncc.passes.prune.model import Report as Pruning
from dyncc.runtime.net import Net
from dyncc.runtime.places import lines_text

STRICT = "DYNCC_STRICT_REPORT"
"""In the environment, it lets a report that fails be an error of the compile (in tests)."""


@dataclass
class Reporter:
    """Makes the report of one compile; ``failure`` says why there is none."""

    wanted: bool
    examples: Sequence[Example]
    profile: Sequence[Example] = ()
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    failure: str = ""

    def write(
        self,
        folder: Path,
        net: Net,
        passes: Sequence[Ran],
        *,
        pruning: Pruning | None = None,
        largest_error: float | None = None,
        ties: Sequence[Diagnostic] = (),
    ) -> None:
        """Write both files of the report into the bundle ``folder``, of which ``net`` was loaded.

        A report is for people: one that fails leaves the bundle without, and is a warning.
        """
        try:
            runs = [observe(net, self.examples, "the examples")]
            runs += [observe(net, self.profile, "the profile")] if self.profile else []
            seen = Seen(
                passes,
                _pruned(pruning) if pruning else (),
                largest_error,
                [_place(tie) for tie in ties],
                runs,
                self.texts,
            )
            facts = collect(folder, seen)
            texts = {FACTS: facts_text(facts), REPORT: page(facts)}
            for name, text in texts.items():
                (folder / name).write_text(text, encoding="utf-8", newline="\n")
        except Exception as error:
            if os.environ.get(STRICT):
                raise
            self.failure = f"{type(error).__name__}: {error}"
            for name in (FACTS, REPORT):
                (folder / name).unlink(missing_ok=True)

    def warnings(self) -> list[Diagnostic]:
        if not self.failure:
            return []
        message = f"the report could not be made ({self.failure}); the bundle is whole without it"
        return [Diagnostic("", message, None, severity="warning")]


def _place(tie: Diagnostic) -> str:
    return f"{lines_text([tie.span])}: {tie.label}" if tie.span else tie.label


def _pruned(report: Pruning) -> list[str]:
    before, after = report.before, report.after
    return [
        f"{sum(group.kept < group.channels for group in report.groups)} of {len(report.groups)} groups of "
        f"coupled channels, by {report.criterion}",
        f"{after.parameters:,} of {before.parameters:,} weights are left",
        f"{after.flops:,} of {before.flops:,} FLOPs are left, "
        + (f"of a call, over {report.calls:,} calls" if report.calls else "over all blocks"),
        *(
            ()
            if report.time is None
            else (f"{report.time:.2f} of the time is left, measured at one thread",)
        ),
        *(f"no way any more: {way}" for way in report.ways),
        *(f"no residual branch any more: {each.name}" for each in report.branches),
        "not checked"
        if report.error is None
        else f"equal to the original with the same channels zeroed, largest error {report.error:.1e}",
    ]
